package runner

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"koflab/scenarios"
	"koflab/scenarios/check"
	"koflab/scenarios/report"
	"koflab/sim/ledger"
)

// The flow is looked at so often, in lab time, that a run has not many more looks
// than looksWanted.
const (
	leastInterval = 15 * time.Second
	looksWanted   = 120
)

// flow remembers what was said last of each hop between clusters.
type flow struct {
	interval time.Duration
	last     time.Time
	before   map[hop]ledger.Entry
}

type hop struct{ from, to, signal string }

// newFlow picks the interval for a scenario by how long it takes at most.
func newFlow(s *scenarios.Scenario) flow {
	var length time.Duration
	for _, step := range s.Steps {
		length += time.Duration(step.Run)
		longest := time.Duration(0)
		for _, c := range step.Check {
			_, window := c.Window()
			longest = max(longest, window)
		}
		length += longest
	}
	return flow{interval: max(leastInterval, (length / looksWanted).Truncate(leastInterval))}
}

func (f *flow) next() time.Time { return f.last.Add(f.interval) }

// sample writes down how each hop does since the sample before; the first one only
// takes note. A hop on which nothing ever was is left out.
func (f *flow) sample(p *player) {
	now := p.clock.Now()
	seconds := now.Sub(f.last).Seconds()
	first := f.last.IsZero()
	seen := map[hop]ledger.Entry{}
	for _, e := range p.lab.Flow() {
		h := hop{e.From, e.To, string(e.Signal)}
		if strings.Contains(e.From, "/") || strings.Contains(e.To, "/") || e.Offered == 0 {
			continue // inside a cluster
		}
		seen[h] = e
		if first {
			continue
		}
		before := f.before[h]
		s := report.FlowSample{At: p.at(now), From: e.From, To: e.To, Signal: string(e.Signal), Queued: float64(e.Queued)}
		s.Rate = max(0, float64(e.Acknowledged-before.Acknowledged)) / seconds
		for reason, n := range e.Dropped {
			if lost := n - before.Dropped[reason]; lost > 0 {
				if s.Dropped == nil {
					s.Dropped = map[string]int64{}
				}
				s.Dropped[reason] = lost
			}
		}
		p.run.Flow = append(p.run.Flow, s)
	}
	f.last, f.before = now, seen
}

// eventPrecision is that of the times of events. What polls, such as the reconciling of
// clusters that do not answer, is some milliseconds earlier or later in each run.
const eventPrecision = time.Second

// observe writes down what the run was like as a whole.
func (p *player) observe() {
	now := p.clock.Now()
	if now.After(p.flow.last) {
		p.flow.sample(p)
	}
	p.run.Duration, p.run.Faults = p.at(now), p.faults()
	for _, e := range p.env.EventsSince(0) {
		p.run.Events = append(p.run.Events, report.Event{
			At: report.Duration(time.Duration(p.at(e.Time)).Truncate(eventPrecision)), Level: string(e.Level), Reason: e.Reason, Object: e.Object, Message: p.clean(e.Message),
		})
	}
	// What happens at one instant happens in no order.
	slices.SortStableFunc(p.run.Events, func(a, b report.Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
	slices.SortStableFunc(p.run.Flow, func(a, b report.FlowSample) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Signal, b.Signal))
	})
}

// clean makes a text the same in every run: addresses become names of the lab.
func (p *player) clean(text string) string {
	if p.env == nil {
		return check.Named(nil, text)
	}
	return check.Named(p.env, text)
}
