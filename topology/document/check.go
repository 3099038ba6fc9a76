package document

import (
	"reflect"
	"strings"
)

// Check applies the rules of the fields to all of what v points to. A zero value
// is the default of a field that was not given, and is no fault.
func (f *Findings) Check(v any) { f.check(reflect.ValueOf(v).Elem(), "", rule{}) }

func (f *Findings) check(v reflect.Value, path string, r rule) {
	fields := without(fieldsOf(v.Type()), r.omit)
	var choices, chosen []string
	for _, field := range fields {
		value, at := v.FieldByIndex(field.index), Join(path, field.name)
		if field.rule.oneOf {
			choices = append(choices, field.name)
			if !value.IsZero() || f.Given(at) {
				chosen = append(chosen, field.name)
			}
		}
		f.checkField(value, at, field)
	}
	if len(choices) > 0 {
		f.checkOne(path, choices, chosen)
	}
}

// checkOne wants one of the choices.
func (f *Findings) checkOne(path string, choices, chosen []string) {
	switch {
	case len(chosen) == 0 && !f.Misspelled(path):
		f.Add(path, "%s has none of %s, give one", f.Label(path), strings.Join(choices, ", "))
	case len(chosen) > 1:
		for _, name := range chosen[1:] {
			f.Add(Join(path, name), "%s stands beside %s, keep one of them", name, chosen[0])
		}
	}
}

func (f *Findings) checkField(value reflect.Value, at string, field field) {
	if value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	} else if value.IsZero() && !f.Given(at) {
		if field.required {
			f.Add(at, "has no value, %s", field.addIt())
		}
		return
	}
	if fault := field.rule.fault(value); fault != "" {
		f.Add(at, "%s %s", field.name, fault)
	}
	switch value.Kind() {
	case reflect.Struct:
		f.check(value, at, field.rule)
	case reflect.Slice:
		items := field.rule.ofItems()
		for i := range value.Len() {
			switch item := value.Index(i); item.Kind() {
			case reflect.Struct:
				f.check(item, Item(at, i), rule{})
			case reflect.String:
				if fault := items.refused(item.String()); fault != "" {
					f.Add(Item(at, i), "%s %s", f.Label(Item(at, i)), fault)
				}
			}
		}
	}
}
