package inventory

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// add registers a workload of a template.
func (r *reading) add(kind Kind, m *metav1.ObjectMeta, labels map[string]string, spec *corev1.PodSpec) *Workload {
	w := &Workload{
		Namespace: m.Namespace, Name: m.Name, UID: string(m.UID), Kind: kind, App: isApplication(m.Namespace),
		Label: label(labels, m.Name), Containers: containersOf(spec), Port: firstPort(spec),
		Created: m.CreationTimestamp.UTC(), Replicas: 1, labels: labels,
	}
	w.Status.Generation = m.Generation
	r.workloads[key{kind, m.Namespace, m.Name}] = w
	r.Workloads = append(r.Workloads, w)
	return w
}

// firstPort is the port that the first container with one listens on.
func firstPort(spec *corev1.PodSpec) int {
	for i := range spec.Containers {
		if ports := spec.Containers[i].Ports; len(ports) > 0 {
			return int(ports[0].ContainerPort)
		}
	}
	return 0
}

func (r *reading) readWorkloads(o *Objects) {
	for i := range o.Deployments {
		d := &o.Deployments[i]
		w := r.add(Deployment, &d.ObjectMeta, d.Spec.Template.Labels, &d.Spec.Template.Spec)
		w.Replicas = orOne(d.Spec.Replicas)
		s := &d.Status
		w.Status = Status{int(s.Replicas), int(s.ReadyReplicas), int(s.AvailableReplicas), int(s.UpdatedReplicas), 0, d.Generation, s.ObservedGeneration}
	}
	for i := range o.StatefulSets {
		d := &o.StatefulSets[i]
		w := r.add(StatefulSet, &d.ObjectMeta, d.Spec.Template.Labels, &d.Spec.Template.Spec)
		w.Replicas = orOne(d.Spec.Replicas)
		s := &d.Status
		w.Status = Status{int(s.Replicas), int(s.ReadyReplicas), int(s.AvailableReplicas), int(s.UpdatedReplicas), 0, d.Generation, s.ObservedGeneration}
	}
	for i := range o.DaemonSets {
		d := &o.DaemonSets[i]
		w := r.add(DaemonSet, &d.ObjectMeta, d.Spec.Template.Labels, &d.Spec.Template.Spec)
		s := &d.Status
		w.Replicas = int(s.DesiredNumberScheduled)
		w.Status = Status{int(s.CurrentNumberScheduled), int(s.NumberReady), int(s.NumberAvailable), int(s.UpdatedNumberScheduled), int(s.NumberMisscheduled), d.Generation, s.ObservedGeneration}
	}
	for i := range o.ReplicaSets {
		r.readReplicaSet(o, i)
	}
	for i := range o.CronJobs {
		d := &o.CronJobs[i]
		t := &d.Spec.JobTemplate.Spec.Template
		w := r.add(CronJob, &d.ObjectMeta, t.Labels, &t.Spec)
		w.Schedule, w.Policy = d.Spec.Schedule, string(d.Spec.ConcurrencyPolicy)
		w.Suspended = d.Spec.Suspend != nil && *d.Spec.Suspend
	}
	for i := range o.Jobs {
		r.readJob(o, i)
	}
}

func (r *reading) readReplicaSet(o *Objects, i int) {
	d := &o.ReplicaSets[i]
	s := &d.Status
	v := &Revision{
		Namespace: d.Namespace, Name: d.Name, Replicas: orOne(d.Spec.Replicas), Created: d.CreationTimestamp.UTC(),
		Status: Status{Replicas: int(s.Replicas), Ready: int(s.ReadyReplicas), Available: int(s.AvailableReplicas), Generation: d.Generation, Observed: s.ObservedGeneration},
	}
	r.Revisions = append(r.Revisions, v)
	r.revisions[key{namespace: d.Namespace, name: d.Name}] = v
	kind, name := controllerOf(&d.ObjectMeta)
	if kind == string(Deployment) {
		v.Owner = r.workloads[key{Deployment, d.Namespace, name}]
	}
	if v.Owner == nil && kind == "" {
		w := r.add(ReplicaSet, &d.ObjectMeta, d.Spec.Template.Labels, &d.Spec.Template.Spec)
		w.Replicas, w.Status = v.Replicas, v.Status
	}
}

func (r *reading) readJob(o *Objects, i int) {
	d := &o.Jobs[i]
	run := &Run{
		Namespace: d.Namespace, Name: d.Name, Completions: orOne(d.Spec.Completions), Created: d.CreationTimestamp.UTC(),
		Active: int(d.Status.Active), Succeeded: int(d.Status.Succeeded), Failed: int(d.Status.Failed),
	}
	r.Runs = append(r.Runs, run)
	r.runs[key{namespace: d.Namespace, name: d.Name}] = run
	kind, name := controllerOf(&d.ObjectMeta)
	if kind == string(CronJob) {
		run.Owner = r.workloads[key{CronJob, d.Namespace, name}]
	}
	if run.Owner == nil && kind == "" {
		w := r.add(Job, &d.ObjectMeta, d.Spec.Template.Labels, &d.Spec.Template.Spec)
		w.Replicas = run.Completions
		w.Status.Replicas, w.Status.Ready = run.Active, run.Active
	}
}

// workloadOf finds what stands behind a pod with that owner; a pod whose owner is
// not known is a workload of its own.
func (r *reading) workloadOf(p *corev1.Pod, kind, name string) *Workload {
	switch Kind(kind) {
	case ReplicaSet:
		if v := r.revisions[key{namespace: p.Namespace, name: name}]; v != nil && v.Owner != nil {
			return v.Owner
		}
		if at := strings.LastIndexByte(name, '-'); at > 0 {
			// The ReplicaSet may be newer than the list of them.
			if w := r.workloads[key{Deployment, p.Namespace, name[:at]}]; w != nil {
				return w
			}
		}
	case Job:
		if run := r.runs[key{namespace: p.Namespace, name: name}]; run != nil && run.Owner != nil {
			return run.Owner
		}
	}
	if w := r.workloads[key{Kind(kind), p.Namespace, name}]; w != nil {
		return w
	}
	return r.add(BarePod, &p.ObjectMeta, p.Labels, &p.Spec)
}
