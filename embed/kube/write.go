package kube

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"
	"strconv"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"koflab/embed/kube/store"
)

// write is one change of one object.
type write struct {
	// obj is the new object; the write may change and keep it.
	obj         runtime.Object
	version     string // whose schema obj is checked against, for custom resources
	subresource string
	dryRun      bool
	// strictRV refuses updates of custom resources without a resourceVersion.
	strictRV bool
	// from is the version that obj was made from, if the server made it itself:
	// it spares decoding the stored one again.
	from runtime.Object
	// keepManaged takes obj's managed fields as they are.
	keepManaged bool
	// manager is who writes, for the managed fields of objects that have any.
	manager string
}

// create stores a new object. The lock is held.
func (s *Server) create(r *resource, w write) (*store.Object, error) {
	if s.closed {
		return nil, apierrors.NewServiceUnavailable("the API server has been closed")
	}
	obj, m := w.obj, metaOf(w.obj)
	r.typeMeta(obj)
	if m.GetResourceVersion() != "" {
		return nil, apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	if err := s.checkNamespace(r, m); err != nil {
		return nil, err
	}
	if m.GetName() == "" && m.GetGenerateName() != "" {
		m.SetName(s.generate(r, m))
	}
	if m.GetName() == "" {
		return nil, invalid(r, "", field.ErrorList{field.Required(field.NewPath("metadata", "name"), "name or generateName is required")})
	}
	m.SetDeletionTimestamp(nil)
	m.SetDeletionGracePeriodSeconds(nil)
	m.SetSelfLink("")
	m.SetGeneration(0)
	if r.generation || r.custom != nil {
		m.SetGeneration(1)
	}
	if r.clearsStatus(w.version) {
		clearPart(obj, "status")
	}
	m.SetCreationTimestamp(s.stamp())
	m.SetUID(s.uid(r, m.GetNamespace(), m.GetName()))
	if r.rules.Prepare != nil {
		r.rules.Prepare(obj)
	}
	r.setDefaults(obj, w.version)
	if errs := r.check(obj, w.version); len(errs) > 0 {
		return nil, invalid(r, m.GetName(), errs)
	}
	if s.st.Get(r.gr(), m.GetNamespace(), m.GetName()) != nil {
		return nil, apierrors.NewAlreadyExists(r.gr(), m.GetName())
	}
	if err := s.allocate(r, obj); err != nil {
		return nil, err
	}
	if r.gr() == crdsGR {
		if err := s.adoptCRD(obj); err != nil {
			return nil, err
		}
	}
	o, err := r.snapshot(obj, s.st.Next())
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if w.dryRun {
		s.release(r, obj, nil)
		return o, nil
	}
	s.notify(s.st.Put(o))
	s.created(r, o, obj)
	return o, nil
}

// checkNamespace fills in nothing: a namespaced object has to say where it goes.
func (s *Server) checkNamespace(r *resource, m metav1.Object) error {
	ns := m.GetNamespace()
	if !r.namespaced {
		if ns != "" {
			return apierrors.NewBadRequest("namespace must not be set on " + r.gr().String() + ", which are cluster-scoped (got " + strconv.Quote(ns) + ")")
		}
		return nil
	}
	if ns == "" {
		return apierrors.NewBadRequest("Namespace parameter required.")
	}
	o := s.st.Get(namespacesGR, "", ns)
	if o == nil {
		return apierrors.NewNotFound(namespacesGR, ns)
	}
	if o.Deleting {
		name := m.GetName()
		if name == "" {
			name = m.GetGenerateName()
		}
		err := apierrors.NewForbidden(r.gr(), name, errTerminating(ns))
		err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
			Type: "NamespaceTerminating", Message: "namespace " + ns + " is being terminated", Field: "metadata.namespace",
		})
		return err
	}
	return nil
}

type errTerminating string

func (e errTerminating) Error() string {
	return "unable to create new content in namespace " + string(e) + " because it is being terminated"
}

// update replaces an object or a subresource of it. The lock is held.
func (s *Server) update(r *resource, w write) (*store.Object, error) {
	if s.closed {
		return nil, apierrors.NewServiceUnavailable("the API server has been closed")
	}
	obj, m := w.obj, metaOf(w.obj)
	if r.namespaced && m.GetNamespace() == "" {
		return nil, apierrors.NewBadRequest("Namespace parameter required.")
	}
	cur := s.st.Get(r.gr(), m.GetNamespace(), m.GetName())
	if cur == nil {
		return nil, apierrors.NewNotFound(r.gr(), m.GetName())
	}
	if w.subresource == "status" && !r.hasStatus(w.version) {
		return nil, unknownResource()
	}
	if err := preconditions(r, cur, m, w); err != nil {
		return nil, err
	}
	old := w.from
	if old == nil {
		var err error
		if old, err = r.load(cur); err != nil {
			return nil, apierrors.NewInternalError(err)
		}
	}
	r.typeMeta(obj)
	s.carryOver(r, obj, old, w)
	r.setDefaults(obj, w.version)
	if len(metaOf(old).GetManagedFields()) > 0 && !w.keepManaged {
		if obj = s.trackFields(r, obj, old, w); obj != w.obj {
			m = metaOf(obj)
		}
	}
	r.bumpGeneration(obj, old, w.version)
	if errs := r.checkUpdate(obj, old, w); len(errs) > 0 {
		return nil, invalid(r, m.GetName(), errs)
	}
	if w.subresource == "" {
		if err := s.allocate(r, obj); err != nil {
			return nil, err
		}
	}
	if r.gr() == crdsGR && w.subresource == "" {
		if err := s.adoptCRD(obj); err != nil {
			return nil, err
		}
	}
	m.SetResourceVersion(strconv.FormatUint(cur.RV, 10))
	b, err := encode(obj)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if bytes.Equal(b, cur.JSON) {
		return cur, nil
	}
	o, err := r.snapshot(obj, s.st.Next())
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if w.dryRun {
		s.release(r, obj, old)
		return o, nil
	}
	if o.Deleting && removable(m) {
		s.remove(r, o, obj)
		return o, nil
	}
	s.notify(s.st.Put(o))
	s.updated(r, o, obj, old)
	return o, nil
}

