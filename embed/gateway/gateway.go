// Package gateway does vmauth's job in front of a region's stores: it knows
// users, enforces their tenant, routes by URL prefix and bounds what a client
// may ask for. It also holds what listening needs in the whole lab: the lab's
// certificate authority and an HTTP server whose every socket is bounded.
package gateway

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"koflab/sim/clock"
)

// Config is what a Gateway is made of. Limits that are zero get the defaults
// of vmauth, unless said otherwise.
type Config struct {
	Users  []User
	Routes []Route
	// MutualTLS makes the verified client certificate the credential, as in the
	// mesh: there is no basic auth. Without Users every verified peer is
	// unrestricted, as KOF has it; with Users a peer needs the one that bears the
	// last element of its SPIFFE ID.
	MutualTLS bool
	// MaxBodyBytes bounds a request's body, 64 MiB by default.
	MaxBodyBytes int64
	// MaxFormBytes bounds the form of a tenant's read request, which has to be
	// held in memory to be rewritten; 1 MiB by default.
	MaxFormBytes int64
	// MaxConcurrentRequests bounds all requests in work together, 1000 by default.
	MaxConcurrentRequests int
	// MaxConcurrentRequestsPerUser bounds those of one user, 100 by default.
	MaxConcurrentRequestsPerUser int
	// MaxQueueDuration is how long, in real time, a request above a limit waits
	// for its turn before it is refused with 429; 10 s by default, negative for
	// not at all.
	MaxQueueDuration time.Duration
	// Clock stamps request durations; the real one by default.
	Clock clock.Clock
}

func (c *Config) setDefaults() {
	if c.MaxBodyBytes == 0 {
		c.MaxBodyBytes = 64 << 20
	}
	if c.MaxFormBytes == 0 {
		c.MaxFormBytes = 1 << 20
	}
	if c.MaxConcurrentRequests == 0 {
		c.MaxConcurrentRequests = 1000
	}
	if c.MaxConcurrentRequestsPerUser == 0 {
		c.MaxConcurrentRequestsPerUser = 100
	}
	if c.MaxQueueDuration == 0 {
		c.MaxQueueDuration = 10 * time.Second
	}
	if c.Clock == nil {
		c.Clock = clock.Real()
	}
}

// Gateway is the HTTP handler of one region's vmauth. It is safe for
// concurrent use.
type Gateway struct {
	config Config
	routes []route
	users  atomic.Pointer[userTable]
	// counters outlive the users they belong to, so that none goes back when
	// credentials rotate.
	counters counters
	slots    limit
}

// New returns a gateway, or says which user or route is wrong.
func New(c Config) (*Gateway, error) {
	c.setDefaults()
	routes, err := newRoutes(c.Routes)
	if err != nil {
		return nil, err
	}
	g := &Gateway{config: c, routes: routes, slots: newLimit(c.MaxConcurrentRequests)}
	if err := g.SetUsers(c.Users); err != nil {
		return nil, err
	}
	return g, nil
}

// ServeHTTP implements http.Handler. Paths /metrics and /health are the
// gateway's own and need no credentials, as in vmauth.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/metrics":
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		g.WriteMetrics(w)
		return
	case "/health":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("OK"))
		return
	}
	u, refusal := g.authenticate(r)
	if refusal != "" {
		g.counters.unauthorized.Add(1)
		g.challenge(w, refusal)
		return
	}
	start := g.config.Clock.Now()
	u.counters.requests.Add(1)
	g.serveUser(w, r, u)
	u.counters.observe(g.config.Clock.Now().Sub(start))
}

func (g *Gateway) serveUser(w http.ResponseWriter, r *http.Request, u *user) {
	if !g.slots.acquire(r.Context(), g.config.MaxQueueDuration) {
		g.tooMany(w, r, u, &g.counters.limitReached)
		return
	}
	defer g.slots.release()
	if !u.slots.acquire(r.Context(), g.config.MaxQueueDuration) {
		g.tooMany(w, r, u, &u.counters.limitReached)
		return
	}
	defer u.slots.release()

	target, ok := cleanURL(r.URL)
	var found *route
	if ok {
		found = match(g.routes, target.Path)
	}
	if found == nil {
		g.counters.missingRoute.Add(1)
		fail(w, http.StatusBadRequest, "missing route for "+strconv.Quote(target.Path))
		return
	}
	if r.ContentLength > g.config.MaxBodyBytes {
		u.counters.errors.Add(1)
		fail(w, http.StatusRequestEntityTooLarge, tooLargeMessage(g.config.MaxBodyBytes))
		return
	}
	out := &response{ResponseWriter: w}
	forwarded, refused := g.rewrite(out, r, target, found, u)
	if refused != nil {
		u.counters.errors.Add(1)
		fail(w, refused.status, refused.message)
		return
	}
	u.counters.backendRequests.Add(1)
	if found.Backend == nil {
		fail(out, http.StatusServiceUnavailable, "the backend of "+found.Prefix+" is down")
	} else {
		found.Backend.ServeHTTP(out, forwarded)
	}
	g.countOutcome(out.status, r, u)
}

// countOutcome books a finished request as vmauth would: an answer that says
// the backend itself is out of order is a backend error and a request error.
func (g *Gateway) countOutcome(status int, r *http.Request, u *user) {
	if r.Context().Err() != nil {
		g.counters.clientCanceled.Add(1)
		return
	}
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		u.counters.backendErrors.Add(1)
		u.counters.errors.Add(1)
	case http.StatusRequestEntityTooLarge:
		u.counters.errors.Add(1)
	}
}

func (g *Gateway) challenge(w http.ResponseWriter, refusal string) {
	if !g.config.MutualTLS {
		w.Header().Set("WWW-Authenticate", `Basic realm="Restricted"`)
	}
	fail(w, http.StatusUnauthorized, refusal)
}

func (g *Gateway) tooMany(w http.ResponseWriter, r *http.Request, u *user, reached *atomic.Int64) {
	if r.Context().Err() != nil {
		g.counters.clientCanceled.Add(1)
		return
	}
	reached.Add(1)
	u.counters.errors.Add(1)
	w.Header().Set("Retry-After", "10")
	fail(w, http.StatusTooManyRequests, "too many concurrent requests: try again later")
}
