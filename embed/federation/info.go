package federation

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// fetchInfo asks for the series that info() selects. Of several info series of
// one target, info takes the one with the latest sample, so it needs the samples
// with their own times; where a series ends, only its values at the instants
// tell. Both are fetched.
func (q *queryable) fetchInfo(hints *storage.SelectHints, matchers []*labels.Matcher) ([]series, error) {
	none := func(string) bool { return false }
	selector := &parser.VectorSelector{LabelMatchers: withoutMatchers(matchers, none)}
	// The engine asks for the lookback before the first instant too, left-open.
	g := grid{hints.Start + lookback.Milliseconds() - 1, hints.End, hints.Step}
	values := &part{
		expr:   selector,
		grid:   g,
		groups: narrowed(q.session.members, matchers),
		keep:   stampNames(q.session.members),
	}
	raw := *values
	raw.grid = instant(g.last())
	raw.window = lookback + time.Duration(g.last()-g.start)*time.Millisecond
	var all []task
	for _, p := range []*part{values, &raw} {
		p.name = p.key()
		tasks, err := q.federator.tasks(p, q.semantics, q.session, &q.results)
		if err != nil {
			return nil, err
		}
		all = append(all, tasks...)
	}
	if err := q.session.ask(q.fetchCtx, all); err != nil {
		return nil, err
	}
	atInstants, err := q.results.take(values, q.session, q.federator.options)
	if err != nil {
		return nil, err
	}
	own, err := q.results.take(&raw, q.session, q.federator.options)
	if err != nil {
		return nil, err
	}
	for i := range own {
		own[i].samples = ended(own[i], atInstants)
	}
	return own, nil
}

// ended marks in the samples of a series the instants at which it has no value.
func ended(s series, atInstants []series) samples {
	for _, other := range atInstants {
		if labels.Equal(s.labels, other.labels) {
			return mark(s.samples, other.samples)
		}
	}
	return nil
}

func mark(own, atInstants samples) samples {
	var marked samples
	i := 0
	for _, at := range atInstants {
		for i < len(own) && own[i].t <= at.t {
			marked = append(marked, own[i])
			i++
		}
		if value.IsStaleNaN(at.v) && (len(marked) == 0 || marked[len(marked)-1].t < at.t) {
			marked = append(marked, sample{at.t, missing})
		}
	}
	return marked
}
