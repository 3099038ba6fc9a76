package inventory

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// readPods reads pods in the order of their names, which is that of the pods of
// workloads and nodes too.
func (r *reading) readPods(pods []corev1.Pod) {
	order := make([]int, len(pods))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(pods[a].Namespace, pods[b].Namespace), cmp.Compare(pods[a].Name, pods[b].Name))
	})
	for _, i := range order {
		r.readPod(&pods[i])
	}
}

func (r *reading) readPod(o *corev1.Pod) {
	kind, owner := controllerOf(&o.ObjectMeta)
	p := &Pod{
		Namespace: o.Namespace, Name: o.Name, UID: string(o.UID), IP: o.Status.PodIP,
		Workload: r.workloadOf(o, kind, owner), Node: r.nodes[o.Spec.NodeName],
		Phase: cmp.Or(string(o.Status.Phase), "Pending"), HostNetwork: o.Spec.HostNetwork,
		OwnerKind: kind, OwnerName: owner, Created: o.CreationTimestamp.UTC(),
	}
	p.Started = p.Created
	if t := o.Status.StartTime; t != nil {
		p.Started = t.UTC()
	}
	for _, c := range o.Status.Conditions {
		if c.Type == corev1.PodReady {
			p.Ready = c.Status == corev1.ConditionTrue
		}
	}
	p.readContainers(o)
	for i := range o.Spec.Volumes {
		v := &o.Spec.Volumes[i]
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim := r.claims[key{namespace: o.Namespace, name: v.PersistentVolumeClaim.ClaimName}]
		if claim == nil {
			continue
		}
		p.Volumes = append(p.Volumes, Volume{v.Name, claim})
		if claim.Pod == nil {
			claim.Pod = p
		}
	}
	p.Workload.Pods = append(p.Workload.Pods, p)
	if p.Node != nil {
		p.Node.Pods = append(p.Node.Pods, p)
	}
	r.Pods = append(r.Pods, p)
}

// readContainers shares the template's containers where the pod has the same,
// which is all but always.
func (p *Pod) readContainers(o *corev1.Pod) {
	own := containersOf(&o.Spec)
	if slices.Equal(own, p.Workload.Containers) {
		own = p.Workload.Containers
	}
	p.Containers = make([]State, len(own))
	for i := range own {
		s := &p.Containers[i]
		s.Container = &own[i]
		status := statusOf(o, own[i].Name)
		if status == nil {
			// A running pod without any statuses was written by hand: take its word.
			s.Running = p.Phase == "Running" && len(o.Status.ContainerStatuses) == 0
			s.Ready, s.Started = s.Running && p.Ready, p.Started
		} else {
			s.read(status, p.Started)
		}
		if s.ImageID == "" {
			s.ImageID = s.Image.Repository + "@sha256:" + Seed(0).Of("image", s.Image.String()).Hex(64)
		}
		if s.ID == "" && s.Running {
			s.ID = "containerd://" + Seed(0).Of(p.UID, s.Name).Hex(64)
		}
	}
}

func statusOf(o *corev1.Pod, container string) *corev1.ContainerStatus {
	for i := range o.Status.ContainerStatuses {
		if o.Status.ContainerStatuses[i].Name == container {
			return &o.Status.ContainerStatuses[i]
		}
	}
	return nil
}

func (s *State) read(c *corev1.ContainerStatus, podStarted time.Time) {
	s.Ready, s.Restarts, s.ImageID, s.ID = c.Ready, max(0, int(c.RestartCount)), c.ImageID, c.ContainerID
	switch {
	case c.State.Running != nil:
		s.Running = true
		if s.Started = c.State.Running.StartedAt.UTC(); c.State.Running.StartedAt.IsZero() {
			s.Started = podStarted
		}
	case c.State.Terminated != nil:
		s.Terminated = cmp.Or(c.State.Terminated.Reason, "Error")
	case c.State.Waiting != nil:
		s.Waiting = cmp.Or(c.State.Waiting.Reason, "ContainerCreating")
	}
	if t := c.LastTerminationState.Terminated; t != nil {
		s.Last, s.LastExitCode = cmp.Or(t.Reason, "Error"), int(t.ExitCode)
	}
}
