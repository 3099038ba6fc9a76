package kube

import (
	"mime"
	"net/http"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apidiscoveryv2beta1 "k8s.io/api/apidiscovery/v2beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// aggregated answers with everything at once if the client can take that.
func aggregated(w http.ResponseWriter, r *http.Request, c *catalog, legacy bool) bool {
	for _, part := range strings.Split(r.Header.Get("Accept"), ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil || media != "application/json" {
			continue
		}
		if params["g"] != "apidiscovery.k8s.io" || params["as"] != "APIGroupDiscoveryList" {
			if params["as"] == "" {
				return false // plain JSON is preferred to what follows
			}
			continue
		}
		list := c.aggregate(legacy)
		switch params["v"] {
		case "v2":
			w.Header().Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
			writeJSON(w, http.StatusOK, list)
			return true
		case "v2beta1":
			w.Header().Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList")
			writeJSON(w, http.StatusOK, beta(list))
			return true
		}
	}
	return false
}

func (c *catalog) aggregate(legacy bool) *apidiscoveryv2.APIGroupDiscoveryList {
	list := &apidiscoveryv2.APIGroupDiscoveryList{
		TypeMeta: metav1.TypeMeta{APIVersion: "apidiscovery.k8s.io/v2", Kind: "APIGroupDiscoveryList"},
		Items:    []apidiscoveryv2.APIGroupDiscovery{},
	}
	for _, g := range c.groups {
		if (g.name == "") != legacy {
			continue
		}
		d := apidiscoveryv2.APIGroupDiscovery{ObjectMeta: metav1.ObjectMeta{Name: g.name}}
		for _, v := range g.versions {
			vd := apidiscoveryv2.APIVersionDiscovery{Version: v.name, Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent}
			for _, r := range v.resources {
				vd.Resources = append(vd.Resources, r.aggregate(v.name))
			}
			d.Versions = append(d.Versions, vd)
		}
		list.Items = append(list.Items, d)
	}
	return list
}

func (r *resource) aggregate(v string) apidiscoveryv2.APIResourceDiscovery {
	scope := apidiscoveryv2.ScopeCluster
	if r.namespaced {
		scope = apidiscoveryv2.ScopeNamespace
	}
	kind := func(k schema.GroupVersionKind) *metav1.GroupVersionKind {
		return &metav1.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind}
	}
	out := apidiscoveryv2.APIResourceDiscovery{
		Resource: r.gvr.Resource, ResponseKind: kind(r.gvk.GroupKind().WithVersion(v)), Scope: scope, SingularResource: r.singular,
		Verbs: r.allVerbs(), ShortNames: r.short, Categories: r.categories,
	}
	for _, name := range r.subs(v) {
		out.Subresources = append(out.Subresources, apidiscoveryv2.APISubresourceDiscovery{
			Subresource: name, ResponseKind: kind(r.subKind(name, v)), Verbs: subVerbs(name),
		})
	}
	return out
}

// beta is the list as clients before Kubernetes 1.30 read it.
func beta(list *apidiscoveryv2.APIGroupDiscoveryList) *apidiscoveryv2beta1.APIGroupDiscoveryList {
	out := &apidiscoveryv2beta1.APIGroupDiscoveryList{
		TypeMeta: metav1.TypeMeta{APIVersion: "apidiscovery.k8s.io/v2beta1", Kind: "APIGroupDiscoveryList"},
		Items:    []apidiscoveryv2beta1.APIGroupDiscovery{},
	}
	for _, g := range list.Items {
		d := apidiscoveryv2beta1.APIGroupDiscovery{ObjectMeta: g.ObjectMeta}
		for _, v := range g.Versions {
			vd := apidiscoveryv2beta1.APIVersionDiscovery{Version: v.Version, Freshness: apidiscoveryv2beta1.DiscoveryFreshness(v.Freshness)}
			for _, r := range v.Resources {
				rd := apidiscoveryv2beta1.APIResourceDiscovery{
					Resource: r.Resource, ResponseKind: r.ResponseKind, Scope: apidiscoveryv2beta1.ResourceScope(r.Scope),
					SingularResource: r.SingularResource, Verbs: r.Verbs, ShortNames: r.ShortNames, Categories: r.Categories,
				}
				for _, sub := range r.Subresources {
					rd.Subresources = append(rd.Subresources, apidiscoveryv2beta1.APISubresourceDiscovery{
						Subresource: sub.Subresource, ResponseKind: sub.ResponseKind, Verbs: sub.Verbs,
					})
				}
				vd.Resources = append(vd.Resources, rd)
			}
			d.Versions = append(d.Versions, vd)
		}
		out.Items = append(out.Items, d)
	}
	return out
}
