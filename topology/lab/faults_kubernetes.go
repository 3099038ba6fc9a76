package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/controllers"
	"koflab/sim/fault"
	"koflab/topology"
	"koflab/topology/lab/backing"
)

// workloadNamed finds the workload of a target.
func (x *faults) workloadNamed(i injection) (*workload, error) {
	w, err := workloadOf(i.cluster, "", i.target.Namespace, i.target.Name)
	if err != nil || w != nil {
		return w, err
	}
	full := i.target.Namespace + "/" + i.target.Name
	var names []string
	for _, w := range workloadsIn(i.cluster) {
		names = append(names, w.namespace+"/"+w.name)
	}
	return nil, fault.Mistake("target", "%s has no workload %q, %s", i.cluster, full, fault.Suggest(full, names))
}

// podCrashLoop breaks the pods of a workload.
func (x *faults) podCrashLoop(_ context.Context, i injection) (undo, error) {
	w, err := x.workloadNamed(i)
	if err != nil {
		return nil, err
	}
	return x.strikeHeld(i, i.target.String(), podsOf(i.cluster, w.namespace, w.selector), i.values["reason"])
}

// strikeHeld strikes pods that no other fault strikes.
func (x *faults) strikeHeld(i injection, what string, pick func() ([]*corev1.Pod, error), how string) (undo, error) {
	release, err := x.hold("the pods of "+what, i)
	if err != nil {
		return nil, err
	}
	end, err := x.strikePods(i.cluster, pick, how, i.strength)
	if err != nil {
		release()
		return nil, err
	}
	return releasing(release, end), nil
}

