package controllers

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// stage is where a container is.
type stage uint8

const (
	stageWaiting      stage = iota // for its turn
	stagePulling                   // until at
	stagePullFailed                // ErrImagePull is shown until at
	stagePullBackOff               // until at
	stageUnconfigured              // until a reference of its environment resolves
	stageStarting                  // until at
	stageRunning                   // ready at readyAt, ends at endAt, if these are set
	stageBackOff                   // CrashLoopBackOff until at
	stageDone                      // ended for good
)

// run is what life remembers of a container.
type run struct {
	stage          stage
	at             time.Time
	readyAt, endAt time.Time
	pulls          int // failed ones in a row
}

// ErrImagePull stands this long before the pod shows ImagePullBackOff.
const pullErrorShown = time.Second

// container is one container of a life at work.
type container struct {
	*life
	*run
	pod    *corev1.Pod
	world  *world
	spec   *corev1.Container
	status *corev1.ContainerStatus
	init   bool
	first  bool // of the main containers: the one that faults hit
}

func (l *life) container(p *corev1.Pod, w *world, i int, init bool) container {
	if init {
		return container{l, &l.inits[i], p, w, &p.Spec.InitContainers[i], &p.Status.InitContainerStatuses[i], true, false}
	}
	return container{l, &l.mains[i], p, w, &p.Spec.Containers[i], &p.Status.ContainerStatuses[i], false, i == 0}
}

// resume finds the stage that the status shows.
func (c container) resume() {
	switch s := &c.status.State; {
	case s.Running != nil:
		c.run.stage = stageRunning
		if !c.status.Ready {
			c.readyAt = c.world.now.Add(c.passing())
		}
		c.ending(c.world.now)
	case s.Terminated != nil && !c.restarts(s.Terminated.ExitCode):
		c.run.stage = stageDone
	case s.Waiting != nil && s.Waiting.Reason == "CrashLoopBackOff":
		c.run.stage, c.at = stageBackOff, c.world.now.Add(backOff(int(c.status.RestartCount)))
	}
}

// advance moves the container to now and returns when it wants to move on.
func (c container) advance() time.Time {
	now := c.world.now
	for {
		switch c.run.stage {
		case stageWaiting:
			t := c.turn(c.pod)
			if t.After(now) {
				return t
			}
			c.pull(t)
			continue
		case stageUnconfigured:
			if !c.configure(now) {
				return time.Time{}
			}
			continue
		case stageRunning:
			ready := !c.readyAt.IsZero() && (c.endAt.IsZero() || !c.endAt.Before(c.readyAt))
			switch {
			case ready && !c.readyAt.After(now):
				yes := true
				c.status.Ready, c.status.Started, c.readyAt = true, &yes, time.Time{}
				continue
			case !c.endAt.IsZero() && !c.endAt.After(now):
				c.end(c.endAt)
				continue
			case ready:
				return c.readyAt
			}
			return c.endAt
		case stageDone:
			return time.Time{}
		}
		if c.at.After(now) {
			return c.at
		}
		switch t := c.at; c.run.stage {
		case stagePulling:
			c.pullEnds(t)
		case stagePullFailed:
			c.wait("ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %s", c.spec.Image, pullError(c.spec.Image)))
			c.note(corev1.EventTypeNormal, "BackOff", "Back-off pulling image %q", c.spec.Image)
			c.note(corev1.EventTypeWarning, "Failed", "Error: ImagePullBackOff")
			c.run.stage, c.at = stagePullBackOff, t.Add(backOff(c.pulls)-pullErrorShown)
		case stagePullBackOff:
			c.pull(t)
		case stageStarting:
			c.start(t)
		case stageBackOff:
			c.restart(t)
		}
	}
}

func (c container) pull(t time.Time) {
	image := c.spec.Image
	broken := c.hit(FaultPull)
	if c.world.present(image) && !broken && c.spec.ImagePullPolicy != corev1.PullAlways {
		c.note(corev1.EventTypeNormal, "Pulled", "Container image %q already present on machine", image)
		c.configure(t)
		return
	}
	c.note(corev1.EventTypeNormal, "Pulling", "Pulling image %q", image)
	took := c.world.profile.pulling(image, c.world.seed.of("node", c.world.node))
	if broken || c.world.present(image) {
		took = c.world.profile.recheck.draw(c.seed.of("recheck", c.spec.Name).at(int(c.status.RestartCount)))
	}
	c.run.stage, c.at = stagePulling, t.Add(took)
}

func (c container) pullEnds(t time.Time) {
	image := c.spec.Image
	if c.hit(FaultPull) {
		c.pulls++
		c.wait("ErrImagePull", pullError(image))
		c.note(corev1.EventTypeWarning, "Failed", "Failed to pull image %q: %s", image, pullError(image))
		c.note(corev1.EventTypeWarning, "Failed", "Error: ErrImagePull")
		c.run.stage, c.at = stagePullFailed, t.Add(pullErrorShown)
		return
	}
	c.pulls = 0
	took := c.world.profile.pulling(image, c.world.seed.of("node", c.world.node)).Round(time.Millisecond)
	c.note(corev1.EventTypeNormal, "Pulled", "Successfully pulled image %q in %v (%v including waiting). Image size: %d bytes.",
		image, took, took, imageSize(image))
	c.world.pulled(image)
	c.configure(t)
}

// configure checks the environment's references and begins to start; false if
// one does not resolve.
func (c container) configure(t time.Time) bool {
	if missing := c.world.unconfigured(c.pod, c.spec); missing != "" {
		if w := c.status.State.Waiting; w == nil || w.Message != missing {
			c.wait("CreateContainerConfigError", missing)
			c.note(corev1.EventTypeWarning, "Failed", "Error: %s", missing)
		}
		c.run.stage = stageUnconfigured
		return false
	}
	c.run.stage = stageStarting
	c.at = t.Add(c.world.profile.start.draw(c.seed.of("start", c.spec.Name).at(int(c.status.RestartCount))))
	return true
}

