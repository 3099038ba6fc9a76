package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"helm.sh/helm/v3/pkg/chartutil"
	discoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// api is what a cluster serves: what discovery said when it was asked, and the
// kinds that came since by CRDs this client created. Adding those by hand
// saves a discovery after every chart with CRDs.
type api struct {
	version chartutil.KubeVersion
	base    *catalog
	added   map[schema.GroupVersionKind]servedKind
}

// catalog is one answer of discovery. It is never changed once built.
type catalog struct {
	kinds    map[schema.GroupVersionKind]servedKind
	versions chartutil.VersionSet
}

type servedKind struct {
	resource   string
	namespaced bool
}

func (a *api) find(gvk schema.GroupVersionKind) (servedKind, bool) {
	if k, ok := a.added[gvk]; ok {
		return k, true
	}
	k, ok := a.base.kinds[gvk]
	return k, ok
}

// served returns what the cluster serves, asking it the first time or when
// fresh is set.
func (c *Client) served(ctx context.Context, fresh bool) (*api, error) {
	c.mu.Lock()
	known := c.api
	c.mu.Unlock()
	if known != nil && !fresh {
		return known, nil
	}
	a := &api{added: map[schema.GroupVersionKind]servedKind{}}
	if known != nil {
		a.version = known.version
	} else {
		v, err := c.serverVersion(ctx)
		if err != nil {
			return nil, fmt.Errorf("asking the API server for its version: %w", err)
		}
		a.version = v
	}
	base, err := c.discover(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking the API server what it serves: %w", err)
	}
	a.base = base
	c.mu.Lock()
	c.api = a
	c.mu.Unlock()
	return a, nil
}

func (c *Client) serverVersion(ctx context.Context) (chartutil.KubeVersion, error) {
	body, _, err := c.getRaw(ctx, "/version", "application/json")
	if err != nil {
		return chartutil.KubeVersion{}, err
	}
	var v version.Info
	if err := json.Unmarshal(body, &v); err != nil {
		return chartutil.KubeVersion{}, fmt.Errorf("/version: %w", err)
	}
	return chartutil.KubeVersion{Version: v.GitVersion, Major: v.Major, Minor: v.Minor}, nil
}

const aggregatedDiscovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," +
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

// catalogs shares equal answers of discovery between clients: a lab's clusters
// mostly serve the same kinds. It is emptied when it gets large, which costs
// no more than parsing once again.
var catalogs = struct {
	sync.Mutex
	byHash map[[sha256.Size]byte]*catalog
}{byHash: map[[sha256.Size]byte]*catalog{}}

const maxCatalogs = 32

func (c *Client) discover(ctx context.Context) (*catalog, error) {
	hash := sha256.New()
	var bodies [][]byte
	for _, p := range []string{"/api", "/apis"} {
		body, aggregated, err := c.getRaw(ctx, p, aggregatedDiscovery)
		if err != nil {
			return nil, err
		}
		if !aggregated {
			return c.discoverOneByOne()
		}
		hash.Write(body)
		bodies = append(bodies, body)
	}
	var sum [sha256.Size]byte
	hash.Sum(sum[:0])
	catalogs.Lock()
	known := catalogs.byHash[sum]
	catalogs.Unlock()
	if known != nil {
		return known, nil
	}
	made := &catalog{kinds: map[schema.GroupVersionKind]servedKind{}}
	for _, body := range bodies {
		var list discoveryv2.APIGroupDiscoveryList
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, fmt.Errorf("discovery document: %w", err)
		}
		made.addAggregated(list)
	}
	made.finish()
	catalogs.Lock()
	defer catalogs.Unlock()
	if len(catalogs.byHash) >= maxCatalogs {
		clear(catalogs.byHash)
	}
	catalogs.byHash[sum] = made
	return made, nil
}

// getRaw reads one path outside of any group; aggregated tells whether the
// answer is a list of APIGroupDiscovery.
func (c *Client) getRaw(ctx context.Context, p, accept string) (body []byte, aggregated bool, err error) {
	r, err := c.restFor(schema.GroupVersion{Version: "v1"})
	if err != nil {
		return nil, false, err
	}
	body, err = raw(r.Get().AbsPath(p).SetHeader("Accept", accept).Do(ctx))
	if err != nil {
		return nil, false, err
	}
	head := body[:min(len(body), 512)]
	return body, bytes.Contains(head, []byte("APIGroupDiscoveryList")), nil
}

