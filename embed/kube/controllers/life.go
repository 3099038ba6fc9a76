package controllers

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations of a pod (or pod template) that steer its simulated life.
const (
	// FaultAnnotation breaks the pod's first container: see the Fault values.
	FaultAnnotation = "koflab.dev/fault"
	// DurationAnnotation says how long containers that end by themselves run
	// (jobs, restartPolicy other than Always), as in "30s".
	DurationAnnotation = "koflab.dev/duration"
)

// Values of FaultAnnotation. On a node, FaultUnreachable is understood.
const (
	FaultCrashLoop   = "crash-loop"
	FaultOOM         = "oom"
	FaultPull        = "image-pull-error"
	FaultNotReady    = "not-ready"
	FaultUnreachable = "unreachable"
)

// world is what a pod's life depends on beside the pod.
type world struct {
	now     time.Time
	profile *profile
	seed    stream // of the cluster
	node    string
	ip      string // of the pod
	hostIP  string
	// present tells whether an image is on the node, pulled puts it there.
	present func(image string) bool
	pulled  func(image string)
	// unmounted says which volume cannot be mounted, unconfigured which reference
	// of a container's environment does not resolve; "" for none.
	unmounted    func(*corev1.Pod) string
	unconfigured func(*corev1.Pod, *corev1.Container) string
}

// life is a pod between being bound to a node and having nothing left to do
// but run. What it has reached stands in the pod's status; life keeps the times
// at which things will happen.
type life struct {
	seed   stream
	fault  string
	ready  time.Time // when volumes and network are there; zero while volumes are missing
	stuck  string    // the missing volume, said once
	inits  []run
	mains  []run
	events []note
}

// note is an event to be recorded.
type note struct{ kind, reason, message string }

func (l *life) note(kind, reason, format string, args ...any) {
	l.events = append(l.events, note{kind, reason, fmt.Sprintf(format, args...)})
}

// newLife takes up the life of p from its status; a pod that was just bound has none.
func newLife(p *corev1.Pod, w *world) *life {
	l := &life{
		seed:  w.seed.of("pod", p.Namespace, p.Name, string(p.UID)),
		inits: make([]run, len(p.Spec.InitContainers)), mains: make([]run, len(p.Spec.Containers)),
	}
	if p.Status.StartTime == nil {
		l.begin(p, w)
		return l
	}
	if hasCondition(p, corev1.PodReadyToStartContainers, corev1.ConditionTrue) {
		l.ready = w.now
	}
	p.Status.InitContainerStatuses = statuses(p.Spec.InitContainers, p.Status.InitContainerStatuses, "PodInitializing")
	p.Status.ContainerStatuses = statuses(p.Spec.Containers, p.Status.ContainerStatuses, "ContainerCreating")
	for i := range l.inits {
		l.container(p, w, i, true).resume()
	}
	for i := range l.mains {
		l.container(p, w, i, false).resume()
	}
	return l
}

// begin gives a bound pod the status of one that the kubelet has seen.
func (l *life) begin(p *corev1.Pod, w *world) {
	start := metav1.NewTime(w.now)
	waiting := "ContainerCreating"
	if len(p.Spec.InitContainers) > 0 {
		waiting = "PodInitializing"
	}
	p.Status = corev1.PodStatus{
		Phase: corev1.PodPending, StartTime: &start, QOSClass: qosClass(p),
		HostIP: w.hostIP, HostIPs: []corev1.HostIP{{IP: w.hostIP}},
		InitContainerStatuses: statuses(p.Spec.InitContainers, nil, "PodInitializing"),
		ContainerStatuses:     statuses(p.Spec.Containers, nil, waiting),
		Conditions:            p.Status.Conditions,
		ObservedGeneration:    p.Generation,
	}
	setCondition(p, w.now, corev1.PodScheduled, true, "", "")
}

