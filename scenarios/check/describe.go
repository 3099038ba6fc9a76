package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"koflab/topology"
)

// Kinds of checks, by the field that holds the query.
const (
	KindPromQL   = "promql"
	KindLogsQL   = "logsql"
	KindTraces   = "traces"
	KindTrace    = "trace"
	KindLedger   = "ledger"
	KindCoverage = "coverage"
	KindObjects  = "objects"
	KindHTTP     = "http"
	KindEvents   = "events"
	KindOracle   = "oracle"
)

// DefaultInterval is how often a check is looked at unless it says otherwise.
const DefaultInterval = 15 * time.Second

// kinds are those whose field is given, in the order above.
func (c Check) kinds() []string {
	var given []string
	for _, k := range []struct {
		name  string
		given bool
	}{
		{KindPromQL, c.PromQL != ""}, {KindLogsQL, c.LogsQL != ""}, {KindTraces, c.Traces != nil}, {KindTrace, c.Trace != ""},
		{KindLedger, c.Ledger != nil}, {KindCoverage, c.Coverage != ""}, {KindObjects, c.Objects != nil},
		{KindHTTP, c.HTTP != nil}, {KindEvents, c.Events != nil}, {KindOracle, c.Oracle != nil},
	} {
		if k.given {
			given = append(given, k.name)
		}
	}
	return given
}

// Kind is the kind of a valid check; "" without a query.
func (c Check) Kind() string {
	if given := c.kinds(); len(given) > 0 {
		return given[0]
	}
	return ""
}

// Title is the check's name, by default its query.
func (c Check) Title() string {
	if c.Name != "" {
		return c.Name
	}
	return strings.TrimSpace(c.Kind() + " " + c.Query())
}

// Query is the question in one line. It shows no passwords.
func (c Check) Query() string {
	var parts []string
	switch c.Kind() {
	case KindPromQL:
		parts = append(parts, strings.Join(strings.Fields(c.PromQL), " "))
	case KindLogsQL:
		parts = append(parts, strings.Join(strings.Fields(c.LogsQL), " "))
	case KindCoverage:
		parts = append(parts, strings.Join(strings.Fields(c.Coverage), " "))
	case KindTrace:
		parts = append(parts, c.Trace)
	case KindTraces:
		parts = append(parts, c.Traces.pairs()...)
	case KindLedger:
		parts = pairs("from", c.Ledger.From, "to", c.Ledger.To, "signal", c.Ledger.Signal)
	case KindObjects:
		o := c.Objects
		parts = append(parts, o.Resource, "of", o.Cluster)
		parts = append(parts, pairs("namespace", o.Namespace, "name", o.Name, "selector", o.Selector)...)
	case KindHTTP:
		parts = c.HTTP.words()
	case KindEvents:
		parts = pairs("reason", c.Events.Reason, "object", c.Events.Object, "level", c.Events.Level)
	case KindOracle:
		parts = pairs("clusters", strings.Join(c.Oracle.Clusters, ","), "signals", strings.Join(c.Oracle.Signals, ","))
	}
	if c.Audit {
		parts = append(parts, "in the audit store")
	}
	if c.Region != "" {
		parts = append(parts, "at "+c.Region)
	}
	if c.Range > 0 {
		parts = append(parts, "over "+c.Range.String())
	}
	if c.At != 0 {
		parts = append(parts, "offset "+c.At.String())
	}
	return strings.Join(parts, " ")
}

func (t *Traces) pairs() []string {
	out := pairs("service", t.Service, "operation", t.Operation)
	for _, k := range slices.Sorted(maps.Keys(t.Tags)) {
		out = append(out, fmt.Sprintf("%s=%q", k, t.Tags[k]))
	}
	return out
}

func (h *HTTP) words() []string {
	where := h.URL
	if where == "" {
		where = h.Path + " of " + h.listener() + " of " + orElse(h.Cluster, "management")
	}
	out := []string{h.method(), where}
	switch {
	case h.BasicAuth != nil:
		out = append(out, fmt.Sprintf("as %q", h.BasicAuth.Username))
	case h.As != "" && h.As != AsNone:
		out = append(out, "as "+h.As)
	}
	if h.From != "" {
		out = append(out, "from "+h.From)
	}
	return out
}

// pairs writes the names whose values are given as name=value.
func pairs(namesAndValues ...string) []string {
	var out []string
	for i := 0; i < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] != "" {
			out = append(out, namesAndValues[i]+"="+namesAndValues[i+1])
		}
	}
	return out
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Mode says when the expectation must hold: now, eventually 2m, always 1m or
// never 1m.
func (c Check) Mode() string {
	mode, window := c.window()
	if mode == ModeNow {
		return mode
	}
	return mode + " " + window.String()
}

// Modes of checks.
const (
	ModeNow        = "now"
	ModeEventually = "eventually"
	ModeAlways     = "always"
	ModeNever      = "never"
)

// Window is when the expectation must hold, and for how long that is looked at:
// ModeNow takes no time.
func (c Check) Window() (mode string, length time.Duration) {
	mode, window := c.window()
	return mode, time.Duration(window)
}

func (c Check) window() (string, topology.Duration) {
	switch {
	case c.Eventually > 0:
		return ModeEventually, c.Eventually
	case c.Always > 0:
		return ModeAlways, c.Always
	case c.Never > 0:
		return ModeNever, c.Never
	}
	return ModeNow, 0
}

// Interval is how often the check is looked at within its window.
func (c Check) Interval() time.Duration {
	if c.Every > 0 {
		return time.Duration(c.Every)
	}
	return DefaultInterval
}
