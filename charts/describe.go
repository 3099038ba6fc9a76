package charts

import (
	"fmt"
)

// Description says what a chart is without loading it.
type Description struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	AppVersion  string `json:"appVersion"`
	Description string `json:"description"`
	// Others are further versions that LoadVersion knows.
	Others       []string     `json:"otherVersions,omitempty"`
	Dependencies []Dependency `json:"dependencies,omitempty"`
}

// Dependency is a chart that another one carries.
type Dependency struct {
	Name string `json:"name"`
	// Alias is the name it has inside its parent, when that differs.
	Alias string `json:"alias,omitempty"`
	// Version is the one that the parent's constraint resolves to.
	Version string `json:"version"`
	// Condition is the value of the parent that switches it on and off.
	Condition string `json:"condition,omitempty"`
}

// Describe returns a chart's description.
func Describe(name string) (Description, error) {
	s, err := find(name)
	if err != nil {
		return Description{}, err
	}
	d := Description{Name: s.name, Version: s.meta.Version, AppVersion: s.meta.AppVersion, Description: s.meta.Description}
	for _, v := range s.others {
		d.Others = append(d.Others, v.Version)
	}
	for _, dep := range s.meta.Dependencies {
		sub, err := find(dep.Name)
		if err != nil {
			return Description{}, fmt.Errorf("chart %s: dependency: %w", name, err)
		}
		v, err := sub.at(dep.Version)
		if err != nil {
			return Description{}, fmt.Errorf("chart %s: dependency: %w", name, err)
		}
		d.Dependencies = append(d.Dependencies, Dependency{Name: dep.Name, Alias: dep.Alias, Version: v.Version, Condition: dep.Condition})
	}
	return d, nil
}

// Values returns a chart's values.yaml as it was written, comments included.
func Values(name string) ([]byte, error) {
	s, err := find(name)
	if err != nil {
		return nil, err
	}
	for _, f := range s.files {
		if f.Name == "values.yaml" {
			return append([]byte(nil), f.Data...), nil
		}
	}
	return nil, fmt.Errorf("chart %s has no values.yaml", name)
}
