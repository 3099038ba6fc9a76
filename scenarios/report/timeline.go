package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// pointLimit is how many points of a hop are drawn.
	pointLimit = 200
	// laneLimit is how many hops, and how many checks, have a lane.
	laneLimit = 40
)

// timeline is a run drawn on lab time. Places are percentages of its width, so
// that it fits any screen without its text being scaled.
type timeline struct {
	Span       Duration
	Ticks      []tick
	Steps      []stepMark
	Faults     []faultBar
	Checks     []checkBar
	MoreChecks int
	Hops       []hopLane
	MoreHops   int
}

type (
	tick struct {
		X, Label, Anchor string
	}
	stepMark struct {
		X, X2, Label string
		Outcome      Outcome
		Hover        string
	}
	faultBar struct {
		FaultSpan
		X, X2, Width, Hover string
	}
	checkBar struct {
		Name    string
		X, X2   string
		Outcome Outcome
		Took    Duration
		Hover   string
	}
	hopLane struct {
		From, To, Signal  string
		Rate, Area, Queue string // paths in a box of boxWidth by boxHeight
		Drops             []dropMark
		PeakRate          string
		PeakQueued        string
		Lost              int64
		Reasons           string
	}
	dropMark struct{ X, Hover string }
)

// The box that the paths of a hop are drawn in.
const (
	boxWidth  = 1000
	boxHeight = 40
)

// newTimeline lays a run out; nil if nothing in it took time.
func newTimeline(run Run) *timeline {
	t := &timeline{Span: run.span()}
	if t.Span <= 0 {
		return nil
	}
	t.Ticks = t.ticks()
	t.Steps = t.steps(run.Steps)
	for _, f := range run.Faults {
		to := max(f.From, f.To)
		t.Faults = append(t.Faults, faultBar{FaultSpan: f, X: t.x(f.From), X2: t.x(to), Width: t.x(to - f.From),
			Hover: hover(f.Name, f.Fault+" "+f.Target, short(f.From)+" to "+short(to), f.Effect)})
	}
	for c := range run.checks() {
		t.Checks = append(t.Checks, checkBar{Name: c.Name, X: t.x(c.At), X2: t.x(c.At + c.Took), Outcome: c.Outcome, Took: c.Took,
			Hover: hover(c.Name, string(c.Outcome)+" after "+short(c.Took), c.Mode, c.Observed, c.Message)})
	}
	t.Checks, t.MoreChecks = fewer(t.Checks)
	all := hops(run.Flow)
	drawn := mostTelling(all, laneLimit)
	t.MoreHops = len(all) - len(drawn)
	for _, h := range drawn {
		t.Hops = append(t.Hops, t.hop(h))
	}
	return t
}

// span is the lab time that all parts of a run fit in.
func (r Run) span() Duration {
	span := r.Duration
	for _, s := range r.Steps {
		span = max(span, s.At+s.Duration)
		for _, c := range s.Checks {
			span = max(span, c.At+c.Took)
		}
	}
	for _, f := range r.Faults {
		span = max(span, f.From, f.To)
	}
	for _, s := range r.Flow {
		span = max(span, s.At)
	}
	return span
}

// share is where an instant lies, from 0 to 1.
func (t *timeline) share(d Duration) float64 {
	return min(1, max(0, float64(d)/float64(t.Span)))
}

func (t *timeline) x(d Duration) string { return decimal(t.share(d)*100) + "%" }

// decimal writes a coordinate with at most two decimals.
func decimal(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
}

// ticks divides the span at round times, into at most eight.
func (t *timeline) ticks() []tick {
	step := tickStep(time.Duration(t.Span))
	var ticks []tick
	for at := time.Duration(0); at <= time.Duration(t.Span); at += step {
		anchor := "middle"
		switch share := t.share(Duration(at)); {
		case share < 0.02:
			anchor = "start"
		case share > 0.97:
			anchor = "end"
		}
		ticks = append(ticks, tick{X: t.x(Duration(at)), Label: Duration(at).String(), Anchor: anchor})
	}
	return ticks
}

