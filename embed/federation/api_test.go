package federation

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

func TestMetricsAPI(t *testing.T) {
	l := outage(t, Ignore, nil, Options{})
	h := l.MetricsHandler()
	f := func(path, args, want string) {
		t.Helper()
		values, err := url.ParseQuery(args)
		require.NoError(t, err)
		r := get(h, path, values)
		require.Equal(t, 200, r.Code, r.Body)
		require.Equal(t, "1", r.Header().Get(CoverageHeader))
		require.JSONEq(t, want, r.Body.String())
		post := httptest.NewRequest(http.MethodPost, path, strings.NewReader(values.Encode()))
		post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, post)
		require.JSONEq(t, want, w.Body.String())
	}
	f("/api/v1/query", "query=sum by (promxyCluster)(up)&time=20",
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"promxyCluster":"r1"},"value":[20,"50"]},{"metric":{"promxyCluster":"r2"},"value":[20,"50"]}]}}`)
	f("/api/v1/query", "query=1%2B1&time=20.5", `{"status":"success","data":{"resultType":"scalar","result":[20.5,"2"]}}`)
	f("/api/v1/query", `query="a<b"&time=20`, `{"status":"success","data":{"resultType":"string","result":[20,"a<b"]}}`)
	f("/api/v1/query", `query=up{promxyCluster="r1"}[20s]&time=20`,
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","instance":"a","promxyCluster":"r1","promxyClusterNamespace":"kof"},"values":[[15,"50"]]}]}}`)
	f("/api/v1/query_range", "query=sum(up)&start=0&end=60&step=30", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"100"],[30,"100"],[60,"100"]]}]}}`)
	f("/api/v1/query", "query=up&time=20&limit=1",
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","instance":"a","promxyCluster":"r1","promxyClusterNamespace":"kof"},"value":[20,"50"]}]},"warnings":["results truncated due to limit"]}`)
	f("/api/v1/series", `match[]=up{promxyCluster="r2"}`, `{"status":"success","data":[{"__name__":"up","instance":"b","promxyCluster":"r2","promxyClusterNamespace":"kof"}]}`)
	f("/api/v1/labels", "", `{"status":"success","data":["__name__","instance","promxyCluster","promxyClusterNamespace"]}`)
	f("/api/v1/label/instance/values", "", `{"status":"success","data":["a","b"]}`)
	f("/api/v1/label/promxyCluster/values", "", `{"status":"success","data":["r1","r2"]}`)
	f("/api/v1/label/promxyCluster/values", `match[]=up{instance="b"}`, `{"status":"success","data":["r2"]}`)
	f("/api/v1/metadata", "", `{"status":"success","data":{"up":[{"type":"gauge","help":"from r1","unit":""},{"type":"gauge","help":"from r2","unit":""}]}}`)
	f("/api/v1/metadata", "limit_per_metric=1", `{"status":"success","data":{"up":[{"type":"gauge","help":"from r1","unit":""}]}}`)
	f("/api/v1/format_query", "query=sum(up)by(a)", `{"status":"success","data":"sum by (a) (up)"}`)
}

