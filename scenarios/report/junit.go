package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// The elements of a JUnit report. There is no standard; this is what the schemas
// of Apache Ant and of Jenkins' xUnit plugin both accept, in Ant's order.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Name       string          `xml:"name,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Hostname   string          `xml:"hostname,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        junitText       `xml:"system-out"`
		Err        junitText       `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Skipped *junitSkipped `xml:"skipped"`
		Error   *junitProblem `xml:"error"`
		Failure *junitProblem `xml:"failure"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr,omitempty"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Body    string `xml:",cdata"`
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
)

// junitPackage is what the classes of all test cases begin with.
const junitPackage = "koflab"

// WriteJUnit writes the report for CI systems: a test suite per run, a test case
// per check and per step without checks. Times are lab time.
func WriteJUnit(w io.Writer, r Report) error {
	var doc junitSuites
	names := r.names()
	for i, run := range r.Runs {
		doc.Suites = append(doc.Suites, newJUnitSuite(i, names[i], run))
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("report as JUnit XML: %w", err)
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

func newJUnitSuite(id int, name string, run Run) junitSuite {
	s := junitSuite{
		Package: junitPackage, ID: id, Name: token(name, "scenario"),
		Timestamp: junitTime(run.Start),
		Hostname:  "localhost", // required; a name would differ between machines
		Time:      seconds(run.Duration),
		Properties: []junitProperty{
			{"title", line(run.Title)},
			{"seed", strconv.FormatInt(run.Seed, 10)},
			{"tags", line(strings.Join(run.Tags, " "))},
		},
		Out: junitText{junitOut(run)},
		Err: junitText{block(run.Error)},
	}
	for _, pin := range run.Pins {
		s.Properties = append(s.Properties, junitProperty{"pin", line(pin.Behaviour)})
	}
	s.Cases = junitCases(run)
	for i := range s.Cases {
		s.Cases[i].Class = junitPackage + "." + s.Name
		switch c := s.Cases[i]; {
		case c.Error != nil:
			s.Errors++
		case c.Failure != nil:
			s.Failures++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	s.Tests = len(s.Cases)
	return s
}

// junitTime writes a time without its zone, as the schemas want it. A timestamp
// is required: runs that did not start have the epoch's.
func junitTime(t time.Time) string {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}

// junitCases tells a run as test cases. One named after the scenario itself tells
// of what no step tells: that it was skipped, or could not run.
func junitCases(run Run) []junitCase {
	var cases []junitCase
	worst := Passed
	for _, step := range run.Steps {
		for _, c := range step.Checks {
			tc := junitCase{Name: stepName(step, line(c.Name)), Time: seconds(c.Took)}
			summary := firstOf(c.Message, c.Observed, "the check was "+string(c.Outcome))
			tc.tell(c.Outcome, c.Kind, summary, checkBody(c, run.Reproduce))
			cases, worst = append(cases, tc), worse(worst, c.Outcome)
		}
		if len(step.Checks) > 0 && step.Error == "" {
			continue
		}
		tc := junitCase{Name: stepName(step, line(step.Action)), Time: seconds(step.Duration)}
		summary := firstOf(step.Error, "the step was "+string(step.Outcome))
		tc.tell(step.Outcome, "step", summary, body(run.Reproduce, "error", step.Error))
		cases, worst = append(cases, tc), worse(worst, step.Outcome)
	}
	if len(cases) == 0 || worst != Worst(worst, run.Outcome) {
		tc := junitCase{Name: "scenario", Time: seconds(0)}
		summary := firstOf(run.Error, run.Skipped, "the scenario was "+string(run.Outcome))
		tc.tell(run.Outcome, "scenario", summary, body(run.Reproduce, "error", run.Error))
		cases = append(cases, tc)
	}
	return cases
}

// worse is the worse of two outcomes; what was skipped counts as good.
func worse(a, b Outcome) Outcome { return Worst(Passed, a, b) }

func (c *junitCase) tell(o Outcome, kind, summary, body string) {
	summary, _, _ = strings.Cut(summary, "\n") // the rest stands in the body
	problem := &junitProblem{Message: line(summary), Type: token(kind, "check"), Body: body}
	switch o {
	case Passed:
	case Skipped:
		c.Skipped = &junitSkipped{Message: line(summary)}
	case Failed:
		c.Failure = problem
	default:
		c.Error = problem
	}
}

// stepName is unique within a scenario, because check names are within a step.
func stepName(s Step, what string) string {
	if s.Title == "" {
		return fmt.Sprintf("step %d: %s", s.Index, what)
	}
	return fmt.Sprintf("step %d: %s: %s", s.Index, line(s.Title), what)
}

func checkBody(c CheckResult, reproduce string) string {
	looked := plural(c.Attempts, "look") + " in " + c.Took.String()
	if c.Attempts == 0 {
		looked = ""
	}
	return body(reproduce, "query", c.Kind+": "+c.Query, "mode", c.Mode, "expected", c.Expected, "observed", c.Observed,
		"message", c.Message, "looked", looked)
}

// body lays out pairs of a heading and a text, and the line that reproduces it.
func body(reproduce string, pairs ...string) string {
	pairs = append(pairs, "reproduce", reproduce)
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if text := block(pairs[i+1]); text != "" {
			text = strings.ReplaceAll(text, "\n", "\n           ")
			fmt.Fprintf(&b, "\n%-10s %s", pairs[i]+":", text)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// junitOut is what stands in a suite's output: faults and events, by time.
func junitOut(run Run) string {
	var b strings.Builder
	for _, f := range run.Faults {
		fmt.Fprintf(&b, "%s to %s  fault %s %s %s\n", f.From, f.To, line(f.Name), line(f.Fault), line(f.Target))
	}
	for _, e := range run.Events {
		fmt.Fprintf(&b, "%s  %s %s %s %s\n", e.At, line(e.Level), line(e.Reason), line(e.Object), line(e.Message))
	}
	return b.String()
}

// token is a name that may not be empty nor have blanks around it.
func token(s, fallback string) string {
	return firstOf(strings.Join(strings.Fields(line(s)), " "), fallback)
}

func firstOf(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
