package metrics

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sampleStore holds a counter of two instances over ten minutes, 15 s apart.
func sampleStore(t testing.TB, o Options) *Store {
	s := open(t, o)
	var points []point
	for i := range 41 {
		at15 := noon.Add(time.Duration(i-40) * 15 * time.Second)
		points = append(points,
			at(at15, float64(i)*15, "__name__", "requests_total", "instance", "a", "job", "x"),
			at(at15, float64(i)*30, "__name__", "requests_total", "instance", "b", "job", "x"))
	}
	write(t, s, append(points, at(noon.Add(-15*time.Second), 0.5, "__name__", "ratio"), at(noon, 0.5, "__name__", "ratio"))...)
	return s
}

func TestAPIAnswers(t *testing.T) {
	s := sampleStore(t, Options{})
	now := formatSeconds(noon)
	ago := formatSeconds(noon.Add(-time.Minute))
	f := func(path, want string, args ...string) {
		t.Helper()
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			w := ask(s, method, path, args...)
			require.Equal(t, http.StatusOK, w.Code, w.Body.String())
			require.JSONEq(t, want, w.Body.String(), method+" "+path)
			require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		}
	}
	success := func(data string) string { return `{"status":"success","data":` + data + `}` }

	f("/query", success(`{"resultType":"scalar","result":[`+now+`,"3"]}`), "query", "1+2")
	f("/query", success(`{"resultType":"string","result":[`+now+`,"a\"b"]}`), "query", `"a\"b"`)
	f("/query", success(`{"resultType":"vector","result":[{"metric":{"__name__":"ratio"},"value":[`+now+`,"0.5"]}]}`), "query", "ratio")
	f("/query", success(`{"resultType":"vector","result":[{"metric":{},"value":[`+now+`,"3"]}]}`), "query", "sum(irate(requests_total[5m]))")
	f("/query", success(`{"resultType":"vector","result":[]}`), "query", "absent_metric")
	f("/query", success(`{"resultType":"matrix","result":[{"metric":{"__name__":"ratio"},"values":[[`+formatSeconds(noon.Add(-15*time.Second))+`,"0.5"],[`+now+`,"0.5"]]}]}`), "query", "ratio[1m]")
	f("/query", success(`{"resultType":"vector","result":[{"metric":{"instance":"a","job":"x"},"value":[`+ago+`.5,"1"]}]}`),
		"query", `irate(requests_total{instance="a"}[2m])`, "time", ago+".5")
	f("/query", success(`{"resultType":"vector","result":[{"metric":{"__name__":"ratio"},"value":[`+now+`.001,"0.5"]}]}`), "query", "ratio", "time", now+".001")
	f("/query", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"instance":"a"},"value":[`+now+`,"600"]}]},"warnings":["results truncated due to limit"]}`,
		"query", "sort(sum by (instance) (requests_total))", "limit", "1")
	f("/query", success(`{"resultType":"vector","result":[]}`), "query", "ratio", "time", formatSeconds(noon.Add(2*time.Minute)), "lookback_delta", "1m")
	f("/query", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[`+now+`,"0"]}]},"infos":["PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"ratio\" (1:10)"]}`,
		"query", "sum(rate(ratio[5m]))")
	f("/query_range", success(`{"resultType":"matrix","result":[{"metric":{},"values":[[`+ago+`,"3"],[`+now+`,"3"]]}]}`),
		"query", "sum(irate(requests_total[1m]))", "start", ago, "end", now, "step", "1m")
	f("/series", success(`[{"__name__":"ratio"},{"__name__":"requests_total","instance":"b","job":"x"}]`),
		"match[]", "ratio", "match[]", `{instance="b"}`)
	f("/series", `{"status":"success","data":[{"__name__":"requests_total","instance":"a","job":"x"}],"warnings":["results truncated due to limit"]}`,
		"match[]", "requests_total", "limit", "1")
	f("/series", success(`[]`), "match[]", "ratio", "end", formatSeconds(noon.Add(-30*24*time.Hour)))
	f("/labels", success(`["__name__","instance","job"]`))
	f("/labels", success(`["__name__"]`), "match[]", "ratio")
	f("/labels", success(`["__name__","instance","job"]`), "match[]", "ratio", "match[]", `{job="x"}`)
	f("/labels", `{"status":"success","data":["__name__"],"warnings":["results truncated due to limit"]}`, "limit", "1")
	f("/label/instance/values", success(`["a","b"]`))
	f("/label/__name__/values", success(`["ratio","requests_total"]`))
	f("/label/instance/values", success(`["b"]`), "match[]", `{instance=~"b|c"}`)
	f("/label/U__job/values", success(`["x"]`))
	f("/label/none/values", success(`[]`))
	f("/format_query", success(`"sum by (a) (b)"`), "query", "sum(b)by(a)")
	f("/metadata", success(`{}`))
	f("/query_exemplars", success(`[]`), "query", "ratio")
	f("/status/tsdb", success(`{"headStats":{"numSeries":3,"numLabelPairs":7,"chunkCount":0,`+
		`"minTime":`+formatMillis(noon.Add(-12*time.Hour))+`,"maxTime":`+formatMillis(noon.Add(12*time.Hour-time.Millisecond))+`},`+
		`"seriesCountByMetricName":[{"name":"requests_total","value":2}],`+
		`"labelValueCountByLabelName":[{"name":"__name__","value":2}],"memoryInBytesByLabelName":[],`+
		`"seriesCountByLabelValuePair":[{"name":"__name__=requests_total","value":2}]}`), "limit", "1")
}

