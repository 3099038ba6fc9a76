// Package report is what is known after scenarios have run, in one neutral
// model, and its forms: for a terminal, as JSON, JUnit XML, Markdown and a page
// of HTML. The model knows no wall clock, host or path, so that two runs with
// one seed give the same bytes in every form.
package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Version is that of the model, and of its JSON. It changes when a field changes
// its meaning or goes away, not when one is added.
const Version = 1

// Report is the results of one or more scenarios.
type Report struct {
	Version int `json:"version"`
	// Seed is the one given for all runs; 0 if each had its own.
	Seed int64 `json:"seed,omitempty"`
	Runs []Run `json:"runs"`
}

// Run is one scenario that ran, or was to. All its times are lab time.
type Run struct {
	// Scenario is the scenario's name.
	Scenario string `json:"scenario"`
	Title    string `json:"title,omitempty"`
	// Number is that of KOF's list of scenarios; 0 outside it.
	Number int `json:"number,omitempty"`
	// Teaches is Markdown.
	Teaches string   `json:"teaches,omitempty"`
	Pins    []Pin    `json:"pins,omitempty"`
	Tags    []string `json:"tags,omitempty"`
	Seed    int64    `json:"seed"`
	Outcome Outcome  `json:"outcome"`
	// Skipped says why it did not run, Error why it could not.
	Skipped  string    `json:"skipped,omitempty"`
	Error    string    `json:"error,omitempty"`
	Start    time.Time `json:"start,omitzero"`
	Duration Duration  `json:"duration"`
	Steps    []Step    `json:"steps,omitempty"`
	// Faults are ordered as they were injected, Flow and Events by time.
	Faults []FaultSpan  `json:"faults,omitempty"`
	Flow   []FlowSample `json:"flow,omitempty"`
	Events []Event      `json:"events,omitempty"`
	// Reproduce is a command line that gives the same result again.
	Reproduce string `json:"reproduce,omitempty"`
}

// Pin is a behaviour of KOF that a scenario holds in place.
type Pin struct {
	Behaviour string `json:"behaviour"`
	// Source is where the behaviour is written down.
	Source string `json:"source,omitempty"`
}

// Step is one step of a scenario.
type Step struct {
	// Index counts from 1.
	Index int    `json:"index"`
	Title string `json:"title,omitempty"`
	// Action is what the step does, in one line: "run 10m".
	Action string `json:"action"`
	// At is when it began, since the scenario's start.
	At       Duration `json:"at"`
	Duration Duration `json:"duration"`
	Outcome  Outcome  `json:"outcome"`
	// Error says why a step did not pass, for reasons other than its checks.
	Error  string        `json:"error,omitempty"`
	Checks []CheckResult `json:"checks,omitempty"`
}

// CheckResult is what became of one check.
type CheckResult struct {
	Name string `json:"name"`
	// Kind is the query language: promql, logsql, ledger ...
	Kind  string `json:"kind"`
	Query string `json:"query,omitempty"`
	// Mode is "now", or with a time "eventually 2m", "always 1m", "never 1m".
	Mode     string  `json:"mode,omitempty"`
	Expected string  `json:"expected,omitempty"`
	Observed string  `json:"observed,omitempty"`
	Outcome  Outcome `json:"outcome"`
	// Message says why the check did not pass.
	Message string `json:"message,omitempty"`
	// At is when it was first looked at, since the scenario's start; Took is the
	// lab time until it was decided, in Attempts looks.
	At       Duration `json:"at"`
	Took     Duration `json:"took"`
	Attempts int      `json:"attempts,omitempty"`
}

// FaultSpan is a fault and how long it was active, since the scenario's start.
type FaultSpan struct {
	// Name is the active fault's, Fault that of the catalogue.
	Name   string `json:"name"`
	Fault  string `json:"fault"`
	Target string `json:"target,omitempty"`
	// To is the end of the run for a fault that was still active.
	From Duration `json:"from"`
	To   Duration `json:"to"`
	// Effect is what the fault is declared to do.
	Effect string `json:"effect,omitempty"`
}

