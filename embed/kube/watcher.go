package kube

import (
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"koflab/embed/kube/store"
)

// maxPending bounds what a watch that does not read may hold; it is then ended,
// and the client starts again from a list, as with the real server.
const maxPending = 1 << 14

// watcher is one open watch. Changes are queued by the writer and taken by the
// goroutine that answers the client.
type watcher struct {
	gr     schema.GroupResource
	ns     string
	filter filter

	mu      sync.Mutex
	pending []store.Change
	over    bool
	wake    chan struct{} // of capacity 1
}

// filter selects objects.
type filter interface{ matches(*store.Object) bool }

// watch opens a watch that begins after rv; 0 is now. The lock must not be held.
func (s *Server) watch(gr schema.GroupResource, ns string, f filter, rv uint64) (*watcher, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watchLocked(gr, ns, f, rv)
}

func (s *Server) watchLocked(gr schema.GroupResource, ns string, f filter, rv uint64) (*watcher, error) {
	if s.closed {
		return nil, apierrors.NewServiceUnavailable("the API server has been closed")
	}
	w := &watcher{gr: gr, ns: ns, filter: f, wake: make(chan struct{}, 1)}
	if rv != 0 {
		if rv > s.st.RV() {
			return nil, apierrors.NewTimeoutError("Too large resource version", 1)
		}
		past, ok := s.st.Since(gr, rv)
		if !ok {
			return nil, expired(rv, s.st.RV())
		}
		for _, c := range past {
			w.offer(c)
		}
	}
	s.watches[w] = struct{}{}
	return w, nil
}

// unwatch closes a watch.
func (s *Server) unwatch(w *watcher) {
	s.mu.Lock()
	delete(s.watches, w)
	s.mu.Unlock()
}

// offer queues a change if the watch is for it, as what it is to the watch: an
// object that begins or ceases to match is added or deleted.
func (w *watcher) offer(c store.Change) {
	if c.Object.GVR.GroupResource() != w.gr || w.ns != "" && w.ns != c.Object.Namespace {
		return
	}
	now := c.Type != watch.Deleted && w.filter.matches(c.Object)
	before := c.Old != nil && w.filter.matches(c.Old)
	switch {
	case now && before:
		c.Type = watch.Modified
	case now:
		c.Type = watch.Added
	case before:
		c.Type = watch.Deleted
	default:
		return
	}
	w.mu.Lock()
	if len(w.pending) >= maxPending {
		w.over, w.pending = true, nil
	}
	if !w.over {
		w.pending = append(w.pending, c)
	}
	w.mu.Unlock()
	w.poke()
}

// stop ends the watch from the server's side.
func (w *watcher) stop() {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.poke()
}

func (w *watcher) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns what is queued; over tells that nothing follows.
func (w *watcher) take() (changes []store.Change, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changes, w.pending = w.pending, nil
	return changes, w.over
}
