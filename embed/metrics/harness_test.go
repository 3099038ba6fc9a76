package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sort"
	"strconv"
	"testing"
	"time"

	vmstorage "github.com/VictoriaMetrics/VictoriaMetrics/lib/storage"
	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	prompbv1 "github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"koflab/sim/clock"
)

func TestMain(m *testing.M) {
	flag.Parse() // before engine.Init, which would parse an empty command line
	if err := warmUp(); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m,
		goleak.IgnoreCurrent(),
		// Left by the test that has lib/storage panic while it opens.
		goleak.IgnoreAnyFunction("github.com/VictoriaMetrics/VictoriaMetrics/lib/workingsetcache.(*Cache).prevCacheWatcher"),
		goleak.IgnoreAnyFunction("github.com/VictoriaMetrics/VictoriaMetrics/lib/workingsetcache.(*Cache).expirationWatcher"),
	)
}

// warmUp starts what the libraries start once per process and never stop.
func warmUp() error {
	dir, err := os.MkdirTemp("", "koflab-warm-up-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		return err
	}
	return errors.Join(s.useVMSelect(), s.Close())
}

// noon is a time well inside a day, so that "today" is the same all through a test.
var noon = time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)

// open opens a store that is closed with the test.
func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Clock == nil {
		o.Clock = clock.NewVirtual(noon)
	}
	s, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			require.ErrorIs(t, err, ErrClosed)
		}
	})
	return s
}

// point is a sample of the tests.
type point struct {
	labels map[string]string
	t      time.Time
	v      float64
}

func at(t time.Time, v float64, pairs ...string) point {
	ls := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		ls[pairs[i]] = pairs[i+1]
	}
	return point{ls, t, v}
}

func encodeV1(points ...point) []byte {
	req := &prompbv1.WriteRequest{}
	for _, p := range points {
		ts := prompbv1.TimeSeries{Samples: []prompbv1.Sample{{Value: p.v, Timestamp: p.t.UnixMilli()}}}
		for _, name := range names(p.labels) {
			ts.Labels = append(ts.Labels, prompbv1.Label{Name: name, Value: p.labels[name]})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	return marshal(req)
}

func encodeV2(points ...point) []byte {
	table := writev2.NewSymbolTable()
	req := &writev2.Request{}
	for _, p := range points {
		ts := writev2.TimeSeries{Samples: []writev2.Sample{{Value: p.v, Timestamp: p.t.UnixMilli()}}}
		for _, name := range names(p.labels) {
			ts.LabelsRefs = append(ts.LabelsRefs, table.Symbolize(name), table.Symbolize(p.labels[name]))
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = table.Symbols()
	return marshal(req)
}

func marshal(m interface{ Marshal() ([]byte, error) }) []byte {
	data, err := m.Marshal()
	if err != nil {
		panic(err)
	}
	return data
}

func names(ls map[string]string) []string {
	var out []string
	for name := range ls {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

const (
	typeV1 = "application/x-protobuf"
	typeV2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"

	writePath  = insertPrefix + "/api/v1/write"
	importPath = insertPrefix + "/api/v1/import/prometheus"
	apiPath    = selectPrefix + "/prometheus/api/v1"
)

// post sends a body; headers come in pairs.
func post(h http.Handler, target string, body []byte, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, bytes.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// write stores points by remote write v1.
func write(t testing.TB, s *Store, points ...point) {
	t.Helper()
	w := post(s.InsertHandler(), writePath, snappy.Encode(nil, encodeV1(points...)), "Content-Type", typeV1)
	require.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
}

// importText stores an exposition.
func importText(t testing.TB, s *Store, text string) {
	t.Helper()
	w := post(s.InsertHandler(), importPath, []byte(text))
	require.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
}

// get asks an API endpoint; args come in pairs.
func get(s *Store, path string, args ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(args); i += 2 {
		form.Add(args[i], args[i+1])
	}
	r := httptest.NewRequest(http.MethodGet, apiPath+path+"?"+form.Encode(), nil)
	w := httptest.NewRecorder()
	s.SelectHandler().ServeHTTP(w, r)
	return w
}

// envelope is Prometheus' answer.
type envelope struct {
	Status    string          `json:"status"`
	Data      json.RawMessage `json:"data"`
	ErrorType string          `json:"errorType"`
	Error     string          `json:"error"`
	Warnings  []string        `json:"warnings"`
	Infos     []string        `json:"infos"`
}

func decode(t testing.TB, w *httptest.ResponseRecorder) envelope {
	t.Helper()
	var e envelope
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e), w.Body.String())
	return e
}

// instant evaluates a query and renders the result as "{labels} value" lines.
func instant(t testing.TB, s *Store, query string, args ...string) []string {
	t.Helper()
	w := get(s, "/query", append([]string{"query", query}, args...)...)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	require.NoError(t, json.Unmarshal(decode(t, w).Data, &data))
	lines := []string{}
	for _, r := range data.Result {
		lines = append(lines, labels.FromMap(r.Metric).String()+" "+r.Value[1].(string))
	}
	sort.Strings(lines)
	return lines
}

// serve exposes a store on a loopback socket.
func serve(t testing.TB, s *Store) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/insert/", s.InsertHandler())
	mux.Handle("/select/", s.SelectHandler())
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

// balanced fails unless every received sample is accounted for.
func balanced(t interface{ Fatalf(string, ...any) }, s *Store) Stats {
	st := s.Stats()
	sum := st.Stored
	for _, n := range st.Dropped {
		sum += n
	}
	if sum != st.Received {
		t.Fatalf("received %d != stored and dropped %d: %+v", st.Received, sum, st)
	}
	return st
}

// requestV2 has one sample per series, whose labels come in pairs as given.
func requestV2(t int64, series ...[]string) *writev2.Request {
	table := writev2.NewSymbolTable()
	req := &writev2.Request{}
	for _, pairs := range series {
		ts := writev2.TimeSeries{Samples: []writev2.Sample{{Value: 1, Timestamp: t}}}
		for _, s := range pairs {
			ts.LabelsRefs = append(ts.LabelsRefs, table.Symbolize(s))
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = table.Symbols()
	return req
}

// libraryRows is how many rows lib/storage says it added.
func (s *Store) libraryRows() uint64 {
	var m vmstorage.Metrics
	s.vm.UpdateMetrics(&m)
	return m.RowsAddedTotal
}

func formatMillis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func formatSeconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