func statuses(specs []corev1.Container, have []corev1.ContainerStatus, waiting string) []corev1.ContainerStatus {
	if len(specs) == 0 || len(have) == len(specs) {
		return have
	}
	out := make([]corev1.ContainerStatus, len(specs))
	no := false
	for i := range specs {
		out[i] = corev1.ContainerStatus{
			Name: specs[i].Name, Image: specs[i].Image, Started: &no,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: waiting}},
		}
	}
	return out
}

// advance moves the pod's life to w.now and returns when it wants to move on;
// zero if only a change from outside can move it.
func (l *life) advance(p *corev1.Pod, w *world) time.Time {
	if finished(p) {
		return time.Time{}
	}
	l.refault(p, w)
	if !l.mounted(p, w) || l.ready.After(w.now) {
		summarize(p, w.now)
		return l.ready
	}
	if !hasCondition(p, corev1.PodReadyToStartContainers, corev1.ConditionTrue) {
		p.Status.PodIP, p.Status.PodIPs = w.ip, []corev1.PodIP{{IP: w.ip}}
		setCondition(p, l.ready, corev1.PodReadyToStartContainers, true, "", "")
	}
	next, open := l.initialize(p, w)
	if open {
		for i := range l.mains {
			c := l.container(p, w, i, false)
			c.reimage()
			next = sooner(next, c.advance())
		}
	}
	summarize(p, w.now)
	if finished(p) {
		return time.Time{}
	}
	return next
}

// mounted tells whether the pod's volumes are there, and when its sandbox will be.
func (l *life) mounted(p *corev1.Pod, w *world) bool {
	if !l.ready.IsZero() {
		return true
	}
	if missing := w.unmounted(p); missing != "" {
		if l.stuck != missing {
			l.stuck = missing
			l.note(corev1.EventTypeWarning, "FailedMount", "%s", missing)
		}
		return false
	}
	l.ready = w.now.Add(w.profile.sandbox.draw(l.seed.of("sandbox")))
	return true
}

// initialize runs the init containers one after the other. open says that the
// main containers may start.
func (l *life) initialize(p *corev1.Pod, w *world) (next time.Time, open bool) {
	for i := range l.inits {
		c := l.container(p, w, i, true)
		next = sooner(next, c.advance())
		switch {
		case c.run.stage == stageDone && c.status.State.Terminated.ExitCode == 0:
			// the next one's turn begins when this one ended
		case c.sidecar() && c.run.stage == stageRunning && c.status.Started != nil && *c.status.Started:
			// a sidecar stays and lets the others go on
		default:
			return next, false
		}
	}
	return next, true
}

// turn is when containers of the pod may start: after the sandbox and whatever
// init container ended last.
func (l *life) turn(p *corev1.Pod) time.Time {
	t := l.ready
	for i := range p.Status.InitContainerStatuses {
		if end := p.Status.InitContainerStatuses[i].State.Terminated; end != nil && end.FinishedAt.After(t) {
			t = end.FinishedAt.Time
		}
	}
	return t
}

// refault applies a fault annotation that came, went or changed.
func (l *life) refault(p *corev1.Pod, w *world) {
	fault := p.Annotations[FaultAnnotation]
	if fault == l.fault {
		return
	}
	l.fault = fault
	switch fault {
	case "", FaultCrashLoop, FaultOOM, FaultPull, FaultNotReady:
	default:
		l.note(corev1.EventTypeWarning, "UnknownFault", "annotation %s: %q is none of %s, %s, %s, %s: ignored",
			FaultAnnotation, fault, FaultCrashLoop, FaultOOM, FaultPull, FaultNotReady)
	}
	if len(l.mains) > 0 {
		l.container(p, w, 0, false).refault()
	}
}

// settled tells that nothing is to come: life can be forgotten and taken up again
// from the status.
func (l *life) settled(p *corev1.Pod) bool {
	if finished(p) {
		return true
	}
	for _, runs := range [][]run{l.inits, l.mains} {
		for i := range runs {
			if r := &runs[i]; r.stage != stageDone && (r.stage != stageRunning || !r.readyAt.IsZero() || !r.endAt.IsZero()) {
				return false
			}
		}
	}
	return true
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}
