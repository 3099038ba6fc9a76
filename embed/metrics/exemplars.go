package metrics

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/prompb"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
)

// exemplarRing keeps the latest exemplars in memory: lib/storage has none. The
// zero value is ready; memory is taken when the first exemplar comes.
type exemplarRing struct {
	mu   sync.Mutex
	ring []seriesExemplar
	next int
}

type seriesExemplar struct {
	series labels.Labels
	e      exemplar.Exemplar
}

const maxExemplars = 4096

// add keeps a copy of e; it reports false when e breaks a rule of exemplars:
// its labels are limited to 128 characters together and must be named.
func (r *exemplarRing) add(series []prompb.Label, e *exemplarSample) bool {
	runes := 0
	for _, l := range e.labels {
		runes += utf8.RuneCountInString(l.Name) + utf8.RuneCountInString(l.Value)
		if l.Name == "" || !utf8.ValidString(l.Name) || !utf8.ValidString(l.Value) {
			return false
		}
	}
	if runes > exemplar.ExemplarMaxLabelSetLength {
		return false
	}
	entry := seriesExemplar{
		series: copyLabels(series),
		e:      exemplar.Exemplar{Labels: copyLabels(e.labels), Value: e.v, Ts: e.t, HasTs: true},
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < maxExemplars {
		r.ring = append(r.ring, entry)
		return true
	}
	r.ring[r.next] = entry
	r.next = (r.next + 1) % maxExemplars
	return true
}

// find returns the exemplars from mint to maxt of series that match all
// matchers of one of the sets, grouped by series and ordered by time.
func (r *exemplarRing) find(mint, maxt int64, sets [][]*labels.Matcher) []exemplar.QueryResult {
	r.mu.Lock()
	entries := slices.Clone(r.ring)
	r.mu.Unlock()
	at := map[string]int{}
	found := []exemplar.QueryResult{}
	for _, x := range entries {
		if x.e.Ts < mint || x.e.Ts > maxt || !matchesAny(x.series, sets) {
			continue
		}
		key := x.series.String()
		i, ok := at[key]
		if !ok {
			i = len(found)
			at[key] = i
			found = append(found, exemplar.QueryResult{SeriesLabels: x.series})
		}
		found[i].Exemplars = append(found[i].Exemplars, x.e)
	}
	for _, f := range found {
		slices.SortStableFunc(f.Exemplars, exemplar.Compare)
	}
	slices.SortFunc(found, func(a, b exemplar.QueryResult) int { return labels.Compare(a.SeriesLabels, b.SeriesLabels) })
	return found
}

func matchesAny(ls labels.Labels, sets [][]*labels.Matcher) bool {
	return slices.ContainsFunc(sets, func(ms []*labels.Matcher) bool {
		return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(ls.Get(m.Name)) })
	})
}

// copyLabels detaches labels from the request they came with.
func copyLabels(ls []prompb.Label) labels.Labels {
	b := labels.NewScratchBuilder(len(ls))
	for _, l := range ls {
		b.Add(strings.Clone(l.Name), strings.Clone(l.Value))
	}
	b.Sort()
	return b.Labels()
}