func TestMetricsAPIRefuses(t *testing.T) {
	h := outage(t, Fail, nil, Options{}).MetricsHandler()
	f := func(path, args string, code int, kind string) {
		t.Helper()
		values, err := url.ParseQuery(args)
		require.NoError(t, err)
		r := get(h, path, values)
		require.Equal(t, code, r.Code, r.Body)
		var a answer
		require.NoError(t, json.Unmarshal(r.Body.Bytes(), &a))
		require.Equal(t, "error", a.Status)
		require.Equal(t, kind, a.ErrorType)
		require.NotEmpty(t, a.Error)
		require.NotEmpty(t, r.Header().Get(CoverageHeader))
	}
	f("/api/v1/query", "query=", 400, "bad_data")
	f("/api/v1/query", "query=up&time=x", 400, "bad_data")
	f("/api/v1/query", "query=up&timeout=x", 400, "bad_data")
	f("/api/v1/query", "query=up&limit=-1", 400, "bad_data")
	f("/api/v1/query", "query=up&error_mode=maybe", 400, "bad_data")
	f("/api/v1/query_range", "query=up&start=0&end=1", 400, "bad_data")
	f("/api/v1/query_range", "query=up&start=5&end=1&step=1", 400, "bad_data")
	f("/api/v1/query_range", "query=up&start=0&end=100000&step=1", 400, "bad_data")
	f("/api/v1/query_range", "query=up[5m]&start=0&end=100&step=1", 400, "bad_data")
	f("/api/v1/series", "", 400, "bad_data")
	f("/api/v1/series", "match[]={", 400, "bad_data")
	f("/api/v1/format_query", "query=(", 400, "bad_data")
	f("/api/v1/query", "query=up*on()up&time=20", 422, "execution")
	require.Equal(t, 405, func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, "/api/v1/query", nil))
		return w.Code
	}())
	large := httptest.NewRequest(http.MethodPost, "/api/v1/query", strings.NewReader("query="+strings.Repeat("a", maxRequestBody)))
	large.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, large)
	require.Equal(t, 413, w.Code)
}

func TestExplainOverHTTP(t *testing.T) {
	h := outage(t, Ignore, status(503, "down"), Options{}).MetricsHandler()
	r := get(h, "/api/v1/query", url.Values{"query": {"avg(up)"}, "time": {"20"}, "explain": {"1"}})
	require.Equal(t, 200, r.Code)
	require.Equal(t, "0.5", r.Header().Get(CoverageHeader))
	var a struct{ Explain map[string]any }
	require.NoError(t, json.Unmarshal(r.Body.Bytes(), &a))
	require.Equal(t, "avg(up)", a.Explain["expr"])
	require.Equal(t, 0.5, a.Explain["coverage"])
	groups := a.Explain["groups"].([]any)
	require.Len(t, groups, 2)
	require.ElementsMatch(t, []any{"sum(up)", "count(up)"}, groups[0].(map[string]any)["pushed"])
	require.Equal(t, "HTTP 503: down", groups[1].(map[string]any)["error"])
	require.NotContains(t, get(h, "/api/v1/query", url.Values{"query": {"up"}, "time": {"20"}}).Body.String(), "explain")
}

func TestSelfMetrics(t *testing.T) {
	l := outage(t, Ignore, nil, Options{})
	_, err := l.Query(t.Context(), Request{Expr: "up", Time: at(20)})
	require.NoError(t, err)
	text := get(l.MetricsHandler(), "/metrics", nil).Body.String()
	for _, want := range []string{
		`server_group_request_duration_seconds_count{call="query",host="r1",status="success"} 1`,
		`server_group_targets{server_group="r2"} 1`,
		"prometheus_config_last_reload_successful 1",
	} {
		require.Contains(t, text, want)
	}
	require.Error(t, l.SetGroups([]Group{{}}))
	require.Contains(t, get(l.MetricsHandler(), "/metrics", nil).Body.String(), "prometheus_config_last_reload_successful 0")
}

func TestEncodeLikePrometheus(t *testing.T) {
	f := func(v float64, at int64, want string) {
		t.Helper()
		text, err := Data{promql.Vector{{Metric: labels.FromStrings("a", "\"\n<é"), T: at, F: v}}}.MarshalJSON()
		require.NoError(t, err)
		require.JSONEq(t, `{"resultType":"vector","result":[{"metric":{"a":"\"\n<é"},"value":`+want+`}]}`, string(text))
	}
	f(1, 1000, `[1,"1"]`)
	f(math.NaN(), 1005, `[1.005,"NaN"]`)
	f(math.Inf(-1), -1500, `[-1.5,"-Inf"]`)
	f(1e300, 0, `[0,"1e+300"]`)
	f(0.5, 10, `[0.01,"0.5"]`)
}

