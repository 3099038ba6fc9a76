package kube

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"koflab/embed/kube/store"
)

// created does what follows from a new object.
func (s *Server) created(r *resource, o *store.Object, obj runtime.Object) {
	switch r.gr() {
	case crdsGR:
		s.serveCRD(obj)
	case eventsGR:
		s.expireEvents(o)
	}
	if len(o.Owners) > 0 {
		// Owners may be gone by the time that a controller creates something for them.
		s.collect(o, metav1.DeletePropagationBackground)
	}
}

// updated does what follows from a change.
func (s *Server) updated(r *resource, o *store.Object, obj, old runtime.Object) {
	switch r.gr() {
	case crdsGR:
		s.serveCRD(obj)
	case namespacesGR:
		s.settleNamespace(o.Name)
	}
	s.release(r, old, obj)
	for _, ref := range metaOf(old).GetOwnerReferences() {
		s.settleOwner(ref.UID) // a dependent may have left it
	}
}

// eventAge is when an Event ends.
type eventAge struct {
	ns, name string
	end      time.Time
}

// expireEvents removes old Events: there is no goroutine for it, new ones push out old ones.
func (s *Server) expireEvents(o *store.Object) {
	now := s.o.Now()
	s.events = append(s.events, eventAge{o.Namespace, o.Name, now.Add(s.o.EventTTL)})
	r := builtins[eventsGR]
	drop := 0
	for _, e := range s.events {
		if len(s.events)-drop <= s.o.MaxEvents && now.Before(e.end) {
			break
		}
		drop++
		_, _, _ = s.delete(r, e.ns, e.name, &metav1.DeleteOptions{}) // gone already is as good
	}
	if drop > 0 {
		s.events = s.events[drop:]
	}
}
