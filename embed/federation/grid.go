package federation

import (
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// lookback is how old a sample may be to still be a series' value: Prometheus'
// default, which regions use too.
const lookback = 5 * time.Minute

// grid is the instants at which an expression is evaluated: start, start+step,
// ... up to end, in milliseconds. A step of 0 means the single instant start.
type grid struct{ start, end, step int64 }

func instant(t int64) grid { return grid{start: t, end: t} }

// points is the number of instants, 0 for a grid that ends before it starts.
func (g grid) points() int {
	switch {
	case g.end < g.start:
		return 0
	case g.step == 0 || g.end == g.start:
		return 1
	}
	return int((g.end-g.start)/g.step) + 1
}

func (g grid) at(i int) int64 { return g.start + int64(i)*g.step }

// last is the latest instant, which may be before end.
func (g grid) last() int64 { return g.at(g.points() - 1) }

// index finds the instant t; it reports false when t is none.
func (g grid) index(t int64) (int, bool) {
	d := t - g.start
	if d < 0 || t > g.end || (g.step == 0 && d != 0) || (g.step > 0 && d%g.step != 0) {
		return 0, false
	}
	if g.step == 0 {
		return 0, true
	}
	return int(d / g.step), true
}

// split cuts the grid into pieces of at most n instants.
func (g grid) split(n int) []grid {
	var pieces []grid
	for from, total := 0, g.points(); from < total; from += n {
		pieces = append(pieces, grid{g.at(from), g.at(min(from+n, total) - 1), g.step})
	}
	return pieces
}

// shifted is where a selector with this offset and @ timestamp reads.
func (g grid) shifted(offset time.Duration, at *int64) grid {
	if at != nil {
		return instant(*at - offset.Milliseconds())
	}
	return grid{g.start - offset.Milliseconds(), g.end - offset.Milliseconds(), g.step}
}

// inside is where the engine evaluates what a subquery contains: at the
// multiples of the subquery's step that its range covers, range left-open.
func (g grid) inside(e *parser.SubqueryExpr) grid {
	outer := g.shifted(e.OriginalOffset, e.Timestamp)
	step := e.Step.Milliseconds()
	from := outer.start - e.Range.Milliseconds()
	start := step * (from / step)
	if start <= from {
		start += step
	}
	return grid{start, outer.end, step}
}
