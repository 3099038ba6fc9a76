package lab

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// workload is an object that makes pods.
type workload struct {
	kind      string
	gr        schema.GroupResource
	namespace string
	name      string
	selector  *metav1.LabelSelector
	replicas  *int32 // nil for a DaemonSet
	release   string // of Helm; "NAMESPACE/NAME", empty if none made it
}

// workloadKinds are looked through in this order.
var workloadKinds = []string{"Deployment", "StatefulSet", "DaemonSet"}

// workloadOf finds a workload by kind, or of any kind for "".
func workloadOf(c *cluster, kind, namespace, name string) (*workload, error) {
	for _, k := range workloadKinds {
		if kind != "" && k != kind {
			continue
		}
		o, err := c.embedded.Server().Get(kinds[k], namespace, name)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		w := &workload{kind: k, gr: kinds[k], namespace: namespace, name: name}
		var meta metav1.ObjectMeta
		switch k {
		case "Deployment":
			d := appsv1.Deployment{}
			err = o.Into(&d)
			w.selector, w.replicas, meta = d.Spec.Selector, d.Spec.Replicas, d.ObjectMeta
		case "StatefulSet":
			s := appsv1.StatefulSet{}
			err = o.Into(&s)
			w.selector, w.replicas, meta = s.Spec.Selector, s.Spec.Replicas, s.ObjectMeta
		default:
			d := appsv1.DaemonSet{}
			err = o.Into(&d)
			w.selector, meta = d.Spec.Selector, d.ObjectMeta
		}
		if by := meta.Annotations["meta.helm.sh/release-name"]; by != "" {
			w.release = meta.Annotations["meta.helm.sh/release-namespace"] + "/" + by
		}
		return w, err
	}
	return nil, nil
}

// String is the workload as messages have it.
func (w *workload) String() string { return w.kind + " " + w.namespace + "/" + w.name }

// workloadsIn are all workloads of a cluster, by namespace and name.
func workloadsIn(c *cluster) []*workload {
	var out []*workload
	for _, k := range workloadKinds {
		for _, o := range c.embedded.Server().List(kinds[k], "", labels.Everything()) {
			if w, err := workloadOf(c, k, o.Namespace, o.Name); err == nil && w != nil {
				out = append(out, w)
			}
		}
	}
	slices.SortFunc(out, func(a, b *workload) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	return out
}
