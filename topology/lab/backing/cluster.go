package backing

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

// API is what of a cluster's Kubernetes API is read here (kube.Server).
type API interface {
	Get(gr schema.GroupResource, namespace, name string) (*store.Object, error)
	List(gr schema.GroupResource, namespace string, selector labels.Selector) []*store.Object
}

// Namespace is where KOF's parts run.
const Namespace = "kof"

// Resources that are read here.
var (
	pods       = schema.GroupResource{Resource: "pods"}
	secrets    = schema.GroupResource{Resource: "secrets"}
	configMaps = schema.GroupResource{Resource: "configmaps"}
	ingresses  = schema.GroupResource{Group: "networking.k8s.io", Resource: "ingresses"}
)

// Resources lists what a cluster's engines are configured from: a change of an
// object of another resource changes nothing for them.
func Resources() []schema.GroupResource {
	return []schema.GroupResource{pods, secrets, configMaps, ingresses}
}

// runningPods are the pods of KOF's namespaces that are Ready, by image repository.
func runningPods(api API, namespace string) (map[string][]*corev1.Pod, error) {
	out := map[string][]*corev1.Pod{}
	for _, o := range api.List(pods, namespace, labels.Everything()) {
		p := &corev1.Pod{}
		if err := o.Into(p); err != nil {
			return nil, fmt.Errorf("pod %s/%s: %w", o.Namespace, o.Name, err)
		}
		if !ready(p) {
			continue
		}
		for i := range p.Spec.Containers {
			r := repository(p.Spec.Containers[i].Image)
			out[r] = append(out[r], p)
		}
	}
	return out, nil
}

func ready(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning &&
		slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
}

// container returns the container of a repository.
func container(p *corev1.Pod, repo string) *corev1.Container {
	for i := range p.Spec.Containers {
		if repository(p.Spec.Containers[i].Image) == repo {
			return &p.Spec.Containers[i]
		}
	}
	return &corev1.Container{}
}

// secret returns a Secret's data; nil without error when there is none.
func secret(api API, namespace, name string) (map[string][]byte, error) {
	o, err := api.Get(secrets, namespace, name)
	if err != nil {
		return nil, err
	}
	s := &corev1.Secret{}
	if err := o.Into(s); err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w", namespace, name, err)
	}
	return s.Data, nil
}
