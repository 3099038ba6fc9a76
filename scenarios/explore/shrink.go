package explore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"koflab/scenarios"
	"koflab/scenarios/report"
	"koflab/topology"
)

// Bounds of making failures small: so many are tried, with so many attempts each.
const (
	maxShrunk   = 3
	maxAttempts = 40
)

// shrinkAll confirms the failures and makes them small: the first of each sort.
func (e *explorer) shrinkAll(ctx context.Context) {
	slices.SortFunc(e.failed, func(a, b *Failure) int { return a.Run - b.Run })
	known := map[string]bool{}
	for _, f := range e.failed {
		sort := f.Check + ": " + f.Case.Runs[len(f.Case.Runs)-1].kinds()
		if ctx.Err() == nil && !known[sort] && len(known) < maxShrunk {
			known[sort] = true
			e.shrink(ctx, f)
		}
		f.finish(e.options.Seed)
		e.result.Failures = append(e.result.Failures, f)
	}
}

// shrink makes a failure as small as it gets.
func (e *explorer) shrink(ctx context.Context, f *Failure) {
	f.From = f.steps()
	s := shrinker{failing: func(c Case) (string, bool) {
		f.Attempts++
		e.mu.Lock()
		e.progress(Progress{Shrinking: f.Run, Attempt: f.Attempts})
		e.mu.Unlock()
		seen := e.perform(ctx, c, func(Run, []report.Step) {})
		return seen.Message, seen.failed == len(c.Runs)-1 && seen.Check == f.Check
	}, more: func() bool { return ctx.Err() == nil && f.Attempts < maxAttempts }}
	alone := f.Case
	alone.Runs = alone.Runs[len(alone.Runs)-1:]
	switch {
	case s.try(alone):
	case len(f.Case.Runs) > 1 && s.try(f.Case):
	default:
		return // it is told as it was found
	}
	f.Repeated = true
	s.shrink()
	s.only(f.Check)
	f.Case, f.Message = s.best, s.message
}

// shrinker looks for a smaller case that fails too.
type shrinker struct {
	// failing plays a case; it reports whether its last run fails in the same way, and
	// how. More reports whether another may be played.
	failing func(Case) (message string, yes bool)
	more    func() bool

	best    Case
	message string
}

// try takes a case if it is valid and fails.
func (s *shrinker) try(c Case) bool {
	if !s.more() || c.valid() != nil {
		return false
	}
	message, yes := s.failing(c)
	if yes {
		s.best, s.message = c, message
	}
	return yes
}

// valid reports what is wrong with a case as a scenario.
func (c Case) valid() error {
	made, _ := c.Scenario("explored", "Explored")
	return scenarios.Validate(made)
}

// shrink leaves out what is not needed, largest things first, until nothing is left
// that could be.
func (s *shrinker) shrink() {
	for {
		before := size(s.best)
		s.runs()
		s.looks()
		s.strikes()
		s.lab()
		s.times()
		if size(s.best) >= before || !s.more() {
			break
		}
	}
	s.plain()
}

// size orders cases: fewer and shorter things are smaller.
func size(c Case) int {
	n := 10_000*len(c.Lab.Spec.Regions) + 10_000*len(c.Lab.Spec.Children)
	for _, r := range c.Runs {
		n += 1_000_000 + 100_000*len(r.Strikes) + 50_000*len(r.Looks) + int(r.over()/time.Second)
	}
	return n
}

// runs leaves out runs before the one that fails.
func (s *shrinker) runs() {
	for i := 0; i < len(s.best.Runs)-1; {
		c := s.best
		c.Runs = slices.Delete(slices.Clone(c.Runs), i, i+1)
		if !s.try(c) {
			i++
		}
	}
}

// change tries a change of every run.
func (s *shrinker) change(f func(r *Run)) bool {
	c := s.best
	c.Runs = slices.Clone(c.Runs)
	for i := range c.Runs {
		r := &c.Runs[i]
		r.Strikes, r.Looks = slices.Clone(r.Strikes), slices.Clone(r.Looks)
		f(r)
	}
	return s.try(c)
}

// looks leaves out looks: all, or all but one.
func (s *shrinker) looks() {
	most := 0
	for _, r := range s.best.Runs {
		most = max(most, len(r.Looks))
	}
	if most == 0 || s.change(func(r *Run) { r.Looks = nil }) {
		return
	}
	for i := 0; most > 1 && i < most; i++ {
		if s.change(func(r *Run) {
			if i < len(r.Looks) {
				r.Looks = r.Looks[i : i+1]
			}
		}) {
			return
		}
	}
}

