package region

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"koflab/embed/gateway"
	"koflab/topology"
)

// certificateTTL is that of cert-manager's certificates.
const certificateTTL = 90 * 24 * time.Hour

// Server is a region that runs in this process.
type Server struct {
	config      Config
	ca          *gateway.CA
	certificate atomic.Pointer[tls.Certificate] // the gateway's

	mu      sync.Mutex
	stores  *stores
	gateway *gateway.Gateway
	servers []listening
	cut     bool // off the network
	closed  bool
}

// listening is one of a region's listeners.
type listening struct {
	topology.Listener
	*gateway.Server
}

// Open starts a region in this process.
func Open(c Config) (*Server, error) {
	s := &Server{config: c, stores: newStores(), cut: c.Broken.Cut}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close(context.Background()))
	}
	return s, nil
}

func (s *Server) open() error {
	c, clk := s.config, s.config.Clock.Open()
	var routes []gateway.Route
	for _, r := range c.Routes {
		kind, err := routeKind(r)
		if err != nil {
			return err
		}
		store, ok := s.stores.handlers[r.To]
		if !ok {
			return fmt.Errorf("route %s: there is no service %q", r.Prefix, r.To)
		}
		routes = append(routes, gateway.Route{Prefix: gatewayPrefix(r), Backend: below(r.Path, store), Kind: kind})
	}
	var err error
	s.gateway, err = gateway.New(gateway.Config{Users: gatewayUsers(c.Users), Routes: routes, MutualTLS: c.MutualTLS, Clock: clk})
	if err != nil {
		return fmt.Errorf("gateway of %s: %w", c.Name, err)
	}
	if s.ca, err = gateway.LoadOrCreateCA(c.CADir, clk); err != nil {
		return err
	}
	if err := s.present(); err != nil {
		return err
	}
	if err := s.stores.openAll(context.Background(), c, clk); err != nil {
		return err
	}
	s.stores.serve(c.serves)
	for _, l := range c.Listeners {
		if err := s.listen(l, s.tls()); err != nil {
			return fmt.Errorf("%s of %s: %w", l.Name, c.Name, err)
		}
	}
	return s.listenWhereServed()
}

func (s *Server) listen(l topology.Listener, tls *tls.Config) error {
	var h http.Handler
	o := gateway.ServerOptions{Clock: s.config.Clock.Open()}
	if l.Name == VMAuth {
		h, o.TLS = byHost(s.config.Routes, s.gateway), tls
	} else {
		store, ok := s.stores.handlers[l.Name]
		if !ok {
			return errors.New("a region has no such service")
		}
		h = store
	}
	port := l.Port
	if s.config.AnyPort {
		port = 0
	}
	server := gateway.NewServer(h, o)
	if err := server.Listen(net.JoinHostPort(s.config.IP, strconv.Itoa(port))); err != nil {
		return err
	}
	s.servers = append(s.servers, listening{l, server})
	return nil
}

// gatewayPrefix is the path prefix of a route in the gateway. A route of a whole
// host stands below the host's name there, which byHost puts in front.
func gatewayPrefix(r topology.Route) string {
	if r.Prefix == "/" {
		return "/" + r.Host
	}
	return r.Prefix
}

// byHost leads the requests for a host that has a route for all of its paths to
// that route, unless a longer one of the host matches.
func byHost(routes []topology.Route, g http.Handler) http.Handler {
	whole := map[string][]string{} // host to its longer prefixes
	for _, r := range routes {
		if r.Prefix == "/" {
			whole[r.Host] = nil
		}
	}
	for _, r := range routes {
		if _, ok := whole[r.Host]; ok && r.Prefix != "/" {
			whole[r.Host] = append(whole[r.Host], r.Prefix)
		}
	}
	if len(whole) == 0 {
		return g
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ".")
		longer, ok := whole[host]
		if ok && !slices.ContainsFunc(longer, func(p string) bool { return strings.HasPrefix(r.URL.Path, p+"/") }) {
			below("/"+host, g).ServeHTTP(w, r)
			return
		}
		g.ServeHTTP(w, r)
	})
}

// below serves a route's requests under another path.
func below(prefix string, h http.Handler) http.Handler {
	if prefix == "" {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path = prefix + r.URL.Path
		if r.URL.RawPath != "" {
			r.URL.RawPath = prefix + r.URL.RawPath
		}
		h.ServeHTTP(w, r)
	})
}

// Addresses are the host and port of every listener by name.
func (s *Server) Addresses() map[string]string {
	out := map[string]string{}
	for _, l := range s.servers {
		out[l.Name] = l.Addr()
	}
	return out
}

// Stats returns what the stores have counted.
func (s *Server) Stats() (Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stores.stats(), nil
}

// SetListening takes the region off the network, cutting its connections, or
// brings it back on the same addresses. The stores stay open.
func (s *Server) SetListening(up bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = !up
	s.config.Broken.Cut = s.cut
	return s.listenWhereServed()
}

// SetServices says which listeners serve: the others are closed, and requests
// that the gateway would pass to them are answered 503. The stores stay open.
func (s *Server) SetServices(names []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.Services = names
	s.stores.serve(s.config.serves)
	return s.listenWhereServed()
}

// listenWhereServed opens and closes listeners; the caller holds mu or is alone.
func (s *Server) listenWhereServed() error {
	var errs []error
	for _, l := range s.servers {
		up := !s.cut && s.config.serves(l.Name)
		switch {
		case up && !l.Running():
			errs = append(errs, l.Restart())
		case !up && l.Running():
			errs = append(errs, l.Kill())
		}
	}
	return errors.Join(errs...)
}

// SetUsers replaces the gateway's users.
func (s *Server) SetUsers(users []User) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.Users = slices.Clone(users)
	return s.gateway.SetUsers(gatewayUsers(users))
}

// Crash ends the region as kill -9 would and starts it again: connections are
// cut, and what the stores had not written to disk is lost. What is off the network
// stays so.
func (s *Server) Crash() error {
	s.mu.Lock()
	cut := s.cut
	s.mu.Unlock()
	if err := s.SetListening(false); err != nil {
		return err
	}
	s.mu.Lock()
	err := s.stores.crash()
	if err == nil {
		err = s.stores.openAll(context.Background(), s.config, s.config.Clock.Open())
		s.stores.serve(s.config.serves)
	}
	s.mu.Unlock()
	return errors.Join(err, s.SetListening(!cut))
}

// Settle writes all that the stores hold to disk, by closing them in order and opening
// them again. Requests meanwhile are answered 503.
func (s *Server) Settle() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the region is closed")
	}
	if err := s.stores.close(); err != nil {
		return err
	}
	err := s.stores.openAll(context.Background(), s.config, s.config.Clock.Open())
	s.stores.serve(s.config.serves)
	return err
}

// Close stops listening, lets requests in work finish within a bound, and
// closes the stores in order. A second Close does nothing.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var wg sync.WaitGroup
	errs := make([]error, len(s.servers)+1)
	for i, l := range s.servers {
		wg.Go(func() { errs[i] = l.Stop(ctx) })
	}
	wg.Wait()
	errs[len(s.servers)] = s.stores.close()
	return errors.Join(errs...)
}
