package release

import (
	"context"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/cli-runtime/pkg/resource"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"koflab/sim/clock"
)

// explainTimeout bounds the requests that only serve a better message.
const explainTimeout = 5 * time.Second

// explain adds to why an object is not ready what its pods and the last event
// about either say, and which command shows more.
func (o *operation) explain(info *resource.Info, live *unstructured.Unstructured, why string) (state, advice string) {
	advice = "`" + kubectl("describe", info) + "`"
	core, err := o.client.coreV1()
	if err != nil || live == nil {
		return why, advice
	}
	ctx, cancel := clock.WithTimeout(context.WithoutCancel(o.ctx), o.client.wall, explainTimeout)
	defer cancel()
	state = why
	about := info.Name
	if p := worstPod(ctx, core, live); p != nil {
		about = p.Name
		state += fmt.Sprintf("; pod %s: %s", p.Name, podState(p))
		advice = fmt.Sprintf("`kubectl describe pod %s -n %s`", p.Name, p.Namespace)
	}
	e := lastEvent(ctx, core, info.Namespace, about)
	if e == nil && about != info.Name {
		e = lastEvent(ctx, core, info.Namespace, info.Name)
	}
	if e != nil {
		state += fmt.Sprintf("; last event: %s: %s", e.Reason, strings.TrimSpace(e.Message))
	}
	return state, advice
}

func kubectl(verb string, info *resource.Info) string {
	what := strings.ToLower(info.Mapping.GroupVersionKind.Kind)
	if g := info.Mapping.GroupVersionKind.Group; g != "" && g != "apps" && g != "batch" {
		what = info.Mapping.Resource.Resource + "." + g
	}
	s := fmt.Sprintf("kubectl %s %s %s", verb, what, info.Name)
	if info.Namespace != "" {
		s += " -n " + info.Namespace
	}
	return s
}

// worstPod returns a pod of a workload that is not ready, or nil.
func worstPod(ctx context.Context, core corev1.CoreV1Interface, live *unstructured.Unstructured) *v1.Pod {
	raw, found, _ := unstructured.NestedMap(live.Object, "spec", "selector")
	if !found || live.GetNamespace() == "" || raw["matchLabels"] == nil && raw["matchExpressions"] == nil {
		return nil
	}
	set, _, _ := unstructured.NestedStringMap(raw, "matchLabels")
	selector := metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: set})
	list, err := core.Pods(live.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: 100})
	if err != nil {
		return nil
	}
	var worst *v1.Pod
	for i := range list.Items {
		p := &list.Items[i]
		if p.DeletionTimestamp != nil || podReady(p) {
			continue
		}
		// The youngest is of the newest revision, which is the one waited for.
		if worst == nil || worst.CreationTimestamp.Before(&p.CreationTimestamp) {
			worst = p
		}
	}
	return worst
}

func podReady(p *v1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == v1.PodReady {
			return c.Status == v1.ConditionTrue
		}
	}
	return p.Status.Phase == v1.PodSucceeded
}

// podState is the pod in the words of kubectl get pods, and why.
func podState(p *v1.Pod) string {
	for _, list := range [][]v1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for _, c := range list {
			switch {
			case c.State.Waiting != nil && c.State.Waiting.Reason != "":
				return withMessage(fmt.Sprintf("container %s: %s", c.Name, c.State.Waiting.Reason), c.State.Waiting.Message)
			case c.State.Terminated != nil && c.State.Terminated.ExitCode != 0:
				return withMessage(fmt.Sprintf("container %s: %s, exit code %d", c.Name, orElse(c.State.Terminated.Reason, "Error"), c.State.Terminated.ExitCode), c.State.Terminated.Message)
			}
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == v1.PodScheduled && c.Status == v1.ConditionFalse {
			return withMessage(orElse(c.Reason, "Unschedulable"), c.Message)
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		if !c.Ready && c.State.Running != nil {
			return fmt.Sprintf("container %s is running but not ready", c.Name)
		}
	}
	return withMessage(orElse(string(p.Status.Phase), "Pending"), p.Status.Message)
}

func withMessage(s, message string) string {
	if message == "" {
		return s
	}
	return s + ": " + strings.TrimSpace(message)
}

func lastEvent(ctx context.Context, core corev1.CoreV1Interface, namespace, name string) *v1.Event {
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	list, err := core.Events(namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.name", name).String(), Limit: 500,
	})
	if err != nil {
		return nil
	}
	var last *v1.Event
	for i := range list.Items {
		e := &list.Items[i]
		if last == nil || later(e, last) {
			last = e
		}
	}
	return last
}

// later orders events. Those of one instant, as all are while a lab's time
// stands still, are ordered by when they were written, and warnings go last:
// they are what one looks for.
func later(a, b *v1.Event) bool {
	if ta, tb := eventTime(a), eventTime(b); !ta.Equal(tb) {
		return ta.After(tb)
	}
	if a.Type != b.Type {
		return a.Type == v1.EventTypeWarning
	}
	return len(a.ResourceVersion) > len(b.ResourceVersion) ||
		len(a.ResourceVersion) == len(b.ResourceVersion) && a.ResourceVersion > b.ResourceVersion
}

func eventTime(e *v1.Event) time.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

// waitsForConsumer recognizes a claim whose storage class binds volumes when a
// pod comes: if none has come by now the chart has none, and that is fine.
func waitsForConsumer(info *resource.Info, state string) bool {
	return info.Mapping.GroupVersionKind.Kind == "PersistentVolumeClaim" && strings.Contains(state, "WaitForFirstConsumer")
}
