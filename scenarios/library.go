package scenarios

import (
	"cmp"
	"embed"
	"fmt"
	"path"
	"reflect"
	"slices"
	"sync"

	"koflab/topology/document"
)

//go:embed library/*.yaml
var libraryFiles embed.FS

var library = sync.OnceValues(func() ([]*Scenario, error) {
	files, err := libraryFiles.ReadDir("library")
	if err != nil {
		return nil, err
	}
	var all []*Scenario
	for _, file := range files {
		name := path.Join("library", file.Name())
		data, err := libraryFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		s, err := Parse(name, data)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b *Scenario) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
})

// Library are the scenarios that come with koflab, by name. They are shared: do not
// change them.
func Library() ([]*Scenario, error) {
	all, err := library()
	return slices.Clone(all), err
}

// Tags are the tags that a scenario can have.
func Tags() []string { return document.EnumOf(reflect.TypeFor[Scenario](), "tags") }

// Tagged are those of the library that have a tag; all for "". The error
// names the nearest tag.
func Tagged(tag string) ([]*Scenario, error) {
	all, err := Library()
	if err != nil || tag == "" {
		return all, err
	}
	if !slices.Contains(Tags(), tag) {
		return nil, fmt.Errorf("there is no tag %q, %s", document.Clip(tag), document.OrOneOf(tag, Tags()))
	}
	return slices.DeleteFunc(all, func(s *Scenario) bool { return !slices.Contains(s.Tags, tag) }), nil
}

// Find finds a scenario of the library by name. Its error names the nearest.
func Find(name string) (*Scenario, error) {
	all, err := Library()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("there is no scenario %q, %s", document.Clip(name), document.OrOneOf(name, names))
}

// Source is the file of a scenario of the library, as it was written.
func Source(name string) ([]byte, error) {
	if _, err := Find(name); err != nil {
		return nil, err
	}
	return libraryFiles.ReadFile(path.Join("library", name+".yaml"))
}
