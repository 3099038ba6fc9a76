package kube

import (
	"net/http"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

// request is an HTTP request for a resource, taken apart.
type request struct {
	*http.Request
	w           http.ResponseWriter
	query       url.Values
	res         *resource
	version     string // as the client speaks
	ns, name    string
	subresource string
	rest        string // of the path, behind a subresource: for proxies
}

// place is what a path names.
type place struct {
	group, version, resource, ns, name, subresource, rest string
}

// parsePlace reads /api/v1/... and /apis/GROUP/VERSION/... paths. ok is false
// for paths that cannot name a resource.
func parsePlace(path string) (p place, ok bool) {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(segments) >= 3 && segments[0] == "api":
		p.version, segments = segments[1], segments[2:]
	case len(segments) >= 4 && segments[0] == "apis":
		p.group, p.version, segments = segments[1], segments[2], segments[3:]
	default:
		return p, false
	}
	if segments[0] == "watch" && len(segments) > 1 {
		return p, false // the old watch paths; clients use ?watch=true
	}
	if segments[0] == "namespaces" && len(segments) >= 3 && !(len(segments) == 3 && (segments[2] == "status" || segments[2] == "finalize")) {
		p.ns, segments = segments[1], segments[2:]
	}
	p.resource, segments = segments[0], segments[1:]
	if len(segments) > 0 {
		p.name, segments = segments[0], segments[1:]
	}
	if len(segments) > 0 {
		p.subresource, segments = segments[0], segments[1:]
	}
	p.rest = strings.Join(segments, "/")
	return p, p.resource != ""
}

// find resolves a place to what is served there.
func (s *Server) find(p place) *resource {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.resource(schema.GroupResource{Group: p.group, Resource: p.resource})
	if r == nil {
		return nil
	}
	for _, v := range r.versions() {
		if v == p.version {
			return r
		}
	}
	return nil
}

// gvk is the kind as the client speaks it.
func (q *request) gvk() schema.GroupVersionKind {
	return q.res.gvk.GroupKind().WithVersion(q.version)
}

// render encodes a stored object as the client's version.
func (q *request) render(o *store.Object) []byte { return q.res.render(o, q.version) }

// flag reads a boolean query parameter.
func (q *request) flag(name string) bool {
	v := q.query.Get(name)
	return v == "true" || v == "1"
}

func (q *request) dryRun() bool { return isDryRun(q.query["dryRun"]) }
