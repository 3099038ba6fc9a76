package logs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"koflab/embed/logstore"
)

// statsQuery answers a query that ends in a stats pipe as Prometheus answers
// an instant query.
func (s *Store) statsQuery(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	q, err := s.ParseQuery(w, r)
	if err != nil {
		return err
	}
	labels, err := q.GetStatsLabels()
	if err != nil {
		return err
	}
	m := newMatrix(labels, q.GetTimestamp(), false)
	if err := s.Run(ctx, q.Query, m.add); err != nil {
		return err
	}
	return m.respond(w, "vector", func(p *statsSeries) any {
		return struct {
			Metric map[string]string `json:"metric"`
			Value  statsPoint        `json:"value"`
		}{p.metric, p.points[len(p.points)-1]}
	})
}

// statsQueryRange answers a query that ends in a stats pipe as Prometheus
// answers a range query, with a point per step.
func (s *Store) statsQueryRange(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	q, err := s.ParseQuery(w, r)
	if err != nil {
		return err
	}
	step, err := stepArg(q)
	if err != nil {
		return err
	}
	labels, err := q.GetStatsLabelsAddGroupingByTime(int64(step))
	if err != nil {
		return err
	}
	m := newMatrix(labels, q.GetTimestamp(), true)
	if err := s.Run(ctx, q.Query, m.add); err != nil {
		return err
	}
	return m.respond(w, "matrix", func(p *statsSeries) any {
		return struct {
			Metric map[string]string `json:"metric"`
			Values []statsPoint      `json:"values"`
		}{p.metric, p.points}
	})
}

// statsPoint is a value at a time.
type statsPoint struct {
	nanos int64
	value string
}

// MarshalJSON writes the point as Prometheus does: [seconds, "value"].
func (p statsPoint) MarshalJSON() ([]byte, error) {
	value, err := json.Marshal(p.value)
	if err != nil {
		return nil, err
	}
	dst := strconv.AppendFloat([]byte{'['}, float64(p.nanos)/1e9, 'f', -1, 64)
	return append(append(append(dst, ','), value...), ']'), nil
}

type statsSeries struct {
	key    string
	metric map[string]string
	points []statsPoint
}

// matrix collects series from concurrent workers.
type matrix struct {
	labels   []string
	at       int64
	overTime bool

	mu     sync.Mutex
	series map[string]*statsSeries
	points int
}

func newMatrix(labels []string, at int64, overTime bool) *matrix {
	return &matrix{labels: labels, at: at, overTime: overTime, series: make(map[string]*statsSeries)}
}

// add reads blocks whose columns are labels, the time, or results.
func (m *matrix) add(_ uint, block *logstorage.DataBlock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.points += block.RowsCount() * len(block.Columns); m.points > maxPoints {
		return
	}
	for row := range block.RowsCount() {
		at := m.at
		labels := make(map[string]string, len(m.labels)+1)
		for _, c := range block.Columns {
			if m.overTime && c.Name == "_time" {
				if ts, ok := logstorage.TryParseTimestampRFC3339Nano(c.Values[row]); ok {
					at = ts
				}
			} else if slices.Contains(m.labels, c.Name) {
				labels[strings.Clone(c.Name)] = strings.Clone(c.Values[row])
			}
		}
		for _, c := range block.Columns {
			if slices.Contains(m.labels, c.Name) || m.overTime && c.Name == "_time" {
				continue
			}
			m.result(c.Name, labels, at, c.Values[row])
		}
	}
}

// result adds a value, or a value per bucket when it is a histogram.
func (m *matrix) result(name string, labels map[string]string, at int64, value string) {
	if value == "[]" || strings.HasPrefix(value, `[{"vmrange":"`) {
		var buckets []struct {
			Range string `json:"vmrange"`
			Hits  uint64 `json:"hits"`
		}
		if json.Unmarshal([]byte(value), &buckets) == nil {
			for _, b := range buckets {
				m.point(name+"_bucket", labels, "vmrange", b.Range, statsPoint{at, strconv.FormatUint(b.Hits, 10)})
			}
			return
		}
	}
	m.point(strings.Clone(name), labels, "", "", statsPoint{at, strings.Clone(value)})
}

func (m *matrix) point(name string, labels map[string]string, extra, extraValue string, p statsPoint) {
	metric := make(map[string]string, len(labels)+2)
	for k, v := range labels {
		metric[k] = v
	}
	metric["__name__"] = name
	if extra != "" {
		metric[extra] = extraValue
	}
	key := name + fmt.Sprint(metric)
	series := m.series[key]
	if series == nil {
		series = &statsSeries{key: key, metric: metric}
		m.series[key] = series
	}
	series.points = append(series.points, p)
}

// respond writes the series in the order of their names and labels.
func (m *matrix) respond(w http.ResponseWriter, resultType string, format func(*statsSeries) any) error {
	if m.points > maxPoints {
		return fmt.Errorf("more than %d points; use a larger step or group by less", maxPoints)
	}
	series := make([]*statsSeries, 0, len(m.series))
	for _, ss := range m.series {
		slices.SortFunc(ss.points, func(a, b statsPoint) int { return cmp.Compare(a.nanos, b.nanos) })
		series = append(series, ss)
	}
	slices.SortFunc(series, func(a, b *statsSeries) int { return cmp.Compare(a.key, b.key) })
	result := make([]any, 0, len(series))
	for _, ss := range series {
		result = append(result, format(ss))
	}
	answer := prometheusAnswer{Status: "success"}
	answer.Data.ResultType, answer.Data.Result = resultType, result
	return respond(w, answer)
}

// prometheusAnswer is a successful answer of Prometheus' query API.
type prometheusAnswer struct {
	Status string `json:"status"`
	Data   struct {
		ResultType string `json:"resultType"`
		Result     []any  `json:"result"`
	} `json:"data"`
}

// failPrometheus answers an error as Prometheus' API does.
func failPrometheus(w http.ResponseWriter, err error) {
	status := logstore.StatusOf(err)
	kind := "bad_data"
	if status == http.StatusServiceUnavailable {
		kind = "unavailable"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": kind, "error": err.Error()})
}