func (c container) start(t time.Time) {
	started := c.spec.StartupProbe == nil || c.world.profile.probes == 0
	s := c.status
	s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(t)}}
	s.Image = c.spec.Image
	s.ImageID = imageID(c.spec.Image)
	s.ContainerID = "containerd://" + c.seed.of("container", c.spec.Name).at(int(s.RestartCount)).hex(64)
	s.Ready, s.Started = false, &started
	c.note(corev1.EventTypeNormal, "Created", "Created container: %s", c.spec.Name)
	c.note(corev1.EventTypeNormal, "Started", "Started container %s", c.spec.Name)
	c.run.stage, c.readyAt = stageRunning, time.Time{}
	if !c.hit(FaultNotReady) && (!c.init || c.sidecar()) {
		c.readyAt = t.Add(c.passing())
	}
	c.ending(t)
}

// ending decides when the container that runs since (or is looked at) t ends by itself.
func (c container) ending(t time.Time) {
	c.endAt = time.Time{}
	n := int(c.status.RestartCount)
	switch {
	case c.hit(FaultCrashLoop), c.hit(FaultOOM):
		c.endAt = t.Add(c.world.profile.crash.draw(c.seed.of("crash", c.spec.Name).at(n)))
	case c.sidecar():
	case c.init:
		c.endAt = t.Add(c.world.profile.start.draw(c.seed.of("init", c.spec.Name).at(n)))
	case c.pod.Spec.RestartPolicy != corev1.RestartPolicyAlways:
		d, err := time.ParseDuration(c.pod.Annotations[DurationAnnotation])
		if err != nil || d < 0 {
			d = c.world.profile.run.draw(c.seed.of("run", c.spec.Name).at(n))
		}
		c.endAt = t.Add(d)
	}
}

func (c container) end(t time.Time) {
	code, reason := int32(0), "Completed"
	switch {
	case c.hit(FaultCrashLoop):
		code, reason = 1, "Error"
	case c.hit(FaultOOM):
		code, reason = 137, "OOMKilled"
	}
	s := c.status
	var since metav1.Time
	if s.State.Running != nil {
		since = s.State.Running.StartedAt
	}
	no := false
	ended := &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, StartedAt: since, FinishedAt: metav1.NewTime(t), ContainerID: s.ContainerID,
	}
	s.State = corev1.ContainerState{Terminated: ended}
	s.Ready, s.Started = c.init && code == 0, &no
	c.readyAt, c.endAt = time.Time{}, time.Time{}
	if !c.restarts(code) {
		c.run.stage = stageDone
		return
	}
	s.LastTerminationState = corev1.ContainerState{Terminated: ended}
	if s.RestartCount == 0 {
		c.restart(t) // a first crash is forgiven
		return
	}
	wait := backOff(int(s.RestartCount))
	name := fmt.Sprintf("%s_%s(%s)", c.pod.Name, c.pod.Namespace, c.pod.UID)
	c.wait("CrashLoopBackOff", fmt.Sprintf("back-off %v restarting failed container=%s pod=%s", wait, c.spec.Name, name))
	c.note(corev1.EventTypeWarning, "BackOff", "Back-off restarting failed container %s in pod %s", c.spec.Name, name)
	c.run.stage, c.at = stageBackOff, t.Add(wait)
}

func (c container) restart(t time.Time) {
	c.status.RestartCount++
	c.pull(t)
}

// refault adapts a running container to a fault that came or went.
func (c container) refault() {
	if c.run.stage != stageRunning {
		return // it meets the fault, or its absence, at its next step
	}
	c.ending(c.world.now)
	switch {
	case c.hit(FaultNotReady):
		if c.status.Ready {
			c.note(corev1.EventTypeWarning, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
		}
		c.status.Ready, c.readyAt = false, time.Time{}
	case !c.status.Ready && c.readyAt.IsZero():
		c.readyAt = c.world.now.Add(c.passing())
	}
}

// reimage restarts a running container whose image was changed in place.
func (c container) reimage() {
	if c.run.stage != stageRunning || c.status.Image == c.spec.Image {
		return
	}
	c.note(corev1.EventTypeNormal, "Killing", "Container %s definition changed, will be restarted", c.spec.Name)
	now := metav1.NewTime(c.world.now)
	no := false
	c.status.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		Reason: "Completed", StartedAt: c.status.State.Running.StartedAt, FinishedAt: now, ContainerID: c.status.ContainerID,
	}}
	c.wait("ContainerCreating", "")
	c.status.Ready, c.status.Started, c.status.Image = false, &no, c.spec.Image
	c.restart(now.Time)
}

func (c container) wait(reason, message string) {
	c.status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// passing is the time from start to ready.
func (c container) passing() time.Duration {
	s := c.seed.of("probe", c.spec.Name).at(int(c.status.RestartCount))
	return c.world.profile.passing(c.spec.StartupProbe, s.at(0)) + c.world.profile.passing(c.spec.ReadinessProbe, s.at(1))
}

func (c container) hit(fault string) bool { return c.first && c.fault == fault }

func (c container) sidecar() bool {
	return c.init && c.spec.RestartPolicy != nil && *c.spec.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

func (c container) restarts(code int32) bool {
	switch {
	case c.sidecar():
		return true
	case c.init:
		return code != 0 && c.pod.Spec.RestartPolicy != corev1.RestartPolicyNever
	}
	return c.pod.Spec.RestartPolicy == corev1.RestartPolicyAlways ||
		c.pod.Spec.RestartPolicy == corev1.RestartPolicyOnFailure && code != 0
}
