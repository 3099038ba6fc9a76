package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Handler serves the Kubernetes API. It does not authenticate: whoever serves it
// decides who may come in, and everybody who comes in is the cluster's admin.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		// Whatever a request does to the libraries below, the others go on.
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // a sentinel that is panicked with
				panic(p)
			}
			writeError(w, apierrors.NewInternalError(fmt.Errorf("this request caused apiserver to panic: %v", p)))
		}
	}()
	path := r.URL.Path
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	switch path {
	case "/healthz", "/livez", "/readyz":
		s.health(w, r)
	case "/version":
		writeJSON(w, http.StatusOK, s.version())
	case "/", "/api", "/apis", "/openapi/v2", "/openapi/v3":
		s.discover(w, r, path)
	case "/metrics":
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		s.metrics(w)
	default:
		switch {
		case strings.HasPrefix(path, "/openapi/v3/"):
			s.openAPIDocument(w, r, strings.TrimPrefix(path, "/openapi/v3/"))
		case strings.HasPrefix(path, "/healthz/"), strings.HasPrefix(path, "/livez/"), strings.HasPrefix(path, "/readyz/"):
			s.health(w, r)
		default:
			s.serveResource(w, r, path)
		}
	}
}

func (s *Server) serveResource(w http.ResponseWriter, r *http.Request, path string) {
	p, ok := parsePlace(path)
	if !ok {
		s.discover(w, r, path)
		return
	}
	res := s.find(p)
	if res == nil {
		writePlainNotFound(w)
		return
	}
	if p.ns != "" && !res.namespaced {
		writePlainNotFound(w)
		return
	}
	q := &request{Request: r, w: w, query: r.URL.Query(), res: res, version: p.version, ns: p.ns, name: p.name, subresource: p.subresource, rest: p.rest}
	if d := res.deprecation(p.version); d != "" {
		warn(w, d)
	}
	if err := s.dispatch(q); err != nil {
		writeError(w, err)
	}
}

func (r *resource) deprecation(version string) string {
	if r.custom == nil {
		return ""
	}
	return r.custom.version(version).deprecated
}

// dispatch calls what answers a request.
func (s *Server) dispatch(q *request) error {
	if q.res.verbs != nil {
		if q.Method != http.MethodPost || q.name != "" {
			return notAllowed(q)
		}
		return s.review(q)
	}
	if q.subresource != "" {
		return s.subresourceRequest(q)
	}
	if q.name == "" {
		switch q.Method {
		case http.MethodGet:
			if q.flag("watch") {
				return s.serveWatch(q)
			}
			return s.serveList(q)
		case http.MethodPost:
			return s.serveCreate(q)
		case http.MethodDelete:
			return s.serveDeleteCollection(q)
		}
		return notAllowed(q)
	}
	if q.res.namespaced && q.ns == "" {
		return unknownResource()
	}
	switch q.Method {
	case http.MethodGet:
		if q.flag("watch") {
			return s.serveWatch(q)
		}
		return s.serveGet(q)
	case http.MethodPut:
		return s.serveUpdate(q)
	case http.MethodPatch:
		return s.servePatch(q)
	case http.MethodDelete:
		return s.serveDelete(q)
	}
	return notAllowed(q)
}

func notAllowed(q *request) error {
	return apierrors.NewMethodNotSupported(q.res.gr(), strings.ToLower(q.Method))
}

// asStatus makes any error one that a client understands.
func asStatus(err error) *metav1.Status {
	var e apierrors.APIStatus
	if !errors.As(err, &e) {
		e = apierrors.NewInternalError(err)
	}
	st := e.Status()
	st.APIVersion, st.Kind = "v1", "Status"
	if st.Status == "" {
		st.Status = metav1.StatusFailure
	}
	if st.Code == 0 {
		st.Code = http.StatusInternalServerError
	}
	return &st
}

func writeError(w http.ResponseWriter, err error) {
	st := asStatus(err)
	if st.Details != nil && st.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(st.Details.RetryAfterSeconds))
	}
	writeJSON(w, int(st.Code), st)
}

// writePlainNotFound is the real server's answer to paths that it knows nothing of.
func writePlainNotFound(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("404 page not found\n"))
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		code, b = http.StatusInternalServerError, []byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":500,"reason":"InternalError"}`)
	}
	writeRaw(w, code, b)
}

func writeRaw(w http.ResponseWriter, code int, b []byte) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(code)
	_, _ = w.Write(b)
}

// warn adds a warning as clients print it.
func warn(w http.ResponseWriter, text string) {
	w.Header().Add("Warning", fmt.Sprintf("299 - %q", text))
}

// health says that the server is up, since it answers.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	name := strings.Trim(r.URL.Path, "/")
	if _, ok := r.URL.Query()["verbose"]; ok {
		_, _ = fmt.Fprintf(w, "[+]ping ok\n[+]store ok\n%s check passed\n", name)
		return
	}
	_, _ = w.Write([]byte("ok"))
}

// metrics tells what the real server would of the objects it stores.
func (s *Server) metrics(w http.ResponseWriter) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, _ = fmt.Fprint(w, "# TYPE apiserver_resource_objects gauge\n")
	for _, gr := range s.served() {
		if n := s.st.Len(gr); n > 0 {
			_, _ = fmt.Fprintf(w, "apiserver_resource_objects{group=%q,resource=%q} %d\n", gr.Group, gr.Resource, n)
		}
	}
	_, _ = fmt.Fprintf(w, "# TYPE apiserver_registered_watchers gauge\napiserver_registered_watchers %d\n", len(s.watches))
}

// expired is the answer to a watch or list that would go back too far.
func expired(rv, oldest uint64) error {
	return apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", rv, oldest))
}

func groupVersion(group, version string) schema.GroupVersion {
	return schema.GroupVersion{Group: group, Version: version}
}