func TestAPIErrors(t *testing.T) {
	s := sampleStore(t, Options{MaxSeries: 2, MaxPointsPerSeries: 100, MaxSamples: 50})
	now := formatSeconds(noon)
	f := func(status int, kind, message, path string, args ...string) {
		t.Helper()
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			w := ask(s, method, path, args...)
			require.Equal(t, status, w.Code, w.Body.String())
			e := decode(t, w)
			require.Equal(t, "error", e.Status)
			require.Equal(t, kind, e.ErrorType)
			require.Contains(t, e.Error, message)
		}
	}
	f(400, "bad_data", `invalid parameter "query": 1:5: parse error: unclosed left parenthesis`, "/query", "query", "sum(")
	f(400, "bad_data", `invalid parameter "query": unknown position: parse error: no expression found in input`, "/query")
	f(400, "bad_data", `invalid parameter "time": invalid time value for 'time': cannot parse "noon" to a valid timestamp`, "/query", "query", "1", "time", "noon")
	f(400, "bad_data", `invalid parameter "timeout": cannot parse "soon" to a valid duration`, "/query", "query", "1", "timeout", "soon")
	f(400, "bad_data", `invalid parameter "limit": limit must be non-negative`, "/query", "query", "1", "limit", "-1")
	f(400, "bad_data", `cannot parse "x" to a valid duration`, "/query", "query", "1", "lookback_delta", "x")
	f(400, "bad_data", `invalid parameter "semantics"`, "/query", "query", "1", "semantics", "sql")
	f(400, "bad_data", `invalid parameter "start": cannot parse "" to a valid timestamp`, "/query_range", "query", "1", "end", now, "step", "1")
	f(400, "bad_data", `invalid parameter "end": end timestamp must not be before start time`, "/query_range", "query", "1", "start", now, "end", "0", "step", "1")
	f(400, "bad_data", `zero or negative query resolution step`, "/query_range", "query", "1", "start", now, "end", now, "step", "0")
	f(400, "bad_data", `invalid parameter "step": cannot parse "1e30" to a valid duration. It overflows`, "/query_range", "query", "1", "start", now, "end", now, "step", "1e30")
	f(400, "bad_data", `exceeded maximum resolution of 100 points per timeseries`, "/query_range", "query", "1", "start", "0", "end", "101", "step", "1")
	f(400, "bad_data", `the query has 32769 bytes, at most 32768 are taken`, "/query", "query", strings.Repeat("(", 32769))
	f(400, "bad_data", `the query has 32769 bytes`, "/format_query", "query", strings.Repeat("-", 32769))
	f(400, "bad_data", `subquery ratio[100y:1ms] has 3153600000000 steps, at most 2,000,000 are evaluated`, "/query", "query", `count_over_time(ratio[100y:1ms])`)
	f(400, "bad_data", `lengthen its step or shorten what it covers`, "/query", "query", `max_over_time(count_over_time(ratio[1m:1s])[2y:1m])`)
	f(400, "bad_data", `subquery ratio[1m:1s] has`, "/query_range", "query", `count_over_time(ratio[1m:1s])`, "start", "0", "end", now, "step", "1y")
	f(400, "bad_data", `no match[] parameter provided`, "/series")
	f(400, "bad_data", `match[] must contain at least one non-empty matcher`, "/series", "match[]", `{a=~".*"}`)
	f(400, "bad_data", `parse error`, "/labels", "match[]", `{`)
	f(400, "bad_data", `invalid label name`, "/label/%FF/values")
	f(400, "bad_data", `parse error`, "/format_query", "query", "(")
	f(400, "bad_data", `limit must be a positive number`, "/status/tsdb", "limit", "0")
	f(400, "bad_data", `limit must not exceed 10000`, "/status/tsdb", "limit", "10001")
	f(400, "bad_data", `want YYYY-MM-DD`, "/status/tsdb", "date", "today")
	f(400, "bad_data", `limit must be a number`, "/metadata", "limit", "x")
	f(400, "bad_data", `end timestamp must not be before start timestamp`, "/query_exemplars", "query", "m", "start", "2", "end", "1")
	f(422, "execution", `a selector matches more than 2: add matchers`, "/query", "query", `count({__name__=~".+"})`)
	f(422, "execution", `a selector matches more than 2: add matchers`, "/series", "match[]", `{__name__=~".+"}`)
	f(422, "execution", `query processing would load too many samples into memory`, "/query", "query", "requests_total[1h]")
	f(422, "execution", `many-to-many matching not allowed`, "/query", "query", `ratio + on() requests_total`)
	f(503, "timeout", `query timed out`, "/query", "query", `ratio`, "timeout", "0.000000001")
	f(404, "not_found", `is not served here`, "/rules")
	f(400, "bad_data", `argument extra_label="x": want name=value`, "/query", "query", "1", "extra_label", "x")
	f(400, "bad_data", `argument extra_filters="{"`, "/query", "query", "1", "extra_filters", "{")
}

