package release

import (
	"errors"
	"fmt"
	"strings"
)

// Error is a failed operation on a release.
type Error struct {
	Cluster   string
	Namespace string
	Name      string
	// Chart is name and version, if the operation has a chart.
	Chart  string
	Action Action
	Err    error
}

func (e *Error) Error() string {
	var s strings.Builder
	if e.Cluster != "" {
		fmt.Fprintf(&s, "cluster %s: ", e.Cluster)
	}
	fmt.Fprintf(&s, "release %s/%s", e.Namespace, e.Name)
	if e.Chart != "" {
		fmt.Fprintf(&s, " (chart %s)", e.Chart)
	}
	fmt.Fprintf(&s, ": %s: %s", e.Action, e.Err)
	return s.String()
}

func (e *Error) Unwrap() error { return e.Err }

// ErrNotFound is wrapped by errors about a release that is not there.
var ErrNotFound = errors.New("release not found")

// BusyError means that somebody else works on the release.
type BusyError struct {
	Status string
	Since  string
	// Until is when the other operation's time is over, if that is known.
	Until string
}

func (e *BusyError) Error() string {
	s := fmt.Sprintf("another operation is under way: its state is %s since %s", e.Status, e.Since)
	if e.Until != "" {
		s += ", and it may take until " + e.Until
	}
	return s + ": wait for it and try again"
}

// DependencyError means that a release was left out.
type DependencyError struct{ Release string }

func (e *DependencyError) Error() string {
	return fmt.Sprintf("it depends on %s, which is not there", e.Release)
}

func (o *operation) fault(r Release, err error) error {
	if err == nil {
		return nil
	}
	chart := ""
	if r.Chart != nil && r.Chart.Metadata != nil {
		chart = r.Chart.Metadata.Name + " " + r.Chart.Metadata.Version
	}
	return &Error{Cluster: o.client.cluster, Namespace: o.namespace, Name: o.name, Chart: chart, Action: o.action, Err: err}
}

// plainer says in plain words what some of Helm's errors mean.
func plainer(err error) error {
	if err == nil {
		return nil
	}
	s := err.Error()
	const schema = "values don't meet the specifications of the schema(s) in the following chart(s):\n"
	if rest, ok := strings.CutPrefix(s, schema); ok {
		return &ValuesError{Violations: violations(rest)}
	}
	return err
}

// ValuesError lists what in the values is against values.schema.json.
type ValuesError struct {
	// Violations are "chart: path: message", in the order of the charts.
	Violations []string
}

func (e *ValuesError) Error() string {
	if len(e.Violations) == 1 {
		return "values: " + e.Violations[0]
	}
	return fmt.Sprintf("values: %d faults:\n  %s", len(e.Violations), strings.Join(e.Violations, "\n  "))
}

// violations takes Helm's text apart: a line per chart ending in a colon, and
// below it a line per fault.
func violations(text string) []string {
	var list []string
	chart := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		body := strings.TrimSpace(line)
		switch {
		case body == "":
		case strings.HasPrefix(body, "- "):
			list = append(list, chart+": "+strings.TrimPrefix(strings.TrimPrefix(body, "- "), "at "))
		case strings.HasSuffix(body, ":") && !strings.ContainsAny(strings.TrimSuffix(body, ":"), " \t"):
			chart = strings.TrimSuffix(body, ":")
		default:
			list = append(list, chart+": "+body)
		}
	}
	return list
}
