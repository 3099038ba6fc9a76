package operators

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"koflab/embed/kube/store"
)

// condition is one line of a status, without its time.
type condition struct {
	kind            string
	is              bool
	reason, message string
}

// setStatus writes the fields of a status; those that are nil are taken away,
// others that are there stay. Conditions of other types stay too, and the time of
// a condition is that of its last change.
func (r *Operators) setStatus(k key, o *store.Object, fields map[string]any, conditions ...condition) error {
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	m := r.memo(k)
	wanted := digest(text, fmt.Append(nil, conditions, o.Generation, o.UID))
	if m.status == wanted {
		return nil
	}
	obj := &unstructured.Unstructured{}
	if err := o.Into(obj); err != nil {
		return err
	}
	before, _, _ := unstructured.NestedMap(obj.Object, "status")
	after := map[string]any{}
	for name, v := range before {
		after[name] = v
	}
	for name, v := range fields {
		if v == nil {
			delete(after, name)
		} else {
			after[name] = v
		}
	}
	if len(conditions) > 0 {
		have, _, _ := unstructured.NestedSlice(map[string]any{"c": after["conditions"]}, "c")
		after["conditions"] = mergeConditions(have, conditions, o.Generation, r.now())
	}
	if !reflect.DeepEqual(before, after) {
		obj.Object["status"] = after
		if _, err := r.api.Update(k.gr, obj, "status"); err != nil {
			return err
		}
	}
	m.status = wanted
	return nil
}

func mergeConditions(have []any, want []condition, generation int64, now time.Time) []any {
	out := append([]any(nil), have...)
	for _, c := range want {
		next := map[string]any{
			"type": c.kind, "status": "False", "reason": c.reason, "message": c.message,
			"lastTransitionTime": now.UTC().Format(time.RFC3339),
		}
		if c.is {
			next["status"] = "True"
		}
		if generation > 0 {
			next["observedGeneration"] = generation
		}
		found := false
		for i, h := range out {
			old, ok := h.(map[string]any)
			if !ok || old["type"] != c.kind {
				continue
			}
			if old["status"] == next["status"] && old["lastTransitionTime"] != nil {
				next["lastTransitionTime"] = old["lastTransitionTime"]
			}
			out[i], found = next, true
		}
		if !found {
			out = append(out, next)
		}
	}
	return out
}

// warn writes an Event about what is wrong with an object, once for as long as
// it stays the same.
func (r *Operators) warn(k key, o *store.Object, reason, message string) {
	m := r.memo(k)
	if d := digest([]byte(reason), []byte(message)); m.warned != d && r.eventsOn() {
		m.warned = d
		r.event(k, o, corev1.EventTypeWarning, reason, message)
	}
}

func (r *Operators) eventsOn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

// event writes an Event, or counts one that is there already.
func (r *Operators) event(k key, o *store.Object, kind, reason, message string) {
	if !r.eventsOn() {
		return
	}
	namespace := orDefault(o.Namespace, metav1.NamespaceDefault)
	now := metav1.NewTime(r.now().UTC().Truncate(time.Second))
	name := fmt.Sprintf("%s.%016x", truncate(o.Name, 230), digest(fmt.Append(nil, r.options.Seed, o.UID, reason, message)))
	e := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: o.GVK.GroupVersion().String(), Kind: o.GVK.Kind, Namespace: o.Namespace, Name: o.Name, UID: o.UID,
			ResourceVersion: fmt.Sprint(o.RV),
		},
		Type: kind, Reason: reason, Message: message,
		Source:         corev1.EventSource{Component: operatorTable[k.operator].name},
		FirstTimestamp: now, LastTimestamp: now, Count: 1, ReportingController: operatorTable[k.operator].name,
	}
	// An event that cannot be written is no reason to fail: the status has it too.
	if _, err := r.api.Create(events, e); apierrors.IsAlreadyExists(err) {
		if have, err := r.api.Get(events, namespace, name); err == nil && have.Into(e) == nil {
			e.Count++
			e.LastTimestamp = now
			_, _ = r.api.Update(events, e, "")
		}
	}
}
