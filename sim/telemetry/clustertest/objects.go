package clustertest

import (
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"koflab/sim/inventory"
)

// Objects renders what the cluster's Kubernetes API would hold.
func (c *Cluster) Objects() inventory.Objects {
	var o inventory.Objects
	for _, n := range c.nodes {
		o.Nodes = append(o.Nodes, *n.Object())
	}
	seen := map[string]bool{}
	namespace := func(name string) {
		if !seen[name] {
			seen[name] = true
			o.Namespaces = append(o.Namespaces, corev1.Namespace{
				ObjectMeta: c.meta("Namespace", "", name, c.Spec.Epoch), Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
			})
		}
	}
	namespace("default")
	namespace("kube-system")
	for _, w := range c.rows {
		namespace(w.namespace)
		if !w.off {
			c.render(&o, w)
		}
	}
	for _, p := range c.pods {
		c.renderPod(&o, p)
	}
	c.renderPolicies(&o)
	return o
}

func (c *Cluster) meta(kind, namespace, name string, created time.Time) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: types.UID(c.Spec.Seed.Of("uid", kind, namespace, name).UUID()),
		CreationTimestamp: metav1.NewTime(created.Truncate(time.Second)), Generation: 1,
	}
}

func (w *workload) replicaSet(c *Cluster, revision int) string {
	return w.name + "-" + c.Spec.Seed.Of("template", w.namespace, w.name).At(int64(revision)).Name(10)
}

func (w *workload) template() corev1.PodTemplateSpec {
	quantity := func(cpu, mem int) corev1.ResourceList {
		l := corev1.ResourceList{}
		if cpu > 0 {
			l[corev1.ResourceCPU] = *resource.NewMilliQuantity(int64(cpu), resource.DecimalSI)
		}
		if mem > 0 {
			l[corev1.ResourceMemory] = *resource.NewQuantity(int64(mem)<<20, resource.BinarySI)
		}
		return l
	}
	k := corev1.Container{
		Name: w.container, Image: w.image,
		Resources: corev1.ResourceRequirements{Requests: quantity(w.cpu, w.mem), Limits: quantity(w.cpuLimit, w.memLimit)},
	}
	if w.port > 0 {
		k.Ports = []corev1.ContainerPort{{ContainerPort: int32(w.port)}}
	}
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app.kubernetes.io/name": w.label, "app.kubernetes.io/instance": w.name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{k}, HostNetwork: w.hostNetwork},
	}
}

// render adds the objects of a workload but its pods.
func (c *Cluster) render(o *inventory.Objects, w *workload) {
	ready, all := int32(0), int32(0)
	for _, p := range c.pods {
		if p.of == w {
			all++
			if p.node != nil && p.fault == "" {
				ready++
			}
		}
	}
	replicas := int32(w.replicas)
	m := c.meta(string(w.kind), w.namespace, w.name, w.created)
	m.Generation += int64(w.revision)
	switch w.kind {
	case deployment:
		o.Deployments = append(o.Deployments, appsv1.Deployment{
			ObjectMeta: m, Spec: appsv1.DeploymentSpec{Replicas: &replicas, Template: w.template()},
			Status: appsv1.DeploymentStatus{Replicas: all, ReadyReplicas: ready, AvailableReplicas: ready, UpdatedReplicas: all, ObservedGeneration: m.Generation},
		})
		for revision := range w.revision + 1 {
			rs := appsv1.ReplicaSet{ObjectMeta: c.meta("ReplicaSet", w.namespace, w.replicaSet(c, revision), w.created), Spec: appsv1.ReplicaSetSpec{Replicas: new(int32), Template: w.template()}}
			rs.OwnerReferences = owner("Deployment", w.name)
			if revision == w.revision {
				*rs.Spec.Replicas, rs.Status.Replicas, rs.Status.ReadyReplicas = replicas, all, ready
			}
			o.ReplicaSets = append(o.ReplicaSets, rs)
		}
	case statefulSet:
		o.StatefulSets = append(o.StatefulSets, appsv1.StatefulSet{
			ObjectMeta: m, Spec: appsv1.StatefulSetSpec{Replicas: &replicas, Template: w.template()},
			Status: appsv1.StatefulSetStatus{Replicas: all, ReadyReplicas: ready, AvailableReplicas: ready, UpdatedReplicas: all, ObservedGeneration: m.Generation},
		})
	case daemonSet:
		o.DaemonSets = append(o.DaemonSets, appsv1.DaemonSet{
			ObjectMeta: m, Spec: appsv1.DaemonSetSpec{Template: w.template()},
			Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: int32(len(c.nodes)), CurrentNumberScheduled: all, NumberReady: ready, NumberAvailable: ready, UpdatedNumberScheduled: all},
		})
	case inventory.CronJob:
		o.CronJobs = append(o.CronJobs, batchv1.CronJob{ObjectMeta: m, Spec: batchv1.CronJobSpec{
			Schedule: w.schedule, ConcurrencyPolicy: batchv1.ForbidConcurrent, JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: w.template()}},
		}})
		job := batchv1.Job{ObjectMeta: c.meta("Job", w.namespace, w.name+"-29000001", w.created), Status: batchv1.JobStatus{Succeeded: ready, Active: all - ready}}
		job.OwnerReferences = owner("CronJob", w.name)
		o.Jobs = append(o.Jobs, job)
	}
	if w.port > 0 && w.kind != inventory.CronJob {
		s := corev1.Service{ObjectMeta: c.meta("Service", w.namespace, w.name, w.created), Spec: corev1.ServiceSpec{
			ClusterIP: "10.96.7.7", Selector: map[string]string{"app.kubernetes.io/instance": w.name}, Ports: []corev1.ServicePort{{Port: int32(w.port)}},
		}}
		if w.public {
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.7"}}
		}
		o.Services = append(o.Services, s)
	}
}

