package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"sort"
	"strings"
	"sync/atomic"
)

// Kind says which store a route leads to and in which direction, which decides
// the query args that enforce a tenant there.
type Kind int

// The kinds of routes. Audit logs are logs.
const (
	MetricsInsert Kind = iota + 1
	MetricsSelect
	LogsInsert
	LogsSelect
	TracesInsert
	TracesSelect
	kinds // one past the last
)

func (k Kind) insert() bool { return k == MetricsInsert || k == LogsInsert || k == TracesInsert }

// Route sends the requests below a path prefix to a backend, with the first
// segment of their path dropped: with prefix /vls the request /vls/select/x
// reaches its backend as /select/x.
type Route struct {
	// Prefix is one or more whole path segments, such as /vm/insert. Of several
	// that match, the longest wins.
	Prefix string
	// Backend serves the rewritten request; one that is nil answers 503.
	Backend http.Handler
	Kind    Kind
}

// Backend is a handler that can go down and come back, such as a store that is
// closed and opened again. While it has none it answers 503.
type Backend struct {
	handler atomic.Pointer[http.Handler]
}

// Set replaces the handler; nil takes the backend down.
func (b *Backend) Set(h http.Handler) {
	if h == nil {
		b.handler.Store(nil)
		return
	}
	b.handler.Store(&h)
}

// ServeHTTP implements http.Handler.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := b.handler.Load()
	if h == nil {
		fail(w, http.StatusServiceUnavailable, "the backend is down")
		return
	}
	(*h).ServeHTTP(w, r)
}

type route struct{ Route }

// newRoutes validates routes and orders them by descending prefix length.
func newRoutes(routes []Route) ([]route, error) {
	out := make([]route, 0, len(routes))
	seen := make(map[string]bool, len(routes))
	for _, r := range routes {
		switch {
		case !strings.HasPrefix(r.Prefix, "/") || r.Prefix == "/" || path.Clean(r.Prefix) != r.Prefix:
			return nil, fmt.Errorf("route prefix %q: want clean path segments such as /vm/insert", r.Prefix)
		case r.Kind <= 0 || r.Kind >= kinds:
			return nil, fmt.Errorf("route %s: unknown kind %d", r.Prefix, r.Kind)
		case seen[r.Prefix]:
			return nil, fmt.Errorf("route %s is given twice", r.Prefix)
		}
		seen[r.Prefix] = true
		out = append(out, route{r})
	}
	sort.Slice(out, func(i, j int) bool { return len(out[i].Prefix) > len(out[j].Prefix) })
	return out, nil
}

// match finds the route of a clean path.
func match(routes []route, p string) *route {
	for i := range routes {
		rest, ok := strings.CutPrefix(p, routes[i].Prefix)
		if ok && (rest == "" || rest[0] == '/') {
			return &routes[i]
		}
	}
	return nil
}

// cleanURL resolves dot segments and repeated slashes in the decoded path, so
// that no spelling of a path escapes its route. The encoded path is kept only
// if it needs no cleaning: it tells "a%2Fb", one segment of a Jaeger service
// name, from "a/b". It reports false for a path that is not absolute.
func cleanURL(u *url.URL) (url.URL, bool) {
	out := *u
	if !strings.HasPrefix(u.Path, "/") {
		return out, false
	}
	out.Path = path.Clean(u.Path)
	if strings.HasSuffix(u.Path, "/") && out.Path != "/" {
		out.Path += "/"
	}
	if out.Path != u.Path {
		out.RawPath = ""
	}
	return out, true
}

// dropFirstSegment turns /a/b/c into /b/c, and /a into /.
func dropFirstSegment(u *url.URL) {
	u.Path = afterFirstSegment(u.Path)
	if u.RawPath == "" {
		return
	}
	u.RawPath = afterFirstSegment(u.RawPath)
	// A first segment with an encoded slash was two segments in the decoded path.
	if decoded, err := url.PathUnescape(u.RawPath); err != nil || decoded != u.Path {
		u.RawPath = ""
	}
}

func afterFirstSegment(p string) string {
	i := strings.IndexByte(p[1:], '/')
	if i < 0 {
		return "/"
	}
	return p[1+i:]
}
