package explore

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"koflab/scenarios"
	"koflab/scenarios/report"
)

// Version is that of a result's JSON. It changes when a field changes its meaning or
// goes away.
const Version = 1

// Result is what an exploration has found. It knows no wall clock: unless it was cut
// short, the same options give the same result.
type Result struct {
	Version int   `json:"version"`
	Seed    int64 `json:"seed"`
	Runs    Runs  `json:"runs"`
	// Interrupted says that it was ended before its time.
	Interrupted bool `json:"interrupted,omitempty"`
	// LabTime is that of all runs together.
	LabTime report.Duration `json:"labTime"`
	// Faults are how often each was injected, of those that are explored.
	Faults map[string]int `json:"faults"`
	// Invariants are in the order of Invariants.
	Invariants []Invariant `json:"invariants"`
	Failures   []*Failure  `json:"failures"`
}

// Runs counts runs.
type Runs struct {
	Planned int `json:"planned"`
	Played  int `json:"played"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	// Errored are those of which a step could not be taken.
	Errored int `json:"errored"`
}

// Invariant is how often one was looked at, and how often it held.
type Invariant struct {
	Name string `json:"name"`
	Held int    `json:"held"`
	// Checked includes those that did not hold.
	Checked int `json:"checked"`
}

// Failure is a run that failed.
type Failure struct {
	// Run is its number.
	Run int `json:"run"`
	finding
	// Repeated says that it failed in the same way when it was played again.
	Repeated bool `json:"repeated"`
	// From and Steps are the number of its steps, as it was found and as it is now,
	// without those that check; Attempts is how many scenarios that took.
	From     int `json:"from,omitempty"`
	Steps    int `json:"steps"`
	Attempts int `json:"attempts,omitempty"`
	// Faults are those that are left, each with its target.
	Faults []string `json:"faults"`
	// Scenario is the failing scenario; Seed that of its lab.
	Scenario string `json:"scenario"`
	Seed     int64  `json:"seed"`
	// File is where the scenario was written, Reproduce the command that plays it.
	File      string `json:"file,omitempty"`
	Reproduce string `json:"reproduce,omitempty"`

	Case Case `json:"-"`
}

func newResult(o Options) *Result {
	r := &Result{Version: Version, Seed: o.Seed, Runs: Runs{Planned: o.Count}, Faults: map[string]int{}, Failures: []*Failure{}}
	for name := range traits {
		if len(o.Faults) == 0 || slices.Contains(o.Faults, name) {
			r.Faults[name] = 0
		}
	}
	for _, name := range Invariants() {
		r.Invariants = append(r.Invariants, Invariant{Name: name})
	}
	return r
}

// count adds a run that has ended.
func (r *Result) count(run Run, steps []report.Step) {
	r.Runs.Played++
	for _, s := range run.Strikes {
		r.Faults[s.Fault]++
	}
	outcome := report.Passed
	for i, s := range steps {
		if i == len(steps)-1 {
			r.LabTime += s.At + s.Duration - steps[0].At
			outcome = s.Outcome
		}
		for _, c := range s.Checks {
			i := slices.IndexFunc(r.Invariants, func(v Invariant) bool { return v.Name == c.Name })
			if i < 0 || c.Outcome == report.Skipped {
				continue
			}
			r.Invariants[i].Checked++
			if c.Outcome == report.Passed {
				r.Invariants[i].Held++
			}
		}
	}
	switch {
	case outcome == report.Passed && len(steps) > 0:
		r.Runs.Passed++
	case outcome == report.Failed:
		r.Runs.Failed++
	default:
		r.Runs.Errored++
	}
}

func (r *Result) finish(interrupted bool) {
	r.Interrupted = interrupted
	r.LabTime = report.Duration(time.Duration(r.LabTime).Round(time.Minute)) // requests take what they take
	for _, f := range r.Failures {
		f.Steps, f.Seed = f.steps(), f.Case.Seed
	}
}

// steps counts what the failing run does, without its checks.
func (f *Failure) steps() int {
	n := 0
	made, _ := f.Case.Scenario("explored", "Explored")
	for _, s := range made.Steps {
		if s.Action() != scenarios.ActionCheck {
			n++
		}
	}
	return n
}

// finish makes the scenario that is left.
func (f *Failure) finish(seed int64) {
	f.Faults = []string{}
	for _, r := range f.Case.Runs {
		for _, s := range r.Strikes {
			f.Faults = append(f.Faults, s.String())
		}
	}
	f.Scenario = fmt.Sprintf("explore-%d-%d", seed, f.Run)
}

// YAML is the failure as a scenario file of a name.
func (f *Failure) YAML(name string, seed int64) ([]byte, error) {
	s, _ := f.Case.Scenario(name, fmt.Sprintf("Found by exploring: seed %d, run %d", seed, f.Run))
	s.Teaches = f.failure() + "\n"
	if !f.Repeated {
		s.Teaches += "It has not failed again when it was played once more.\n"
	}
	return scenarios.Marshal(s)
}

// WriteJSON writes the result as JSON.
func (r *Result) WriteJSON(w io.Writer) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		_, err = w.Write(append(b, '\n'))
	}
	return err
}
