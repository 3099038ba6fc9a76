package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"

	"koflab/sim/clock"
)

// Bounds of everything that listens, in real time.
const (
	headerTimeout  = 10 * time.Second
	requestTimeout = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxConnections = 256
	// graceTimeout is how long a shutdown waits for requests under way.
	graceTimeout = time.Second
)

// servers are the listening parts of a collector.
type servers struct {
	clock clock.Clock
	grpc  *grpc.Server
	http  []*http.Server
	addrs Addrs
	wg    sync.WaitGroup
}

// Addrs are the addresses a collector listens on; empty for what is not served.
type Addrs struct{ OTLPGRPC, OTLPHTTP, Telemetry string }

// Addrs returns where the collector listens since Start.
func (c *Collector) Addrs() Addrs {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers.addrs
}

// listen opens all sockets before it serves any, so that a port in use leaves
// nothing half started.
func (c *Collector) listen(ctx context.Context) error {
	s := &c.servers
	s.clock = c.cfg.Clock
	var opened []net.Listener
	open := func(what, addr string, bound *string) (net.Listener, error) {
		if addr == "" {
			return nil, nil
		}
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		opened = append(opened, l)
		*bound = l.Addr().String()
		return netutil.LimitListener(clock.Listener(c.cfg.Clock, l), maxConnections), nil
	}
	overGRPC, err1 := open("OTLP gRPC receiver", c.cfg.OTLPGRPCAddr, &s.addrs.OTLPGRPC)
	overHTTP, err2 := open("OTLP HTTP receiver", c.cfg.OTLPHTTPAddr, &s.addrs.OTLPHTTP)
	telemetry, err3 := open("telemetry", c.cfg.TelemetryAddr, &s.addrs.Telemetry)
	if err := errors.Join(err1, err2, err3); err != nil {
		for _, l := range opened {
			l.Close()
		}
		return err
	}
	if overGRPC != nil {
		s.grpc = c.newGRPCServer()
		s.wg.Go(func() { _ = s.grpc.Serve(overGRPC) }) // ends by Stop
	}
	if overHTTP != nil {
		s.serve(overHTTP, c.otlpHandler())
	}
	if telemetry != nil {
		instance := c.cfg.TelemetryInstance
		orDefault(&instance, s.addrs.Telemetry)
		c.self = c.newSelfMetrics(instance)
		s.serve(telemetry, c.telemetryHandler())
	}
	return nil
}

func (s *servers) serve(l net.Listener, h http.Handler) {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	s.http = append(s.http, server)
	s.wg.Go(func() { _ = server.Serve(l) }) // ends by Shutdown or Close
}

// shutdown lets requests under way finish, for a moment.
func (s *servers) shutdown(ctx context.Context) {
	defer clock.Hold(s.clock)()
	ctx, cancel := context.WithTimeout(ctx, graceTimeout)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if s.grpc != nil {
			s.grpc.GracefulStop()
		}
	}()
	for _, h := range s.http {
		_ = h.Shutdown(ctx) // what is left, close ends
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	s.close()
	<-done
}

// close ends all connections.
func (s *servers) close() {
	if s.grpc != nil {
		s.grpc.Stop()
	}
	for _, h := range s.http {
		h.Close()
	}
	s.wg.Wait()
}