func TestAntiAffinity(t *testing.T) {
	f := func(a, b, want samples) {
		t.Helper()
		require.Equal(t, want, interleave(a, b, 10_000))
	}
	f(points(0, 15_000, 1, 2), points(3_000, 15_000, 9, 9), points(0, 15_000, 1, 2))
	f(points(0, 15_000, 1), points(3_000, 15_000, 9, 8, 7), samples{{0, 1}, {18_000, 8}, {33_000, 7}})
	f(nil, points(0, 1, 1, 2), points(0, 1, 1, 2))
	f(points(60_000, 1, 5), points(0, 30_000, 1, 2, 3), samples{{0, 1}, {30_000, 2}, {60_000, 5}})
}

// Replicas without group labels: equal series count once, others all.
func TestReplicas(t *testing.T) {
	l := outage(t, Fail, nil, Options{})
	for _, r := range l.regions {
		r.store(t, series1(`x{a="1"}`, points(0, 15_000, 7, 7)))
	}
	for i := range l.groups {
		l.groups[i].Labels = nil
	}
	require.NoError(t, l.SetGroups(l.groups))
	for expr, want := range map[string]float64{"sum(up)": 100, "sum(x)": 7, "count(x)": 1, "sum(count_over_time(x[1m]))": 2} {
		r, err := l.Query(t.Context(), Request{Expr: expr, Time: at(20)})
		require.NoError(t, err)
		require.Equal(t, map[string]float64{"{} 20000": want}, flat(r.Data.Value), expr)
	}
}

func TestGroupLabelsOverrideTheSeries(t *testing.T) {
	l := newLab(t, 1, Options{})
	l.regions[0].store(t, series1(`up{promxyCluster="own"}`, points(0, 1, 1)))
	r, err := l.Query(t.Context(), Request{Expr: `up{promxyCluster="r1"}`, Time: at(1)})
	require.NoError(t, err)
	require.Equal(t, "r1", r.Data.Value.(promql.Vector)[0].Metric.Get(ClusterLabel))
}

func TestDefaultTimeIsTheClocks(t *testing.T) {
	l := outage(t, Fail, nil, Options{Clock: clock.NewVirtual(at(20))})
	r, err := l.Query(t.Context(), Request{Expr: "time()"})
	require.NoError(t, err)
	require.Equal(t, promql.Scalar{T: 20_000, V: 20}, r.Data.Value)
}

func FuzzArgs(f *testing.F) {
	for _, s := range []string{"1", "-1.5", "2026-01-01T00:00:00Z", "1e400", "NaN", "5m", "1y", "9e18", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := ParseTime(text); err == nil && at.IsZero() && text == "" {
			t.Fatal("an empty time was read")
		}
		if d, err := ParseDuration(text); err == nil && strings.HasPrefix(text, "-") && d > 0 {
			t.Fatalf("%q is %s", text, d)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2"]}]}}`), true)
	f.Add([]byte(`{"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"],[2,"NaN"]]}]}}`), false)
	f.Add([]byte(`{"status":"success","data":null,"warnings":["x (1:2)"]}`), false)
	m := &member{Group: Group{Name: "r", Labels: map[string]string{"a": "c"}}}
	f.Fuzz(func(t *testing.T, text []byte, raw bool) {
		p := &part{grid: grid{0, 5000, 1000}, keep: map[string]bool{"a": true}, partial: true}
		if raw {
			p.window = time.Minute
		}
		d := decoder{part: p, member: m, maxSeries: 4, maxSamples: 30}
		if d.decode(strings.NewReader(string(text))) != nil {
			return
		}
		if len(d.series) > 4 {
			t.Fatal("over the limit")
		}
		for _, s := range d.series {
			for i := range s.samples {
				if i > 0 && s.samples[i].t <= s.samples[i-1].t {
					t.Fatal("samples out of order")
				}
			}
			if s.labels.Get(groupLabel) != "r" {
				t.Fatal("not stamped")
			}
		}
	})
}

func FuzzRows(f *testing.F) {
	f.Add([]byte(`{"a":"b","c":1,"d":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		row, err := decodeRow(text)
		if err != nil {
			return
		}
		if b := newBlock([]logRow{row}); b.RowsCount() != 1 {
			t.Fatalf("%d rows", b.RowsCount())
		}
	})
}
