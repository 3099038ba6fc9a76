package kube

import (
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

// unknownResource is the real server's answer to a path it does not serve.
func unknownResource() *apierrors.StatusError {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: 404, Reason: metav1.StatusReasonNotFound,
		Message: "the server could not find the requested resource", Details: &metav1.StatusDetails{},
	}}
}

// Get returns an object. Errors are *apierrors.StatusError, as everywhere here.
func (s *Server) Get(gr schema.GroupResource, ns, name string) (*store.Object, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.resource(gr)
	if r == nil {
		return nil, unknownResource()
	}
	if o := s.st.Get(r.stored(), ns, name); o != nil {
		return o, nil
	}
	return nil, apierrors.NewNotFound(gr, name)
}

// List returns a resource's objects sorted by namespace and name; ns "" is all
// namespaces, a nil selector everything. An unknown resource has no objects.
func (s *Server) List(gr schema.GroupResource, ns string, sel labels.Selector) []*store.Object {
	r, all, _ := s.objects(gr, ns)
	if r == nil {
		return nil
	}
	if sel == nil || sel.Empty() {
		return slices.Clone(all)
	}
	var out []*store.Object
	for _, o := range all {
		if sel.Matches(labels.Set(o.Labels)) {
			out = append(out, o)
		}
	}
	return out
}

// Serves tells whether a resource is served, builtin or by a CRD.
func (s *Server) Serves(gr schema.GroupResource) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.resource(gr) != nil
}

// objects returns a resource's objects, shared, and the resourceVersion at which they were so.
func (s *Server) objects(gr schema.GroupResource, ns string) (*resource, []*store.Object, uint64) {
	s.mu.RLock()
	r := s.resource(gr)
	if r == nil || s.st.IsWarm(r.stored()) {
		defer s.mu.RUnlock()
		if r == nil {
			return nil, nil, 0
		}
		return r, s.st.List(r.stored(), ns), s.st.RV()
	}
	s.mu.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.Warm(r.stored())
	return r, s.st.List(r.stored(), ns), s.st.RV()
}

// Create stores a new object: a typed struct, an *unstructured.Unstructured, or
// JSON bytes. apiVersion and kind are filled in.
func (s *Server) Create(gr schema.GroupResource, obj any) (*store.Object, error) {
	return s.change(gr, obj, func(r *resource, w write) (*store.Object, error) { return s.create(r, w) })
}

// Update replaces an object, or with subresource "status" only its status. A
// resourceVersion that is set has to be the current one.
func (s *Server) Update(gr schema.GroupResource, obj any, subresource string) (*store.Object, error) {
	return s.change(gr, obj, func(r *resource, w write) (*store.Object, error) {
		w.subresource = subresource
		return s.update(r, w)
	})
}

// Delete removes an object, or begins to: finalizers, a pod's grace period and
// foreground propagation are honoured.
func (s *Server) Delete(gr schema.GroupResource, ns, name string, o metav1.DeleteOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.resource(gr)
	if r == nil {
		return unknownResource()
	}
	_, _, err := s.delete(r, ns, name, &o)
	return err
}

func (s *Server) change(gr schema.GroupResource, obj any, f func(*resource, write) (*store.Object, error)) (*store.Object, error) {
	s.mu.RLock()
	r := s.resource(gr)
	s.mu.RUnlock()
	if r == nil {
		return nil, unknownResource()
	}
	own, err := r.working(obj)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	version := r.versionOf(own)
	r, own = r.toStorage(own)
	s.mu.Lock()
	defer s.mu.Unlock()
	return f(r, write{obj: own, version: version})
}
