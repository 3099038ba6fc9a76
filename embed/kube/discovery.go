package kube

import (
	"cmp"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apimachineryversion "k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apimachinery/pkg/version"
)

// catalog is what a server serves, by group and version, in the order in which
// clients are to prefer it.
type catalog struct {
	groups []catalogGroup
	// index is the list of OpenAPI documents, made when it is first asked for.
	index func() map[string]any
}

type catalogGroup struct {
	name     string
	versions []catalogVersion // the preferred one first
}

type catalogVersion struct {
	name      string
	resources []*resource
}

// served returns all resources, sorted. The lock is held.
func (s *Server) served() []schema.GroupResource {
	out := make([]schema.GroupResource, 0, len(builtins)+len(s.customs))
	for gr := range builtins {
		out = append(out, gr)
	}
	for gr := range s.customs {
		out = append(out, gr)
	}
	slices.SortFunc(out, func(a, b schema.GroupResource) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource))
	})
	return out
}

// catalogNow returns the current catalog.
func (s *Server) catalogNow() *catalog {
	s.mu.RLock()
	c := s.catalog
	s.mu.RUnlock()
	if c != nil {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.catalog == nil {
		s.catalog = s.makeCatalog()
	}
	return s.catalog
}

func (s *Server) makeCatalog() *catalog {
	c := &catalog{}
	for _, gr := range s.served() { // sorted: groups come together
		r := s.resource(gr)
		if len(c.groups) == 0 || c.groups[len(c.groups)-1].name != gr.Group {
			c.groups = append(c.groups, catalogGroup{name: gr.Group})
		}
		g := &c.groups[len(c.groups)-1]
		for _, v := range r.versions() {
			i := slices.IndexFunc(g.versions, func(x catalogVersion) bool { return x.name == v })
			if i < 0 {
				i = len(g.versions)
				g.versions = append(g.versions, catalogVersion{name: v})
			}
			g.versions[i].resources = append(g.versions[i].resources, r)
		}
	}
	for i := range c.groups {
		slices.SortFunc(c.groups[i].versions, func(a, b catalogVersion) int {
			return version.CompareKubeAwareVersionStrings(b.name, a.name)
		})
	}
	c.index = sync.OnceValue(c.openAPIIndex)
	return c
}

func (c *catalog) find(group, version string) (catalogVersion, bool) {
	for _, g := range c.groups {
		if g.name != group {
			continue
		}
		for _, v := range g.versions {
			if v.name == version {
				return v, true
			}
		}
	}
	return catalogVersion{}, false
}

func (c *catalog) group(name string) (catalogGroup, bool) {
	for _, g := range c.groups {
		if g.name == name {
			return g, true
		}
	}
	return catalogGroup{}, false
}

// discover answers the paths that say what there is.
func (s *Server) discover(w http.ResponseWriter, r *http.Request, path string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writePlainNotFound(w)
		return
	}
	c := s.catalogNow()
	segments := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case path == "/":
		writeJSON(w, http.StatusOK, metav1.RootPaths{Paths: c.paths()})
	case path == "/openapi/v2":
		s.openAPIv2(w, r)
	case path == "/openapi/v3":
		writeJSON(w, http.StatusOK, c.index())
	case path == "/api", path == "/apis":
		if aggregated(w, r, c, path == "/api") {
			return
		}
		if path == "/api" {
			writeJSON(w, http.StatusOK, &metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"},
				ServerAddressByClientCIDRs: []metav1.ServerAddressByClientCIDR{{ClientCIDR: "0.0.0.0/0", ServerAddress: r.Host}}})
			return
		}
		list := &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroupList"}}
		for _, g := range c.groups {
			if g.name != "" {
				list.Groups = append(list.Groups, g.describe())
			}
		}
		writeJSON(w, http.StatusOK, list)
	case len(segments) == 2 && segments[0] == "api":
		writeResources(w, c, "", segments[1])
	case len(segments) == 2 && segments[0] == "apis":
		g, ok := c.group(segments[1])
		if !ok || g.name == "" {
			writePlainNotFound(w)
			return
		}
		d := g.describe()
		d.APIVersion, d.Kind = "v1", "APIGroup"
		writeJSON(w, http.StatusOK, &d)
	case len(segments) == 3 && segments[0] == "apis":
		writeResources(w, c, segments[1], segments[2])
	default:
		writePlainNotFound(w)
	}
}

