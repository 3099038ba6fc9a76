package federation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"

	"koflab/embed/federation"
	"koflab/embed/metrics"
)

// way is a path that upstream's tests take: written by remote write to one or
// two regions, and read over the query API.
type way struct {
	name    string
	regions int
	// front returns the query API over the regions.
	front func(t testing.TB, regions []http.Handler) http.Handler
}

var ways = []way{
	{"direct", 1, func(_ testing.TB, regions []http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = selectPrefix + r.URL.Path
			regions[0].ServeHTTP(w, r)
		})
	}},
	{"streamed", 2, federate(false)},
	{"pushed", 2, federate(true)},
}

const selectPrefix = "/select/0/prometheus"

func federate(disjoint bool) func(testing.TB, []http.Handler) http.Handler {
	return func(t testing.TB, regions []http.Handler) http.Handler {
		f, err := federation.New(federation.Options{Disjoint: disjoint})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, f.Close()) })
		var groups []federation.Group
		for i, r := range regions {
			s := httptest.NewServer(r)
			t.Cleanup(s.Close)
			groups = append(groups, federation.Group{Name: fmt.Sprint("r", i), MetricsURL: s.URL + selectPrefix})
		}
		require.NoError(t, f.SetGroups(groups))
		return f.MetricsHandler()
	}
}

// regionStore is a region whose data can be cleared: by a new store.
type regionStore struct {
	t     testing.TB
	dir   string // of the test, which removes it after the last clear
	mu    sync.Mutex
	n     int
	store *metrics.Store
	// writes wait for the first query, so that data nobody asks for costs no store.
	writes []prompb.WriteRequest
}

// memoryDir is a directory in memory where there is one: hundreds of stores are
// opened, and none needs to survive.
func memoryDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "koflab-conformance-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func (r *regionStore) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = nil
	if r.store != nil {
		require.NoError(r.t, r.store.Close())
		r.store = nil
	}
}

func (r *regionStore) open() *metrics.Store {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.store == nil {
		var err error
		r.n++
		r.store, err = metrics.Open(metrics.Options{Dir: filepath.Join(r.dir, strconv.Itoa(r.n)), Retention: 100 * 365 * 24 * time.Hour, Stores: 6})
		require.NoError(r.t, err)
	}
	for _, w := range r.writes {
		require.NoError(r.t, remoteWrite(r.store.InsertHandler(), w))
	}
	r.writes = nil
	return r.store
}

func (r *regionStore) write(w prompb.WriteRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = append(r.writes, w)
}

func (r *regionStore) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.open().SelectHandler().ServeHTTP(w, q)
}

// TestPromQLConformance runs upstream's PromQL tests all ways. What the engine
// cannot do is listed, with the reason, in testdata/promql-skips.txt.
func TestPromQLConformance(t *testing.T) {
	files := upstreamTests(t)
	skips := readSkips(t)
	if *onlySkipped {
		runSkipped(t, files, skips)
		return
	}
	t.Run("files", func(t *testing.T) {
		for _, file := range files {
			for _, w := range ways {
				t.Run(file.name+"/"+w.name, func(t *testing.T) {
					t.Parallel()
					runFile(t, w, file, skips.of(file.name, w.name))
				})
			}
		}
	})
	checkReport(t, files, skips)
}

// runSkipped runs each case of the list alone. It names those that pass, which
// need not be skipped, and fails with the others.
func runSkipped(t *testing.T, files []upstreamFile, skips skipList) {
	for _, file := range files {
		for _, w := range ways {
			for line := range skips.of(file.name, w.name) {
				others := map[int]string{}
				for _, s := range file.statements {
					if s.kind == "eval" && s.line != line {
						others[s.line] = "not asked for"
					}
				}
				if t.Run(fmt.Sprintf("%s/%s/%d", file.name, w.name, line), func(t *testing.T) { runFile(t, w, file, others) }) {
					t.Logf("%s:%d passes (%s)", file.name, line, w.name)
				}
			}
		}
	}
}

// runFile runs a file with the statements at the skipped lines blanked.
func runFile(t *testing.T, w way, file upstreamFile, skipped map[int]string) {
	var (
		regions  []*regionStore
		handlers []http.Handler
	)
	for range w.regions {
		r := &regionStore{t: t, dir: memoryDir(t)}
		t.Cleanup(r.clear)
		regions = append(regions, r)
		handlers = append(handlers, r)
	}
	front := httptest.NewServer(w.front(t, handlers))
	t.Cleanup(front.Close)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	promqltest.RunTestWithStorage(t, file.without(skipped), httpEngine{front.URL, client}, func(testing.TB) storage.Storage {
		for _, r := range regions {
			r.clear()
		}
		return &writeStorage{regions: regions}
	})
}

// writeStorage writes to regions, each series to one of them by its labels.
type writeStorage struct {
	storage.Storage
	regions []*regionStore
	pending []map[string]*prompb.TimeSeries
}

func (s *writeStorage) Close() error { return nil }

func (s *writeStorage) AppenderV2(context.Context) storage.AppenderV2 {
	s.pending = make([]map[string]*prompb.TimeSeries, len(s.regions))
	for i := range s.pending {
		s.pending[i] = map[string]*prompb.TimeSeries{}
	}
	return &appender{s}
}

