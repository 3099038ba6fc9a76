package topology

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads the one document of a file. It returns nil, with the problem
// recorded, when there is nothing to decode.
func (f *findings) parseYAML(data []byte) *yaml.Node {
	f.origins = map[string]origin{}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, another yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF) || err == nil && document.Content[0].ShortTag() == "!!null":
		f.addAt(1, "the file is empty, see 'koflab topology show' for an example")
		return nil
	case err != nil:
		f.addSyntax(err, data)
		return nil
	}
	if root := document.Content[0]; root.ShortTag() != "!!map" {
		f.addAt(root.Line, fmt.Sprintf("the file is %s, see 'koflab topology show' for an example", describe(root)))
		return nil
	}
	if err := decoder.Decode(&another); err == nil {
		f.addAt(another.Line, "a second document begins here, put it into a file of its own")
	} else if !errors.Is(err, io.EOF) {
		f.addSyntax(err, data)
	}
	return document.Content[0]
}

var (
	syntaxLine    = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

func (f *findings) addSyntax(err error, data []byte) {
	line, message := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		line += bytes.Count(data[:max(0, bytes.Index(data, []byte("*"+m[1])))], []byte("\n"))
	} else {
		if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
			line, _ = strconv.Atoi(m[1])
			message = m[2]
		}
		line = max(line, faultyLine(data))
	}
	f.addAt(line, fmt.Sprintf("not valid YAML: %s, check indentation, quotes and colons around here", message))
}

// faultyLine is the first line that the file does not parse up to, or 0 when its
// first document is sound. The parser itself names the line where the
// surrounding block began.
func faultyLine(data []byte) int {
	if yaml.Unmarshal(data, new(yaml.Node)) == nil {
		return 0
	}
	var ends []int // of lines
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	return 1 + sort.Search(len(ends), func(i int) bool {
		return yaml.Unmarshal(data[:ends[i]], new(yaml.Node)) != nil
	})
}

// decode strictly fills v from node and records where each field was written.
// It goes on after a problem, so that the user sees all of them. Aliases are
// refused: they make a small file large (the "billion laughs") and hide where a
// value is written.
func (f *findings) decode(node *yaml.Node, v reflect.Value, path string, r rule) {
	f.record(path, node.Line)
	if node.Kind == yaml.AliasNode {
		f.add(path, "alias *%s is not supported here, write the value out", clip(node.Value))
		return
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		f.decodeText(node, text, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		f.decodeStruct(node, v, path)
	case reflect.Slice:
		f.decodeList(node, v, path, r)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.decode(node, v.Elem(), path, r)
	default:
		f.decodeScalar(node, v, path, r)
	}
}

// record notes where a field was written; a key's line wins over its value's.
func (f *findings) record(path string, line int) {
	if !f.given(path) {
		f.origins[path] = origin{line: line}
	}
}

func (f *findings) decodeStruct(node *yaml.Node, v reflect.Value, path string) {
	if node.ShortTag() != "!!map" {
		f.add(path, "%s is %s, give fields: %s", label(path), describe(node), strings.Join(fieldNames(fieldsOf(v.Type())), ", "))
		return
	}
	fields := fieldsOf(v.Type())
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		n := slices.IndexFunc(fields, func(f field) bool { return f.name == key.Value })
		switch {
		case n < 0:
			f.addAt(key.Line, fmt.Sprintf("unknown field %q%s, %s", clip(key.Value), in(path), orOneOf(key.Value, fieldNames(fields))))
		case seen[key.Value]:
			f.addAt(key.Line, fmt.Sprintf("field %q%s is given twice, remove one", key.Value, in(path)))
		case value.ShortTag() == "!!null":
			// As in Kubernetes, a field without a value is a field not given.
		default:
			at := join(path, key.Value)
			f.record(at, key.Line)
			f.decode(value, v.FieldByIndex(fields[n].index), at, fields[n].rule)
		}
		seen[key.Value] = true
	}
	for _, field := range fields {
		if at := join(path, field.name); field.required && !f.given(at) {
			f.add(at, "%s has no %s, %s", label(path), field.name, field.addIt())
		}
	}
}

func (f *findings) decodeList(node *yaml.Node, v reflect.Value, path string, r rule) {
	if node.ShortTag() != "!!seq" {
		f.add(path, "%s is %s, give a list: one item a line, each beginning with '- '", label(path), describe(node))
		return
	}
	n := len(node.Content)
	if r.maxItems > 0 && n > r.maxItems {
		f.add(path, "%s has %d items, give at most %d", label(path), n, r.maxItems)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i, content := range node.Content {
		if at := item(path, i); content.ShortTag() == "!!null" {
			f.record(at, content.Line)
			f.add(at, "%s is empty, fill it in or remove it", label(at))
		} else {
			f.decode(content, v.Index(i), at, rule{})
		}
	}
}

func (f *findings) decodeText(node *yaml.Node, text encoding.TextUnmarshaler, path string) {
	if node.Kind != yaml.ScalarNode {
		f.add(path, "%s is %s, give a duration such as 30s, 5m, 7d or 1y", label(path), describe(node))
	} else if err := text.UnmarshalText([]byte(node.Value)); err != nil {
		f.add(path, "%s: %v", label(path), err)
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

func (f *findings) decodeScalar(node *yaml.Node, v reflect.Value, path string, r rule) {
	scalar := scalars[v.Kind()]
	want := scalar.want
	switch {
	case len(r.enum) > 0:
		want = "one of " + strings.Join(r.enum, ", ")
	case v.Kind() == reflect.String && node.Kind == yaml.ScalarNode:
		want = fmt.Sprintf("text, put it in quotes: %q", clip(node.Value))
	}
	if node.Kind != yaml.ScalarNode || !strings.Contains(scalar.tags, node.ShortTag()) {
		f.add(path, "%s is %s, give %s", label(path), describe(node), want)
	} else if err := node.Decode(v.Addr().Interface()); err != nil {
		f.add(path, "%s is %s, which does not fit, give %s", label(path), clip(node.Value), want)
	}
}

// describe names what a node is, for "is ..., give ...".
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a group of fields"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch node.ShortTag() {
	case "!!str":
		return fmt.Sprintf("the text %q", clip(node.Value))
	case "!!int", "!!float":
		return "the number " + clip(node.Value)
	case "!!bool":
		return node.Value
	}
	return fmt.Sprintf("%q (YAML type %s)", clip(node.Value), clip(node.ShortTag()))
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}
