package region

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"koflab/embed/engine"
	"koflab/embed/gateway"
	"koflab/embed/logs"
	"koflab/embed/metrics"
	"koflab/embed/traces"
	"koflab/sim/clock"
)

// engineStore is what the storages have in common.
type engineStore interface {
	InsertHandler() http.Handler
	SelectHandler() http.Handler
	Stored() int64
	SetReadOnly(on bool)
	Close() error
	Crash() error
}

// stored is one open storage of a region.
type stored struct {
	engineStore
	name  string
	tally *tally
	// stats are since the storage was opened; lost is what a crash before that cost.
	stats func() Store
	lost  int64
}

// stores are a region's storages. Their handlers outlive them: they answer 503
// while the stores are closed and serve again when they are re-opened.
type stores struct {
	open []*stored
	// before sums up the storages that were open earlier in this process.
	before Stats
	// handlers by listener name, as the stack profiles name them; opened are what
	// they lead to while they serve.
	handlers map[string]*gateway.Backend
	opened   map[string]http.Handler
}

// services are the listeners of each storage: those that write, those that read.
var services = map[string]struct{ insert, read []string }{
	"metrics": {[]string{"vminsert"}, []string{"vmselect"}},
	"logs":    {[]string{"vlinsert"}, []string{"vlselect"}},
	"audit":   {[]string{"vlinsert-audit-logs"}, []string{"vlselect-audit-logs"}},
	"traces":  {[]string{"vtinsert"}, []string{"vtselect", "jaeger-query"}},
}

// flushInterval is how long log records and spans may stay in memory only. Each
// flush makes a dozen files however little there is to write, and that is most of
// what an idle lab does; so it is twice VictoriaLogs' default.
const flushInterval = 10 * time.Second

// replicaDedup is the interval that VictoriaMetrics wants for replicated storage:
// copies of a sample have one timestamp.
const replicaDedup = time.Millisecond

func newStores() *stores {
	s := &stores{before: Stats{}, handlers: map[string]*gateway.Backend{}, opened: map[string]http.Handler{}}
	for _, names := range services {
		for _, name := range append(names.insert, names.read...) {
			s.handlers[name] = &gateway.Backend{}
		}
	}
	return s
}

