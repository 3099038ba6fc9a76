package topology

import (
	"bytes"
	"slices"
)

// Extend returns a copy of a complete lab with more regions and children, with
// defaults applied. The error is a *SpecError when they do not fit in.
func Extend(lab *Lab, regions []Region, children []Child) (*Lab, error) {
	more, err := lab.clone()
	if err != nil {
		return nil, err
	}
	more.Regions = append(more.Regions, regions...)
	more.Children = append(more.Children, children...)
	return newFindings("").finish(more, nil)
}

// Without returns a copy of a complete lab that lacks the region or child of a
// namespace and name, if there is one.
func Without(lab *Lab, namespace, name string) (*Lab, error) {
	less, err := lab.clone()
	if err != nil {
		return nil, err
	}
	less.Regions = slices.DeleteFunc(less.Regions, func(r Region) bool { return r.Namespace == namespace && r.Name == name })
	less.Children = slices.DeleteFunc(less.Children, func(c Child) bool { return c.Namespace == namespace && c.Name == name })
	return less, nil
}

func (lab *Lab) clone() (*Lab, error) {
	b, err := Marshal(lab)
	if err != nil {
		return nil, err
	}
	return Decode("lab", bytes.NewReader(b))
}
