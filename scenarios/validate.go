package scenarios

import (
	"fmt"
	"slices"
	"time"

	"koflab/scenarios/check"
	"koflab/topology"
	"koflab/topology/document"
)

// validation goes through the steps as they will happen and knows at each what is
// certain by then.
type validation struct {
	*Scenario
	f *document.Findings
	// lab is complete and as the steps so far have made it; nil if it has problems.
	lab *topology.Lab
	// clusters and regions are the IDs of all that there have been, and of those of
	// them that store; nil if the lab has problems.
	clusters, regions []string
	known             map[string]bool
	// elapsed is how much lab time has passed at least.
	elapsed time.Duration
	// data says that there may be telemetry to look at.
	data   bool
	faults faults
}

// durations checks the ranges of durations, before defaults.
func durations(f *document.Findings, s *Scenario) {
	const day = topology.Duration(24 * time.Hour)
	between(f, "timeout", s.Timeout, topology.Duration(time.Second), 365*day)
	between(f, "lab.history", s.Lab.History, topology.Duration(time.Second), 30*day)
	for i := range s.Steps {
		at := document.Item("steps", i)
		between(f, document.Join(at, "run"), s.Steps[i].Run, topology.Duration(time.Millisecond), 365*day)
		if in := s.Steps[i].Inject; in != nil {
			between(f, document.Join(at, "inject.for"), in.For, topology.Duration(time.Millisecond), 365*day)
		}
	}
}

func between(f *document.Findings, path string, d, least, most topology.Duration) {
	if (d != 0 || f.Given(path)) && (d < least || d > most) {
		f.Add(path, "%s is %s, give %s to %s", f.Label(path), d, least, most)
	}
}

// validate checks what the rules of fields cannot see.
func validate(f *document.Findings, s *Scenario) {
	v := &validation{Scenario: s, f: f, known: map[string]bool{}, data: s.Lab.History > 0}
	if year := s.Clock.Start.Year(); year < 2000 || year > 2099 {
		f.Add("clock.start", "start is in the year %d, give a time from 2000 to 2099", year)
	}
	once(f, "tags", s.Tags)
	once(f, "needs", s.Needs)
	v.lab = v.topology()
	v.know()
	for i := range s.Steps {
		v.step(document.Item("steps", i), i, &s.Steps[i])
	}
	if most := time.Duration(s.Timeout); v.elapsed > most && most > 0 {
		f.Add("timeout", "the steps take %s at least, give a timeout above that instead of %s", topology.Duration(v.elapsed), s.Timeout)
	}
}

// once wants values to be there only once.
func once(f *document.Findings, path string, values []string) {
	for i, value := range values {
		if slices.Contains(values[:i], value) {
			f.Add(document.Item(path, i), "%q is given twice, remove one", document.Clip(value))
		}
	}
}

func (v *validation) step(at string, i int, s *Step) {
	field := func(name string) string { return document.Join(at, name) }
	if s.Run > 0 {
		v.pass(time.Duration(s.Run))
		v.data = true
	}
	switch s.Action() {
	case ActionRun:
		if s.Run == 0 { // heal: "" and the like
			v.f.Add(at, "%s does nothing, give it one of run, inject, heal, change, send, check", orders(i))
		}
	case ActionInject:
		v.inject(field("inject"), i, s.Inject)
	case ActionHeal:
		v.heal(field("heal"), i, s.Heal)
	case ActionChange:
		v.change(field("change"), s.Change)
	case ActionSend:
		v.send(field("send"), s.Send)
		v.data = true
	case ActionCheck:
		v.checks(field("check"), s.Check)
	}
}

// pass lets time pass, as far as it can be said in advance.
func (v *validation) pass(d time.Duration) {
	v.elapsed += d
	if v.elapsed < 0 {
		v.elapsed = 1<<63 - 1 // for ever
	}
}

func (v *validation) checks(path string, checks Checks) {
	names := map[string]int{}
	var longest topology.Duration
	for i := range checks {
		c, at := &checks[i], document.Item(path, i)
		for _, p := range c.Validate(v.clusters, v.regions) {
			v.checkProblem(at, p)
		}
		v.beforeData(at, c)
		title := c.Title()
		if first, ok := names[title]; ok && title != "" {
			v.f.Add(document.Join(at, "name"), "two checks of this step are called %q, the other %s; name one otherwise",
				document.Clip(title), v.f.Where(document.Item(path, first)))
		} else {
			names[title] = i
		}
		longest = max(longest, c.Always, c.Never)
		v.data = v.data || c.Eventually > 0
	}
	v.pass(time.Duration(longest))
}

// checkProblem tells what is wrong with a check, unless it follows from a field
// whose name is wrong.
func (v *validation) checkProblem(at string, p check.Problem) {
	path, message := document.Join(at, p.Field), p.Message
	switch p.Field {
	case "", "expect":
		if v.f.Misspelled(at) {
			return
		}
	case check.KindPromQL, check.KindLogsQL, check.KindCoverage, "expect.cel": // a parser's own words
		message = v.f.Label(path) + ": " + message
	}
	v.f.Add(path, "%s", message)
}

// needData are the kinds of checks that look at telemetry.
var needData = []string{
	check.KindPromQL, check.KindLogsQL, check.KindTraces, check.KindTrace, check.KindLedger, check.KindOracle,
}

// beforeData: a check of telemetry while there is none proves nothing, whatever it
// finds.
func (v *validation) beforeData(at string, c *check.Check) {
	kind := c.Kind()
	if v.data || c.Eventually > 0 || c.Expect.Error != "" || !slices.Contains(needData, kind) {
		return
	}
	v.f.Add(document.Join(at, kind), "%s is asked before any lab time has passed or anything was sent, put a step such as %q before it", kind, "run: 1m")
}

// orders is the ordinal of a step, from 1, for a message.
func orders(i int) string { return fmt.Sprintf("step %d", i+1) }
