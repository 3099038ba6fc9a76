package autoconfig

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// recordEvent writes a warning about an object as an Event. That the Event
// cannot be written is no reason to fail.
func (c *Controllers) recordEvent(ctx context.Context, u *unstructured.Unstructured, reason, message string) {
	const most = 1024 // what the API server takes
	if len(message) > most {
		message = message[:most-3] + "..."
	}
	namespace := or(u.GetNamespace(), "default")
	at := c.Now().UTC().Format(time.RFC3339)
	h := fnv.New64a()
	fmt.Fprint(h, u.GetKind(), u.GetNamespace(), u.GetName(), reason, message, c.Now().UnixNano())
	e := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": events.Kind,
		"metadata": map[string]any{"name": fmt.Sprintf("%s.%x", u.GetName(), h.Sum64()), "namespace": namespace},
		"involvedObject": map[string]any{
			"apiVersion": u.GetAPIVersion(), "kind": u.GetKind(), "namespace": u.GetNamespace(), "name": u.GetName(),
			"uid": string(u.GetUID()), "resourceVersion": u.GetResourceVersion(),
		},
		"type": Warning, "reason": reason, "message": message, "count": int64(1),
		"firstTimestamp": at, "lastTimestamp": at,
		"source": map[string]any{"component": managedBy}, "reportingComponent": managedBy, "reportingInstance": managedBy,
	}}
	_, _ = c.api.client.Resource(events.GroupVersionResource).Namespace(namespace).Create(ctx, e, metav1.CreateOptions{})
}