func owner(kind, name string) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{Kind: kind, Name: name, Controller: &yes}}
}

// identity returns a pod's name and its owner.
func (c *Cluster) identity(p *pod) (name, kind, owner string) {
	suffix := c.Spec.Seed.Of("name", p.uid).Name(5)
	switch p.of.kind {
	case deployment:
		rs := p.of.replicaSet(c, p.revision)
		return rs + "-" + suffix, "ReplicaSet", rs
	case daemonSet:
		return p.of.name + "-" + suffix, "DaemonSet", p.of.name
	case inventory.CronJob:
		return p.of.name + "-29000001-" + suffix, "Job", p.of.name + "-29000001"
	default:
		return p.name, "StatefulSet", p.of.name
	}
}

func (c *Cluster) renderPod(o *inventory.Objects, p *pod) {
	w := p.of
	name, kind, of := c.identity(p)
	t := w.template()
	d := corev1.Pod{ObjectMeta: c.meta("Pod", w.namespace, name, p.created), Spec: t.Spec, Status: corev1.PodStatus{Phase: corev1.PodPending}}
	d.UID, d.Labels, d.OwnerReferences = types.UID(p.uid), t.Labels, owner(kind, of)
	if p.node != nil {
		c.renderStatus(&d, p)
	}
	if w.volume > 0 {
		claim := "data-" + w.name + "-" + strconv.Itoa(ordinal(p))
		d.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
		class, size := "standard", corev1.ResourceList{corev1.ResourceStorage: *resource.NewQuantity(int64(w.volume)<<30, resource.BinarySI)}
		pvc := corev1.PersistentVolumeClaim{
			ObjectMeta: c.meta("PersistentVolumeClaim", w.namespace, claim, w.created),
			Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: &class, Resources: corev1.VolumeResourceRequirements{Requests: size}},
			Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
		}
		if p.node != nil {
			pvc.Spec.VolumeName = "pvc-" + string(pvc.UID)
			pvc.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: size}
			o.PVs = append(o.PVs, corev1.PersistentVolume{ObjectMeta: c.meta("PersistentVolume", "", pvc.Spec.VolumeName, w.created)})
		}
		o.PVCs = append(o.PVCs, pvc)
	}
	o.Pods = append(o.Pods, d)
}

// renderStatus says how a scheduled pod is.
func (c *Cluster) renderStatus(d *corev1.Pod, p *pod) {
	start := metav1.NewTime(p.created.Truncate(time.Second))
	d.Spec.NodeName = p.node.Name
	d.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: p.ip, HostIP: p.node.IP, StartTime: &start}
	s := corev1.ContainerStatus{Name: p.of.container, RestartCount: int32(p.restarts)}
	if p.restarts > 0 {
		s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1}
	}
	switch {
	case p.of.kind == inventory.CronJob:
		d.Status.Phase = corev1.PodSucceeded
		s.State.Terminated = &corev1.ContainerStateTerminated{Reason: "Completed"}
	case p.fault != "":
		s.State.Waiting = &corev1.ContainerStateWaiting{Reason: p.fault}
		if p.fault == "ContainerCreating" || p.fault == "ImagePullBackOff" {
			d.Status.Phase = corev1.PodPending
		}
	default:
		s.Ready = true
		s.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(p.started.Truncate(time.Second))}
		d.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	}
	d.Status.ContainerStatuses = []corev1.ContainerStatus{s}
}

// renderPolicies adds the quotas and the autoscaler of the demo shop.
func (c *Cluster) renderPolicies(o *inventory.Objects) {
	values := inventory.ShopValues(c.Spec)
	quotas, _ := values["quotas"].([]any)
	for _, q := range quotas {
		q, _ := q.(map[string]any)
		ns, _ := q["namespace"].(string)
		cpu, _ := q["cpu"].(string)
		hard := corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse(cpu)}
		o.ResourceQuotas = append(o.ResourceQuotas, corev1.ResourceQuota{
			ObjectMeta: c.meta("ResourceQuota", ns, "compute", c.Spec.Epoch),
			Status:     corev1.ResourceQuotaStatus{Hard: hard, Used: corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("1m")}},
		})
	}
	if a, ok := values["autoscaler"].(map[string]any); ok {
		name, _ := a["name"].(string)
		ns, _ := a["namespace"].(string)
		o.HPAs = append(o.HPAs, autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: c.meta("HorizontalPodAutoscaler", ns, name, c.Spec.Epoch),
			Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 8, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: name}},
		})
	}
}
