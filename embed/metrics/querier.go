package metrics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	vmstorage "github.com/VictoriaMetrics/VictoriaMetrics/lib/storage"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// Queryable reads the store as Prometheus' engine reads its own storage. Every
// querier sees all writes acknowledged before it was made.
func (s *Store) Queryable() storage.Queryable { return filtered{store: s} }

// filtered restricts a store to series that match one of the matcher sets, all
// series when there are none. It is how tenants are kept apart: every read of
// a request goes through it.
type filtered struct {
	store *Store
	sets  [][]*labels.Matcher
}

// Querier implements storage.Queryable; times are Unix milliseconds.
func (f filtered) Querier(mint, maxt int64) (storage.Querier, error) {
	if err := f.store.gate.enter(); err != nil {
		return nil, err
	}
	f.store.flush()
	return &querier{filtered: f, mint: mint, maxt: maxt}, nil
}

// querier keeps the searches of its selects open until it is closed: the
// series it returns decode their blocks when they are iterated, which keeps
// the memory of a query small.
type querier struct {
	filtered
	mint, maxt int64
	searches   []*vmstorage.Search
	closed     bool
}

// Close releases the searches; series of the querier must not be used after it.
func (q *querier) Close() error {
	if q.closed {
		return nil
	}
	q.closed = true
	for _, s := range q.searches {
		s.MustClose()
	}
	q.store.gate.leave()
	return nil
}

// seriesHint marks selects that want no samples.
const seriesHint = "series"

