// Package rules holds what Kubernetes asks of its builtin kinds: the defaults it
// fills in, what it refuses and with which words, and what may not change.
package rules

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Rules are those of one kind. Any of them may be nil. Objects are pointers to
// the kind's struct of k8s.io/api.
type Rules struct {
	// Name checks a name, instead of as a DNS subdomain.
	Name func(name string, prefix bool) []string
	// Prepare runs before defaulting of a new object, once it has a UID.
	Prepare  func(obj any)
	Defaults func(obj any)
	Validate func(obj any) field.ErrorList
	// Update checks a change. It may first carry over from old what clients
	// leave out and only the server knows.
	Update func(obj, old any) field.ErrorList
}

// Typed are the rules of a kind by its Go type.
type Typed[T any] struct {
	Name     func(name string, prefix bool) []string
	Prepare  func(*T)
	Defaults func(*T)
	Validate func(*T) field.ErrorList
	Update   func(obj, old *T) field.ErrorList
}

// Rules erases the type: callers hand in only objects of the kind.
func (r Typed[T]) Rules() Rules {
	out := Rules{Name: r.Name}
	if r.Prepare != nil {
		out.Prepare = func(o any) { r.Prepare(o.(*T)) }
	}
	if r.Defaults != nil {
		out.Defaults = func(o any) { r.Defaults(o.(*T)) }
	}
	if r.Validate != nil {
		out.Validate = func(o any) field.ErrorList { return r.Validate(o.(*T)) }
	}
	if r.Update != nil {
		out.Update = func(o, old any) field.ErrorList { return r.Update(o.(*T), old.(*T)) }
	}
	return out
}

// Of returns the rules of a resource; none for a resource without any.
func Of(gr schema.GroupResource) Rules { return table[gr] }

func def[T any](p **T, v T) {
	if *p == nil {
		*p = &v
	}
}

func defString[T ~string](p *T, v T) {
	if *p == "" {
		*p = v
	}
}

// oneOf complains about a value that is set and not among those supported.
func oneOf[T ~string](p *field.Path, v T, supported ...T) field.ErrorList {
	for _, s := range supported {
		if s == v {
			return nil
		}
	}
	return field.ErrorList{field.NotSupported(p, v, supported)}
}
