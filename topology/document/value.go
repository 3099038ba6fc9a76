package document

import (
	"fmt"
	"iter"
	"math"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// decodeMap fills a map with text for keys. Text values are taken as they are
// written, whatever YAML takes them for: 2 and true are texts of labels.
func (f *Findings) decodeMap(node *yaml.Node, v reflect.Value, path string) {
	if node.ShortTag() != "!!map" {
		f.Add(path, "%s is %s, give names with values", f.Label(path), describe(node))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for key, content := range f.pairs(node, path) {
		value := reflect.New(v.Type().Elem()).Elem()
		at := Join(path, key)
		switch {
		case value.Kind() != reflect.String:
			f.decode(content, value, at, rule{})
		case content.Kind == yaml.AliasNode:
			f.alias(content, at)
		case content.Kind != yaml.ScalarNode:
			f.Add(at, "%s is %s, give text", key, describe(content))
		default:
			value.SetString(content.Value)
		}
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), value)
	}
}

// pairs are the keys and values of a node that have nothing against them.
func (f *Findings) pairs(node *yaml.Node, path string) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		seen := map[string]bool{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			switch {
			case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge":
				f.AddAt(key.Line, key.Column, fmt.Sprintf("a key%s is %s, give text", f.in(path), describe(key)))
				continue
			case seen[key.Value]:
				f.AddAt(key.Line, key.Column, fmt.Sprintf("%q%s is given twice, remove one", Clip(key.Value), f.in(path)))
				continue
			}
			seen[key.Value] = true
			f.record(Join(path, key.Value), key)
			if !yield(key.Value, value) {
				return
			}
		}
	}
}

// value is a node as JSON has it: a map, a list, text, a bool, an int64, a
// float64 or nil.
func (f *Findings) value(node *yaml.Node, path string) any {
	switch node.Kind {
	case yaml.AliasNode:
		f.alias(node, path)
		return nil
	case yaml.MappingNode:
		out := map[string]any{}
		for key, content := range f.pairs(node, path) {
			out[key] = f.value(content, Join(path, key))
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(node.Content))
		for i, content := range node.Content {
			f.record(Item(path, i), content)
			out[i] = f.value(content, Item(path, i))
		}
		return out
	}
	switch node.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var v bool
		if err := node.Decode(&v); err == nil {
			return v
		}
	case "!!int":
		var v int64
		if err := node.Decode(&v); err == nil {
			return v
		}
	case "!!float":
		var v float64
		if err := node.Decode(&v); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) { // JSON has none of them
			return v
		}
	case "!!str", "!!timestamp":
		return node.Value
	}
	f.Add(path, "%s is %s, which does not fit, give text, a number, true or false", f.Label(path), describe(node))
	return nil
}