func (k *catalog) addAggregated(list discoveryv2.APIGroupDiscoveryList) {
	for _, group := range list.Items {
		for _, v := range group.Versions {
			gv := schema.GroupVersion{Group: group.Name, Version: v.Version}
			k.versions = append(k.versions, gv.String())
			for _, r := range v.Resources {
				k.add(gv, r.ResponseKind, r.Resource, r.Scope == discoveryv2.ScopeNamespace)
				for _, sub := range r.Subresources {
					if sub.ResponseKind != nil {
						k.versions = append(k.versions, path.Join(gv.String(), sub.ResponseKind.Kind))
					}
				}
			}
		}
	}
}

func (k *catalog) add(gv schema.GroupVersion, answer *metav1.GroupVersionKind, resource string, namespaced bool) {
	if answer == nil || answer.Kind == "" {
		return
	}
	k.versions = append(k.versions, path.Join(gv.String(), answer.Kind))
	k.kinds[gv.WithKind(answer.Kind)] = servedKind{resource: resource, namespaced: namespaced}
}

func (k *catalog) finish() {
	slices.Sort(k.versions)
	k.versions = slices.Compact(k.versions)
}

// discoverOneByOne is for servers without aggregated discovery. Groups whose
// server does not answer are left out, as Helm does.
func (c *Client) discoverOneByOne() (*catalog, error) {
	config := rest.CopyConfig(c.config)
	d, err := discovery.NewDiscoveryClientForConfigAndClient(config, c.http)
	if err != nil {
		return nil, err
	}
	groups, lists, err := d.ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, err
	}
	k := &catalog{kinds: map[schema.GroupVersionKind]servedKind{}}
	for _, g := range groups {
		for _, v := range g.Versions {
			k.versions = append(k.versions, v.GroupVersion)
		}
	}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, r := range list.APIResources {
			if strings.Contains(r.Name, "/") {
				k.versions = append(k.versions, path.Join(list.GroupVersion, r.Kind))
				continue
			}
			k.add(gv, &metav1.GroupVersionKind{Kind: r.Kind}, r.Name, r.Namespaced)
		}
	}
	k.finish()
	return k, nil
}

// capabilities is what charts see as .Capabilities. The set is the caller's
// own: kinds that appear during an operation are added to it.
func (c *Client) capabilities(ctx context.Context) (*chartutil.Capabilities, error) {
	a, err := c.served(ctx, false)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	set := slices.Clone(a.base.versions)
	for gvk := range a.added {
		set = append(set, gvk.GroupVersion().String(), path.Join(gvk.GroupVersion().String(), gvk.Kind))
	}
	slices.Sort(set)
	return &chartutil.Capabilities{
		APIVersions: slices.Compact(set),
		KubeVersion: a.version,
		HelmVersion: chartutil.DefaultCapabilities.HelmVersion,
	}, nil
}

// mapping finds the resource of a kind.
func (c *Client) mapping(ctx context.Context, gvk schema.GroupVersionKind, fresh bool) (*meta.RESTMapping, error) {
	a, err := c.served(ctx, fresh)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	k, ok := a.find(gvk)
	c.mu.Unlock()
	if !ok {
		return nil, &meta.NoKindMatchError{GroupKind: gvk.GroupKind(), SearchedVersions: []string{gvk.Version}}
	}
	m := &meta.RESTMapping{Resource: gvk.GroupVersion().WithResource(k.resource), GroupVersionKind: gvk, Scope: meta.RESTScopeRoot}
	if k.namespaced {
		m.Scope = meta.RESTScopeNamespace
	}
	return m, nil
}

// learn adds the kinds of a CRD that was created, and returns what they add to
// a set of API versions.
func (c *Client) learn(crd *unstructured.Unstructured) []string {
	spec, _ := crd.Object["spec"].(map[string]any)
	group, _, _ := unstructured.NestedString(spec, "group")
	kind, _, _ := unstructured.NestedString(spec, "names", "kind")
	plural, _, _ := unstructured.NestedString(spec, "names", "plural")
	scope, _, _ := unstructured.NestedString(spec, "scope")
	versions, _, _ := unstructured.NestedSlice(spec, "versions")
	var set []string
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range versions {
		v, _ := v.(map[string]any)
		name, _ := v["name"].(string)
		if served, _ := v["served"].(bool); !served || name == "" {
			continue
		}
		gv := schema.GroupVersion{Group: group, Version: name}
		set = append(set, gv.String(), path.Join(gv.String(), kind))
		if c.api != nil {
			c.api.added[gv.WithKind(kind)] = servedKind{resource: plural, namespaced: scope != "Cluster"}
		}
	}
	return set
}