type appender struct{ *writeStorage }

func (a *appender) Rollback() error { return nil }

// Append drops native histograms, which the storage does not have.
func (a *appender) Append(_ storage.SeriesRef, l labels.Labels, _, t int64, v float64, h *histogramInt, fh *histogramFloat, _ storage.AppendV2Options) (storage.SeriesRef, error) {
	if h != nil || fh != nil {
		return 0, nil
	}
	to := a.pending[l.Hash()%uint64(len(a.regions))]
	ts := to[l.String()]
	if ts == nil {
		ts = &prompb.TimeSeries{}
		l.Range(func(l labels.Label) { ts.Labels = append(ts.Labels, prompb.Label{Name: l.Name, Value: l.Value}) })
		to[l.String()] = ts
	}
	ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: t, Value: v})
	return 0, nil
}

func (a *appender) Commit() error {
	for i, byLabels := range a.pending {
		if len(byLabels) == 0 {
			continue
		}
		var w prompb.WriteRequest
		for _, ts := range byLabels {
			w.Timeseries = append(w.Timeseries, *ts)
		}
		a.regions[i].write(w)
	}
	return nil
}

func remoteWrite(h http.Handler, w prompb.WriteRequest) error {
	raw, err := w.Marshal()
	if err != nil {
		return err
	}
	r := httptest.NewRequest(http.MethodPost, "/insert/0/prometheus/api/v1/write", bytes.NewReader(snappy.Encode(nil, raw)))
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Content-Encoding", "snappy")
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	if answer.Code/100 != 2 {
		return fmt.Errorf("remote write: %d %s", answer.Code, answer.Body)
	}
	return nil
}

// httpEngine evaluates by asking a query API.
type httpEngine struct {
	url    string
	client *http.Client
}

func (e httpEngine) NewInstantQuery(_ context.Context, _ storage.Queryable, _ promql.QueryOpts, expr string, at time.Time) (promql.Query, error) {
	return &httpQuery{httpEngine: e, path: "/api/v1/query", form: url.Values{"query": {expr}, "time": {unix(at)}}}, nil
}

func (e httpEngine) NewRangeQuery(_ context.Context, _ storage.Queryable, _ promql.QueryOpts, expr string, start, end time.Time, step time.Duration) (promql.Query, error) {
	return &httpQuery{httpEngine: e, path: "/api/v1/query_range", form: url.Values{
		"query": {expr}, "start": {unix(start)}, "end": {unix(end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}}, nil
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64) }

type httpQuery struct {
	promql.Query
	httpEngine
	path string
	form url.Values
}

func (q *httpQuery) Close() {}

func (q *httpQuery) Exec(context.Context) *promql.Result {
	resp, err := q.client.PostForm(q.url+q.path, q.form)
	if err != nil {
		return &promql.Result{Err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return &promql.Result{Err: err}
	}
	return decodeResult(text)
}

func decodeResult(text []byte) *promql.Result {
	var answer struct {
		Status, Error   string
		Warnings, Infos []string
		Data            struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return &promql.Result{Err: fmt.Errorf("%w in %s", err, text)}
	}
	if answer.Status != "success" {
		return &promql.Result{Err: errors.New(answer.Error)}
	}
	result := &promql.Result{Warnings: annotations.New().Merge(nil)}
	for _, w := range answer.Warnings {
		result.Warnings.Add(fmt.Errorf("%w%s", annotations.PromQLWarning, strings.TrimPrefix(w, "PromQL warning")))
	}
	for _, i := range answer.Infos {
		result.Warnings.Add(fmt.Errorf("%w%s", annotations.PromQLInfo, strings.TrimPrefix(i, "PromQL info")))
	}
	var list []struct {
		Metric map[string]string
		Value  point
		Values []point
	}
	switch answer.Data.ResultType {
	case "vector":
		result.Err = json.Unmarshal(answer.Data.Result, &list)
		v := promql.Vector{}
		for _, s := range list {
			v = append(v, promql.Sample{Metric: labels.FromMap(s.Metric), T: s.Value.T, F: s.Value.F})
		}
		result.Value = v
	case "matrix":
		result.Err = json.Unmarshal(answer.Data.Result, &list)
		m := promql.Matrix{}
		for _, s := range list {
			one := promql.Series{Metric: labels.FromMap(s.Metric)}
			for _, p := range s.Values {
				one.Floats = append(one.Floats, promql.FPoint(p))
			}
			m = append(m, one)
		}
		sort.Sort(m)
		result.Value = m
	case "scalar":
		var p point
		result.Err = json.Unmarshal(answer.Data.Result, &p)
		result.Value = promql.Scalar{T: p.T, V: p.F}
	case "string":
		var p [2]any
		result.Err = json.Unmarshal(answer.Data.Result, &p)
		result.Value = promql.String{V: fmt.Sprint(p[1])}
	}
	return result
}

type point promql.FPoint

func (p *point) UnmarshalJSON(text []byte) error {
	var pair [2]any
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	t, ok := pair[0].(float64)
	if !ok {
		return fmt.Errorf("no time in %s", text)
	}
	v, err := strconv.ParseFloat(fmt.Sprint(pair[1]), 64)
	p.T, p.F = int64(math.Round(t*1000)), v
	return err
}
