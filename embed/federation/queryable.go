package federation

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// queryable gives the engine what the groups answered.
type queryable struct {
	federator *Federator
	session   *session
	semantics string
	parts     []*part
	results   results
	fetchCtx  context.Context // ends when groups are no longer waited for
}

// prefetch asks all groups for all parts at once.
func (q *queryable) prefetch() error {
	q.results.series = map[string]map[*member][]series{}
	var tasks []task
	for _, p := range q.parts {
		own, err := q.federator.tasks(p, q.semantics, q.session, &q.results)
		if err != nil {
			return err
		}
		tasks = append(tasks, own...)
	}
	return q.session.ask(q.fetchCtx, tasks)
}

// Querier implements storage.Queryable.
func (q *queryable) Querier(int64, int64) (storage.Querier, error) { return q, nil }

// Close implements storage.Querier.
func (q *queryable) Close() error { return nil }

// Select implements storage.Querier: it returns the answers to the part that the
// matchers name. Other matchers come from info(), which selects the info series
// once it knows the series to enrich.
func (q *queryable) Select(_ context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	if p := marked(q.parts, matchers); p != nil {
		return newSeriesSet(q.results.take(p, q.session, q.federator.options))
	}
	return newSeriesSet(q.fetchInfo(hints, matchers))
}

// LabelValues implements storage.LabelQuerier; the engine does not ask for any.
func (q *queryable) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// LabelNames implements storage.LabelQuerier; the engine does not ask for any.
func (q *queryable) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}