// preconditions are the identity of the object that the writer has in mind.
func preconditions(r *resource, cur *store.Object, m metav1.Object, w write) error {
	if uid := m.GetUID(); uid != "" && uid != cur.UID {
		return apierrors.NewConflict(r.gr(), cur.Name, errUID{uid, cur.UID})
	}
	rv := m.GetResourceVersion()
	if rv == "" {
		if w.strictRV {
			return invalid(r, cur.Name, field.ErrorList{field.Invalid(field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update")})
		}
		return nil
	}
	n, err := strconv.ParseUint(rv, 10, 64)
	if err != nil {
		return invalid(r, cur.Name, field.ErrorList{field.Invalid(field.NewPath("metadata", "resourceVersion"), rv, err.Error())})
	}
	if n != cur.RV && n != 0 {
		return apierrors.NewConflict(r.gr(), cur.Name, errModified{})
	}
	return nil
}

type errModified struct{}

func (errModified) Error() string {
	return "the object has been modified; please apply your changes to the latest version and try again"
}

type errUID struct{ want, have types.UID }

func (e errUID) Error() string {
	return "Precondition failed: UID in precondition: " + string(e.want) + ", UID in object meta: " + string(e.have)
}

// carryOver keeps what a writer may not change.
func (s *Server) carryOver(r *resource, obj, old runtime.Object, w write) {
	m, om := metaOf(obj), metaOf(old)
	m.SetUID(om.GetUID())
	m.SetCreationTimestamp(om.GetCreationTimestamp())
	m.SetGeneration(om.GetGeneration())
	m.SetSelfLink("")
	// Only the server starts a deletion, and nobody takes one back.
	m.SetDeletionTimestamp(om.GetDeletionTimestamp())
	m.SetDeletionGracePeriodSeconds(om.GetDeletionGracePeriodSeconds())
	if m.GetGenerateName() == "" {
		m.SetGenerateName(om.GetGenerateName())
	}
	if !w.keepManaged {
		m.SetManagedFields(om.GetManagedFields())
	}
	switch {
	case w.subresource == "status":
		r.onlyStatus(obj, old)
	case r.hasStatus(w.version):
		copyPart(obj, old, "status")
	}
}

// onlyStatus makes obj the old object but for its status. As on the real server,
// the metadata of pods and nodes may be changed along.
func (r *resource) onlyStatus(obj, old runtime.Object) {
	m, om := metaOf(obj), metaOf(old)
	if u, ok := obj.(*unstructured.Unstructured); ok {
		status, found := u.Object["status"]
		managed := m.GetManagedFields()
		u.Object = old.(*unstructured.Unstructured).DeepCopy().Object
		delete(u.Object, "status")
		if found {
			u.Object["status"] = status
		}
		metaOf(obj).SetManagedFields(managed)
		return
	}
	copyPart(obj, old, "spec")
	m.SetFinalizers(om.GetFinalizers())
	m.SetOwnerReferences(om.GetOwnerReferences())
	if gr := r.gr(); gr != podsGR && gr.Resource != "nodes" {
		m.SetLabels(om.GetLabels())
		m.SetAnnotations(om.GetAnnotations())
	}
}

// bumpGeneration counts a change of what was asked for.
func (r *resource) bumpGeneration(obj, old runtime.Object, version string) {
	if !r.generation && r.custom == nil {
		return
	}
	changed := false
	if u, ok := obj.(*unstructured.Unstructured); ok {
		changed = customChanged(u.Object, old.(*unstructured.Unstructured).Object, r.hasStatus(version))
	} else if a, ok := part(obj, "spec"); ok {
		b, _ := part(old, "spec")
		changed = !apiequality.Semantic.DeepEqual(a.Interface(), b.Interface())
	} else {
		changed = !sameBody(obj, old)
	}
	if m := metaOf(obj); changed {
		m.SetGeneration(metaOf(old).GetGeneration() + 1)
	}
}

func customChanged(a, b map[string]any, status bool) bool {
	skip := func(k string) bool {
		return k == "metadata" || k == "apiVersion" || k == "kind" || k == "status" && status
	}
	for k, v := range a {
		if !skip(k) && !apiequality.Semantic.DeepEqual(v, b[k]) {
			return true
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok && !skip(k) {
			return true
		}
	}
	return false
}

// sameBody compares objects without a spec by everything but their metadata.
func sameBody(a, b runtime.Object) bool {
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := 0; i < x.NumField(); i++ {
		if n := x.Type().Field(i).Name; n == "TypeMeta" || n == "ObjectMeta" {
			continue
		}
		if !apiequality.Semantic.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			return false
		}
	}
	return true
}

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
