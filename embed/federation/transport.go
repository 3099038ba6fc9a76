package federation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// HandlerTransport returns a RoundTripper that calls h in process. Bodies stream
// through a pipe, so a handler that never ends (a live tail) works too, and a
// request that is cancelled, or whose body is closed, cancels the handler's
// context.
func HandlerTransport(h http.Handler) http.RoundTripper { return handlerTransport{h} }

type handlerTransport struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	in := r.Clone(ctx)
	in.RequestURI = r.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:0"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	pr, pw := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: pw, started: make(chan struct{})}
	go func() {
		defer cancel()
		defer in.Body.Close()
		defer w.finish()
		t.handler.ServeHTTP(w, in)
	}()
	select {
	case <-w.started:
	case <-r.Context().Done():
		cancel()
		pr.CloseWithError(r.Context().Err())
		return nil, r.Context().Err()
	}
	if w.aborted != nil {
		return nil, w.aborted
	}
	stop := context.AfterFunc(r.Context(), func() { pr.CloseWithError(r.Context().Err()) })
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.sent,
		Body:          &pipeBody{PipeReader: pr, cancel: cancel, stop: stop},
		ContentLength: -1,
		Request:       r,
	}, nil
}

// pipeBody ends the handler when the caller has read enough.
type pipeBody struct {
	*io.PipeReader
	cancel context.CancelFunc
	stop   func() bool
}

func (b *pipeBody) Close() error {
	b.stop()
	b.cancel()
	return b.PipeReader.Close()
}

// pipeWriter hands the response over as net/http does: small ones at once,
// others when the buffer is full or flushed.
type pipeWriter struct {
	header  http.Header
	sent    http.Header
	status  int
	body    *io.PipeWriter
	buffer  bytes.Buffer
	once    sync.Once
	started chan struct{}
	aborted error // set before started is closed
}

const pipeBuffer = 32 << 10

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
		w.sent = w.header.Clone()
	}
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.buffer.Write(p)
	if w.buffer.Len() < pipeBuffer {
		return len(p), nil
	}
	return len(p), w.drain()
}

// Flush implements http.Flusher.
func (w *pipeWriter) Flush() {
	w.WriteHeader(http.StatusOK)
	_ = w.drain() // the reader is gone: its context tells the handler
}

func (w *pipeWriter) drain() error {
	w.once.Do(func() { close(w.started) })
	_, err := w.buffer.WriteTo(w.body)
	return err
}

// finish sends what is left. A handler that panics has its connection cut, as
// net/http does.
func (w *pipeWriter) finish() {
	if p := recover(); p != nil {
		err := fmt.Errorf("the handler gave up: %v", p)
		w.once.Do(func() {
			w.aborted = err
			close(w.started)
		})
		w.body.CloseWithError(err)
		return
	}
	w.Flush()
	w.body.Close()
}
