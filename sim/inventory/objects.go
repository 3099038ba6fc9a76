package inventory

import (
	"cmp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Objects are what an inventory is read from, in any order.
type Objects struct {
	Nodes          []corev1.Node
	Namespaces     []corev1.Namespace
	Pods           []corev1.Pod
	Services       []corev1.Service
	PVCs           []corev1.PersistentVolumeClaim
	PVs            []corev1.PersistentVolume
	ResourceQuotas []corev1.ResourceQuota
	Deployments    []appsv1.Deployment
	ReplicaSets    []appsv1.ReplicaSet
	StatefulSets   []appsv1.StatefulSet
	DaemonSets     []appsv1.DaemonSet
	Jobs           []batchv1.Job
	CronJobs       []batchv1.CronJob
	HPAs           []autoscalingv2.HorizontalPodAutoscaler
}

// FromObjects reads a cluster from its objects. Objects that are missing, such as
// a pod's node, leave a gap and no error: the API is read while it changes. The
// cluster shares no memory with the objects but their strings.
func FromObjects(s Spec, o Objects) *Cluster {
	r := reading{
		Cluster: &Cluster{
			ID: s.ID, Role: s.Role, Cloud: s.Cloud, Location: s.Location, Seed: s.Seed, Epoch: s.Epoch.UTC(),
			LogRate: s.LogRate, TraceRate: s.TraceRate, Series: s.Series,
		},
		workloads: map[key]*Workload{}, revisions: map[key]*Revision{}, runs: map[key]*Run{},
		nodes: map[string]*Node{}, claims: map[key]*Claim{},
	}
	if s.Epoch.IsZero() {
		r.Epoch = DefaultEpoch
	}
	for i := range o.Nodes {
		n := NodeOf(&o.Nodes[i])
		r.nodes[n.Name] = n
		r.Nodes = append(r.Nodes, n)
	}
	sortNodes(r.Nodes)
	r.readNamespaces(o.Namespaces)
	r.readWorkloads(&o)
	r.readClaims(o.PVCs, o.PVs)
	r.readPods(o.Pods)
	r.readServices(o.Services)
	r.readQuotas(o.ResourceQuotas)
	r.readAutoscalers(o.HPAs)
	r.sort()
	r.addCalls()
	return r.Cluster
}

// reading is a cluster while it is read.
type reading struct {
	*Cluster
	workloads map[key]*Workload
	revisions map[key]*Revision
	runs      map[key]*Run
	nodes     map[string]*Node
	claims    map[key]*Claim
}

// key names an object of a kind that is given or understood.
type key struct {
	kind            Kind
	namespace, name string
}

// sort puts everything into an order that does not depend on the objects'.
func (r *reading) sort() {
	by := func(ns1, n1, ns2, n2 string) int { return cmp.Or(cmp.Compare(ns1, ns2), cmp.Compare(n1, n2)) }
	slices.SortFunc(r.Namespaces, func(a, b Namespace) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Workloads, func(a, b *Workload) int {
		return cmp.Or(by(a.Namespace, a.Name, b.Namespace, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	slices.SortFunc(r.Revisions, func(a, b *Revision) int { return by(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortFunc(r.Runs, func(a, b *Run) int { return by(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortFunc(r.Services, func(a, b *Service) int { return by(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortFunc(r.Claims, func(a, b *Claim) int { return by(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortFunc(r.Quotas, func(a, b Quota) int { return by(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortFunc(r.Autoscalers, func(a, b Autoscaler) int { return by(a.Namespace, a.Name, b.Namespace, b.Name) })
}

// platform are the namespaces of Kubernetes and of KOF; the others hold what a
// cluster is there for.
var platform = map[string]bool{
	"kof": true, "kcm-system": true, "projectsveltos": true,
	"cert-manager": true, "ingress-nginx": true, "istio-system": true,
}

func isApplication(namespace string) bool {
	return !platform[namespace] && !strings.HasPrefix(namespace, "kube-")
}

// label is the name an object goes by in metrics, logs and traces.
func label(labels map[string]string, name string) string {
	return cmp.Or(labels["app.kubernetes.io/name"], labels["k8s-app"], labels["app"], name)
}

func controllerOf(m *metav1.ObjectMeta) (kind, name string) {
	if o := metav1.GetControllerOfNoCopy(m); o != nil {
		return o.Kind, o.Name
	}
	return "", ""
}

func orOne(p *int32) int {
	if p == nil {
		return 1
	}
	return int(*p)
}

// containersOf reads the containers of a pod or of a template.
func containersOf(spec *corev1.PodSpec) []Container {
	out := make([]Container, len(spec.Containers))
	for i := range spec.Containers {
		c := &spec.Containers[i]
		out[i] = Container{
			Name: c.Name, Image: ParseImage(c.Image),
			Requests: resourcesOf(c.Resources.Requests), Limits: resourcesOf(c.Resources.Limits),
		}
	}
	return out
}

func resourcesOf(l corev1.ResourceList) Resources {
	cpu, memory := l[corev1.ResourceCPU], l[corev1.ResourceMemory]
	return Resources{max(0, float64(cpu.MilliValue())/1000), max(0, memory.Value())}
}
