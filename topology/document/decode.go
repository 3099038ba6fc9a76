package document

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Decode strictly fills what v points to from a document and records where each
// field was written. It goes on after a problem, so that the user sees all of
// them. Aliases are refused: they make a small file large (the "billion laughs")
// and hide where a value is written.
func (f *Findings) Decode(root *yaml.Node, v any) {
	f.decode(root, reflect.ValueOf(v).Elem(), "", rule{})
}

// OneOrMany is implemented by lists that may be written as their one item.
type OneOrMany interface{ OneOrMany() }

var oneOrMany = reflect.TypeFor[OneOrMany]()

func (f *Findings) decode(node *yaml.Node, v reflect.Value, path string, r rule) {
	f.record(path, node)
	if node.Kind == yaml.AliasNode {
		f.alias(node, path)
		return
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		f.decodeText(node, text, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		f.decodeStruct(node, v, path, r)
	case reflect.Slice:
		f.decodeList(node, v, path, r)
	case reflect.Map:
		f.decodeMap(node, v, path)
	case reflect.Interface:
		if value := f.value(node, path); value != nil {
			v.Set(reflect.ValueOf(value))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.decode(node, v.Elem(), path, r)
	default:
		f.decodeScalar(node, v, path, r)
	}
}

func (f *Findings) alias(node *yaml.Node, path string) {
	f.Add(path, "alias *%s is not supported here, write the value out", Clip(node.Value))
}

// record notes where a field was written; a key's place wins over its value's.
func (f *Findings) record(path string, node *yaml.Node) {
	if !f.Given(path) {
		f.origins[f.full(path)] = origin{line: node.Line, column: node.Column}
	}
}

func (f *Findings) decodeStruct(node *yaml.Node, v reflect.Value, path string, r rule) {
	fields := without(fieldsOf(v.Type()), r.omit)
	if node.ShortTag() != "!!map" {
		f.Add(path, "%s is %s, give fields: %s", f.Label(path), describe(node), strings.Join(fieldNames(fields), ", "))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		n := slices.IndexFunc(fields, func(f field) bool { return f.name == key.Value })
		switch {
		case slices.Contains(r.omit, key.Value):
			f.AddAt(key.Line, key.Column, fmt.Sprintf("field %q does not belong%s, remove it", Clip(key.Value), f.in(path)))
		case n < 0:
			f.unknown[f.full(path)] = true
			f.AddAt(key.Line, key.Column, fmt.Sprintf("unknown field %q%s, %s", Clip(key.Value), f.in(path), OrOneOf(key.Value, fieldNames(fields))))
		case seen[key.Value]:
			f.AddAt(key.Line, key.Column, fmt.Sprintf("field %q%s is given twice, remove one", key.Value, f.in(path)))
		case value.ShortTag() == "!!null":
			// As in Kubernetes, a field without a value is a field not given.
		default:
			at := Join(path, key.Value)
			f.record(at, key)
			f.decode(value, v.FieldByIndex(fields[n].index), at, fields[n].rule)
		}
		seen[key.Value] = true
	}
	for _, field := range fields {
		if at := Join(path, field.name); field.required && !f.Given(at) {
			f.Add(at, "%s has no %s, %s", f.Label(path), field.name, field.addIt())
		}
	}
}

func (f *Findings) decodeList(node *yaml.Node, v reflect.Value, path string, r rule) {
	if node.ShortTag() != "!!seq" {
		if !v.Type().Implements(oneOrMany) || node.ShortTag() != "!!map" {
			f.Add(path, "%s is %s, give a list: one item a line, each beginning with '- '", f.Label(path), describe(node))
			return
		}
		node = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: node.Line, Column: node.Column, Content: []*yaml.Node{node}}
	}
	n := len(node.Content)
	if r.maxItems > 0 && n > r.maxItems {
		f.Add(path, "%s has %d items, give at most %d", f.Label(path), n, r.maxItems)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i, content := range node.Content {
		if at := Item(path, i); content.ShortTag() == "!!null" {
			f.record(at, content)
			f.Add(at, "%s is empty, fill it in or remove it", f.Label(at))
		} else {
			f.decode(content, v.Index(i), at, r.ofItems())
		}
	}
}

// Wanter is implemented by values that are written as text of their own kind.
type Wanter interface {
	// Want says how the value is written: "a duration such as 30s".
	Want() string
}

func (f *Findings) decodeText(node *yaml.Node, text encoding.TextUnmarshaler, path string) {
	want := "text"
	switch t := text.(type) {
	case Wanter:
		want = t.Want()
	case *time.Time:
		want = "a time such as 2026-03-02T09:00:00Z"
	}
	if node.Kind != yaml.ScalarNode {
		f.Add(path, "%s is %s, give %s", f.Label(path), describe(node), want)
		return
	}
	err := text.UnmarshalText([]byte(node.Value))
	if _, ok := text.(*time.Time); ok && err != nil {
		err = fmt.Errorf("%q is no time, give one such as 2026-03-02T09:00:00Z", Clip(node.Value))
	}
	if err != nil {
		f.Add(path, "%s: %v", f.Label(path), err)
	}
}

// scalars says which YAML types fill a kind of Go value, and their name for users.
var scalars = map[reflect.Kind]struct{ tags, want string }{
	reflect.String:  {"!!str", "text"},
	reflect.Bool:    {"!!bool", "true or false"},
	reflect.Int:     {"!!int", "a whole number"},
	reflect.Int64:   {"!!int", "a whole number"},
	reflect.Float64: {"!!int !!float", "a number"},
}

func (f *Findings) decodeScalar(node *yaml.Node, v reflect.Value, path string, r rule) {
	scalar := scalars[v.Kind()]
	want := scalar.want
	switch {
	case len(r.enum) > 0:
		want = "one of " + strings.Join(r.enum, ", ")
	case v.Kind() == reflect.String && node.Kind == yaml.ScalarNode:
		want = fmt.Sprintf("text, put it in quotes: %q", Clip(node.Value))
	}
	if node.Kind != yaml.ScalarNode || !strings.Contains(scalar.tags, node.ShortTag()) {
		f.Add(path, "%s is %s, give %s", f.Label(path), describe(node), want)
	} else if err := node.Decode(v.Addr().Interface()); err != nil {
		f.Add(path, "%s is %s, which does not fit, give %s", f.Label(path), Clip(node.Value), want)
	}
}