func TestOversizedForm(t *testing.T) {
	s := open(t, Options{})
	w := ask(s, http.MethodPost, "/query", "query", strings.Repeat("1+", maxQueryBodyBytes)+"1")
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Equal(t, "bad_data", decode(t, w).ErrorType)
}

func TestStats(t *testing.T) {
	s := sampleStore(t, Options{})
	require.NotContains(t, get(s, "/query", "query", "ratio").Body.String(), "stats")
	basic := get(s, "/query", "query", "sum(requests_total)", "stats", "true").Body.String()
	require.Contains(t, basic, `"totalQueryableSamples":2`)
	require.NotContains(t, basic, "totalQueryableSamplesPerStep")
	all := get(s, "/query_range", "query", "sum(requests_total)", "stats", "all", "start", formatSeconds(noon.Add(-time.Minute)), "end", formatSeconds(noon), "step", "1m").Body.String()
	require.Contains(t, all, `"totalQueryableSamplesPerStep":[[`+formatSeconds(noon.Add(-time.Minute))+`,2],[`+formatSeconds(noon)+`,2]]`)
}

func TestBuildInfo(t *testing.T) {
	s := open(t, Options{})
	require.Contains(t, string(decode(t, get(s, "/status/buildinfo")).Data), `"version":"`+apiVersion+`"`)
}

// The clock, not the machine, says when an instant query is evaluated.
func TestDefaultTimeIsTheClocks(t *testing.T) {
	s := sampleStore(t, Options{})
	for _, semantics := range []string{SemanticsPrometheus, SemanticsKOF} {
		require.Equal(t, []string{`{} ` + formatSeconds(noon)}, instant(t, s, "vector(time())", "semantics", semantics))
		require.Equal(t, []string{`{__name__="ratio"} 0.5`}, instant(t, s, "ratio", "semantics", semantics))
	}
}

func TestClientThatWentAway(t *testing.T) {
	s := sampleStore(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequest(http.MethodGet, apiPath+"/query?query=ratio", nil).WithContext(ctx)
	w := httptest.NewRecorder()
	s.SelectHandler().ServeHTTP(w, r)
	require.Equal(t, statusCanceled, w.Code)
	require.Equal(t, "canceled", decode(t, w).ErrorType)
}

func TestParseTime(t *testing.T) {
	f := func(in string, want time.Time) {
		t.Helper()
		got, err := parseTime(in)
		require.NoError(t, err)
		require.True(t, want.Equal(got), "%s: want %s, got %s", in, want, got)
	}
	f("0", time.Unix(0, 0))
	f("1700000000.123", time.UnixMilli(1700000000123))
	f("-1.5", time.UnixMilli(-1500))
	f("2026-01-02T03:04:05.006Z", time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC))
	f("2026-01-02T03:04:05+02:00", time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC))
	f(minTime.Format(time.RFC3339Nano), minTime)
	f(maxTime.Format(time.RFC3339Nano), maxTime)
	for _, bad := range []string{"", "now", "NaN", "Inf", "1e300"} {
		_, err := parseTime(bad)
		require.Error(t, err, bad)
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"15": 15 * time.Second, "0.5": time.Second / 2, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute} {
		got, err := parseDuration(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", "x", "NaN", "Inf", "9e99", "-"} {
		_, err := parseDuration(bad)
		require.Error(t, err, bad)
	}
}

// ask is get with a choice of method; POST carries the arguments in its body.
func ask(s *Store, method, path string, args ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(args); i += 2 {
		form.Add(args[i], args[i+1])
	}
	target, body := apiPath+path, form.Encode()
	if method == http.MethodGet {
		target, body = target+"?"+body, ""
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w := httptest.NewRecorder()
	s.SelectHandler().ServeHTTP(w, r)
	return w
}
