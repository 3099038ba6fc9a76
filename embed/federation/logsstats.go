package federation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// serveStatsQuery answers a query that ends in a stats pipe as Prometheus
// answers an instant query.
func (f *Federator) serveStatsQuery(ctx context.Context, w http.ResponseWriter, r *http.Request, s *session) error {
	l, err := f.newLogsQuery(r, s)
	if err != nil {
		return err
	}
	labels, err := l.query.GetStatsLabels()
	if err != nil {
		return badData("query: %w", err)
	}
	c := statsCollector{labels: labels, at: l.query.GetTimestamp(), series: map[string]*statsSeries{}}
	if err := l.run(ctx, c.write); err != nil {
		return err
	}
	return c.respond(w, "vector")
}

// serveStatsQueryRange answers a query that ends in a stats pipe as Prometheus
// answers a range query.
func (f *Federator) serveStatsQueryRange(ctx context.Context, w http.ResponseWriter, r *http.Request, s *session) error {
	l, err := f.newLogsQuery(r, s)
	if err != nil {
		return err
	}
	step, err := stepArg(r)
	if err != nil {
		return err
	}
	labels, err := l.query.GetStatsLabelsAddGroupingByTime(int64(step))
	if err != nil {
		return badData("query: %w", err)
	}
	c := statsCollector{labels: labels, at: l.query.GetTimestamp(), overTime: true, series: map[string]*statsSeries{}}
	if err := l.run(ctx, c.write); err != nil {
		return err
	}
	return c.respond(w, "matrix")
}

// statsSeries is one result of a stats pipe, with the values it is grouped by.
type statsSeries struct {
	Metric map[string]string `json:"metric"`
	Value  *statsPoint       `json:"value,omitempty"`
	Values []statsPoint      `json:"values,omitempty"`

	key string
}

type statsPoint struct {
	at    int64 // nanoseconds
	value string
}

// MarshalJSON writes the point as Prometheus does: [seconds, "value"].
func (p statsPoint) MarshalJSON() ([]byte, error) {
	value, err := json.Marshal(p.value)
	if err != nil {
		return nil, err
	}
	dst := strconv.AppendFloat([]byte{'['}, float64(p.at)/1e9, 'f', -1, 64)
	return append(append(append(dst, ','), value...), ']'), nil
}

// statsCollector turns rows of results into series.
type statsCollector struct {
	labels   []string
	at       int64
	overTime bool
	series   map[string]*statsSeries
}

func (c *statsCollector) write(_ uint, block *logstorage.DataBlock) {
	for i := range block.RowsCount() {
		at := c.at
		labels := map[string]string{}
		for _, column := range block.Columns {
			if t, ok := logstorage.TryParseTimestampRFC3339Nano(column.Values[i]); ok && c.isTime(column.Name) {
				at = t
			} else if slices.Contains(c.labels, column.Name) {
				labels[strings.Clone(column.Name)] = strings.Clone(column.Values[i])
			}
		}
		for _, column := range block.Columns {
			if !slices.Contains(c.labels, column.Name) && !c.isTime(column.Name) {
				c.result(strings.Clone(column.Name), labels, at, strings.Clone(column.Values[i]))
			}
		}
	}
}

func (c *statsCollector) isTime(name string) bool { return c.overTime && name == "_time" }

// result adds one value; a histogram has a series per bucket.
func (c *statsCollector) result(name string, labels map[string]string, at int64, value string) {
	var buckets []struct {
		Range string `json:"vmrange"`
		Hits  uint64 `json:"hits"`
	}
	if value == "[]" || strings.HasPrefix(value, `[{"vmrange":"`) {
		if json.Unmarshal([]byte(value), &buckets) == nil {
			for _, b := range buckets {
				c.point(name+"_bucket", labels, b.Range, statsPoint{at, strconv.FormatUint(b.Hits, 10)})
			}
			return
		}
	}
	c.point(name, labels, "", statsPoint{at, value})
}

func (c *statsCollector) point(name string, labels map[string]string, bucket string, p statsPoint) {
	metric := maps.Clone(labels)
	metric["__name__"] = name
	if bucket != "" {
		metric["vmrange"] = bucket
	}
	key := name + fmt.Sprint(metric)
	if c.series[key] == nil {
		c.series[key] = &statsSeries{Metric: metric, key: key}
	}
	c.series[key].Values = append(c.series[key].Values, p)
}

func (c *statsCollector) respond(w http.ResponseWriter, resultType string) error {
	list := slices.SortedFunc(maps.Values(c.series), func(a, b *statsSeries) int { return cmp.Compare(a.key, b.key) })
	for _, s := range list {
		slices.SortFunc(s.Values, func(a, b statsPoint) int { return cmp.Compare(a.at, b.at) })
		if !c.overTime {
			s.Value, s.Values = &s.Values[len(s.Values)-1], nil
		}
	}
	return writeBuffered(w, map[string]any{
		"status": "success",
		"data":   map[string]any{"resultType": resultType, "result": nonNil(list)},
	})
}
