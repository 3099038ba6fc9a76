package kube

import (
	"cmp"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// check validates a new object.
func (r *resource) check(obj runtime.Object, version string) field.ErrorList {
	name := r.rules.Name
	if name == nil {
		name = validation.NameIsDNSSubdomain
	}
	errs := validation.ValidateObjectMetaAccessor(metaOf(obj), r.namespaced, name, field.NewPath("metadata"))
	if r.rules.Validate != nil {
		errs = append(errs, r.rules.Validate(obj)...)
	}
	if r.custom != nil {
		errs = append(errs, r.custom.check(obj.(*unstructured.Unstructured), nil, version, "")...)
	}
	return errs
}

// checkUpdate validates a change.
func (r *resource) checkUpdate(obj, old runtime.Object, w write) field.ErrorList {
	om := metaOf(old)
	errs := validation.ValidateObjectMetaAccessorUpdate(metaOf(obj), om, field.NewPath("metadata"))
	errs = dropRVErrors(errs)
	if w.subresource == "status" && r.custom == nil {
		return errs
	}
	if r.rules.Update != nil {
		errs = append(errs, r.rules.Update(obj, old)...)
	}
	if r.rules.Validate != nil {
		errs = append(errs, r.rules.Validate(obj)...)
	}
	if r.custom != nil {
		errs = append(errs, r.custom.check(obj.(*unstructured.Unstructured), old.(*unstructured.Unstructured), w.version, w.subresource)...)
	}
	return errs
}

// dropRVErrors leaves out a complaint that preconditions has already decided on.
func dropRVErrors(errs field.ErrorList) field.ErrorList {
	return errs.Filter(func(err error) bool {
		e, ok := err.(*field.Error)
		return ok && e.Field == "metadata.resourceVersion"
	})
}

func invalid(r *resource, name string, errs field.ErrorList) error {
	// Checks that go through maps find their mistakes in any order.
	slices.SortStableFunc(errs, func(a, b *field.Error) int { return cmp.Compare(a.Field, b.Field) })
	return apierrors.NewInvalid(r.gvk.GroupKind(), name, errs)
}

func (r *resource) setDefaults(obj runtime.Object, version string) {
	if r.rules.Defaults != nil {
		r.rules.Defaults(obj)
	}
	if r.custom != nil {
		r.custom.setDefaults(obj.(*unstructured.Unstructured), version)
	}
}