// Select implements storage.Querier.
func (q *querier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	mint, maxt, limit := q.mint, q.maxt, 0
	if hints != nil {
		mint, maxt, limit = max(mint, hints.Start), min(maxt, hints.End), hints.Limit
	}
	tr, ok := q.store.timeRange(mint, maxt)
	if !ok {
		return storage.EmptySeriesSet()
	}
	filters, err := q.tagFilters(matchers)
	if err != nil {
		return storage.ErrSeriesSet(err)
	}
	if len(filters) == 0 {
		return storage.EmptySeriesSet()
	}
	var found []storage.Series
	if hints != nil && hints.Func == seriesHint {
		found, err = q.names(ctx, filters, tr)
	} else {
		found, err = q.blocks(ctx, filters, tr)
	}
	if err != nil {
		return storage.ErrSeriesSet(q.store.searchError(err))
	}
	if sorted {
		slices.SortFunc(found, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	}
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return &seriesSet{series: found, at: -1}
}

// LabelValues implements storage.LabelQuerier.
func (q *querier) LabelValues(ctx context.Context, name string, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.strings(ctx, hints, matchers, func(filters []*vmstorage.TagFilters, tr vmstorage.TimeRange, deadline uint64) ([]string, error) {
		return q.store.vm.SearchLabelValues(nil, name, filters, tr, q.store.opts.MaxSeries, q.store.opts.MaxSeries, deadline)
	})
}

// LabelNames implements storage.LabelQuerier.
func (q *querier) LabelNames(ctx context.Context, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.strings(ctx, hints, matchers, func(filters []*vmstorage.TagFilters, tr vmstorage.TimeRange, deadline uint64) ([]string, error) {
		found, err := q.store.vm.SearchLabelNames(nil, filters, tr, q.store.opts.MaxSeries, q.store.opts.MaxSeries, deadline)
		if err != nil || len(found) > 0 {
			return found, err
		}
		// lib/storage finds no names for a metric that has nothing but its name.
		series, err := q.store.vm.SearchMetricNames(nil, filters, tr, q.store.opts.MaxSeries, deadline)
		if len(series) > 0 {
			found = []string{model.MetricNameLabel}
		}
		return found, err
	})
}

type search func(filters []*vmstorage.TagFilters, tr vmstorage.TimeRange, deadline uint64) ([]string, error)

func (q *querier) strings(ctx context.Context, hints *storage.LabelHints, matchers []*labels.Matcher, find search) ([]string, annotations.Annotations, error) {
	tr, ok := q.store.timeRange(q.mint, q.maxt)
	if !ok {
		return nil, nil, nil
	}
	filters, err := q.tagFilters(matchers)
	if err != nil || len(filters) == 0 {
		return nil, nil, err
	}
	found, err := find(filters, tr, q.store.searchDeadline(ctx))
	if err != nil {
		return nil, nil, q.store.searchError(err)
	}
	slices.Sort(found)
	if hints != nil && hints.Limit > 0 && len(found) > hints.Limit {
		found = found[:hints.Limit]
	}
	return found, nil, nil
}

// timeRange clips a range to what the store keeps; false when nothing is left.
func (s *Store) timeRange(mint, maxt int64) (vmstorage.TimeRange, bool) {
	now := s.now()
	tr := vmstorage.TimeRange{
		MinTimestamp: max(mint, now-s.opts.Retention.Milliseconds(), 0),
		MaxTimestamp: min(maxt, max(now, time.Now().UnixMilli())+maxFuture.Milliseconds()),
	}
	return tr, tr.MinTimestamp <= tr.MaxTimestamp
}

// searchDeadline is the earlier of the context's and the store's own, in Unix
// seconds, rounded up: the context itself ends the query in time.
func (s *Store) searchDeadline(ctx context.Context) uint64 {
	d := s.deadline()
	if t, ok := ctx.Deadline(); ok {
		d = min(d, uint64(max(0, t.Unix()))+1)
	}
	return d
}

// ErrTooManySeries is returned when a selector matches more than Options.MaxSeries.
var ErrTooManySeries = errors.New("too many series")

// searchError names the limits that lib/storage knows as flags of vmselect.
func (s *Store) searchError(err error) error {
	if strings.Contains(err.Error(), "the number of matching timeseries exceeds") {
		return fmt.Errorf("%w: a selector matches more than %d: add matchers", ErrTooManySeries, s.opts.MaxSeries)
	}
	return err
}

// tagFilters joins the matchers with each of the view's own sets, leaving
// out what can match nothing.
func (f filtered) tagFilters(matchers []*labels.Matcher) ([]*vmstorage.TagFilters, error) {
	sets := f.sets
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	filters := make([]*vmstorage.TagFilters, 0, len(sets))
	for _, set := range sets {
		ms := slices.Concat(matchers, set)
		if slices.ContainsFunc(ms, impossible) {
			continue
		}
		tfs := vmstorage.NewTagFilters()
		if err := addMatchers(tfs, ms); err != nil {
			return nil, err
		}
		filters = append(filters, tfs)
	}
	return filters, nil
}

// impossible matchers refuse every value. lib/storage lets series without the
// label pass.
func impossible(m *labels.Matcher) bool {
	return m.Type == labels.MatchNotRegexp && m.Value == ".*"
}

func addMatchers(tfs *vmstorage.TagFilters, ms []*labels.Matcher) error {
	for _, m := range ms {
		var key []byte // the metric name has none
		if m.Name != model.MetricNameLabel {
			key = []byte(m.Name)
		}
		negative := m.Type == labels.MatchNotEqual || m.Type == labels.MatchNotRegexp
		regexp := m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp
		if err := tfs.Add(key, []byte(m.Value), negative, regexp); err != nil {
			return fmt.Errorf("matcher %s: %w", m, err)
		}
	}
	return nil
}

// names finds series by the index alone. The index knows days, not samples: a
// series is found when it has a sample on a day of the range.
func (q *querier) names(ctx context.Context, filters []*vmstorage.TagFilters, tr vmstorage.TimeRange) ([]storage.Series, error) {
	raw, err := q.store.vm.SearchMetricNames(nil, filters, tr, q.store.opts.MaxSeries, q.store.searchDeadline(ctx))
	if err != nil {
		return nil, err
	}
	found := make([]storage.Series, 0, len(raw))
	b := labels.NewScratchBuilder(16)
	for _, name := range raw {
		ls, err := decodeName(&b, []byte(name))
		if err != nil {
			return nil, err
		}
		found = append(found, &blockSeries{labels: ls})
	}
	return found, nil
}

// blocks finds series and where their samples are.
func (q *querier) blocks(ctx context.Context, filters []*vmstorage.TagFilters, tr vmstorage.TimeRange) ([]storage.Series, error) {
	search := new(vmstorage.Search)
	q.searches = append(q.searches, search)
	search.Init(nil, q.store.vm, filters, tr, q.store.opts.MaxSeries, q.store.searchDeadline(ctx))
	var (
		found   []storage.Series
		current *blockSeries
		name    []byte
		known   = map[string]*blockSeries{} // a series has blocks in every month's partition
		b       = labels.NewScratchBuilder(16)
	)
	for n := 0; search.NextMetricBlock(); n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		ref := &search.MetricBlockRef
		if current == nil || string(name) != string(ref.MetricName) {
			name = append(name[:0], ref.MetricName...)
			if current = known[string(name)]; current == nil {
				ls, err := decodeName(&b, name)
				if err != nil {
					return nil, err
				}
				current = &blockSeries{labels: ls, tr: tr, dedup: max(1, q.store.opts.DedupInterval.Milliseconds())}
				known[string(name)] = current
				found = append(found, current)
			}
		}
		current.blocks = append(current.blocks, *ref.BlockRef)
	}
	return found, search.Error()
}

// decodeName turns lib/storage's marshalled name into labels.
func decodeName(b *labels.ScratchBuilder, name []byte) (labels.Labels, error) {
	mn := vmstorage.GetMetricName()
	defer vmstorage.PutMetricName(mn)
	if err := mn.Unmarshal(name); err != nil {
		return labels.EmptyLabels(), fmt.Errorf("series name in the index: %w", err)
	}
	b.Reset()
	if len(mn.MetricGroup) > 0 {
		b.Add(model.MetricNameLabel, string(mn.MetricGroup))
	}
	for i := range mn.Tags {
		b.Add(string(mn.Tags[i].Key), string(mn.Tags[i].Value))
	}
	b.Sort()
	return b.Labels(), nil
}
