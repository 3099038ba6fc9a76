package topology

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// field is one YAML field of a struct with the rule its values obey.
type field struct {
	name     string
	index    []int
	required bool
	rule     rule
}

// rule is what a `jsonschema` tag demands of a value: an enumeration, a format,
// a number of items, or a range with both ends. The JSON Schema for editors is
// made from the same tags, so the two cannot differ.
type rule struct {
	minimum, maximum *float64
	maxItems         int
	enum             []string
	format           string
}

var fieldCache sync.Map // reflect.Type -> []field

// fieldsOf lists the YAML fields of a struct type, those of inlined structs
// included. A field without omitempty is required.
func fieldsOf(t reflect.Type) []field {
	if fields, ok := fieldCache.Load(t); ok {
		return fields.([]field)
	}
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" {
			continue
		}
		fields = append(fields, field{
			name:     name,
			index:    f.Index,
			required: !strings.Contains(options, "omitempty"),
			rule:     parseRule(f.Tag.Get("jsonschema")),
		})
	}
	fieldCache.Store(t, fields)
	return fields
}

// addIt says how to supply the field.
func (f field) addIt() string {
	if len(f.rule.enum) == 1 {
		return fmt.Sprintf("add %q", f.name+": "+f.rule.enum[0])
	}
	return "add one"
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

func parseRule(tag string) rule {
	var r rule
	for part := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "minimum":
			r.minimum = number(value)
		case "maximum":
			r.maximum = number(value)
		case "maxItems":
			r.maxItems, _ = strconv.Atoi(value)
		case "enum":
			r.enum = append(r.enum, value)
		case "format":
			r.format = value
		}
	}
	return r
}

func number(s string) *float64 {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil
	}
	return &n
}

// fault says what a value does against the rule and what to do, or "".
func (r rule) fault(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		return r.outside(float64(v.Int()))
	case reflect.Float64:
		return r.outside(v.Float())
	case reflect.String:
		return r.refused(v.String())
	case reflect.Slice:
		if r.maxItems > 0 && v.Len() > r.maxItems {
			return fmt.Sprintf("has %d items, give at most %d", v.Len(), r.maxItems)
		}
	}
	return ""
}

// outside compares with >= and <= so that NaN is outside every range.
func (r rule) outside(n float64) string {
	if r.minimum == nil || n >= *r.minimum && n <= *r.maximum {
		return ""
	}
	return fmt.Sprintf("is %s, give %s to %s", plain(n), plain(*r.minimum), plain(*r.maximum))
}

// plain writes a number without an exponent.
func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func (r rule) refused(s string) string {
	if len(r.enum) > 0 && !slices.Contains(r.enum, s) {
		return fmt.Sprintf("is %q, %s", clip(s), orOneOf(s, r.enum))
	}
	if f, ok := formats[r.format]; ok && !f.accepts(s) {
		return fmt.Sprintf("is %q, give %s", clip(s), f.want)
	}
	return ""
}

// check applies the fields' rules to all of a specification. A zero value is
// the default of a field that was not given, and is no fault.
func (f *findings) check(v reflect.Value, path string) {
	for _, field := range fieldsOf(v.Type()) {
		value, at := v.FieldByIndex(field.index), join(path, field.name)
		if value.Kind() == reflect.Pointer && !value.IsNil() {
			value = value.Elem()
		} else if value.IsZero() && !f.given(at) {
			if field.required {
				f.add(at, "has no value, %s", field.addIt())
			}
			continue
		}
		if fault := field.rule.fault(value); fault != "" {
			f.add(at, "%s %s", field.name, fault)
		}
		switch value.Kind() {
		case reflect.Struct:
			f.check(value, at)
		case reflect.Slice:
			for i := range value.Len() {
				if value.Index(i).Kind() == reflect.Struct {
					f.check(value.Index(i), item(at, i))
				}
			}
		}
	}
}