func tickStep(span time.Duration) time.Duration {
	for unit := time.Millisecond; unit < time.Second; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if span <= 8*n*unit {
				return n * unit
			}
		}
	}
	for _, step := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour} {
		if span <= 8*step {
			return step
		}
	}
	day := 24 * time.Hour
	return day * max(1, (span+8*day-1)/(8*day))
}

// steps marks where steps began. Those too near to each other share one mark.
func (t *timeline) steps(steps []Step) []stepMark {
	const apart = 0.045
	var marks []stepMark
	for i := 0; i < len(steps); {
		first, end := steps[i], steps[i].At
		var all []Outcome
		var texts []string
		j := i
		for ; j < len(steps) && t.share(steps[j].At)-t.share(first.At) < apart; j++ {
			all = append(all, steps[j].Outcome)
			end = max(end, steps[j].At+steps[j].Duration)
			texts = append(texts, fmt.Sprintf("%d. %s", steps[j].Index, stepTitle(steps[j])))
		}
		label := strconv.Itoa(first.Index)
		if last := steps[j-1]; j-1 > i {
			label = fmt.Sprintf("%d–%d", first.Index, last.Index)
		}
		marks = append(marks, stepMark{X: t.x(first.At), X2: t.x(end), Label: label, Outcome: Worst(all...), Hover: hover(texts...)})
		i = j
	}
	return marks
}

// fewer keeps laneLimit checks: all that are bad before any that passed.
func fewer(all []checkBar) (kept []checkBar, left int) {
	if len(all) <= laneLimit {
		return all, 0
	}
	bad := 0
	for _, c := range all {
		if c.Outcome.Bad() {
			bad++
		}
	}
	good := max(0, laneLimit-bad)
	for _, c := range all {
		switch {
		case len(kept) == laneLimit:
		case c.Outcome.Bad():
			kept = append(kept, c)
		case good > 0:
			good--
			kept = append(kept, c)
		}
	}
	return kept, len(all) - len(kept)
}

func (t *timeline) hop(h hop) hopLane {
	lane := hopLane{From: h.From, To: h.To, Signal: h.Signal, PeakRate: figure(h.PeakRate), PeakQueued: figure(h.PeakQueued), Lost: h.lost(),
		Reasons: reasons(h.Dropped)}
	points := thin(h.Samples, pointLimit)
	rate := t.path(points, func(s FlowSample) float64 { return s.Rate }, h.PeakRate)
	lane.Rate, lane.Area = rate, t.area(points, rate)
	if h.PeakQueued > 0 {
		lane.Queue = t.area(points, t.path(points, func(s FlowSample) float64 { return s.Queued }, h.PeakQueued))
	}
	for _, s := range points {
		if text := reasons(s.Dropped); text != "" {
			lane.Drops = append(lane.Drops, dropMark{X: t.x(s.At), Hover: hover("dropped "+text, "at "+short(s.At))})
		}
	}
	return lane
}

// path is a line through all points, with the peak near the top of the box.
func (t *timeline) path(points []FlowSample, value func(FlowSample) float64, peak float64) string {
	var b strings.Builder
	for i, s := range points {
		y := float64(boxHeight)
		if peak > 0 {
			y -= value(s) / peak * (boxHeight - 3)
		}
		command := "L"
		if i == 0 {
			command = "M"
		}
		b.WriteString(command + decimal(t.share(s.At)*boxWidth) + " " + decimal(y))
	}
	return b.String()
}

// area closes a line at the bottom of the box.
func (t *timeline) area(points []FlowSample, path string) string {
	if len(points) == 0 {
		return ""
	}
	first, last := t.share(points[0].At)*boxWidth, t.share(points[len(points)-1].At)*boxWidth
	return fmt.Sprintf("%sL%s %dL%s %dZ", path, decimal(last), boxHeight, decimal(first), boxHeight)
}

// reasons writes drops: "1,200 queue_full, 30 retry_expired".
func reasons(dropped map[string]int64) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		if n := dropped[reason]; n != 0 {
			parts = append(parts, thousands(n)+" "+reason)
		}
	}
	return strings.Join(parts, ", ")
}

// hover is the text of a hover box, a line each for what is not empty.
func hover(lines ...string) string {
	return strings.Join(slices.DeleteFunc(lines, func(s string) bool { return strings.TrimSpace(s) == "" }), "\n")
}
