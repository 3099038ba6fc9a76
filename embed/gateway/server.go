package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"koflab/sim/clock"
)

// ServerOptions bound a server. Zero values get the defaults.
type ServerOptions struct {
	// TLS makes the server speak HTTPS.
	TLS *tls.Config
	// HeaderTimeout bounds reading a request's header, 10 s by default.
	HeaderTimeout time.Duration
	// BodyTimeout bounds reading a request's body, 2 min by default.
	BodyTimeout time.Duration
	// WriteTimeout bounds each write of an answer, 1 min by default, so that a
	// client that does not read is cut while a long stream may go on.
	WriteTimeout time.Duration
	// IdleTimeout bounds the wait for a connection's next request, 2 min by default.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds a request's header, 64 KiB by default.
	MaxHeaderBytes int
	// ShutdownTimeout bounds how long Stop waits for requests in work, 5 s by default.
	ShutdownTimeout time.Duration
	// Clock is the lab's: a virtual one waits for what the server's sockets deliver.
	Clock clock.Clock
	// ErrorLog receives what net/http has to say, such as failed handshakes; it
	// is discarded when nil.
	ErrorLog *log.Logger
}

func (o *ServerOptions) setDefaults() {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.HeaderTimeout, 10 * time.Second},
		{&o.BodyTimeout, 2 * time.Minute},
		{&o.WriteTimeout, time.Minute},
		{&o.IdleTimeout, 2 * time.Minute},
		{&o.ShutdownTimeout, 5 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if o.MaxHeaderBytes == 0 {
		o.MaxHeaderBytes = 64 << 10
	}
	if o.ErrorLog == nil {
		o.ErrorLog = log.New(io.Discard, "", 0)
	}
}

// Server serves HTTP/1.1 with every socket bounded in size and time. It can
// stop and start again on its address, as a region goes down and comes back.
type Server struct {
	handler http.Handler
	options ServerOptions

	mu   sync.Mutex
	addr string // where it listens or listened last
	run  *run   // nil while stopped
}

// run is one time of serving, from listening to its end.
type run struct {
	http     *http.Server
	requests atomic.Int64 // in work
	unused   unused
	done     chan struct{}
	err      error // why serving ended unasked; read after done
}

// NewServer returns a server that does not listen yet.
func NewServer(h http.Handler, o ServerOptions) *Server {
	o.setDefaults()
	return &Server{handler: h, options: o}
}

// Listen starts serving on a TCP address. Port 0 chooses a free one, which Addr
// tells. It fails when the server is serving already.
func (s *Server) Listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return listenError(addr, err)
	}
	_, err = s.start(l)
	return err
}

// Restart listens again where the server listened last.
func (s *Server) Restart() error {
	addr := s.Addr()
	if addr == "" {
		return errors.New("restart: the server has never listened")
	}
	return s.Listen(addr)
}

// Serve serves on a listener, which it closes, until ctx is done or the server
// is stopped. It returns nil after an orderly end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	r, err := s.start(l)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-r.done:
	}
	return s.Stop(context.WithoutCancel(ctx))
}

func (s *Server) start(l net.Listener) (*run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		_ = l.Close()
		return nil, fmt.Errorf("already listening on %s", s.addr)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	r := &run{done: make(chan struct{})}
	r.http = &http.Server{
		Handler:           bounded(s.handler, s.options, &r.requests),
		TLSConfig:         s.options.TLS,
		ReadHeaderTimeout: s.options.HeaderTimeout,
		IdleTimeout:       s.options.IdleTimeout,
		MaxHeaderBytes:    s.options.MaxHeaderBytes,
		ErrorLog:          s.options.ErrorLog,
		Protocols:         &protocols,
		ConnState:         r.unused.track,
	}
	s.addr, s.run = l.Addr().String(), r
	go r.serve(clock.Listener(s.options.Clock, l))
	return r, nil
}

func (r *run) serve(l net.Listener) {
	defer close(r.done)
	var err error
	if r.http.TLSConfig != nil {
		err = r.http.ServeTLS(l, "", "")
	} else {
		err = r.http.Serve(l)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		r.err = fmt.Errorf("serving on %s: %w", l.Addr(), err)
	}
}

// Addr is the address the server listens on, or listened on last.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Running reports whether the server listens.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run != nil
}

// Stop stops listening and lets requests in work finish for as long as ctx and
// the shutdown timeout allow; then it cuts their connections. A server that
// does not listen is stopped already. The error says why serving had ended
// before.
func (s *Server) Stop(ctx context.Context) error {
	return s.end(func(r *run) {
		defer clock.Hold(s.options.Clock)()
		ctx, cancel := context.WithTimeout(ctx, s.options.ShutdownTimeout)
		defer cancel()
		r.unused.close()
		if r.http.Shutdown(ctx) != nil {
			r.cut(s.options.ShutdownTimeout)
		}
	})
}

// Kill stops listening and cuts all connections at once, as a process that
// dies does. Handlers see their context cancelled and get the shutdown timeout
// to return, since what they use may be closed next.
func (s *Server) Kill() error {
	defer clock.Hold(s.options.Clock)()
	return s.end(func(r *run) { r.cut(s.options.ShutdownTimeout) })
}

func (r *run) cut(wait time.Duration) {
	_ = r.http.Close()
	for limit := time.Now().Add(wait); r.requests.Load() > 0 && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
}

// end ends the present run. The lock is not held meanwhile, so that a Kill can
// overtake a Stop.
func (s *Server) end(stop func(*run)) error {
	s.mu.Lock()
	r := s.run
	s.mu.Unlock()
	if r == nil {
		return nil
	}
	stop(r)
	<-r.done
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == r {
		s.run = nil
	}
	return r.err
}

// listenError says in plain words why an address cannot be listened on.
func listenError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("address %s is in use: %w; stop the program that listens there, or choose other addresses with --address-block", addr, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("address %s is not of this machine: %w", addr, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("address %s needs privileges: %w; ports below 1024 belong to root", addr, err)
	}
	return fmt.Errorf("cannot listen on %s: %w", addr, err)
}