func (c *catalog) paths() []string {
	out := []string{"/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"}
	for _, g := range c.groups {
		if g.name == "" {
			continue
		}
		out = append(out, "/apis/"+g.name)
		for _, v := range g.versions {
			out = append(out, "/apis/"+g.name+"/"+v.name)
		}
	}
	slices.Sort(out)
	return out
}

func (g catalogGroup) describe() metav1.APIGroup {
	out := metav1.APIGroup{Name: g.name}
	for _, v := range g.versions {
		out.Versions = append(out.Versions, metav1.GroupVersionForDiscovery{GroupVersion: g.name + "/" + v.name, Version: v.name})
	}
	out.PreferredVersion = out.Versions[0]
	return out
}

// subs lists the subresources of a version, sorted.
func (r *resource) subs(v string) []string {
	var out []string
	if r.hasStatus(v) {
		out = append(out, "status")
	}
	if r.hasScale(v) {
		out = append(out, "scale")
	}
	for name := range r.subresources {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// subVerbs are the verbs of a subresource.
func subVerbs(name string) metav1.Verbs {
	switch name {
	case "status", "scale", "ephemeralcontainers", "approval":
		return metav1.Verbs{"get", "patch", "update"}
	case "log":
		return metav1.Verbs{"get"}
	case "finalize":
		return metav1.Verbs{"update"}
	case "proxy":
		return metav1.Verbs{"create", "delete", "get", "patch", "update"}
	case "exec", "attach", "portforward":
		return metav1.Verbs{"create", "get"}
	}
	return metav1.Verbs{"create"}
}

// subKind is the kind that a subresource takes.
func (r *resource) subKind(name, v string) schema.GroupVersionKind {
	if name == "scale" {
		return schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"}
	}
	if gvk, ok := r.subresources[name]; ok {
		return gvk
	}
	return r.gvk.GroupKind().WithVersion(v)
}

func writeResources(w http.ResponseWriter, c *catalog, group, version string) {
	v, ok := c.find(group, version)
	if !ok {
		writePlainNotFound(w)
		return
	}
	gv := groupVersion(group, version)
	list := &metav1.APIResourceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"}, GroupVersion: gv.String(),
		APIResources: []metav1.APIResource{}}
	for _, r := range v.resources {
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: r.gvr.Resource, SingularName: r.singular, Namespaced: r.namespaced, Kind: r.gvk.Kind, Verbs: r.allVerbs(),
			ShortNames: r.short, Categories: r.categories,
		})
		for _, name := range r.subs(version) {
			k := r.subKind(name, version)
			sub := metav1.APIResource{Name: r.gvr.Resource + "/" + name, Namespaced: r.namespaced, Kind: k.Kind, Verbs: subVerbs(name)}
			if k.GroupVersion() != gv {
				sub.Group, sub.Version = k.Group, k.Version
			}
			list.APIResources = append(list.APIResources, sub)
		}
	}
	writeJSON(w, http.StatusOK, list)
}

// version is what kubectl version prints of the server.
func (s *Server) version() version.Info {
	v := version.Info{GitVersion: s.o.GitVersion, GitTreeState: "clean", GitCommit: "", BuildDate: "2026-01-01T00:00:00Z",
		GoVersion: runtime.Version(), Compiler: runtime.Compiler, Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if parsed, err := apimachineryversion.ParseGeneric(s.o.GitVersion); err == nil {
		v.Major, v.Minor = itoa(parsed.Major()), itoa(parsed.Minor())
	}
	return v
}
