package metrics

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// serveSeries lists the label sets that match any of the selectors.
func serveSeries(rd *request) (answer, *apiError) {
	if len(rd.r.Form["match[]"]) == 0 {
		return answer{}, badData(fmt.Errorf("no match[] parameter provided"))
	}
	limit := rd.limit()
	start, end := rd.window()
	sets := rd.matcherSets(&rd.params)
	if rd.err != nil {
		return answer{}, rd.err
	}
	q, err := rd.view.Querier(millis(start), millis(end))
	if err != nil {
		return answer{}, classify(err)
	}
	defer func() { _ = q.Close() }()
	hints := &storage.SelectHints{Start: millis(start), End: millis(end), Func: seriesHint, Limit: hintLimit(limit)}
	var found []storage.SeriesSet
	for _, set := range sets {
		found = append(found, q.Select(rd.r.Context(), true, hints, set...))
	}
	merged := storage.NewMergeSeriesSet(found, 0, storage.ChainedSeriesMerge)
	all := []labels.Labels{}
	for merged.Next() {
		all = append(all, merged.At().Labels())
	}
	if err := merged.Err(); err != nil {
		return answer{}, classify(err)
	}
	return limited(all, limit), nil
}

// serveLabels lists label names.
func serveLabels(rd *request) (answer, *apiError) {
	return rd.lookUp(func(ctx context.Context, q storage.Querier, hints *storage.LabelHints, ms []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelNames(ctx, hints, ms...)
	})
}

// serveLabelValues lists the values of the label in the path.
func serveLabelValues(rd *request) (answer, *apiError) {
	name := rd.r.PathValue("name")
	if strings.HasPrefix(name, "U__") {
		name = model.UnescapeName(name, model.ValueEncodingEscaping)
	}
	if !model.UTF8Validation.IsValidLabelName(name) {
		return answer{}, badData(fmt.Errorf("invalid label name: %q", name))
	}
	return rd.lookUp(func(ctx context.Context, q storage.Querier, hints *storage.LabelHints, ms []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelValues(ctx, name, hints, ms...)
	})
}

type labelSearch func(context.Context, storage.Querier, *storage.LabelHints, []*labels.Matcher) ([]string, annotations.Annotations, error)

// lookUp unites what a search finds for each of the selectors.
func (rd *request) lookUp(find labelSearch) (answer, *apiError) {
	limit := rd.limit()
	start, end := rd.window()
	sets := rd.matcherSets(&rd.params)
	if rd.err != nil {
		return answer{}, rd.err
	}
	q, err := rd.view.Querier(millis(start), millis(end))
	if err != nil {
		return answer{}, classify(err)
	}
	defer func() { _ = q.Close() }()
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	all := []string{}
	for _, set := range sets {
		// The searches of single sets overlap, so only their union is limited.
		found, _, err := find(rd.r.Context(), q, nil, set)
		if err != nil {
			return answer{}, classify(err)
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return limited(slices.Compact(all), limit), nil
}

// limited cuts a list off and says so.
func limited[T any](items []T, limit int) answer {
	var a answer
	if limit > 0 && len(items) > limit {
		items = items[:limit]
		a.annotations.Add(errTruncated)
	}
	a.data = items
	return a
}
