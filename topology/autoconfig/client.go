package autoconfig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"koflab/charts/release"
)

// target is a connection to a cluster, made for one visit and dropped after it:
// there may be hundreds of clusters.
type target struct {
	id        types.NamespacedName
	http      *http.Client
	client    dynamic.Interface
	discovery *discovery.DiscoveryClient
	releases  *release.Client
	kinds     map[schema.GroupVersionKind]kind
}

type kind struct {
	schema.GroupVersionResource
	namespaced bool
}

func newTarget(config *rest.Config, id types.NamespacedName, o Options) (*target, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.RateLimiter = -1, nil
	config.WarningHandler = rest.NoWarnings{}
	config.UserAgent = or(config.UserAgent, "koflab-autoconfig")
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	t := &target{id: id, http: client, kinds: map[schema.GroupVersionKind]kind{}}
	if t.client, err = dynamic.NewForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	if t.discovery, err = discovery.NewDiscoveryClientForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	t.releases, err = release.New(release.Options{Config: config, Cluster: id.Name, Now: o.Now, Clock: o.Clock, Progress: o.Progress})
	return t, err
}

// close ends idle connections, if the transport has such.
func (t *target) close() {
	for rt := t.http.Transport; rt != nil; {
		if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
			return
		}
		wrapper, ok := rt.(utilnet.RoundTripperWrapper)
		if !ok {
			return
		}
		rt = wrapper.WrappedRoundTripper()
	}
}

func (t *target) version(ctx context.Context) (string, error) {
	body, err := t.discovery.RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return "", fmt.Errorf("/version: %w", err)
	}
	return v.GitVersion, nil
}

// kindOf asks which resource a kind is.
func (t *target) kindOf(gvk schema.GroupVersionKind) (kind, error) {
	if k, ok := t.kinds[gvk]; ok {
		return k, nil
	}
	listed, err := t.discovery.ServerResourcesForGroupVersion(gvk.GroupVersion().String())
	if err != nil {
		return kind{}, err
	}
	for _, r := range listed.APIResources {
		k := kind{gvk.GroupVersion().WithResource(r.Name), r.Namespaced}
		if !isSubresource(r.Name) {
			t.kinds[gvk.GroupVersion().WithKind(r.Kind)] = k
		}
	}
	k, ok := t.kinds[gvk]
	if !ok {
		return kind{}, apierrors.NewNotFound(schema.GroupResource{Group: gvk.Group}, gvk.Kind)
	}
	return k, nil
}

func isSubresource(name string) bool {
	for _, r := range name {
		if r == '/' {
			return true
		}
	}
	return false
}

func (t *target) of(u *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	k, err := t.kindOf(u.GroupVersionKind())
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", u.GetKind(), u.GetName(), err)
	}
	if !k.namespaced {
		return t.client.Resource(k.GroupVersionResource), nil
	}
	if u.GetNamespace() == "" {
		u.SetNamespace("default")
	}
	return t.client.Resource(k.GroupVersionResource).Namespace(u.GetNamespace()), nil
}

func (t *target) ensureNamespace(ctx context.Context, name string) error {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}}
	_, err := t.client.Resource(namespaces.GroupVersionResource).Create(ctx, u, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	return nil
}

// apply makes an object have all that is wanted of it, and leaves what else it
// has.
func (t *target) apply(ctx context.Context, want *unstructured.Unstructured) error {
	api, err := t.of(want)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s %s", want.GetKind(), keyOf(want))
	have, err := api.Get(ctx, want.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		if _, err := api.Create(ctx, want, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating %s: %w", name, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if contains(have.Object, want.Object) {
		return nil
	}
	body, err := want.MarshalJSON()
	if err != nil {
		return err
	}
	if _, err := api.Patch(ctx, want.GetName(), types.MergePatchType, body, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("patching %s: %w", name, err)
	}
	return nil
}

// remove deletes an object if it is there, and its kind is.
func (t *target) remove(ctx context.Context, u *unstructured.Unstructured) error {
	api, err := t.of(u)
	if err == nil {
		err = api.Delete(ctx, u.GetName(), metav1.DeleteOptions{})
	}
	if isMissing(err) {
		return nil
	}
	return err
}

// sync makes all wanted objects, which are a gateway's users, and deletes other
// users of these resources that were made here before.
func (t *target) sync(ctx context.Context, wanted []*unstructured.Unstructured, of ...resource) error {
	keep := map[string]bool{}
	for _, u := range wanted {
		keep[u.GetKind()+"/"+u.GetName()] = true
	}
	for _, r := range of {
		api := t.client.Resource(r.GroupVersionResource).Namespace(kofNamespace)
		listed, err := api.List(ctx, metav1.ListOptions{LabelSelector: labelUser + "=true"})
		if err != nil {
			return fmt.Errorf("listing %s: %w", r.Resource, err)
		}
		have := map[string]*unstructured.Unstructured{}
		for i := range listed.Items {
			u := &listed.Items[i]
			have[u.GetName()] = u
			if keep[r.Kind+"/"+u.GetName()] {
				continue
			}
			if err := api.Delete(ctx, u.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("deleting %s: %w", r.name(kofNamespace, u.GetName()), err)
			}
		}
		for _, u := range wanted {
			if u.GetKind() != r.Kind {
				continue
			}
			if old := have[u.GetName()]; old != nil && contains(old.Object, u.Object) {
				continue
			}
			if err := t.apply(ctx, u); err != nil {
				return err
			}
		}
	}
	return nil
}
