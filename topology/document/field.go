package document

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
// made from the same tags, so the two cannot differ. A `document:"omit=a|b"` tag
// takes fields away from the struct that a field holds.
type rule struct {
	minimum, maximum   *float64
	minItems, maxItems int
	enum               []string
	format             string
	// oneOf says that exactly one of the struct's fields with this is given.
	oneOf bool
	omit  []string
}

// ofItems is what the rule of a list demands of each item.
func (r rule) ofItems() rule { return rule{enum: r.enum, format: r.format} }

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
			rule:     parseRule(f.Tag),
		})
	}
	fieldCache.Store(t, fields)
	return fields
}

// without leaves out fields by name.
func without(fields []field, omit []string) []field {
	if len(omit) == 0 {
		return fields
	}
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return slices.Contains(omit, f.name) })
}

// FieldNames are the YAML fields of a struct type, in the order of its
// declaration, those of inlined structs included.
func FieldNames(t reflect.Type) []string { return fieldNames(fieldsOf(t)) }

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

func parseRule(tag reflect.StructTag) rule {
	var r rule
	for part := range strings.SplitSeq(tag.Get("jsonschema"), ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "minimum":
			r.minimum = number(value)
		case "maximum":
			r.maximum = number(value)
		case "minItems":
			r.minItems, _ = strconv.Atoi(value)
		case "maxItems":
			r.maxItems, _ = strconv.Atoi(value)
		case "enum":
			r.enum = append(r.enum, value)
		case "format":
			r.format = value
		case "oneof_required":
			r.oneOf = true
		}
	}
	if omit, ok := strings.CutPrefix(tag.Get("document"), "omit="); ok {
		r.omit = strings.Split(omit, "|")
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
		switch n := v.Len(); {
		case r.maxItems > 0 && n > r.maxItems:
			return fmt.Sprintf("has %d items, give at most %d", n, r.maxItems)
		case n < r.minItems:
			return fmt.Sprintf("has %d items, give at least %d", n, r.minItems)
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
		return fmt.Sprintf("is %q, %s", Clip(s), OrOneOf(s, r.enum))
	}
	if f, ok := formats[r.format]; ok && !f.accepts(s) {
		return fmt.Sprintf("is %q, give %s", Clip(s), f.want)
	}
	return ""
}

// EnumOf are the values that a field of a struct type may have, by the field's name
// in YAML; nil for any.
func EnumOf(t reflect.Type, name string) []string {
	for _, f := range fieldsOf(t) {
		if f.name == name {
			return slices.Clone(f.rule.enum)
		}
	}
	return nil
}
