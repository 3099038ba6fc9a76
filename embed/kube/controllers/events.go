package controllers

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"koflab/embed/kube/store"
)

// The API server keeps events for a while and only so many; the recorder
// remembers as many to count repetitions instead of writing them again.
const (
	eventMemory      = time.Hour
	rememberedEvents = 500
)

// recorder remembers the events that have been written.
type recorder map[eventKey]*corev1.Event

type eventKey struct {
	uid             types.UID
	reason, message string
}

// event records that something happened to an object.
func (c *Controllers) event(k kind, o *store.Object, component, kind, reason, message string) {
	if _, on, _ := c.settings(); !on || o == nil {
		return
	}
	now := metav1.NewTime(c.now())
	key := eventKey{o.UID, reason, message}
	if e := c.recorder[key]; e != nil && now.Sub(e.LastTimestamp.Time) < eventMemory {
		e.Count++
		e.LastTimestamp, e.ResourceVersion = now, ""
		if _, err := c.api.Update(resources[eventKind], e, ""); err == nil {
			return
		}
		delete(c.recorder, key) // removed meanwhile: write a new one
	}
	namespace := o.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	e := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace,
			Name:      o.Name + "." + c.seed.of("event", string(o.UID), reason, message, now.String()).hex(16),
		},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: o.GVK.GroupVersion().String(), Kind: o.GVK.Kind, Namespace: o.Namespace, Name: o.Name, UID: o.UID,
		},
		Reason: reason, Message: message, Type: kind, Source: corev1.EventSource{Component: component},
		FirstTimestamp: now, LastTimestamp: now, Count: 1, ReportingController: component,
	}
	if k == podKind && component == "kubelet" {
		if p := c.pods[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}]; p != nil {
			e.Source.Host, e.ReportingInstance = p.node, p.node
		}
	}
	if _, err := c.api.Create(resources[eventKind], e); err != nil {
		return // an event that cannot be written (namespace going) tells nobody anything
	}
	if len(c.recorder) >= rememberedEvents {
		c.recorder = nil
	}
	if c.recorder == nil {
		c.recorder = recorder{}
	}
	c.recorder[key] = e
}

func equal(a, b any) bool { return equality.Semantic.DeepEqual(a, b) }
