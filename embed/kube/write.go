package kube

import (
	"bytes"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	if err := s.withinQuota(r, m); err != nil {
		return nil, err
	}
	if err := s.allocate(r, obj); err != nil {
		return nil, err
	}
	if r.gr() == crdsGR {
		if err := s.adoptCRD(obj); err != nil {
			return nil, err
		}
	}
	if w.dryRun {
		s.release(r, obj, nil)
		return r.trial(obj, 0)
	}
	o, err := r.snapshot(obj, s.st.Next())
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	s.notify(s.st.Put(o))
	s.created(r, o, obj)
	return o, nil
}

// trial is what a dry run answers: the object as it would be, with the version
// that it has now, if any.
func (r *resource) trial(obj runtime.Object, rv uint64) (*store.Object, error) {
	o, err := r.snapshot(obj, rv)
	if err == nil && rv == 0 {
		metaOf(obj).SetResourceVersion("")
		o.JSON, err = encode(obj)
	}
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
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
	old, err := r.load(cur)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
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
	if w.dryRun {
		s.release(r, obj, old)
		return r.trial(obj, cur.RV)
	}
	o, err := r.snapshot(obj, s.st.Next())
	if err != nil {
		return nil, apierrors.NewInternalError(err)
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
