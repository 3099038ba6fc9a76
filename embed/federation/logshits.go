package federation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/timeutil"
)

// maxHitPoints bounds an answer over time: steps times series.
const maxHitPoints = 1_000_000

// hitSeries is the number of rows over time of one combination of field values.
type hitSeries struct {
	Fields     map[string]string `json:"fields"`
	Timestamps []string          `json:"timestamps"`
	Values     []uint64          `json:"values"`
	Total      uint64            `json:"total"`

	key  string
	hits map[int64]uint64
}

func (h *hitSeries) add(at int64, n uint64) {
	h.hits[at] += n
	h.Total += n
}

// serveHits counts rows per step, and per combination of the given fields.
func (f *Federator) serveHits(ctx context.Context, w http.ResponseWriter, r *http.Request, s *session) error {
	l, err := f.newLogsQuery(r, s)
	if err != nil {
		return err
	}
	step, err := stepArg(r)
	if err != nil {
		return err
	}
	offset := time.Duration(0)
	if text := r.Form.Get("offset"); text != "" {
		if offset, err = timeutil.ParseDuration(text); err != nil {
			return badData("offset: %q is not a duration", text)
		}
	}
	top, err := limitArg(r, "fields_limit")
	if err != nil {
		return err
	}
	from, to := l.query.GetFilterTimeRange()
	l.query.AddCountByTimePipe(int64(step), int64(offset), r.Form["field"])
	c := hitCollector{series: map[string]*hitSeries{}}
	if err := l.run(ctx, c.write); err != nil {
		return err
	}
	if c.err != nil {
		return c.err
	}
	list := topHits(c.series, top)
	if err := fillHits(list, from, to, int64(step), int64(offset)); err != nil {
		return err
	}
	for _, h := range list {
		h.Timestamps, h.Values = make([]string, 0, len(h.hits)), make([]uint64, 0, len(h.hits))
		for _, at := range slices.Sorted(maps.Keys(h.hits)) {
			h.Timestamps = append(h.Timestamps, time.Unix(0, at).UTC().Format(time.RFC3339Nano))
			h.Values = append(h.Values, h.hits[at])
		}
	}
	return writeBuffered(w, map[string]any{"hits": nonNil(list)})
}

type hitCollector struct {
	series map[string]*hitSeries
	err    error
}

func (c *hitCollector) write(_ uint, block *logstorage.DataBlock) {
	times, ok := block.GetTimestamps(nil)
	hits := block.GetColumnByName("hits")
	if !ok || hits == nil {
		c.err = badData("the query drops _time, by which hits are counted")
		return
	}
	for i, at := range times {
		n, err := strconv.ParseUint(hits.Values[i], 10, 64)
		if err != nil {
			c.err = fmt.Errorf("hits: %w", err)
			return
		}
		fields := map[string]string{}
		for _, column := range block.Columns {
			if column.Name != "_time" && column.Name != "hits" {
				fields[strings.Clone(column.Name)] = strings.Clone(column.Values[i])
			}
		}
		key := fmt.Sprint(fields)
		if c.series[key] == nil {
			c.series[key] = &hitSeries{Fields: fields, key: key, hits: map[int64]uint64{}}
		}
		c.series[key].add(at, n)
	}
}

// topHits keeps the series with the most hits and sums the others in one without
// fields; all are kept for a limit of 0.
func topHits(series map[string]*hitSeries, limit int) []*hitSeries {
	list := slices.SortedFunc(maps.Values(series), func(a, b *hitSeries) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.key, b.key))
	})
	if limit > 0 && limit < len(list) {
		others := &hitSeries{Fields: map[string]string{}, hits: map[int64]uint64{}}
		for _, h := range list[limit:] {
			for at, n := range h.hits {
				others.add(at, n)
			}
		}
		list = append(list[:limit:limit], others)
	}
	slices.SortFunc(list, func(a, b *hitSeries) int { return cmp.Compare(a.key, b.key) })
	return list
}

// fillHits adds a zero for every step without hits in the range asked for.
func fillHits(list []*hitSeries, from, to, step, offset int64) error {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, h := range list {
		for at := range h.hits {
			first, last = min(first, at), max(last, at)
		}
	}
	if first > last {
		return nil
	}
	if from != math.MinInt64 {
		first = stepOf(from, step, offset)
	}
	if to != math.MaxInt64 {
		last = stepOf(to, step, offset)
	}
	if points := (float64(last-first)/float64(step) + 1) * float64(len(list)); points > maxHitPoints {
		return badData("%.0f points are more than %d: use a larger step or a shorter range", points, maxHitPoints)
	}
	for at := first; at <= last; at += step {
		for _, h := range list {
			h.hits[at] += 0
		}
	}
	return nil
}

// stepOf returns the start of the step that t is in.
func stepOf(t, step, offset int64) int64 {
	d := (t - offset) % step
	if d < 0 {
		d += step
	}
	return t - d
}
