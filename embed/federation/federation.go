// Package federation answers queries over many regions as if their data lay in
// one store, and says what it did: promxy's job for metrics, and the
// multi-level vlselect's and vtselect's for logs and traces.
//
// Every region is a Group behind HTTP. A metrics query is parsed, the parts of
// it that one group can evaluate alone are pushed to the groups, and the rest is
// evaluated here by a Prometheus engine over what the groups answered. Every
// answer carries an Explain record with its coverage: the share of the groups
// that could hold matching data and did answer.
package federation

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"koflab/sim/clock"
)

// Defaults of Options.
const (
	DefaultTimeout          = 30 * time.Second
	DefaultAntiAffinity     = 10 * time.Second // promxy's default
	DefaultMaxSeries        = 50_000
	DefaultMaxSamples       = 20_000_000
	DefaultMaxResponseBytes = 256 << 20
	DefaultGroupConcurrency = 8
	subqueryStep            = time.Minute // Prometheus' default evaluation interval
)

// Options configure a Federator. Zero values mean the defaults above.
type Options struct {
	// Clock gives the default time of queries; real time when nil.
	Clock clock.Clock
	// ErrorMode is what a failed group does to a query that does not say itself.
	ErrorMode ErrorMode
	// Timeout bounds a query that does not ask for less. It is real time, as
	// all deadlines on sockets are.
	Timeout time.Duration
	// MaxSeries, MaxSamples and MaxResponseBytes bound what one group may answer
	// to one request. Exceeding them fails the query in every error mode.
	MaxSeries        int
	MaxSamples       int
	MaxResponseBytes int64
	// AntiAffinity is how close to a sample of one group a sample of the same
	// series from another group is still taken for the same one.
	AntiAffinity time.Duration
	// GroupConcurrency bounds the requests in flight to one group for one query.
	GroupConcurrency int
	// Disjoint states that no series is kept by two groups even where the group
	// labels do not tell them apart, so that aggregations may be pushed down.
	Disjoint bool
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.ErrorMode == "" {
		o.ErrorMode = Fail
	}
	o.Timeout = orDefault(o.Timeout, DefaultTimeout)
	o.AntiAffinity = orDefault(o.AntiAffinity, DefaultAntiAffinity)
	o.MaxSeries = orDefault(o.MaxSeries, DefaultMaxSeries)
	o.MaxSamples = orDefault(o.MaxSamples, DefaultMaxSamples)
	o.MaxResponseBytes = orDefault(o.MaxResponseBytes, DefaultMaxResponseBytes)
	o.GroupConcurrency = orDefault(o.GroupConcurrency, DefaultGroupConcurrency)
	return o
}

func orDefault[T int | int64 | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

// Federator answers queries over its groups. It is safe for concurrent use.
type Federator struct {
	options   Options
	parser    parser.Parser
	handover  *handover
	engine    *promql.Engine
	transport *http.Transport // of groups without a client of their own
	members   atomic.Pointer[[]*member]
	metrics   *selfMetrics
	suspended atomic.Pointer[string] // why no query is answered; nil while they are
}

// New returns a Federator without groups.
func New(o Options) (*Federator, error) {
	o = o.withDefaults()
	if _, err := ParseErrorMode(string(o.ErrorMode)); err != nil {
		return nil, err
	}
	f := &Federator{
		options: o,
		parser:  parser.NewParser(language),
		transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext, // promxy's dial_timeout
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: o.Timeout,
			MaxIdleConnsPerHost:   o.GroupConcurrency,
			IdleConnTimeout:       90 * time.Second,
		},
		metrics: newSelfMetrics(),
	}
	f.handover = &handover{Parser: f.parser, waiting: map[string]parser.Expr{}}
	f.engine = promql.NewEngine(engineOptions(o, f.handover))
	f.members.Store(&[]*member{})
	return f, nil
}

// SetGroups replaces the groups. Running queries finish with the groups they
// started with. An invalid list is refused as a whole and changes nothing.
func (f *Federator) SetGroups(groups []Group) error {
	members, err := f.newMembers(groups)
	f.metrics.reloaded(f.options.Clock.Now(), members, err)
	if err != nil {
		return err
	}
	f.members.Store(&members)
	return nil
}

func (f *Federator) newMembers(groups []Group) ([]*member, error) {
	members := make([]*member, 0, len(groups))
	seen := map[string]bool{}
	var errs []error
	for _, g := range groups {
		if seen[g.Name] {
			errs = append(errs, fmt.Errorf("server group %q is given twice: names must be unique", g.Name))
			continue
		}
		seen[g.Name] = true
		m, err := newMember(g, f.transport, f.metrics, clock.Wall(f.options.Clock))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		members = append(members, m)
	}
	return members, errors.Join(errs...)
}

// Groups returns the groups in use, in the order they were given.
func (f *Federator) Groups() []Group {
	members := *f.members.Load()
	groups := make([]Group, len(members))
	for i, m := range members {
		groups[i] = m.Group
	}
	return groups
}

// Close releases idle connections. Queries must have ended.
func (f *Federator) Close() error {
	f.transport.CloseIdleConnections()
	return f.engine.Close()
}
