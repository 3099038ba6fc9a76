package kube

import (
	"fmt"
	"net/http"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"koflab/embed/kube/store"
)

// subresourceRequest answers what goes to a part of an object.
func (s *Server) subresourceRequest(q *request) error {
	if q.name == "" || q.res.namespaced && q.ns == "" {
		return unknownResource()
	}
	switch {
	case q.subresource == "status" && q.res.hasStatus(q.version), s.approves(q):
		return s.serveStatus(q)
	case q.subresource == "scale" && q.res.hasScale(q.version):
		return s.serveScale(q)
	}
	if _, ok := q.res.subresources[q.subresource]; !ok {
		return unknownResource()
	}
	switch q.subresource {
	case "log":
		return s.serveLog(q)
	case "eviction":
		return s.serveEviction(q)
	case "binding":
		return s.serveBinding(q)
	case "token":
		return s.serveToken(q)
	case "proxy":
		return s.serveProxy(q)
	case "finalize":
		return s.serveFinalize(q)
	case "ephemeralcontainers":
		return s.serveEphemeral(q)
	case "exec", "attach", "portforward":
		return apierrors.NewBadRequest(fmt.Sprintf(
			"%s is not possible: pods of an embedded koflab cluster are simulated and run no processes; logs, describe and the services' own addresses work", q.subresource))
	}
	return unknownResource()
}

// approves tells whether a request is for the approval of a signing request,
// which is kept like a status.
func (s *Server) approves(q *request) bool {
	return q.subresource == "approval" && q.res.gr().Resource == "certificatesigningrequests"
}

func (s *Server) serveStatus(q *request) error {
	switch q.Method {
	case http.MethodGet:
		return s.serveGet(q)
	case http.MethodPut:
		q.subresource = "status"
		return s.serveUpdate(q)
	case http.MethodPatch:
		q.subresource = "status"
		return s.servePatch(q)
	}
	return notAllowed(q)
}

// serveFinalize takes a namespace's own finalizers out.
func (s *Server) serveFinalize(q *request) error {
	if q.Method != http.MethodPut {
		return notAllowed(q)
	}
	obj, err := q.object()
	if err != nil {
		return err
	}
	if err := q.adopt(obj); err != nil {
		return err
	}
	ns, ok := obj.(*corev1.Namespace)
	if !ok {
		return unknownResource()
	}
	o, err := edit(s, q, func(live *corev1.Namespace) error {
		live.Spec.Finalizers = ns.Spec.Finalizers
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.settleNamespace(q.name)
	s.mu.Unlock()
	return s.answer(q, http.StatusOK, o)
}

// serveBinding puts a pod on a node, as schedulers do.
func (s *Server) serveBinding(q *request) error {
	if q.Method != http.MethodPost {
		return notAllowed(q)
	}
	var b corev1.Binding
	if err := q.other(&b); err != nil {
		return err
	}
	if b.Target.Name == "" {
		return apierrors.NewBadRequest("target.name: Required value: a binding has to name a node")
	}
	_, err := edit(s, q, func(p *corev1.Pod) error {
		if p.DeletionTimestamp != nil {
			return apierrors.NewConflict(podsGR, p.Name, fmt.Errorf("pod %s is being deleted, cannot be assigned to a host", p.Name))
		}
		if p.Spec.NodeName != "" {
			return apierrors.NewConflict(podsGR, p.Name, fmt.Errorf("pod %s is already assigned to node %q", p.Name, p.Spec.NodeName))
		}
		p.Spec.NodeName = b.Target.Name
		for k, v := range b.Annotations {
			if p.Annotations == nil {
				p.Annotations = map[string]string{}
			}
			p.Annotations[k] = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	writeJSON(q.w, http.StatusCreated, success())
	return nil
}

// serveEphemeral stores the debug containers of a pod; nothing runs in them.
func (s *Server) serveEphemeral(q *request) error {
	switch q.Method {
	case http.MethodGet:
		return s.serveGet(q)
	case http.MethodPut:
		return s.serveUpdate(q)
	case http.MethodPatch:
		return s.servePatch(q)
	}
	return notAllowed(q)
}

// edit changes a builtin object in place, past the checks of an update.
func edit[T any](s *Server, q *request, f func(*T) error) (*store.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cur := s.st.Get(q.res.gr(), q.ns, q.name)
	if cur == nil {
		return nil, apierrors.NewNotFound(q.res.gr(), q.name)
	}
	obj, err := q.res.load(cur)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	typed, ok := any(obj).(*T)
	if !ok {
		return nil, unknownResource()
	}
	if err := f(typed); err != nil {
		return nil, err
	}
	if q.dryRun() {
		return cur, nil
	}
	return s.put(q.res, obj, cur)
}

func (s *Server) serveScale(q *request) error {
	switch q.Method {
	case http.MethodGet:
		o, err := s.get(q)
		if err != nil {
			return err
		}
		scale, err := q.res.scaleOf(o, q.version)
		if err != nil {
			return err
		}
		return s.answerScale(q, scale, o)
	case http.MethodPut:
		var scale autoscalingv1.Scale
		if err := q.other(&scale); err != nil {
			return err
		}
		return s.setScale(q, func(*autoscalingv1.Scale) (*autoscalingv1.Scale, error) { return &scale, nil })
	case http.MethodPatch:
		b, err := q.body()
		if err != nil {
			return err
		}
		kind := types.PatchType(q.mediaType())
		return s.setScale(q, func(now *autoscalingv1.Scale) (*autoscalingv1.Scale, error) { return patchScale(kind, now, b) })
	}
	return notAllowed(q)
}
