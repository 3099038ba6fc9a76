package kube

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
	"time"
)

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// web is the server's listener, if it has one.
type web struct {
	mu     sync.Mutex
	server *http.Server
	addr   string
	ended  chan struct{}
}

// Listen serves the API at addr. With a tls.Config it speaks HTTPS (HTTP/2 too). If
// that config asks for client certificates, it serves the bearers of one whose
// organization is system:masters, as a real server does, and refuses all others.
func (s *Server) Listen(addr string, config *tls.Config) error {
	s.web.mu.Lock()
	defer s.web.mu.Unlock()
	if s.web.server != nil {
		return fmt.Errorf("the API server of %s listens at %s already", s.o.Name, s.web.addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("API server of %s: %w", s.o.Name, err)
	}
	h := &http.Server{
		Handler: guarded(config, s.Handler()), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, TLSConfig: config,
	}
	ended := make(chan struct{})
	s.web.server, s.web.addr, s.web.ended = h, l.Addr().String(), ended
	go func() {
		defer close(ended)
		if config != nil {
			_ = h.ServeTLS(l, "", "") // returns when Close shuts it down
			return
		}
		_ = h.Serve(l)
	}()
	return nil
}

// Addr returns the address of the listener, "" if there is none.
func (s *Server) Addr() string {
	s.web.mu.Lock()
	defer s.web.mu.Unlock()
	return s.web.addr
}

// Close ends all watches, stops listening and refuses further requests. It waits
// for requests under way until ctx is done.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	s.mu.Unlock()
	s.web.mu.Lock()
	defer s.web.mu.Unlock()
	h := s.web.server
	if h == nil {
		return nil
	}
	err := h.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, h.Close())
	}
	<-s.web.ended
	s.web.server = nil
	return err
}
