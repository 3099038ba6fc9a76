package kube

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/watch"

	"koflab/embed/kube/store"
)

const (
	// bookmarkEvery is how often a quiet watch hears that nothing happened.
	bookmarkEvery = time.Minute
	// minWatch is how long watches last whose client does not say.
	minWatch = 30 * time.Minute
)

// serveWatch streams changes until the client leaves, its time is over, or the
// server closes. Watching costs one goroutine, the one that serves the request.
func (s *Server) serveWatch(q *request) error {
	f, err := q.form()
	if err != nil {
		return err
	}
	sel, err := q.selection()
	if err != nil {
		return err
	}
	rv, err := versionParam(q)
	if err != nil {
		return err
	}
	timeout, err := number(q, "timeoutSeconds")
	if err != nil {
		return err
	}
	life := time.Duration(timeout) * time.Second
	if timeout == 0 {
		life = minWatch + rand.N(minWatch) //nolint:gosec // spreads reconnections, nothing more
	}
	initial := q.query.Get("sendInitialEvents")
	if initial == "true" && !q.flag("allowWatchBookmarks") {
		return apierrors.NewInvalid(groupVersion("meta.k8s.io", "v1").WithKind("ListOptions").GroupKind(), "", field.ErrorList{
			field.Forbidden(field.NewPath("sendInitialEvents"), "sendInitialEvents is forbidden without allowWatchBookmarks"),
		})
	}
	text := q.query.Get("resourceVersion")
	// Without a version, or with "0", a watch begins with what is there.
	begins := initial == "true" || initial == "" && (text == "" || text == "0")
	w, existing, at, err := s.open(q, sel, rv, begins)
	if err != nil {
		return err
	}
	defer s.unwatch(w)

	out := &watchWriter{s: s, q: q, form: f, header: true}
	out.flusher, _ = q.w.(http.Flusher)
	q.w.Header().Set("Content-Type", "application/json")
	if f == formTable {
		q.w.Header().Set("Content-Type", "application/json;as=Table;g=meta.k8s.io;v=v1;stream=watch")
	}
	q.w.WriteHeader(http.StatusOK)
	for _, o := range existing {
		out.send(watch.Added, o)
	}
	if initial == "true" {
		out.bookmark(at, true)
	}
	out.flush()
	s.follow(q, w, out, life)
	return nil
}

// open begins a watch, with the objects that are there if it begins with them.
func (s *Server) open(q *request, sel *selection, rv uint64, begins bool) (*watcher, []*store.Object, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if begins {
		if rv > s.st.RV() {
			return nil, nil, 0, apierrors.NewTimeoutError("Too large resource version: "+strconv.FormatUint(rv, 10)+", current: "+strconv.FormatUint(s.st.RV(), 10), 1)
		}
		rv = 0
	}
	w, err := s.watchLocked(q.res.stored(), q.ns, sel, rv)
	if err != nil || !begins {
		return w, nil, s.st.RV(), err
	}
	s.st.Warm(q.res.stored())
	var existing []*store.Object
	for _, o := range s.st.List(q.res.stored(), q.ns) {
		if sel.matches(o) {
			existing = append(existing, o)
		}
	}
	return w, existing, s.st.RV(), nil
}

// follow sends changes as they come.
func (s *Server) follow(q *request, w *watcher, out *watchWriter, life time.Duration) {
	end := time.NewTimer(life)
	defer end.Stop()
	var bookmarks <-chan time.Time
	if q.flag("allowWatchBookmarks") {
		t := time.NewTicker(bookmarkEvery)
		defer t.Stop()
		bookmarks = t.C
	}
	for {
		select {
		case <-w.wake:
			changes, over := w.take()
			for _, c := range changes {
				out.send(c.Type, c.Object)
			}
			out.flush()
			if over || out.broken {
				return
			}
		case <-bookmarks:
			if rv, ok := s.quiet(w); ok {
				out.bookmark(rv, false)
				out.flush()
			}
		case <-end.C:
			if rv, ok := s.quiet(w); ok && bookmarks != nil {
				out.bookmark(rv, false) // the next watch starts here, not at the last change
				out.flush()
			}
			return
		case <-q.Context().Done():
			return
		case <-s.done:
			return
		}
	}
}

// quiet returns the version up to which a watch has been told everything.
func (s *Server) quiet(w *watcher) (uint64, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	return s.st.RV(), len(w.pending) == 0
}

// watchWriter writes the events of one watch.
type watchWriter struct {
	s       *Server
	q       *request
	form    form
	flusher http.Flusher
	header  bool // a table's columns have not been sent yet
	broken  bool
}

func (w *watchWriter) send(t watch.EventType, o *store.Object) {
	if w.broken {
		return
	}
	b, err := w.s.shape(w.q, w.form, o, w.header)
	if err != nil {
		b, t = errorEvent(err), watch.Error
	}
	w.header = false
	w.write(t, b)
}

func (w *watchWriter) write(t watch.EventType, object []byte) {
	b := make([]byte, 0, len(object)+40)
	b = append(b, `{"type":"`...)
	b = append(b, t...)
	b = append(b, `","object":`...)
	b = append(b, object...)
	b = append(b, '}', '\n')
	if _, err := w.q.w.Write(b); err != nil {
		w.broken = true
	}
}

func errorEvent(err error) []byte {
	b, _ := json.Marshal(asStatus(err)) // strings and numbers
	return b
}

// bookmark tells the client how far it has got.
func (w *watchWriter) bookmark(rv uint64, initial bool) {
	meta := metav1.ObjectMeta{ResourceVersion: strconv.FormatUint(rv, 10)}
	if initial {
		meta.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	}
	gvk := w.q.gvk()
	var v any = metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind}, ObjectMeta: meta}
	switch w.form {
	case formTable:
		p := metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"}, ObjectMeta: meta}
		raw, _ := json.Marshal(p) // as above
		t := &metav1.Table{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "Table"}}
		t.ResourceVersion = meta.ResourceVersion
		t.Rows = []metav1.TableRow{{Cells: []any{}}}
		t.Rows[0].Object.Raw = raw
		v = t
	case formMetadata:
		v = metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"}, ObjectMeta: meta}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return
	}
	w.write(watch.Bookmark, b)
}

func (w *watchWriter) flush() {
	if w.flusher != nil {
		w.flusher.Flush()
	}
}
