package explore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"koflab/scenarios"
	"koflab/scenarios/report"
	"koflab/scenarios/runner"
	"koflab/sim/fault"
)

// Options say what is explored.
type Options struct {
	// Seed determines all labs and runs, Count is how many runs there are.
	Seed  int64
	Count int
	// MaxFaults is how many faults a run has at most, at least 1.
	MaxFaults int
	// Faults are those that are drawn; all that are explored for none.
	Faults []string
	// Parallel is how many labs there are at once, at least 1.
	Parallel int
	// Budget is the real time after which no other lab begins; 0 is no limit. It is not
	// for what makes failures small.
	Budget time.Duration
	// Command is the command line of a worker, a process that calls runner.Work.
	Command []string
	// Progress is told after each run and each attempt at a smaller failure, by one
	// goroutine at a time; nil for nobody.
	Progress func(Progress)
}

// Progress is how far the exploration is.
type Progress struct {
	Played, Planned, Failed int
	// Shrinking is the failing run that is being made smaller; 0 while there are others
	// to play.
	Shrinking int
	Attempt   int
}

// perLab is how many runs there are in a lab. What is stored grows with each, and so
// does what comparing it takes.
const perLab = 8

// labTimeout is the most that a lab may take, in real time.
const labTimeout = 10 * time.Minute

// Validate reports a fault that cannot be explored.
func (o Options) Validate() error {
	for _, name := range o.Faults {
		if _, err := fault.Lookup(name); err != nil {
			return err
		}
		if why, ok := left[name]; ok {
			return fmt.Errorf("fault %s is not explored: %s", name, why)
		}
	}
	return nil
}

// Faults are the names of those that are explored.
func Faults() []string { return slices.Sorted(maps.Keys(traits)) }

// Cases are the labs with their runs, as they follow from the options.
func (o Options) Cases() []Case {
	var out []Case
	for first := 0; first < o.Count; first += perLab {
		c := Case{}
		c.Seed, c.Lab = drawLab(o.Seed, first/perLab)
		for n := first; n < min(first+perLab, o.Count); n++ {
			c.Runs = append(c.Runs, drawRun(o.Seed, n+1, c.Lab.Spec, o))
		}
		out = append(out, c)
	}
	return out
}

// Explore plays runs and makes what fails small. When ctx ends early, the result is
// what is known by then.
func Explore(ctx context.Context, o Options) *Result {
	e := &explorer{options: o, result: newResult(o)}
	if o.Budget > 0 {
		e.until = time.Now().Add(o.Budget)
	}
	e.queue = o.Cases()
	var workers sync.WaitGroup
	for range max(1, o.Parallel) {
		workers.Go(func() {
			for {
				c, ok := e.next(ctx)
				if !ok {
					return
				}
				e.play(ctx, c)
			}
		})
	}
	workers.Wait()
	e.shrinkAll(ctx)
	e.result.finish(ctx.Err() != nil)
	return e.result
}

// explorer is an exploration.
type explorer struct {
	options Options
	until   time.Time // no other lab begins; zero for never

	mu     sync.Mutex
	queue  []Case
	result *Result
	failed []*Failure
}

// next takes a lab that is still to be played.
func (e *explorer) next(ctx context.Context) (Case, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	over := ctx.Err() != nil || !e.until.IsZero() && time.Now().After(e.until)
	if over || len(e.queue) == 0 {
		return Case{}, false
	}
	c := e.queue[0]
	e.queue = e.queue[1:]
	return c, true
}

// play plays a lab's runs. After one that fails, the others are played in another lab:
// what they would find in this one means nothing.
func (e *explorer) play(ctx context.Context, c Case) {
	seen := e.perform(ctx, c, e.note)
	if seen.failed < 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	f := &Failure{Case: Case{Seed: c.Seed, Lab: c.Lab, Runs: c.Runs[:seen.failed+1]}, finding: seen.finding}
	f.Run = c.Runs[seen.failed].Number
	e.failed = append(e.failed, f)
	if rest := c.Runs[seen.failed+1:]; len(rest) > 0 {
		e.queue = append([]Case{{Seed: c.Seed, Lab: c.Lab, Runs: rest}}, e.queue...)
	}
}

// finding is what went wrong in a case.
type finding struct {
	// Check is the name of the check that failed; empty if a step could not be taken.
	Check string `json:"check,omitempty"`
	// Message says how.
	Message string `json:"message"`
}

// seen is what became of a case.
type seen struct {
	finding
	failed int // the index of the run that failed, -1 for none
}

// perform plays a case and calls note for each run that has ended.
func (e *explorer) perform(ctx context.Context, c Case, note func(Run, []report.Step)) seen {
	s, ends := c.Scenario(fmt.Sprintf("explore-%d-%d", e.options.Seed, c.Runs[0].Number), "Explored")
	w := &watcher{ends: ends, note: func(i int, steps []report.Step) { note(c.Runs[i], steps) }}
	pool := runner.Pool{Command: e.options.Command, Parallel: 1, Timeout: labTimeout, View: w}
	run := pool.Play(ctx, []*scenarios.Scenario{s}).Runs[0]
	out := seen{failed: -1}
	if !run.Outcome.Bad() || ctx.Err() != nil {
		return out
	}
	out.failed = min(w.runs(), len(c.Runs)-1)
	out.finding = found(run)
	note(c.Runs[out.failed], w.left())
	return out
}

// found is the first thing that went wrong.
func found(run report.Run) finding {
	for _, s := range run.Steps {
		if s.Error != "" {
			return finding{Message: fmt.Sprintf("%s: %s", s.Action, s.Error)}
		}
		for _, c := range s.Checks {
			if c.Outcome.Bad() {
				return finding{Check: c.Name, Message: fmt.Sprintf("%s; seen: %s", c.Message, c.Observed)}
			}
		}
	}
	return finding{Message: run.Error}
}

// note counts a run that has ended, whatever came of it.
func (e *explorer) note(r Run, steps []report.Step) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.result.count(r, steps)
	e.progress(Progress{})
}

// progress tells; the caller holds mu.
func (e *explorer) progress(p Progress) {
	if e.options.Progress == nil {
		return
	}
	p.Played, p.Planned, p.Failed = e.result.Runs.Played, e.options.Count, e.result.Runs.Failed+e.result.Runs.Errored
	e.options.Progress(p)
}