// componentOOM has the containers of a component killed for memory. Collectors end
// without their shutdown then.
func (x *faults) componentOOM(_ context.Context, i injection) (undo, error) {
	workloads, err := x.component(i)
	if err != nil {
		return nil, err
	}
	var picks []func() ([]*corev1.Pod, error)
	for _, w := range workloads {
		picks = append(picks, podsOf(i.cluster, w.namespace, w.selector))
	}
	kills := func(n int) { i.cluster.damage(func(b *brokenCluster) { b.sigkill += n }) }
	kills(1)
	end, err := x.strikeHeld(i, i.target.String(), func() ([]*corev1.Pod, error) {
		var all []*corev1.Pod
		for _, pick := range picks {
			some, err := pick()
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}, controllers.FaultOOM)
	if err != nil {
		kills(-1)
		return nil, err
	}
	return releasing(func() { kills(-1) }, end), nil
}

// component finds the workloads of the component that a target names.
func (x *faults) component(i injection) ([]*workload, error) {
	var names []string
	var out []*workload
	for _, k := range i.cluster.view().planned.Components {
		names = append(names, k.Name)
		if k.Name != i.target.Name {
			continue
		}
		found, err := workloadsOf(i.cluster, k)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	switch {
	case len(out) > 0:
		return out, nil
	case slices.Contains(names, i.target.Name):
		return nil, fault.Mistake("target", "component %s of %s has no pods", i.target.Name, i.cluster)
	}
	slices.Sort(names)
	return nil, fault.Mistake("target", "%s has no component %q, %s", i.cluster, i.target.Name, fault.Suggest(i.target.Name, slices.Compact(names)))
}

// workloadsOf are the workloads that a component of a cluster consists of.
func workloadsOf(c *cluster, k topology.Component) ([]*workload, error) {
	objects := k.Objects
	if len(objects) == 0 {
		objects = []string{"Deployment/" + k.Chart + "-" + k.Name}
	}
	var out []*workload
	for _, ref := range objects {
		namespace := k.Namespace
		if ns, rest, ok := strings.Cut(ref, ":"); ok {
			namespace, ref = ns, rest
		}
		kind, name, _ := strings.Cut(ref, "/")
		if !slices.Contains(workloadKinds, kind) {
			continue
		}
		w, err := workloadOf(c, kind, namespace, name)
		if err != nil {
			return nil, err
		}
		if w != nil {
			out = append(out, w)
		}
	}
	return out, nil
}

// images are those of each store's storage pods.
var images = map[string]string{"metrics": "victoriametrics/vmstorage", "logs": "victoriametrics/victoria-logs", "traces": "jaegertracing/all-in-one"}

// replicaLost breaks storage pods of a region.
func (x *faults) replicaLost(_ context.Context, i injection) (undo, error) {
	image := "/" + images[i.values["store"]] + ":"
	pick := func() ([]*corev1.Pod, error) {
		return listPods(i.cluster, backing.Namespace, labels.Everything(), func(p *corev1.Pod) bool {
			return p.Labels["app.kubernetes.io/name"] != "audit-logs" && slices.ContainsFunc(p.Spec.Containers, func(c corev1.Container) bool {
				return strings.Contains("/"+c.Image, image)
			})
		})
	}
	return x.strikeHeld(i, i.cluster.ID+"'s storage of "+i.values["store"], pick, controllers.FaultCrashLoop)
}

var nodes = schema.GroupResource{Resource: "nodes"}

// nodeNotReady makes a node unreachable.
func (x *faults) nodeNotReady(_ context.Context, i injection) (undo, error) {
	c, name := i.cluster, i.target.Name
	if _, err := c.embedded.Server().Get(nodes, "", name); err != nil {
		if !apierrors.IsNotFound(err) {
			return nil, err
		}
		var names []string
		for _, o := range c.embedded.Server().List(nodes, "", labels.Everything()) {
			names = append(names, o.Name)
		}
		return nil, fault.Mistake("target", "%s has no node %q, %s", c, name, fault.Suggest(name, names))
	}
	before := ""
	set := func(value string) error {
		return modify(c, nodes, "", name, func(n *corev1.Node) bool {
			before = n.Annotations[controllers.FaultAnnotation]
			setAnnotation(&n.ObjectMeta, controllers.FaultAnnotation, value)
			return before != value
		})
	}
	if err := set(controllers.FaultUnreachable); err != nil {
		return nil, err
	}
	was := before
	return func(context.Context) error {
		if x.gone(c) {
			return nil
		}
		return set(was)
	}, nil
}

var resourceQuotas = schema.GroupResource{Resource: "resourcequotas"}

// faultQuota is the name of the ResourceQuota that leaves no room.
const faultQuota = "koflab-fault"

// quotaExceeded limits the pods of a workload's namespace and deletes some of the
// workload's, which then cannot be replaced.
func (x *faults) quotaExceeded(_ context.Context, i injection) (undo, error) {
	w, err := x.workloadNamed(i)
	if err != nil {
		return nil, err
	}
	found, err := podsOf(i.cluster, w.namespace, w.selector)()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	api := i.cluster.embedded.Server()
	_, err = api.Create(resourceQuotas, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: faultQuota},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: apiresource.MustParse(i.values["pods"])}},
	})
	if apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("namespace %s of %s has a quota of this fault already", w.namespace, i.cluster)
	}
	if err != nil {
		return nil, err
	}
	lift := func(context.Context) error {
		if x.gone(i.cluster) {
			return nil
		}
		err := api.Delete(resourceQuotas, w.namespace, faultQuota, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	for _, p := range found[:min(i.values.Int("delete"), len(found))] {
		if err := api.Delete(pods, p.Namespace, p.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return nil, errors.Join(err, lift(nil))
		}
	}
	return lift, nil
}

// configDrift sets a workload's replicas to what its chart does not say.
func (x *faults) configDrift(_ context.Context, i injection) (undo, error) {
	w, err := x.workloadNamed(i)
	if err != nil {
		return nil, err
	}
	switch owner, err := x.ownerOf(i.cluster, w); {
	case err != nil:
		return nil, err
	case !owner:
		return nil, fault.Mistake("target", "%s is of no release that Sveltos keeps: whoever changes it is its owner, so it cannot drift", w)
	case w.replicas == nil:
		return nil, fault.Mistake("target", "%s has no replicas to change", w)
	}
	was, now := int64(*w.replicas), int64(i.values.Int("replicas"))
	if was == now {
		return nil, fault.Mistake("with.replicas", "%s has %d replicas already", w, was)
	}
	set := func(from, to int64) error {
		return modify(i.cluster, w.gr, w.namespace, w.name, func(u *unstructured.Unstructured) bool {
			n, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
			return n == from && unstructured.SetNestedField(u.Object, to, "spec", "replicas") == nil
		})
	}
	if err := set(was, now); err != nil {
		return nil, err
	}
	return func(context.Context) error {
		if x.gone(i.cluster) {
			return nil
		}
		return set(now, was) // unless it has been put back
	}, nil
}

var clusterSummaries = schema.GroupResource{Group: "config.projectsveltos.io", Resource: "clustersummaries"}

// ownerOf reports whether Sveltos keeps the release of a workload, by the summaries
// of the cluster on management.
func (x *faults) ownerOf(c *cluster, w *workload) (bool, error) {
	if w.release == "" {
		return false, nil
	}
	for _, o := range x.lab.management().embedded.Server().List(clusterSummaries, "", labels.Everything()) {
		u := &unstructured.Unstructured{}
		if err := o.Into(u); err != nil {
			return false, err
		}
		name, _, _ := unstructured.NestedString(u.Object, "spec", "clusterName")
		namespace, _, _ := unstructured.NestedString(u.Object, "spec", "clusterNamespace")
		if name != c.Name || namespace != c.Namespace {
			continue
		}
		releases, _, _ := unstructured.NestedSlice(u.Object, "status", "helmReleaseSummaries")
		for _, raw := range releases {
			m, _ := raw.(map[string]any)
			if fmt.Sprint(m["releaseNamespace"], "/", m["releaseName"]) == w.release {
				return true, nil
			}
		}
	}
	return false, nil
}
