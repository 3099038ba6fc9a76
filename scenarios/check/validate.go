package check

import (
	"fmt"
	"slices"
	"strings"
)

// validation collects the problems of one check.
type validation struct {
	check             Check
	clusters, regions []string
	problems          []Problem
}

// Validate says what is wrong with a check, before anything starts: queries that do
// not parse, names of no cluster, fields that mean nothing for its kind of query,
// expectations that nothing could meet or miss. Clusters are the IDs of all clusters
// that the lab has or will have, regions those of the ones that store; nil if they
// are not known.
func (c Check) Validate(clusters, regions []string) []Problem {
	v := &validation{check: c, clusters: clusters, regions: regions}
	kinds := c.kinds()
	switch len(kinds) {
	case 0:
		v.add("", "the check asks nothing, give one of promql, logsql, traces, trace, ledger, coverage, objects, http, events, oracle")
		return v.problems
	case 1:
	default:
		v.add(kinds[1], "the check has several queries (%s), make a check of each", strings.Join(kinds, ", "))
		return v.problems
	}
	v.query(kinds[0])
	v.options(kinds[0])
	v.window()
	v.expect(kinds[0])
	return v.problems
}

// add records a problem of a field.
func (v *validation) add(field, format string, args ...any) {
	v.problems = append(v.problems, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

// query checks the query itself.
func (v *validation) query(kind string) {
	c := v.check
	switch kind {
	case KindPromQL:
		v.parsed(KindPromQL, c.PromQL, parsePromQL)
	case KindCoverage:
		v.parsed(KindCoverage, c.Coverage, parsePromQL)
	case KindLogsQL:
		v.parsed(KindLogsQL, c.LogsQL, parseLogsQL)
	case KindTrace:
		if len(c.Trace) != 32 || strings.Trim(c.Trace, "0123456789abcdef") != "" {
			v.add(KindTrace, "%q is no trace ID, which has 32 hexadecimal digits in lower case; search with traces: for others", clip(c.Trace, 40))
		}
	case KindTraces:
		v.traces(c.Traces)
	case KindLedger:
		v.party("ledger.from", c.Ledger.From)
		v.party("ledger.to", c.Ledger.To)
		v.oneOf("ledger.signal", c.Ledger.Signal, signals)
	case KindObjects:
		v.objects(c.Objects)
	case KindHTTP:
		v.http(c.HTTP)
	case KindEvents:
		v.oneOf("events.level", c.Events.Level, []string{"Normal", "Warning", "Error"})
	case KindOracle:
		for i, name := range c.Oracle.Clusters {
			v.cluster(fmt.Sprintf("oracle.clusters[%d]", i), name)
		}
		for i, name := range c.Oracle.Signals {
			v.oneOf(fmt.Sprintf("oracle.signals[%d]", i), orElse(name, "(empty)"), signals)
		}
	}
}

var signals = []string{"metrics", "logs", "traces"}

// options checks the fields beside the query: which have a meaning for its kind,
// and their values.
func (v *validation) options(kind string) {
	c := v.check
	metrics := []string{KindPromQL, KindCoverage}
	for _, o := range []struct {
		field string
		given bool
		kinds []string
	}{
		{"region", c.Region != "", []string{KindPromQL, KindLogsQL, KindTraces, KindTrace}},
		{"at", c.At != 0, metrics},
		{"range", c.Range != 0, []string{KindPromQL}},
		{"step", c.Step != 0, []string{KindPromQL}},
		{"errorMode", c.ErrorMode != "", metrics},
		{"semantics", c.Semantics != "", metrics},
		{"audit", c.Audit, []string{KindLogsQL}},
	} {
		if o.given && !slices.Contains(o.kinds, kind) {
			v.add(o.field, "%s has no meaning for %s, only for %s", o.field, kind, strings.Join(o.kinds, ", "))
		}
	}
	v.name("region", c.Region, "region", v.regions)
	v.oneOf("errorMode", c.ErrorMode, []string{"ignore", "downgrade", "fail"})
	v.oneOf("semantics", c.Semantics, []string{"prometheus", "kof"})
	if c.Audit && c.Region == "" {
		v.add("audit", "every region has an audit store of its own, name one with region:")
	}
	switch {
	case c.Range < 0:
		v.add("range", "range is %s, give a length such as 10m", c.Range)
	case c.Step < 0:
		v.add("step", "step is %s, give a length such as 15s", c.Step)
	case c.Step != 0 && c.Range == 0:
		v.add("step", "step is the distance of the points of a range, give range: too")
	case c.Range > 0 && c.points() > maxPoints:
		v.add("range", "the range has %d points, at most %d are answered; lengthen step:", c.points(), maxPoints)
	}
}

// window checks when the expectation must hold.
func (v *validation) window() {
	c := v.check
	var given []string
	for _, w := range []struct {
		field  string
		length int64
	}{{ModeEventually, int64(c.Eventually)}, {ModeAlways, int64(c.Always)}, {ModeNever, int64(c.Never)}, {"every", int64(c.Every)}} {
		if w.length < 0 {
			v.add(w.field, "%s must be more than 0s", w.field)
		}
		if w.length != 0 && w.field != "every" {
			given = append(given, w.field)
		}
	}
	switch {
	case len(given) > 1:
		v.add(given[1], "%s exclude each other, make a check of each", strings.Join(given, " and "))
	case len(given) == 0 && c.Every != 0:
		v.add("every", "every is how often to look within eventually, always or never; give one of them, or leave every out to look once")
	}
}

// cluster checks the name of any cluster.
func (v *validation) cluster(field, name string) { v.name(field, name, "cluster", v.clusters) }

// name checks that a name, if there is one, is known.
func (v *validation) name(field, name, what string, known []string) {
	if name != "" && known != nil && !slices.Contains(known, name) {
		v.add(field, "there is no %s %q, %s", what, clip(name, 40), orOneOf(name, known))
	}
}

// party checks a side of the ledger: a cluster, or a part of one such as
// child-1/targets or region-1/metrics.
func (v *validation) party(field, name string) {
	for _, c := range v.clusters {
		if part, ok := strings.CutPrefix(name, c+"/"); ok && part != "" {
			v.oneOf(field, part, []string{"targets", "metrics", "logs", "traces", "audit"})
			return
		}
	}
	v.cluster(field, name)
}

// oneOf checks a value, if there is one, against those possible.
func (v *validation) oneOf(field, value string, possible []string) {
	if value != "" && !slices.Contains(possible, value) {
		v.add(field, "%q is not known, %s", clip(value, 40), orOneOf(value, possible))
	}
}
