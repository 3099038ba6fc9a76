package gateway

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// bounded gives each request's body one deadline and each write of the answer
// its own. The read and write timeouts of http.Server would bound whole
// requests, and so end long streams and cancel long queries. It counts the
// requests in work.
func bounded(h http.Handler, o ServerOptions, inWork *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inWork.Add(1)
		defer inWork.Add(-1)
		rc := http.NewResponseController(w)
		out := &timedWriter{ResponseWriter: w, rc: rc, timeout: o.WriteTimeout}
		out.extend()
		if r.Body != nil && r.Body != http.NoBody {
			_ = rc.SetReadDeadline(time.Now().Add(o.BodyTimeout))
			r.Body = &timedBody{ReadCloser: r.Body, rc: rc}
		}
		h.ServeHTTP(out, r)
		// net/http writes what is buffered after the handler returns.
		out.extend()
	})
}

// timedWriter moves the connection's write deadline ahead of each write.
// Errors of setting a deadline show in the write itself.
type timedWriter struct {
	http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration
}

func (w *timedWriter) extend() { _ = w.rc.SetWriteDeadline(time.Now().Add(w.timeout)) }

func (w *timedWriter) Write(p []byte) (int, error) {
	w.extend()
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (w *timedWriter) Flush() {
	w.extend()
	_ = w.rc.Flush()
}

// Unwrap serves http.ResponseController.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// timedBody lifts the connection's read deadline at the end of the body:
// afterwards net/http keeps reading to notice a client that leaves, and a
// deadline there would cancel the request.
type timedBody struct {
	io.ReadCloser
	rc *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.rc.SetReadDeadline(time.Time{})
	}
	return n, err
}
