package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"koflab/embed/logstore"
)

// maxPoints bounds the points of an answer over time: steps times series.
const maxPoints = 1_000_000

// hits answers the number of matching rows per step, and per combination of
// the values of the given fields.
func (s *Store) hits(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	q, err := s.ParseQuery(w, r)
	if err != nil {
		return err
	}
	step, err := stepArg(q)
	if err != nil {
		return err
	}
	offset, err := q.Duration("offset", 0)
	if err != nil {
		return err
	}
	limit, err := q.Int("fields_limit")
	if err != nil {
		return err
	}
	q.AddCountByTimePipe(int64(step), int64(offset), q.Args("field"))
	h := histogram{series: make(map[string]*hitSeries)}
	if err := s.Run(ctx, q.Query, h.add); err != nil {
		return err
	}
	if h.err != nil {
		return h.err
	}
	series := h.top(limit)
	if err := fillGaps(series, q, int64(step), int64(offset)); err != nil {
		return err
	}
	answer := struct {
		Hits []hitsJSON `json:"hits"`
	}{make([]hitsJSON, 0, len(series))}
	for _, hs := range series {
		answer.Hits = append(answer.Hits, hs.json())
	}
	return respond(w, answer)
}

// stepArg parses the step argument, a day by default.
func stepArg(q *logstore.Query) (time.Duration, error) {
	step, err := q.Duration("step", 24*time.Hour)
	if err == nil && step <= 0 {
		err = errors.New("step must be more than zero")
	}
	return step, err
}

// hitSeries counts the hits of one combination of values by time.
type hitSeries struct {
	fields map[string]string
	hits   map[int64]uint64
	total  uint64
}

// hitsJSON is a series as VictoriaLogs writes it.
type hitsJSON struct {
	Fields     map[string]string `json:"fields"`
	Timestamps []string          `json:"timestamps"`
	Values     []uint64          `json:"values"`
	Total      uint64            `json:"total"`
}

func (hs *hitSeries) json() hitsJSON {
	out := hitsJSON{Fields: hs.fields, Timestamps: []string{}, Values: []uint64{}, Total: hs.total}
	for _, ts := range slices.Sorted(maps.Keys(hs.hits)) {
		out.Timestamps = append(out.Timestamps, time.Unix(0, ts).UTC().Format(time.RFC3339Nano))
		out.Values = append(out.Values, hs.hits[ts])
	}
	return out
}

// histogram collects series from concurrent workers.
type histogram struct {
	mu     sync.Mutex
	series map[string]*hitSeries
	points int
	err    error
}

// add reads blocks with the columns _time, the fields asked for, hits.
func (h *histogram) add(_ uint, block *logstorage.DataBlock) {
	h.mu.Lock()
	defer h.mu.Unlock()
	times, ok := block.GetTimestamps(nil)
	hits := block.GetColumnByName("hits")
	if !ok || hits == nil {
		h.err = errors.New("the query drops or renames _time, so its hits have no time")
		return
	}
	if h.points += len(times); h.points > maxPoints {
		h.err = fmt.Errorf("more than %d points; use a larger step or fewer fields", maxPoints)
		return
	}
	for row, ts := range times {
		fields := make(map[string]string, len(block.Columns))
		for _, c := range block.Columns {
			if c.Name != "_time" && c.Name != "hits" {
				fields[string([]byte(c.Name))] = string([]byte(c.Values[row]))
			}
		}
		n, err := strconv.ParseUint(hits.Values[row], 10, 64)
		if err != nil {
			h.err = fmt.Errorf("hits: %w", err)
			return
		}
		key := fmt.Sprint(fields)
		hs := h.series[key]
		if hs == nil {
			hs = &hitSeries{fields: fields, hits: make(map[int64]uint64)}
			h.series[key] = hs
		}
		hs.hits[ts] += n
		hs.total += n
	}
}

// top returns the limit series with the most hits and the sum of the others,
// without fields, in the order of their fields; all of them without a limit.
func (h *histogram) top(limit int) []*hitSeries {
	keys := slices.Sorted(maps.Keys(h.series))
	if limit > 0 && limit < len(keys) {
		slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(h.series[b].total, h.series[a].total) })
		others := &hitSeries{fields: map[string]string{}, hits: make(map[int64]uint64)}
		for _, key := range keys[limit:] {
			for ts, n := range h.series[key].hits {
				others.hits[ts] += n
				others.total += n
			}
		}
		keys = keys[:limit]
		slices.Sort(keys)
		// "map[]", the key of no fields, sorts before all others.
		h.series[""] = others
		keys = append([]string{""}, keys...)
	}
	series := make([]*hitSeries, 0, len(keys))
	for _, key := range keys {
		series = append(series, h.series[key])
	}
	return series
}

// fillGaps adds a zero for each step without hits in the range asked for, or
// between the first and the last hit where the query has no bound.
func fillGaps(series []*hitSeries, q *logstore.Query, step, offset int64) error {
	if len(series) == 0 {
		return nil
	}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, hs := range series {
		for ts := range hs.hits {
			first, last = min(first, ts), max(last, ts)
		}
	}
	if first > last {
		return nil
	}
	if q.From != math.MinInt64 {
		first = alignDown(q.From, step, offset)
	}
	if q.To != math.MaxInt64 {
		last = alignDown(q.To, step, offset)
	}
	steps := float64(last-first)/float64(step) + 1
	if steps*float64(len(series)) > maxPoints {
		return fmt.Errorf("%.0f steps in %d series are more than %d points; use a larger step or a shorter range", steps, len(series), maxPoints)
	}
	for ts := first; ts <= last && ts+step > ts; ts += step {
		for _, hs := range series {
			if _, ok := hs.hits[ts]; !ok {
				hs.hits[ts] = 0
			}
		}
	}
	return nil
}

// alignDown returns the start of the step that t is in.
func alignDown(t, step, offset int64) int64 {
	r := (t - offset) % step
	if r < 0 {
		r += step
	}
	return t - r
}
