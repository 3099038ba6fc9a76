package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"koflab/charts"
	"koflab/charts/release"
	"koflab/scenarios"
	"koflab/topology/lab/control"
)

// manager is the field manager of what scenarios apply.
const manager = "koflab-scenario"

// change makes one change. It returns when the change is made; what follows from it
// takes its time, but a cluster that comes or goes is waited for.
func (p *player) change(ctx context.Context, c scenarios.Change) error {
	switch c.Kind() {
	case "apply":
		return p.apply(ctx, *c.Apply)
	case "patch":
		patch, err := json.Marshal(c.Patch.Patch)
		if err != nil {
			return err
		}
		return p.on(c.Patch.ObjectRef, func(r dynamic.ResourceInterface) error {
			_, err := r.Patch(ctx, c.Patch.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
			return err
		})
	case "delete":
		return p.on(*c.Delete, func(r dynamic.ResourceInterface) error {
			return r.Delete(ctx, c.Delete.Name, metav1.DeleteOptions{})
		})
	case "scale":
		patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, c.Scale.Replicas)
		return p.on(c.Scale.ObjectRef, func(r dynamic.ResourceInterface) error {
			_, err := r.Patch(ctx, c.Scale.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager}, "scale")
			return err
		})
	case "addChild", "addRegion":
		_, err := p.lab.AddCluster(ctx, control.AddRequest{Child: c.AddChild, Region: c.AddRegion})
		return err
	case "upgrade":
		return p.upgrade(ctx, *c.Upgrade)
	}
	return p.lab.RemoveCluster(ctx, c.Remove)
}

// resources are the kinds that a cluster serves, and a client for them.
func (p *player) resources(cluster string) (dynamic.Interface, []*restmapper.APIGroupResources, error) {
	config, err := p.lab.RESTConfig(cluster)
	if err != nil {
		return nil, nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	served, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	groups, err := restmapper.GetAPIGroupResources(served)
	return client, groups, err
}

// on does something with the resource of an object.
func (p *player) on(o scenarios.ObjectRef, f func(dynamic.ResourceInterface) error) error {
	client, groups, err := p.resources(o.Cluster)
	if err != nil {
		return err
	}
	resource, group, _ := strings.Cut(o.Resource, ".")
	gvr, err := restmapper.NewDiscoveryRESTMapper(groups).ResourceFor(schema.GroupVersionResource{Group: group, Resource: resource})
	if err != nil {
		return fmt.Errorf("%s serves no resource %q: %w", o.Cluster, o.Resource, err)
	}
	if o.Namespace == "" {
		return f(client.Resource(gvr))
	}
	return f(client.Resource(gvr).Namespace(o.Namespace))
}

func (p *player) apply(ctx context.Context, a scenarios.Apply) error {
	client, groups, err := p.resources(a.Cluster)
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: a.Manifest}
	kind := u.GroupVersionKind()
	mapping, err := restmapper.NewDiscoveryRESTMapper(groups).RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return fmt.Errorf("%s does not serve %s: %w", a.Cluster, kind, err)
	}
	r := client.Resource(mapping.Resource)
	options := metav1.ApplyOptions{FieldManager: manager, Force: true}
	if u.GetNamespace() == "" {
		_, err = r.Apply(ctx, u.GetName(), u, options)
	} else {
		_, err = r.Namespace(u.GetNamespace()).Apply(ctx, u.GetName(), u, options)
	}
	return err
}

// upgrade changes values of a release, with the chart in the version that it has
// unless another is wanted.
func (p *player) upgrade(ctx context.Context, u scenarios.Upgrade) error {
	config, err := p.lab.RESTConfig(u.Cluster)
	if err != nil {
		return err
	}
	client, err := release.New(release.Options{Config: config, Cluster: u.Cluster, Now: p.clock.Now, Clock: p.clock})
	if err != nil {
		return err
	}
	defer client.Close()
	list, err := client.List(ctx, "")
	if err != nil {
		return err
	}
	installed := map[string]release.Summary{}
	for _, r := range list {
		installed[r.Name] = r
	}
	old, ok := installed[u.Release]
	if !ok {
		return fmt.Errorf("there is no release %q on %s; it has %s", u.Release, u.Cluster, strings.Join(slices.Sorted(maps.Keys(installed)), ", "))
	}
	chart, err := charts.LoadVersion(old.Chart, cmp.Or(u.Version, old.Version))
	if err != nil {
		return err
	}
	r := release.Release{Name: old.Name, Namespace: old.Namespace, Chart: chart, Values: u.Values}
	if err := client.Reuse(ctx, &r); err != nil {
		return err
	}
	_, err = client.Apply(ctx, r)
	return err
}
