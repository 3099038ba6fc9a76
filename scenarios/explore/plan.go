package explore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"koflab/scenarios"
	"koflab/scenarios/check"
	"koflab/topology"
)

// Strike is one fault of a run.
type Strike struct {
	// At is when it is injected, since the run's beginning.
	At time.Duration
	scenarios.Inject
}

// end is when it is over. One that strikes once is over at once.
func (s Strike) end() time.Duration { return s.At + time.Duration(s.For) }

// Run is one schedule of faults.
type Run struct {
	// Number counts from 1.
	Number  int
	Strikes []Strike
	// Looks are when, since the run's beginning, the answers are compared with what the
	// active faults allow.
	Looks []time.Duration
}

// Case is what is played in one lab: runs, one after the other.
type Case struct {
	Seed int64
	Lab  scenarios.Lab
	Runs []Run
	// Only leaves out the checks that are not called so; empty for all of them.
	Only string
}

// moment is something that happens in a run: a strike, or a look.
type moment struct {
	at     time.Duration
	strike *Strike
}

func (r Run) moments() []moment {
	var all []moment
	for i := range r.Strikes {
		all = append(all, moment{r.Strikes[i].At, &r.Strikes[i]})
	}
	for _, at := range r.Looks {
		all = append(all, moment{at: at})
	}
	slices.SortStableFunc(all, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return all
}

// over is when the last consequence of the run's faults should be over.
func (r Run) over() time.Duration {
	over := time.Duration(0)
	for _, s := range r.Strikes {
		over = max(over, s.end()+s.settles())
	}
	for _, at := range r.Looks {
		over = max(over, at)
	}
	return max(over, time.Minute)
}

// Scenario is the case as a scenario, and the index of each run's last step.
func (c Case) Scenario(name, title string) (*scenarios.Scenario, []int) {
	s := &scenarios.Scenario{Name: name, Title: title, Tags: []string{"fault"}, Seed: c.Seed, Lab: c.Lab}
	var ends []int
	elapsed := time.Duration(0)
	for _, r := range c.Runs {
		var steps []scenarios.Step
		now := time.Duration(0)
		pass := func(to time.Duration) {
			if to > now {
				steps = append(steps, scenarios.Step{Run: topology.Duration(to - now)})
				now = to
			}
		}
		for _, m := range r.moments() {
			pass(m.at)
			if m.strike != nil {
				inject := m.strike.Inject
				steps = append(steps, scenarios.Step{Inject: &inject})
			} else if checks := c.chosen(c.meanwhile(r, m.at)); len(checks) > 0 {
				steps = append(steps, scenarios.Step{Check: checks})
			}
		}
		if checks := c.chosen(c.afterwards()); len(checks) > 0 {
			pass(r.over())
			steps = append(steps, scenarios.Step{Title: "Afterwards", Check: checks})
		}
		elapsed += now + healing
		if len(c.Runs) > 1 {
			steps[0].Title = fmt.Sprintf("Run %d", r.Number)
		}
		s.Steps = append(s.Steps, steps...)
		ends = append(ends, len(s.Steps)-1)
	}
	// Injections take their time, as roll-outs do.
	s.Timeout = topology.Duration((2*elapsed + time.Hour).Round(time.Minute))
	scenarios.Default(s)
	return s, ends
}

// chosen leaves out the checks that are not wanted.
func (c Case) chosen(all scenarios.Checks) scenarios.Checks {
	return slices.DeleteFunc(all, func(k check.Check) bool { return c.Only != "" && k.Name != c.Only })
}

// kinds are the faults of the case's last run, for people.
func (r Run) kinds() string {
	var names []string
	for _, s := range r.Strikes {
		names = append(names, s.Fault)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
