package collector

import "time"

// Sources are what a collector observes: targets it scrapes, and where the logs
// and traces come from. Nil sources yield nothing.
type Sources struct {
	Targets []Target
	Logs    LogSource
	Traces  TraceSource
}

// SetSources replaces the sources of logs and traces. The earlier ones are read up
// to the moment of the change, the new ones from there on.
func (c *Collector) SetSources(logs LogSource, traces TraceSource) {
	c.change(func(_ time.Time, s *Sources) { s.Logs, s.Traces = logs, traces })
}

// Switch replaces all sources at one instant, which make is told: until then the
// earlier ones have been scraped and read, from then on the new ones are. Targets
// change as with SetTargets. make is called once, soon, by the collector's own
// goroutine, which waits for it; before the start it is called at once, and after
// the end it is not called any more.
func (c *Collector) Switch(make func(at time.Time) Sources) {
	c.change(func(at time.Time, s *Sources) { *s = make(at) })
}

// change has the sources changed at the next opportunity, in the order of calls.
func (c *Collector) change(f func(time.Time, *Sources)) {
	c.mu.Lock()
	started := c.state != made
	if started {
		c.changes = append(c.changes, f)
	}
	c.mu.Unlock()
	if !started {
		c.applyChange(c.cfg.Clock.Now().Truncate(time.Millisecond), f)
		return
	}
	c.wake()
}

// applyChanges applies what change was asked for, having read the old sources up
// to t, before which nothing is left to do. It reports whether there was any.
func (c *Collector) applyChanges(t time.Time) bool {
	c.mu.Lock()
	changes := c.changes
	c.changes = nil
	c.mu.Unlock()
	if len(changes) == 0 {
		return false
	}
	at := latest(t.Truncate(time.Millisecond), c.logsRead, c.tracesRead)
	c.generate(at)
	for _, f := range changes {
		c.applyChange(at, f)
	}
	return true
}

func (c *Collector) applyChange(at time.Time, f func(time.Time, *Sources)) {
	s := c.sources()
	f(at, &s)
	c.mu.Lock()
	c.targets, c.logSource, c.traceSource, c.retarget = s.Targets, s.Logs, s.Traces, true
	c.mu.Unlock()
}

// sources returns the present ones.
func (c *Collector) sources() Sources {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Sources{c.targets, c.logSource, c.traceSource}
}

func latest(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.After(t) {
			t = o
		}
	}
	return t
}
