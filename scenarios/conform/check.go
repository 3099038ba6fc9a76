package conform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Severity of a failure.
type Severity string

// Severities: with Error telemetry is missing, wrong or mixed up; with Warning it
// will be, or answers are harder to trust.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// aspect is a part of what is known of a subject.
type aspect string

const (
	everything aspect = "everything" // nothing comes from it
	nodes      aspect = "nodes"      // state of Kubernetes: kube_*
	joins      aspect = "joins"      // its series find each other in joins
	costs      aspect = "costs"
	lines      aspect = "logs"
	spans      aspect = "traces"
	objects    aspect = "objects" // how its objects on management are
	settled    aspect = "settled" // it has been there long enough for all parts to have begun
)

// check is one thing that is looked at.
type check struct {
	id, title, area string
	severity        Severity
	// does says what KOF does here, source where that is written, fix what to do in
	// KOF's terms when it is not so.
	does, source, fix string
	// needs are the aspects of a subject without which nothing can be said of it.
	needs []aspect
	// hides are the aspects of a subject that are not worth looking at after this
	// check has failed for it.
	hides []aspect
	// because is what later checks say of a subject of this one that failed.
	because string
	run     func(ctx context.Context, s *survey, v *verdict)
}

// verdict is filled in by a check.
type verdict struct {
	check    *check
	survey   *survey
	skip     string
	findings []finding
	excused  map[string]string // subject -> why
	judged   map[string]bool
	notes    []string
	fix      []string // instead of the check's
}

// finding is one subject that is not right.
type finding struct {
	subject  string
	evidence string
}

// skipf says why nothing was looked at.
func (v *verdict) skipf(format string, args ...any) { v.skip = fmt.Sprintf(format, args...) }

// cannot ends a check whose question was not answered.
func (v *verdict) cannot(what string, err error) { v.skipf("%s: %s", what, describe(err)) }

// judge reports whether a subject is to be looked at: not when a cause was found
// already that would show here too.
func (v *verdict) judge(subject string) bool {
	for _, a := range append([]aspect{everything}, v.check.needs...) {
		if why, ok := v.survey.causes[cause{subject, a}]; ok {
			v.excused[subject] = why
			return false
		}
	}
	v.judged[subject] = true
	return true
}

// wrong notes that a subject is not right, unless a cause is known.
func (v *verdict) wrong(subject, format string, args ...any) {
	if v.judge(subject) {
		v.findings = append(v.findings, finding{subject, fmt.Sprintf(format, args...)})
	}
}

// judgeClusters judges every cluster of which a check can say something, so that
// those that are left out are named.
func (v *verdict) judgeClusters() {
	for _, name := range v.survey.clusterNames() {
		v.judge(name)
	}
}

// note adds evidence for what is right.
func (v *verdict) note(format string, args ...any) {
	v.notes = append(v.notes, fmt.Sprintf(format, args...))
}

// advise replaces the check's fix by one that fits the findings; several are joined.
func (v *verdict) advise(fix string) {
	if !slices.Contains(v.fix, fix) {
		v.fix = append(v.fix, fix)
	}
}

// result judges what the check has found.
func (v *verdict) result() Result {
	c := v.check
	r := Result{ID: c.id, Title: c.title, Area: c.area, Severity: c.severity, Does: c.does, Source: c.source, Outcome: Pass}
	for _, f := range v.findings {
		r.Subjects = append(r.Subjects, clean(f.subject))
		r.Evidence = append(r.Evidence, clean(f.subject+": "+f.evidence))
	}
	slices.Sort(r.Subjects)
	r.Subjects = slices.Compact(r.Subjects)
	left := v.leftOut()
	switch {
	case len(v.findings) > 0:
		r.Outcome = Fail
		if r.Fix = c.fix; len(v.fix) > 0 {
			r.Fix = strings.Join(v.fix, "\n")
		}
		if left != "" {
			r.Evidence = append(r.Evidence, "not looked at: "+left)
		}
	case v.skip != "":
		r.Outcome, r.Reason = Skip, clean(v.skip)
	case left != "" && len(v.judged) == 0:
		r.Outcome, r.Reason = Skip, left
	case left != "":
		r.Outcome, r.Reason = Skip, fmt.Sprintf("%s; right for the other %d", left, len(v.judged))
	case len(v.judged) == 0:
		r.Outcome, r.Reason = Skip, "there is nothing that it is about"
	}
	if r.Outcome == Pass {
		for _, n := range v.notes {
			r.Evidence = append(r.Evidence, clean(n))
		}
	}
	return r
}

// leftOut names the subjects that were left out, by cause.
func (v *verdict) leftOut() string {
	by := map[string][]string{}
	for subject, why := range v.excused {
		if !v.judged[subject] {
			by[why] = append(by[why], subject)
		}
	}
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(by)) {
		slices.Sort(by[why])
		parts = append(parts, fmt.Sprintf("%s, because %s", clean(some(by[why])), why))
	}
	return strings.Join(parts, "; ")
}

// some lists names, a few of many.
func some(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// clean makes foreign text fit for a line of the report.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	const most = 600
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return s
}

func contains(s, part string) bool { return strings.Contains(s, part) }

// checks are all of them, causes before their consequences.
func checks() []check {
	return slices.Concat(placementChecks, reachChecks, labelChecks, clusterChecks, scrapeChecks, tenantChecks,
		joinChecks, costChecks, pipelineChecks, logChecks, traceChecks, sizeChecks, objectChecks, alertChecks)
}
