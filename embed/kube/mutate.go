package kube

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"koflab/embed/kube/store"
)

// write begins a write of an object as the request says.
func (q *request) write(obj runtime.Object) write {
	w := write{obj: obj, version: q.version, subresource: q.subresource, dryRun: q.dryRun(), manager: q.manager()}
	w.strictRV = q.res.custom != nil
	return w
}

// manager is the field manager that a request names, or its program's name.
func (q *request) manager() string {
	if m := q.query.Get("fieldManager"); m != "" {
		return m
	}
	name, _, _ := strings.Cut(q.UserAgent(), "/")
	if len(name) > 128 {
		name = name[:128]
	}
	return name
}

// adopt fills in the namespace and name that a path says, and refuses others.
func (q *request) adopt(obj runtime.Object) error {
	m := metaOf(obj)
	if q.res.namespaced {
		switch {
		case q.ns == "":
			return unknownResource()
		case m.GetNamespace() == "":
			m.SetNamespace(q.ns)
		case m.GetNamespace() != q.ns:
			return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
		}
	} else if m.GetNamespace() != "" {
		m.SetNamespace("") // as the real server: clients send their default along
	}
	if q.name != "" && m.GetName() != q.name {
		if m.GetName() == "" {
			return apierrors.NewBadRequest("name must be provided")
		}
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", m.GetName(), q.name))
	}
	return nil
}

// locked runs a write, and unlocks even if it panics: an in-process server has no
// supervisor that would start it again.
func (s *Server) locked(f func() (*store.Object, error)) (*store.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}

func (s *Server) serveCreate(q *request) error {
	obj, err := q.object()
	if err != nil {
		return err
	}
	if err := q.adopt(obj); err != nil {
		return err
	}
	r, obj := q.res.toStorage(obj)
	o, err := s.locked(func() (*store.Object, error) { return s.create(r, q.write(obj)) })
	if err != nil {
		return err
	}
	return s.answer(q, http.StatusCreated, o)
}

func (s *Server) serveUpdate(q *request) error {
	obj, err := q.object()
	if err != nil {
		return err
	}
	if err := q.adopt(obj); err != nil {
		return err
	}
	r, obj := q.res.toStorage(obj)
	o, err := s.locked(func() (*store.Object, error) { return s.update(r, q.write(obj)) })
	if err != nil {
		return err
	}
	return s.answer(q, http.StatusOK, o)
}

// deleteOptions come in the body or, from old clients, in the query.
func (q *request) deleteOptions() (*metav1.DeleteOptions, error) {
	o := &metav1.DeleteOptions{}
	b, err := q.body()
	if err != nil {
		return nil, err
	}
	if len(b) > 0 {
		switch q.mediaType() {
		case typeProtobuf:
			obj, err := q.protobuf(b, groupVersion("", "v1").WithKind("DeleteOptions"))
			if err != nil {
				return nil, err
			}
			if d, ok := obj.(*metav1.DeleteOptions); ok {
				o = d
			}
		case typeYAML:
			err = yaml.Unmarshal(b, o)
		default:
			err = json.Unmarshal(b, o)
		}
		if err != nil {
			return nil, apierrors.NewBadRequest("delete options: " + err.Error())
		}
	}
	if p := q.query.Get("propagationPolicy"); p != "" && o.PropagationPolicy == nil {
		policy := metav1.DeletionPropagation(p)
		o.PropagationPolicy = &policy
	}
	if q.query.Get("gracePeriodSeconds") != "" && o.GracePeriodSeconds == nil {
		n, err := number(q, "gracePeriodSeconds")
		if err != nil {
			return nil, err
		}
		o.GracePeriodSeconds = &n
	}
	if o.OrphanDependents == nil && q.query.Get("orphanDependents") != "" { //nolint:staticcheck // old clients still send it
		yes := q.flag("orphanDependents")
		o.OrphanDependents = &yes //nolint:staticcheck // as above
	}
	if p := o.PropagationPolicy; p != nil && !slices.Contains([]metav1.DeletionPropagation{
		metav1.DeletePropagationForeground, metav1.DeletePropagationBackground, metav1.DeletePropagationOrphan}, *p) {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("propagationPolicy: Unsupported value: %q: supported values: \"Background\", \"Foreground\", \"Orphan\"", *p))
	}
	o.DryRun = append(o.DryRun, q.query["dryRun"]...)
	return o, nil
}

func (s *Server) serveDelete(q *request) error {
	o, err := q.deleteOptions()
	if err != nil {
		return err
	}
	if orphansByDefault(q.res.gr()) && o.PropagationPolicy == nil && o.OrphanDependents == nil { //nolint:staticcheck // as above
		warn(q.w, "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning")
	}
	gone := false
	last, err := s.locked(func() (last *store.Object, err error) {
		last, gone, err = s.delete(q.res, q.ns, q.name, o)
		return last, err
	})
	if err != nil {
		return err
	}
	if !gone || q.res.gr() == podsGR {
		return s.answer(q, http.StatusOK, last)
	}
	writeJSON(q.w, http.StatusOK, &metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess,
		Details: &metav1.StatusDetails{Name: last.Name, Group: q.res.gvr.Group, Kind: q.res.gvr.Resource, UID: last.UID},
	})
	return nil
}

func (s *Server) serveDeleteCollection(q *request) error {
	if q.res.gr() == namespacesGR || q.res.gr() == servicesGR {
		return notAllowed(q)
	}
	o, err := q.deleteOptions()
	if err != nil {
		return err
	}
	sel, err := q.selection()
	if err != nil {
		return err
	}
	_, all, rv := s.objects(q.res.gr(), q.ns)
	var gone []*store.Object
	_, err = s.locked(func() (*store.Object, error) {
		for _, x := range all {
			if !sel.matches(x) {
				continue
			}
			last, _, err := s.delete(q.res, x.Namespace, x.Name, o)
			if err == nil {
				gone = append(gone, last)
			} else if !apierrors.IsNotFound(err) {
				return nil, err
			}
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	return s.writeList(q, formObject, gone, metav1.ListMeta{ResourceVersion: fmt.Sprint(rv)})
}
