package kube

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// serveProxy passes a request on to what backs a pod or service.
func (s *Server) serveProxy(q *request) error {
	scheme, name, port := "http", q.name, ""
	switch parts := strings.Split(q.name, ":"); len(parts) {
	case 1:
	case 2:
		name, port = parts[0], parts[1]
	case 3:
		name, port = parts[1], parts[2]
		if parts[0] != "" {
			scheme = parts[0]
		}
	default:
		return apierrors.NewBadRequest("invalid " + q.res.singular + " request " + q.name)
	}
	kind := q.res.gvr.Resource
	if kind != "nodes" {
		named := *q
		named.name = name
		if _, err := s.get(&named); err != nil {
			return err
		}
	}
	if s.o.Proxy == nil || kind == "nodes" {
		return apierrors.NewServiceUnavailable("nothing in this process backs " + kind + " " + q.ns + "/" + name)
	}
	addr, err := s.o.Proxy(q.ns, kind, name, port)
	if err != nil {
		return apierrors.NewServiceUnavailable("error trying to reach service: " + err.Error())
	}
	path := "/" + q.rest
	if strings.HasSuffix(q.URL.Path, "/") && path != "/" {
		path += "/"
	}
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL = &url.URL{Scheme: scheme, Host: addr, Path: path, RawQuery: r.In.URL.RawQuery}
			r.Out.Host = addr
			r.Out.Header.Del("Authorization") // it was for the API server
		},
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			writeError(w, apierrors.NewServiceUnavailable("error trying to reach service: "+err.Error()))
		},
	}
	p.ServeHTTP(q.w, q.Request)
	return nil
}
