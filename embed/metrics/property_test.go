package metrics

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"koflab/sim/clock"
)

type matcher = labels.Matcher

// ledger is what a store should hold: the samples by series and time.
type ledger map[string]map[int64]float64

func (m ledger) add(p point) {
	key := labels.FromMap(p.labels).String()
	if m[key] == nil {
		m[key] = map[int64]float64{}
	}
	t := p.t.UnixMilli()
	if old, ok := m[key][t]; !ok || p.v > old {
		m[key][t] = p.v // of several samples at one time the largest is read, as in VictoriaMetrics
	}
}

// drawPoint makes samples of few series, some of which cannot be stored.
func drawPoint(t *rapid.T) point {
	p := at(noon, 0, "__name__", rapid.SampledFrom([]string{"m", "n", "n.dots"}).Draw(t, "name"))
	for _, name := range []string{"a", "b"} {
		if v := rapid.SampledFrom([]string{"", "1", "2", "x\ny"}).Draw(t, name); v != "" {
			p.labels[name] = v
		}
	}
	p.t = noon.Add(-time.Duration(rapid.IntRange(0, 40).Draw(t, "days")) * 24 * time.Hour).
		Add(-time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
	p.v = float64(rapid.IntRange(-1_000_000, 1_000_000).Draw(t, "value")) / 8
	switch rapid.IntRange(0, 19).Draw(t, "fault") {
	case 0:
		p.v = math.NaN()
	case 1:
		p.t = noon.Add(5 * 24 * time.Hour)
	case 2:
		delete(p.labels, "__name__")
	}
	return p
}

// Whatever is written in whatever order and version: the ledger balances and a
// reader gets exactly what was accepted, also after a restart. Every run has
// series of its own in one store.
func TestWhatIsWrittenIsRead(t *testing.T) {
	o := Options{Dir: t.TempDir(), Clock: clock.NewVirtual(noon), Retention: 30 * 24 * time.Hour}
	s := open(t, o)
	oldest, sent, all := noon.Add(-o.Retention), 0, map[string]ledger{}
	rapid.Check(t, func(t *rapid.T) {
		run := strconv.Itoa(len(all))
		want := ledger{}
		all[run] = want
		for range rapid.IntRange(1, 6).Draw(t, "requests") {
			points := rapid.SliceOfN(rapid.Custom(drawPoint), 1, 30).Draw(t, "points")
			sent += len(points)
			for _, p := range points {
				p.labels["run"] = run
				if p.labels["__name__"] != "" && !math.IsNaN(p.v) && !p.t.Before(oldest) && p.t.Before(noon.Add(48*time.Hour)) {
					want.add(p)
				}
			}
			if rapid.Bool().Draw(t, "v2") {
				post(s.InsertHandler(), writePath, snappy.Encode(nil, encodeV2(points...)), "Content-Type", typeV2)
			} else {
				post(s.InsertHandler(), writePath, snappy.Encode(nil, encodeV1(points...)), "Content-Type", typeV1)
			}
			st := balanced(t, s)
			require.EqualValues(t, sent, st.Received)
			require.EqualValues(t, s.libraryRows(), st.Stored)
			require.Equal(t, want, contents(t, s, run))
		}
	})
	require.NoError(t, s.Close())
	s = open(t, o)
	for run, want := range all {
		require.Equal(t, want, contents(t, s, run), "after a restart")
	}
}

// contents reads everything a store holds of a run.
func contents(t require.TestingT, s *Store, run string) ledger {
	q, err := s.Queryable().Querier(0, math.MaxInt64)
	require.NoError(t, err)
	defer func() { _ = q.Close() }()
	set := q.Select(context.Background(), true, nil, labels.MustNewMatcher(labels.MatchEqual, "run", run))
	found := ledger{}
	var it chunkenc.Iterator
	for set.Next() {
		key := set.At().Labels().String()
		found[key] = map[int64]float64{}
		last := int64(math.MinInt64)
		for it = set.At().Iterator(it); it.Next() != chunkenc.ValNone; {
			ts, v := it.At()
			require.Greater(t, ts, last, "samples are ordered")
			last = ts
			found[key][ts] = v
		}
		require.NoError(t, it.Err())
	}
	require.NoError(t, set.Err())
	return found
}

// lib/storage matches series as Prometheus' own matchers do, whatever they match.
func TestMatchersMatchAsPrometheus(t *testing.T) {
	s := open(t, Options{})
	var all []labels.Labels
	for _, name := range []string{"m", "n", "mn"} {
		for _, a := range []string{"", "1", "2", "12", "x\ny", "x.y"} {
			for _, b := range []string{"", "1"} {
				p := at(noon, 1, "__name__", name, "a", a, "b", b)
				maps.DeleteFunc(p.labels, func(_, v string) bool { return v == "" })
				write(t, s, p)
				all = append(all, labels.FromMap(p.labels))
			}
		}
	}
	q, err := s.Queryable().Querier(0, noon.UnixMilli())
	require.NoError(t, err)
	defer func() { _ = q.Close() }()
	patterns := []string{"", "1", "2", "1|2", ".*", ".+", "|1", "1|", "1.*", ".*2", "x.y", "x\\.y", "(1|2)2?", "[12]", "^1$", "m|n", "m.*", "m?n", "none", "(?i)M", "x\ny"}
	rapid.Check(t, func(t *rapid.T) {
		var ms []*matcher
		for range rapid.IntRange(1, 4).Draw(t, "matchers") {
			kind := rapid.SampledFrom([]labels.MatchType{labels.MatchEqual, labels.MatchNotEqual, labels.MatchRegexp, labels.MatchNotRegexp}).Draw(t, "type")
			name := rapid.SampledFrom([]string{"__name__", "a", "b", "absent"}).Draw(t, "label")
			ms = append(ms, labels.MustNewMatcher(kind, name, rapid.SampledFrom(patterns).Draw(t, "value")))
		}
		var want []string
		for _, ls := range all {
			if matchesAny(ls, [][]*matcher{ms}) {
				want = append(want, ls.String())
			}
		}
		sort.Strings(want)
		for _, hints := range []*storage.SelectHints{nil, {Start: 0, End: noon.UnixMilli(), Func: seriesHint}} {
			var got []string
			set := q.Select(context.Background(), false, hints, ms...)
			for set.Next() {
				got = append(got, set.At().Labels().String())
			}
			require.NoError(t, set.Err())
			sort.Strings(got)
			require.Equal(t, want, got, fmt.Sprint(ms))
		}
		values, _, err := q.LabelValues(context.Background(), "a", nil, ms...)
		require.NoError(t, err)
		require.Equal(t, valuesOf(all, ms), append([]string{}, values...), fmt.Sprint(ms))
		found, _, err := q.LabelNames(context.Background(), nil, ms...)
		require.NoError(t, err)
		require.Equal(t, namesOf(all, ms), append([]string{}, found...), fmt.Sprint(ms))
	})
}

func valuesOf(all []labels.Labels, ms []*matcher) []string {
	out := []string{}
	for _, ls := range all {
		if v := ls.Get("a"); v != "" && matchesAny(ls, [][]*matcher{ms}) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func namesOf(all []labels.Labels, ms []*matcher) []string {
	out := []string{}
	for _, ls := range all {
		if matchesAny(ls, [][]*matcher{ms}) {
			ls.Range(func(l labels.Label) { out = append(out, l.Name) })
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
