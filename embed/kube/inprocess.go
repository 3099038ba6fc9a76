package kube

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"k8s.io/client-go/rest"
)

// inProcess is the way to a server for clients in this process: requests are
// handed to the handler without sockets.
type inProcess struct{ s *Server }

// RESTConfig returns the configuration of a client that needs no network. Its
// rate limit is off.
func (s *Server) RESTConfig() *rest.Config {
	return &rest.Config{
		Host: "http://kubernetes.koflab.internal", Transport: s.client, QPS: -1,
		UserAgent: rest.DefaultKubernetesUserAgent(),
	}
}

// RoundTrip answers a request. Answers that never end by themselves are produced
// by a goroutine that ends with the request's context or the body's Close.
func (t *inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:0"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer func() {
		if r.Body != nil {
			_ = r.Body.Close()
		}
	}()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if q := r.URL.Query(); r.Method == http.MethodGet && (truthy(q.Get("watch")) || truthy(q.Get("follow"))) {
		return t.stream(r, in)
	}
	rec := &recorder{header: http.Header{}}
	t.s.serve(rec, in)
	if rec.code == 0 {
		rec.code = http.StatusOK
	}
	return rec.response(r, io.NopCloser(bytes.NewReader(rec.body.Bytes())), int64(rec.body.Len())), nil
}

func truthy(v string) bool { return v == "true" || v == "1" }

// recorder keeps a whole answer.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

func (r *recorder) response(req *http.Request, body io.ReadCloser, length int64) *http.Response {
	return &http.Response{
		Status: http.StatusText(r.code), StatusCode: r.code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.header, Body: body, ContentLength: length, Request: req,
	}
}

func (t *inProcess) stream(r, in *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	p := newPipe(cancel)
	go func() {
		t.s.serve(p, in.WithContext(ctx))
		p.finish()
		cancel()
	}()
	select {
	case <-p.started:
	case <-r.Context().Done():
		cancel()
		return nil, r.Context().Err()
	}
	head := &recorder{header: p.sent, code: p.code}
	return head.response(r, p, -1), nil
}

// pipe is an answer that is read while it is written. Writers do not wait for
// readers: a watch's backlog is bounded by the watch itself.
type pipe struct {
	header  http.Header
	sent    http.Header // as it was when the answer began
	code    int
	started chan struct{}
	cancel  context.CancelFunc

	mu     sync.Mutex
	cond   sync.Cond
	buf    bytes.Buffer
	done   bool // nothing more will be written
	closed bool // nobody reads any more
}

// maxBuffered is how much a reader that stands still may leave unread.
const maxBuffered = 8 << 20

func newPipe(cancel context.CancelFunc) *pipe {
	p := &pipe{header: http.Header{}, started: make(chan struct{}), cancel: cancel}
	p.cond.L = &p.mu
	return p
}

func (p *pipe) Header() http.Header { return p.header }

func (p *pipe) WriteHeader(code int) {
	if p.code == 0 {
		p.code, p.sent = code, p.header.Clone()
		close(p.started)
	}
}

func (p *pipe) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, io.ErrClosedPipe
	}
	for p.buf.Len() > maxBuffered && !p.closed {
		p.cond.Wait()
	}
	n, err := p.buf.Write(b)
	p.cond.Broadcast()
	return n, err
}

// Flush has nothing to do: readers see what is written at once.
func (p *pipe) Flush() {}

func (p *pipe) finish() {
	p.WriteHeader(http.StatusOK)
	p.mu.Lock()
	p.done = true
	p.mu.Unlock()
	p.cond.Broadcast()
}

func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.buf.Len() == 0 {
		switch {
		case p.closed:
			return 0, errors.New("read of a closed response body")
		case p.done:
			return 0, io.EOF
		}
		p.cond.Wait()
	}
	n, err := p.buf.Read(b)
	if p.buf.Len() == 0 && p.buf.Cap() > 64<<10 {
		p.buf = bytes.Buffer{} // a burst should not hold its memory for ever
	}
	p.cond.Broadcast()
	return n, err
}

// Close ends the answer from the reader's side.
func (p *pipe) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cond.Broadcast()
	p.cancel()
	return nil
}
