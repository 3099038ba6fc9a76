package gateway

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// userCounters are one user's numbers since the gateway began.
type userCounters struct {
	requests, errors               atomic.Int64
	backendRequests, backendErrors atomic.Int64
	limitReached                   atomic.Int64
	nanoseconds, finished          atomic.Int64
}

func (c *userCounters) observe(d time.Duration) {
	c.nanoseconds.Add(int64(d))
	c.finished.Add(1)
}

// counters are a gateway's numbers since it began.
type counters struct {
	unauthorized, missingRoute, clientCanceled, limitReached atomic.Int64
	// anyPeer counts for the verified peers of a mesh that knows no users.
	anyPeer userCounters

	mu     sync.Mutex
	byUser map[string]*userCounters
}

// user returns the counters of a name, which stay when the user goes.
func (c *counters) user(name string) *userCounters {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byUser == nil {
		c.byUser = map[string]*userCounters{}
	}
	u := c.byUser[name]
	if u == nil {
		u = &userCounters{}
		c.byUser[name] = u
	}
	return u
}

func (c *counters) users() map[string]*userCounters {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.byUser)
}

// UserStats are one user's numbers since the gateway began.
type UserStats struct {
	Requests        int64 `json:"requests"`
	Errors          int64 `json:"errors"`
	BackendRequests int64 `json:"backendRequests"`
	BackendErrors   int64 `json:"backendErrors"`
	LimitReached    int64 `json:"limitReached"`
}

// Stats are a gateway's numbers since it began.
type Stats struct {
	// Unauthorized counts requests refused with 401.
	Unauthorized int64 `json:"unauthorized"`
	// MissingRoute counts requests refused with 400 for an unknown path.
	MissingRoute int64 `json:"missingRoute"`
	// ClientCanceled counts requests whose client went away.
	ClientCanceled int64 `json:"clientCanceled"`
	// LimitReached counts requests refused with 429 by the limit of the gateway;
	// those refused by a user's own limit are in Users.
	LimitReached int64 `json:"limitReached"`
	// Users has all users there ever were, by name; the peers of a mesh without
	// users stand under "".
	Users map[string]UserStats `json:"users"`
}

// Stats returns the gateway's numbers.
func (g *Gateway) Stats() Stats {
	c := &g.counters
	s := Stats{
		Unauthorized:   c.unauthorized.Load(),
		MissingRoute:   c.missingRoute.Load(),
		ClientCanceled: c.clientCanceled.Load(),
		LimitReached:   c.limitReached.Load(),
		Users:          map[string]UserStats{},
	}
	for name, u := range c.users() {
		s.Users[name] = u.stats()
	}
	if g.users.Load().anyPeer != nil {
		s.Users[""] = c.anyPeer.stats()
	}
	return s
}

func (c *userCounters) stats() UserStats {
	return UserStats{
		Requests: c.requests.Load(), Errors: c.errors.Load(),
		BackendRequests: c.backendRequests.Load(), BackendErrors: c.backendErrors.Load(),
		LimitReached: c.limitReached.Load(),
	}
}

// WriteMetrics writes the gateway's metrics in the Prometheus text format,
// under vmauth's names.
func (g *Gateway) WriteMetrics(w io.Writer) {
	c, b := &g.counters, &bytes.Buffer{}
	for _, e := range []struct {
		reason string
		n      *atomic.Int64
	}{
		{"client_canceled", &c.clientCanceled},
		{"invalid_auth_token", &c.unauthorized},
		{"missing_route", &c.missingRoute},
	} {
		fmt.Fprintf(b, "vmauth_http_request_errors_total{reason=%q} %d\n", e.reason, e.n.Load())
	}
	fmt.Fprintf(b, "vmauth_concurrent_requests_capacity %d\n", cap(g.slots))
	fmt.Fprintf(b, "vmauth_concurrent_requests_current %d\n", len(g.slots))
	fmt.Fprintf(b, "vmauth_concurrent_requests_limit_reached_total %d\n", c.limitReached.Load())
	if g.users.Load().anyPeer != nil {
		c.anyPeer.write(b, "vmauth_unauthorized_user", "")
	}
	users := c.users()
	for _, name := range slices.Sorted(maps.Keys(users)) {
		users[name].write(b, "vmauth_user", "{username="+strconv.Quote(name)+"}")
	}
	_, _ = w.Write(b.Bytes())
}

func (c *userCounters) write(b *bytes.Buffer, prefix, labels string) {
	for _, m := range []struct {
		name string
		n    *atomic.Int64
	}{
		{"_requests_total", &c.requests},
		{"_request_errors_total", &c.errors},
		{"_request_backend_requests_total", &c.backendRequests},
		{"_request_backend_errors_total", &c.backendErrors},
		{"_concurrent_requests_limit_reached_total", &c.limitReached},
		{"_request_duration_seconds_count", &c.finished},
	} {
		fmt.Fprintf(b, "%s%s%s %d\n", prefix, m.name, labels, m.n.Load())
	}
	seconds := time.Duration(c.nanoseconds.Load()).Seconds()
	fmt.Fprintf(b, "%s_request_duration_seconds_sum%s %g\n", prefix, labels, seconds)
}
