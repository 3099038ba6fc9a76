package telemetry

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"koflab/sim/inventory"
)

// event is a Kubernetes event as KOF's cluster-stats collector sends it
// (kof-facts 3.1 and 3.3).
type event struct {
	kind, namespace, name string // what it regards
	warning               bool
	reason, note          string
}

// events adds the cluster's routine: all Normal, but for pods that fit no node.
// Warnings are left to what really happens, so that a look for them finds that.
func (w *logWriter) events() {
	seed := w.g.seed.Of("routine")
	w.each(&w.g.logs.events, slotEvent, func(k, at int64) {
		if e, ok := w.g.routine(seed.At(k)); ok {
			w.event(at, e)
		}
	})
}

// routine draws an event of everyday life; false when nothing is there to have one.
func (g *Generator) routine(s inventory.Seed) (event, bool) {
	c := g.cluster
	if g.pendingPods() > 0 && s.Of("pending").Unit() < 0.3 {
		for _, p := range c.Pods {
			if p.Unscheduled() {
				return event{"Pod", p.Namespace, p.Name, true, "FailedScheduling",
					fmt.Sprintf("0/%d nodes are available: insufficient cpu or memory, or too many pods.", len(c.Nodes))}, true
			}
		}
	}
	if len(c.Workloads) == 0 || len(c.Nodes) == 0 {
		return event{}, false
	}
	w := c.Workloads[s.Of("workload").Below(len(c.Workloads))]
	n := c.Nodes[s.Of("node").Below(len(c.Nodes))]
	switch s.Of("kind").Below(4) {
	case 0:
		return event{"Node", "default", n.Name, false, "NodeHasSufficientMemory", "Node " + n.Name + " status is now: NodeHasSufficientMemory"}, true
	case 1:
		return event{"Lease", "kube-system", "kube-controller-manager", false, "LeaderElection", n.Name + " renewed its lease"}, true
	case 2:
		if w.Kind == inventory.CronJob {
			return event{"CronJob", w.Namespace, w.Name, false, "SawCompletedJob", "Saw completed job of schedule " + w.Schedule + ", status: Complete"}, true
		}
		return event{string(w.Kind), w.Namespace, w.Name, false, "Reconciled", fmt.Sprintf("%d of %d replicas are ready", w.Running(), w.Replicas)}, true
	default:
		return event{"Node", "default", n.Name, false, "ImageGCSucceeded", ""}, true
	}
}

// restartEvents adds what Kubernetes says when container restart n happens.
func (w *logWriter) restartEvents(in *instance, n, restart int64) {
	p := in.pod
	add := func(step int64, delay time.Duration, warning bool, reason, note string) {
		at := stamp(restart+int64(delay), 3*n+step, slotRestart)
		if w.inside(at) {
			w.event(at, event{"Pod", p.Namespace, p.Name, warning, reason, note})
		}
	}
	add(0, 100*time.Millisecond, true, "BackOff",
		fmt.Sprintf("Back-off restarting failed container %s in pod %s_%s(%s): %s", in.container.Name, p.Name, p.Namespace, p.UID, in.restarts.reason))
	add(1, 200*time.Millisecond, false, "Pulled", fmt.Sprintf("Container image %q already present on machine", in.container.Image.String()))
	add(2, 500*time.Millisecond, false, "Started", "Started container "+in.container.Name)
}

// event adds one event record. Its body is never empty (KOF issue 1154).
func (w *logWriter) event(at int64, e event) {
	kind := "Normal"
	sev := info
	if e.warning {
		kind, sev = "Warning", warn
	}
	body := e.note
	if body == "" {
		body = e.reason
	}
	r := w.other("events/"+e.namespace, func(a pcommon.Map) {
		a.PutStr("k8s.namespace.name", e.namespace)
		a.PutStr("k8s.resource.name", "events")
	}).AppendEmpty()
	fillRecord(r, at, sev, body)
	a := r.Attributes()
	a.EnsureCapacity(9)
	a.PutStr("event.domain", "k8s")
	a.PutStr("event.name", fmt.Sprintf("%s.%x", e.name, at))
	a.PutStr("event.type", kind)
	a.PutStr("event.reason", e.reason)
	a.PutStr("event.note", e.note)
	a.PutStr("event.regarding.kind", e.kind)
	a.PutStr("event.regarding.name", e.name)
	a.PutStr("event.regarding.namespace", e.namespace)
}
