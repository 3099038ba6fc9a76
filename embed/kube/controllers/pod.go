package controllers

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"koflab/embed/kube/store"
)

// pod is what controllers keep of a pod: facts, not the object. The typed object
// is decoded when needed and kept only while the pod's life moves.
type pod struct {
	task
	obj   *store.Object
	typed *corev1.Pod
	life  *life
	warm  bool // listed for cooling

	owner     types.UID // controller
	ownerTask task
	node      string
	fault     string
	phase     corev1.PodPhase
	ip        string
	ready     bool
	readyAt   time.Time
	created   time.Time
	restarts  int32
	endedAt   time.Time // of the last container that ended for good
	cost      int32     // of deleting it, by annotation
	deleting  bool
	stopAt    time.Time // when a deleted pod's containers have stopped
	blocked   bool      // waits for a ConfigMap or Secret
	address   string    // that it holds on its node
	want      amounts
	limit     amounts
	ports     []hostPort
	counted   *node // the node whose resources it takes
}

// active pods are those that count as replicas.
func (p *pod) active() bool { return !p.deleting && !p.finished() }

func (p *pod) finished() bool { return p.phase == corev1.PodSucceeded || p.phase == corev1.PodFailed }

// available pods have been ready for a while. until is when a ready pod will be.
func (p *pod) available(minReady int32, now time.Time) (ok bool, until time.Time) {
	if !p.ready {
		return false, time.Time{}
	}
	if minReady <= 0 {
		return true, time.Time{}
	}
	at := p.readyAt.Add(time.Duration(minReady) * time.Second)
	return !at.After(now), at
}

// set takes over the pod's object.
func (p *pod) set(o *store.Object, t *corev1.Pod) {
	first := p.obj == nil
	p.obj, p.typed = o, t
	p.owner, p.ownerTask = controllerOf(o)
	p.node, p.fault = t.Spec.NodeName, t.Annotations[FaultAnnotation]
	p.phase, p.ip = t.Status.Phase, t.Status.PodIP
	p.ready, p.readyAt = false, time.Time{}
	if c := condition(t, corev1.PodReady); c != nil && c.Status == corev1.ConditionTrue {
		p.ready, p.readyAt = true, c.LastTransitionTime.Time
	}
	p.restarts = 0
	for i := range t.Status.ContainerStatuses {
		p.restarts = max(p.restarts, t.Status.ContainerStatuses[i].RestartCount)
		if end := t.Status.ContainerStatuses[i].State.Terminated; end != nil && end.FinishedAt.After(p.endedAt) {
			p.endedAt = end.FinishedAt.Time
		}
	}
	p.cost = 0
	if v, err := strconv.ParseInt(t.Annotations[corev1.PodDeletionCost], 10, 32); err == nil {
		p.cost = int32(v)
	}
	p.created = t.CreationTimestamp.Time
	p.deleting = t.DeletionTimestamp != nil
	if first {
		p.want, p.limit = requestsOf(t), limitsOf(t)
		for i := range t.Spec.Containers {
			for _, port := range t.Spec.Containers[i].Ports {
				if port.HostPort > 0 {
					p.ports = append(p.ports, hostPort{port.HostPort, port.Protocol})
				}
			}
		}
	}
}

// controllerOf returns the owner that controls an object.
func controllerOf(o *store.Object) (types.UID, task) {
	for i := range o.Owners {
		r := &o.Owners[i]
		if r.Controller != nil && *r.Controller {
			return r.UID, task{ownerKinds[r.Kind], types.NamespacedName{Namespace: o.Namespace, Name: r.Name}}
		}
	}
	return "", task{}
}

// ownerRef is a controlling owner's reference.
func ownerRef(apiVersion, kind, name string, uid types.UID) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{
		APIVersion: apiVersion, Kind: kind, Name: name, UID: uid, Controller: &yes, BlockOwnerDeletion: &yes,
	}}
}
