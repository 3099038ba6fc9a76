// Package kube is a Kubernetes API server in this process: one per embedded
// cluster, small enough for hundreds of them. It stores objects, validates and
// defaults them as the real one does, serves HTTP for any Kubernetes client,
// and carries out deletion (finalizers, owner references, namespaces). It runs
// nothing: workload controllers are clients like any other.
package kube

import (
	"context"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

// LogOptions says which part of a container's log is wanted.
type LogOptions struct {
	Follow     bool
	Previous   bool
	Timestamps bool
	// TailLines and LimitBytes are nil for everything.
	TailLines  *int64
	LimitBytes *int64
	// Since is zero for everything.
	Since time.Time
}

// Options configure a server. Name, Seed and Now decide everything generated.
type Options struct {
	// Name is the cluster's name.
	Name string
	Seed uint64
	// Now is the cluster's time; nil is the machine's.
	Now func() time.Time
	// GitVersion is what /version says; "" is DefaultGitVersion.
	GitVersion string
	// Logs opens the log of a container; nil answers that there is none.
	Logs func(ctx context.Context, ns, pod, container string, o LogOptions) (io.ReadCloser, error)
	// Proxy finds the address (host:port) that backs a pod ("pods") or service
	// ("services"); nil refuses proxying.
	Proxy func(ns, kind, name, port string) (addr string, err error)
	// History is how many changes watches can go back; 0 is DefaultHistory.
	History int
	// EventTTL is how long Events are kept; 0 is an hour, as on real clusters.
	EventTTL time.Duration
	// MaxEvents bounds the Events kept at a time; 0 is DefaultMaxEvents.
	MaxEvents int
}

// Defaults of Options.
const (
	DefaultGitVersion = "v1.34.1+koflab"
	DefaultHistory    = 512
	DefaultMaxEvents  = 1000
)

// Server is one Kubernetes API server.
type Server struct {
	o Options

	// mu guards everything below. Writers hold it from reading an object to
	// telling subscribers, so changes are seen in the order of resourceVersions.
	mu        sync.RWMutex
	st        *store.Store
	customs   map[schema.GroupResource]*resource
	subs      []*subscription
	watches   map[*watcher]struct{}
	recreated map[uint64]uint32
	epoch     uint32 // how often recreated was emptied
	generated map[string]uint32
	events    []eventAge
	ports     portAllocator
	// catalog caches discovery and OpenAPI; it is dropped when CRDs change.
	catalog *catalog
	closed  bool

	done   chan struct{}
	web    web
	client *inProcess
}

type subscription struct{ f func(store.Change) }

// New returns a running server with the namespaces every cluster has. It needs
// no goroutine: an idle server costs nothing but its objects.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.GitVersion == "" {
		o.GitVersion = DefaultGitVersion
	}
	if o.History <= 0 {
		o.History = DefaultHistory
	}
	if o.EventTTL <= 0 {
		o.EventTTL = time.Hour
	}
	if o.MaxEvents <= 0 {
		o.MaxEvents = DefaultMaxEvents
	}
	s := &Server{
		o: o, st: store.New(o.History), customs: map[schema.GroupResource]*resource{}, watches: map[*watcher]struct{}{},
		recreated: map[uint64]uint32{}, generated: map[string]uint32{}, ports: newPortAllocator(o.Seed),
		done: make(chan struct{}),
	}
	s.client = &inProcess{s: s}
	for _, ns := range []string{"default", "kube-node-lease", "kube-public", "kube-system"} {
		// These cannot fail: names and fields are constants.
		_, _ = s.Create(namespacesGR, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	}
	_, _ = s.Create(servicesGR, kubernetesService())
	return s
}

// kubernetesService is how pods find the API.
func kubernetesService() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name: "kubernetes", Namespace: "default",
			Labels: map[string]string{"component": "apiserver", "provider": "kubernetes"},
		},
		Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.1", Ports: []corev1.ServicePort{{Name: "https", Port: 443}}},
	}
}

// Well-known resources.
var (
	namespacesGR = schema.GroupResource{Resource: "namespaces"}
	servicesGR   = schema.GroupResource{Resource: "services"}
	podsGR       = schema.GroupResource{Resource: "pods"}
	eventsGR     = schema.GroupResource{Resource: "events"}
	crdsGR       = schema.GroupResource{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}
)

// resource finds what serves a group and resource.
func (s *Server) resource(gr schema.GroupResource) *resource {
	if r := builtins[gr]; r != nil {
		return r
	}
	return s.customs[gr]
}

// Subscribe calls f for every change from now on, in order. f runs while the
// server is locked: it must return quickly and must not call the server.
func (s *Server) Subscribe(f func(store.Change)) (cancel func()) {
	sub := &subscription{f}
	s.mu.Lock()
	s.subs = append(s.subs, sub)
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, x := range s.subs {
			if x == sub {
				s.subs = append(s.subs[:i:i], s.subs[i+1:]...)
				return
			}
		}
	}
}

// notify tells everybody of a change.
func (s *Server) notify(c store.Change) {
	for _, sub := range s.subs {
		sub.f(c)
	}
	for w := range s.watches {
		w.offer(c)
	}
}