// strikes leaves out faults: all but one, or one at a time.
func (s *shrinker) strikes() {
	if most := len(s.best.Runs[0].Strikes); len(s.best.Runs) == 1 && most > 2 {
		for i := range most {
			if s.change(func(r *Run) {
				r.Strikes = r.Strikes[i : i+1]
				r.begin()
			}) {
				return
			}
		}
	}
	for n := range s.best.Runs {
		for i := 0; i < len(s.best.Runs[n].Strikes); {
			number := s.best.Runs[n].Number
			if !s.change(func(r *Run) {
				if r.Number == number {
					r.Strikes = slices.Delete(r.Strikes, i, i+1)
					if len(r.Looks) == 0 {
						r.begin()
					}
				}
			}) {
				i++
			}
		}
	}
}

// lab leaves out what the lab need not have.
func (s *shrinker) lab() {
	try := func(needed bool, f func(*topology.Lab)) {
		if needed {
			c := s.best
			c.Lab.Spec = clone(c.Lab.Spec)
			f(c.Lab.Spec)
			s.try(c)
		}
	}
	spec := s.best.Lab.Spec
	try(spec.Network != "", func(l *topology.Lab) { l.Network = "" })
	try(spec.ManagementData != "" && len(spec.Regions) > 0, func(l *topology.Lab) { l.ManagementData = "" })
	tuned := slices.ContainsFunc(spec.Children, func(c topology.Child) bool { return c.Tenant != "" || c.Collector != topology.Collector{} })
	replicated := slices.ContainsFunc(spec.Regions, func(r topology.Region) bool { return r.Replicas > 1 })
	try(tuned || replicated, func(l *topology.Lab) {
		for i := range l.Children {
			l.Children[i].Tenant, l.Children[i].Collector = "", topology.Collector{}
		}
		for i := range l.Regions {
			l.Regions[i].Replicas = 0
		}
	})
	for i := len(s.best.Lab.Spec.Children) - 1; i >= 0; i-- {
		name := s.best.Lab.Spec.Children[i].Name
		try(!s.best.names(name), func(l *topology.Lab) { l.Children = slices.Delete(l.Children, i, i+1) })
	}
	for i := len(s.best.Lab.Spec.Regions) - 1; i >= 0 && len(s.best.Lab.Spec.Regions) > 1; i-- {
		name := s.best.Lab.Spec.Regions[i].Name
		try(!s.best.names(name), func(l *topology.Lab) {
			l.Regions = slices.Delete(l.Regions, i, i+1)
			for k := range l.Children {
				if l.Children[k].Region == name {
					l.Children[k].Region = l.Regions[0].Name
				}
			}
		})
	}
}

// names reports whether a fault names a cluster.
func (c Case) names(cluster string) bool {
	for _, r := range c.Runs {
		for _, s := range r.Strikes {
			from, to := ends(s.Target)
			if from == cluster || to == cluster || s.With["other"] == cluster {
				return true
			}
		}
	}
	return false
}

// times lets faults begin together, last less long, and be as the catalogue has them.
func (s *shrinker) times() {
	if slices.ContainsFunc(s.best.Runs, func(r Run) bool {
		return slices.ContainsFunc(r.Strikes, func(k Strike) bool { return k.At > 0 })
	}) {
		s.change(func(r *Run) {
			for i := range r.Strikes {
				r.Strikes[i].At = 0
			}
		})
	}
	for _, most := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if !s.longer(most) || s.change(func(r *Run) {
			for i := range r.Strikes {
				r.Strikes[i].For = min(r.Strikes[i].For, topology.Duration(most))
			}
		}) {
			return
		}
	}
}

func (s *shrinker) longer(than time.Duration) bool {
	return slices.ContainsFunc(s.best.Runs, func(r Run) bool {
		return slices.ContainsFunc(r.Strikes, func(k Strike) bool { return time.Duration(k.For) > than })
	})
}

// plain leaves out names, parameters and checks that are not needed.
func (s *shrinker) plain() {
	names := func(r *Run) {
		for i := range r.Strikes {
			r.Strikes[i].As = ""
		}
	}
	if !s.change(func(r *Run) {
		names(r)
		for i := range r.Strikes {
			r.Strikes[i].Intensity = 0
			if r.Strikes[i].With["other"] == "" {
				r.Strikes[i].With = nil
			}
		}
	}) {
		s.change(names)
	}
}

// only keeps the check that fails.
func (s *shrinker) only(name string) {
	if name != "" {
		c := s.best
		c.Only = name
		s.try(c)
	}
}

// failure is the finding as a scenario's text.
func (f *Failure) failure() string {
	if f.Check == "" {
		return fmt.Sprintf("A step could not be taken: %s", f.Message)
	}
	return fmt.Sprintf("%q did not hold: %s", f.Check, f.Message)
}
