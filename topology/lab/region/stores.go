package region

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"koflab/embed/engine"
	"koflab/embed/gateway"
	"koflab/embed/logs"
	"koflab/embed/metrics"
	"koflab/embed/traces"
	"koflab/sim/clock"
)

// stores are a region's storages. Their handlers outlive them: they answer 503
// while the stores are closed and serve again when they are re-opened.
type stores struct {
	metrics *metrics.Store
	logs    *logs.Store
	audit   *logs.Store
	traces  *traces.Store

	// handlers by listener name, as the stack profiles name them.
	handlers map[string]*gateway.Backend
}

func newStores() *stores {
	s := &stores{handlers: map[string]*gateway.Backend{}}
	for _, name := range []string{
		"vminsert", "vmselect", "vlinsert", "vlselect", "vlinsert-audit-logs", "vlselect-audit-logs",
		"vtinsert", "vtselect", "jaeger-query",
	} {
		s.handlers[name] = &gateway.Backend{}
	}
	return s
}

func (s *stores) open(c Config, clk clock.Clock) error {
	if err := engine.Init(engine.Options{MemoryBytes: c.MemoryBytes}); err != nil {
		return err
	}
	var g errgroup.Group
	g.Go(func() (err error) {
		s.metrics, err = metrics.Open(metrics.Options{
			Dir: filepath.Join(c.Dir, "metrics"), Retention: c.Retention.Metrics, Clock: clk,
			Semantics: c.Semantics, Stores: c.Stores,
		})
		return err
	})
	g.Go(func() (err error) {
		s.logs, err = logs.Open(logs.Options{Dir: filepath.Join(c.Dir, "logs"), Retention: c.Retention.Logs, Clock: clk})
		return err
	})
	g.Go(func() (err error) {
		s.audit, err = logs.Open(logs.Options{Dir: filepath.Join(c.Dir, "audit"), Retention: c.Retention.Audit, Clock: clk})
		return err
	})
	g.Go(func() (err error) {
		s.traces, err = traces.Open(traces.Options{Dir: filepath.Join(c.Dir, "traces"), Retention: c.Retention.Traces, Clock: clk})
		return err
	})
	if err := g.Wait(); err != nil {
		return errors.Join(fmt.Errorf("open the stores of %s: %w", c.Name, err), s.close())
	}
	s.set("vminsert", s.metrics.InsertHandler())
	s.set("vmselect", s.metrics.SelectHandler())
	s.set("vlinsert", s.logs.InsertHandler())
	s.set("vlselect", s.logs.SelectHandler())
	s.set("vlinsert-audit-logs", s.audit.InsertHandler())
	s.set("vlselect-audit-logs", s.audit.SelectHandler())
	s.set("vtinsert", s.traces.InsertHandler())
	s.set("vtselect", s.traces.SelectHandler())
	s.set("jaeger-query", s.traces.SelectHandler())
	return nil
}

func (s *stores) set(name string, h http.Handler) { s.handlers[name].Set(h) }

// close ends the stores in order; those that did not open are left out.
func (s *stores) close() error {
	return s.end((*metrics.Store).Close, (*logs.Store).Close, (*traces.Store).Close)
}

// crash ends the stores as kill -9 does: what was not on disk is lost.
func (s *stores) crash() error {
	return s.end((*metrics.Store).Crash, (*logs.Store).Crash, (*traces.Store).Crash)
}

func (s *stores) end(m func(*metrics.Store) error, l func(*logs.Store) error, t func(*traces.Store) error) error {
	for _, h := range s.handlers {
		h.Set(nil)
	}
	var g errgroup.Group
	if s.metrics != nil {
		g.Go(func() error { return m(s.metrics) })
	}
	for _, store := range []*logs.Store{s.logs, s.audit} {
		if store != nil {
			g.Go(func() error { return l(store) })
		}
	}
	if s.traces != nil {
		g.Go(func() error { return t(s.traces) })
	}
	err := g.Wait()
	s.metrics, s.logs, s.audit, s.traces = nil, nil, nil, nil
	return err
}

func (s *stores) stats() Stats {
	if s.metrics == nil {
		return Stats{}
	}
	m := s.metrics.Stats()
	out := Stats{"metrics": {Received: m.Received, Stored: m.Stored, Dropped: m.Dropped, Unclean: s.metrics.UncleanStart()}}
	for name, st := range map[string]logs.Stats{"logs": s.logs.Stats(), "audit": s.audit.Stats(), "traces": s.traces.Stats()} {
		dropped := map[string]int64{}
		for reason, n := range st.Dropped {
			dropped[string(reason)] = n
		}
		out[name] = Store{Received: st.Received, Stored: st.Stored, Dropped: dropped, Unclean: st.UncleanStart}
	}
	return out
}