func (s *stores) openAll(ctx context.Context, c Config, clk clock.Clock) error {
	if err := engine.Init(engine.Options{MemoryBytes: c.MemoryBytes}); err != nil {
		return err
	}
	opened := make([]*stored, 4)
	var g errgroup.Group
	for i, open := range []func() (*stored, error){
		func() (*stored, error) { return openMetrics(ctx, c, clk) },
		func() (*stored, error) {
			return openLogs(ctx, "logs", logs.Options{Dir: filepath.Join(c.Dir, "logs"), Retention: c.Retention.Logs, Clock: clk, FlushInterval: flushInterval})
		},
		func() (*stored, error) {
			return openLogs(ctx, "audit", logs.Options{Dir: filepath.Join(c.Dir, "audit"), Retention: c.Retention.Audit, Clock: clk, FlushInterval: flushInterval})
		},
		func() (*stored, error) { return openTraces(ctx, c, clk) },
	} {
		g.Go(func() (err error) {
			opened[i], err = open()
			return err
		})
	}
	err := g.Wait()
	for _, st := range opened {
		if st != nil {
			s.open = append(s.open, st)
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open the stores of %s: %w", c.Name, err), s.close())
	}
	s.setReadOnly(c.Broken.ReadOnly)
	for _, st := range s.open {
		base := st.tally.total
		insert := counted(st.InsertHandler(), st.tally, func() int64 { return base + st.Stored() })
		for _, name := range services[st.name].insert {
			s.opened[name] = insert
		}
		for _, name := range services[st.name].read {
			s.opened[name] = st.SelectHandler()
		}
	}
	return nil
}

// serve leads the services that serve to their stores, and the others to nothing.
func (s *stores) serve(serves func(string) bool) {
	for name, b := range s.handlers {
		if h := s.opened[name]; h != nil && serves(name) {
			b.Set(h)
		} else {
			b.Set(nil)
		}
	}
}

func openMetrics(_ context.Context, c Config, clk clock.Clock) (*stored, error) {
	o := metrics.Options{
		Dir: filepath.Join(c.Dir, "metrics"), Retention: c.Retention.Metrics, Clock: clk,
		Semantics: c.Semantics, Stores: c.Stores,
	}
	if c.Replicated {
		o.DedupInterval = replicaDedup
	}
	m, err := metrics.Open(o)
	if err != nil {
		return nil, err
	}
	stats := func() Store {
		st := m.Stats()
		return Store{Received: st.Received, Stored: st.Stored, Dropped: st.Dropped, Unclean: st.UncleanStart}
	}
	return (&stored{engineStore: m, name: "metrics", stats: stats}).count(c.Dir, func() (int64, error) { return m.Stats().Rows, nil })
}

func openLogs(ctx context.Context, name string, o logs.Options) (*stored, error) {
	l, err := logs.Open(o)
	if err != nil {
		return nil, err
	}
	st := &stored{engineStore: l, name: name, stats: func() Store { return logStats(l.Stats()) }}
	return st.count(filepath.Dir(o.Dir), func() (int64, error) { return l.CountRows(ctx) })
}

func openTraces(ctx context.Context, c Config, clk clock.Clock) (*stored, error) {
	t, err := traces.Open(traces.Options{Dir: filepath.Join(c.Dir, "traces"), Retention: c.Retention.Traces, Clock: clk, FlushInterval: flushInterval})
	if err != nil {
		return nil, err
	}
	st := &stored{engineStore: t, name: "traces", stats: func() Store { return logStats(t.Stats()) }}
	return st.count(c.Dir, func() (int64, error) { return t.CountRows(ctx) })
}

func logStats(st logs.Stats) Store {
	dropped := map[string]int64{}
	for reason, n := range st.Dropped {
		dropped[string(reason)] = n
	}
	return Store{Received: st.Received, Stored: st.Stored, Dropped: dropped, Unclean: st.UncleanStart}
}

// count opens the storage's tally and, after a crash, says what it cost.
func (st *stored) count(dir string, rows func() (int64, error)) (*stored, error) {
	t, total, mark, err := openTally(filepath.Join(dir, st.name+".tally"))
	if err != nil {
		return nil, errors.Join(err, st.engineStore.Close())
	}
	st.tally = t
	present, err := rows()
	if err == nil {
		err = t.start(present)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("count %s: %w", st.name, err), t.close(), st.engineStore.Close())
	}
	if st.stats().Unclean {
		st.lost = lostSince(total, mark, present)
	}
	return st, nil
}

// close ends the stores in order.
func (s *stores) close() error {
	return s.end(func(e engineStore) error { return e.Close() })
}

// crash ends the stores as kill -9 does: what was not on disk is lost.
func (s *stores) crash() error {
	return s.end(func(e engineStore) error { return e.Crash() })
}

func (s *stores) end(how func(engineStore) error) error {
	for _, h := range s.handlers {
		h.Set(nil)
	}
	clear(s.opened)
	s.before = s.stats()
	var g errgroup.Group
	for _, st := range s.open {
		g.Go(func() error { return errors.Join(how(st.engineStore), st.tally.close()) })
	}
	s.open = nil
	return g.Wait()
}

// stats sums up the storages of this process, open and closed. What a crash cost
// was stored once and is dropped now; if it was stored by an earlier process, it
// is new to this one's books.
func (s *stores) stats() Stats {
	out := Stats{}
	for name, b := range s.before {
		out[name] = b.copy()
	}
	for _, st := range s.open {
		out[st.name] = out[st.name].plus(st.stats(), st.lost)
	}
	return out
}