// FlowSample is the state of one hop of one signal at an instant.
type FlowSample struct {
	At     Duration `json:"at"`
	From   string   `json:"from"`
	To     string   `json:"to"`
	Signal string   `json:"signal"`
	// Rate is records acknowledged per second of lab time since the hop's sample
	// before this, Queued the records that wait.
	Rate   float64 `json:"rate"`
	Queued float64 `json:"queued"`
	// Dropped are records lost since the hop's sample before this, by reason.
	Dropped map[string]int64 `json:"dropped,omitempty"`
}

// Event is an entry of the lab's event log.
type Event struct {
	At Duration `json:"at"`
	// Level is Normal, Warning or Error.
	Level   string `json:"level"`
	Reason  string `json:"reason"`
	Object  string `json:"object,omitempty"`
	Message string `json:"message,omitempty"`
}

// Outcome is what became of a check, step or run.
type Outcome string

// Outcomes, from good to bad. An Errored check or run could not be decided.
const (
	Passed  Outcome = "passed"
	Skipped Outcome = "skipped"
	Failed  Outcome = "failed"
	Errored Outcome = "error"
)

var outcomes = []Outcome{Passed, Skipped, Failed, Errored}

// Bad reports whether the outcome is Failed or Errored.
func (o Outcome) Bad() bool { return o == Failed || o == Errored }

// UnmarshalText reads one of the four words.
func (o *Outcome) UnmarshalText(text []byte) error {
	if !slices.Contains(outcomes, Outcome(text)) {
		return fmt.Errorf("outcome %q: want passed, skipped, failed or error", text)
	}
	*o = Outcome(text)
	return nil
}

// Worst returns the worst of several outcomes, Skipped for none. What was
// skipped does not spoil what passed.
func Worst(all ...Outcome) Outcome {
	for _, o := range []Outcome{Errored, Failed, Passed} {
		if slices.Contains(all, o) {
			return o
		}
	}
	return Skipped
}

// Totals counts runs and checks by outcome.
type Totals struct {
	Runs, Passed, Failed, Skipped, Errored int
	// Checks are those of all runs, ChecksPassed those among them that passed.
	Checks, ChecksPassed int
	// Duration is the lab time of all runs together.
	Duration Duration
}

// Totals counts.
func (r Report) Totals() Totals {
	var t Totals
	for _, run := range r.Runs {
		t.Runs++
		t.Duration += run.Duration
		switch run.Outcome {
		case Passed:
			t.Passed++
		case Failed:
			t.Failed++
		case Skipped:
			t.Skipped++
		default:
			t.Errored++
		}
		for check := range run.checks() {
			t.Checks++
			if check.Outcome == Passed {
				t.ChecksPassed++
			}
		}
	}
	return t
}

// Outcome is the worst of all runs.
func (r Report) Outcome() Outcome {
	all := make([]Outcome, len(r.Runs))
	for i, run := range r.Runs {
		all[i] = run.Outcome
	}
	return Worst(all...)
}

// checks yields the checks of all steps.
func (r Run) checks() func(yield func(CheckResult) bool) {
	return func(yield func(CheckResult) bool) {
		for _, step := range r.Steps {
			for _, c := range step.Checks {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// names returns one name per run, unique within the report: scenarios that ran
// several times have a number behind their name from the second on.
func (r Report) names() []string {
	taken := map[string]bool{}
	names := make([]string, len(r.Runs))
	for i, run := range r.Runs {
		name := run.Scenario
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s #%d", run.Scenario, n)
		}
		taken[name], names[i] = true, name
	}
	return names
}

// Duration is a span of lab time. It is written as Go does, without units that
// are zero at the end: "1h30m", "2.5s", "0s".
type Duration time.Duration

func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration does.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration: want one such as 1h30m or 2.5s", text)
	}
	*d = Duration(parsed)
	return nil
}
