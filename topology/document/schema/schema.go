// Package schema makes JSON Schemas of documents from Go types, their tags and
// their doc comments. It needs the source code, so it is for tests that write
// generated files; at run time the files are embedded.
package schema

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"koflab/topology/document"
)

// Options say what a schema is made of.
type Options struct {
	ID, Title string
	// Sources are the directories of the packages whose comments are read, by import
	// path.
	Sources map[string]string
	// Patterns are regular expressions for types that are written as text of their
	// own kind.
	Patterns map[reflect.Type]string
	// Names are those of definitions whose types share their Go name with others.
	Names map[reflect.Type]string
}

// Reflect makes the schema (2020-12) of the struct type that v points to.
func Reflect(v any, o Options) (*jsonschema.Schema, error) {
	r := jsonschema.Reflector{
		ExpandedStruct: true,
		Namer:          func(t reflect.Type) string { return o.Names[t] },
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if pattern, ok := o.Patterns[t]; ok {
				return &jsonschema.Schema{Type: "string", Pattern: pattern}
			}
			return nil
		},
	}
	for path, dir := range o.Sources {
		if err := r.AddGoComments(path, dir, jsonschema.WithFullComment()); err != nil {
			return nil, err
		}
	}
	s := r.Reflect(v)
	s.ID, s.Title = jsonschema.ID(o.ID), o.Title
	w := walk{options: o, root: s, done: map[reflect.Type]bool{}}
	w.object(reflect.TypeOf(v).Elem(), s)
	return s, nil
}

// Marshal writes a schema as a generated file has it.
func Marshal(s *jsonschema.Schema) ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// walk goes through the Go types and their schemas side by side and says in the
// schemas what the decoder does beyond what jsonschema knows.
type walk struct {
	options Options
	root    *jsonschema.Schema
	done    map[reflect.Type]bool
}

func (w walk) object(t reflect.Type, s *jsonschema.Schema) {
	if s == nil || w.done[t] {
		return
	}
	w.done[t] = true
	s.Description = oneLine(s.Description)
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || s.Properties == nil {
			continue
		}
		property, ok := s.Properties.Get(name)
		if !ok {
			continue
		}
		property.Description = oneLine(property.Description)
		s.Properties.Set(name, w.property(f, property))
	}
}

func (w walk) property(f reflect.StructField, s *jsonschema.Schema) *jsonschema.Schema {
	format(s)
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		w.object(t, w.definition(t))
		if omit, ok := strings.CutPrefix(f.Tag.Get("document"), "omit="); ok {
			without(w.definition(t), strings.Split(omit, "|"))
		}
	case reflect.Slice:
		if s.Ref != "" { // a list type with a name: written out where it is used
			list := *w.definition(t)
			list.Description = s.Description
			list.MinItems, list.MaxItems = items(f, "minItems"), items(f, "maxItems")
			delete(w.root.Definitions, t.Name())
			s = &list
		}
		format(s.Items)
		if t.Elem().Kind() == reflect.Struct {
			w.object(t.Elem(), w.definition(t.Elem()))
		}
		if t.Implements(reflect.TypeFor[document.OneOrMany]()) {
			list := *s
			list.Description = ""
			s = &jsonschema.Schema{Description: s.Description, AnyOf: []*jsonschema.Schema{s.Items, &list}}
		}
	case reflect.Map:
		if t.Elem().Kind() == reflect.String {
			s.AdditionalProperties = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}}
		}
	}
	return s
}

// items is a number of items that a field's tag gives; nil for none.
func items(f reflect.StructField, key string) *uint64 {
	for part := range strings.SplitSeq(f.Tag.Get("jsonschema"), ",") {
		if value, ok := strings.CutPrefix(part, key+"="); ok {
			if n, err := strconv.ParseUint(value, 10, 64); err == nil {
				return &n
			}
		}
	}
	return nil
}

// definition is the schema of a struct type.
func (w walk) definition(t reflect.Type) *jsonschema.Schema {
	name := w.options.Names[t]
	if name == "" {
		name = t.Name()
	}
	return w.root.Definitions[name]
}

func without(s *jsonschema.Schema, names []string) {
	for _, name := range names {
		s.Properties.Delete(name)
	}
	s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return slices.Contains(names, name) })
}

// format turns a format of ours into a pattern and a length.
func format(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	f, ok := document.FormatOf(s.Format)
	if !ok {
		return
	}
	s.Format = ""
	length := uint64(f.MaxLength)
	s.MaxLength = &length
	if f.Pattern != nil {
		s.Pattern = f.Pattern.String()
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
