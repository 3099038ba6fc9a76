package federation

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"koflab/embed/logs"
	"koflab/sim/clock"
)

// logTime is when the logs of the tests begin: yesterday, inside every retention.
var logTime = time.Now().UTC().Add(-24 * time.Hour).Truncate(time.Hour)

// logsWorld is the same rows twice: split over regions, and in one store.
type logsWorld struct {
	federated, merged http.Handler
	federator         *Federator
	regions           []*faulty
	groups            []Group
}

// faulty is a handler that can be broken.
type faulty struct {
	http.Handler
	fault http.HandlerFunc
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.fault != nil {
		f.fault(w, r)
		return
	}
	f.Handler.ServeHTTP(w, r)
}

func openLogs(t testing.TB) *logs.Store {
	s, err := logs.Open(logs.Options{Dir: t.TempDir(), Clock: clock.Real()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func insertLogs(t testing.TB, s *logs.Store, lines []string) {
	r := httptest.NewRequest(http.MethodPost, "/insert/jsonline?_stream_fields=cluster,app&_time_field=_time&_msg_field=_msg", strings.NewReader(strings.Join(lines, "\n")))
	w := httptest.NewRecorder()
	s.InsertHandler().ServeHTTP(w, r)
	require.Equal(t, 2, w.Code/100, w.Body)
}

func newLogsWorld(t testing.TB, regions int) *logsWorld {
	f, err := New(Options{Timeout: time.Minute})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	one := openLogs(t)
	w := &logsWorld{federated: f.LogsHandler(), merged: one.SelectHandler(), federator: f}
	rng := newRand(int64(regions))
	for i := range regions {
		var lines []string
		for n := range 120 {
			at := logTime.Add(time.Duration(n*regions+i) * time.Second).Format(time.RFC3339Nano)
			line := fmt.Sprintf(`{"_time":%q,"_msg":"took %d ms","cluster":"c%d","app":%q,"level":%q,"ms":"%d"`,
				at, rng.IntN(500), i, []string{"web", "db"}[rng.IntN(2)], []string{"info", "warn", "error"}[rng.IntN(3)], rng.IntN(900))
			if rng.IntN(3) == 0 {
				line += fmt.Sprintf(`,"user":"u%d"`, rng.IntN(5))
			}
			lines = append(lines, line+"}")
		}
		s := openLogs(t)
		insertLogs(t, s, lines)
		insertLogs(t, one, lines)
		region := &faulty{Handler: s.SelectHandler()}
		w.regions = append(w.regions, region)
		w.groups = append(w.groups, Group{Name: fmt.Sprint("r", i), LogsURL: "http://vlselect", Client: &http.Client{Transport: HandlerTransport(region)}})
	}
	require.NoError(t, f.SetGroups(w.groups))
	return w
}

func get(h http.Handler, path string, args url.Values) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path+"?"+args.Encode(), nil))
	return w
}

// sortedLines are the lines of an answer, in a fixed order unless order matters.
func sortedLines(body string, ordered bool) []string {
	lines := strings.Split(strings.TrimSpace(body), "\n")
	for i, line := range lines {
		if row, err := decodeRow([]byte(line)); err == nil {
			slices.SortFunc(row, func(a, b logstorage.Field) int { return strings.Compare(a.Name, b.Name) })
			lines[i] = fmt.Sprint(row)
		}
	}
	if !ordered {
		slices.Sort(lines)
	}
	return lines
}

func (w *logsWorld) requireSame(t require.TestingT, path string, ordered bool, args url.Values) {
	args.Set("start", logTime.Format(time.RFC3339))
	args.Set("end", logTime.Add(time.Hour).Format(time.RFC3339))
	want, got := get(w.merged, path, args), get(w.federated, path, args)
	require.Equal(t, 200, want.Code, "%v: %s", args, want.Body)
	require.Equal(t, 200, got.Code, "%v: %s", args, got.Body)
	require.Equal(t, "1", got.Header().Get(CoverageHeader))
	if path != "/select/logsql/query" {
		require.JSONEq(t, want.Body.String(), got.Body.String(), "%s %v", path, args)
		return
	}
	require.Equal(t, sortedLines(want.Body.String(), ordered), sortedLines(got.Body.String(), ordered), "%s %v", path, args)
}

func TestFederatedLogsEqualMerged(t *testing.T) {
	w := newLogsWorld(t, 3)
	for _, q := range []string{
		`*`, `error`, `level:error ms:>500`, `{cluster="c1"} level:=warn`, `"no such word"`,
		`* | fields app, level`, `* | stats count() n`, `level:=warn | stats by (cluster) count() n, sum(ms) total`,
		`* | stats by (app, _time:1m) count() n, min(ms) low, max(ms) high`, `* | stats min(ms) low, max(ms) high`,
		`nothing | stats count() n, min(ms) low, sum(ms) s`, `* | stats by (app) avg(ms) a, quantile(0.9, ms) q, count_uniq(user) u, median(ms) m`,
		`* | stats by (app) count() if (level:error) e, count() n | filter e:>10 | math e / n as share`,
		`* | stats uniq_values(user) users`, `* | stats by (app) sum(ms) s | stats sum(s) all, count() n`,
		`* | uniq by (user, app)`, `* | uniq by (level) with hits`, `* | top 3 by (user)`, `* | field_names`, `* | field_values app`,
		`* | extract "took <took> ms" from _msg | stats max(took) t`, `* | format "<app>-<level>" as k | stats by (k) count() n`,
		`* | rename ms as duration | stats sum(duration) d`, `user:in(level:error app:=db | fields user) | stats by (user) count() n`,
		`* | stats by (user) count() n | join by (user) (level:error | stats by (user) count() errors)`,
		`level:warn | union (level:error) | stats by (level) count() n`, `* | fields app, level, cluster | facets`, `* | stats by (level) count() "a|b,(c)"`,
		`* | stats count(user) u, count_empty(user) e, sum_len(_msg) l`, `* | stats by (cluster) row_max(ms, user) r`,
		`* | stats histogram(ms) h`, `* | stats by (app) rate() r`,
	} {
		w.requireSame(t, "/select/logsql/query", false, url.Values{"query": {q}})
	}
	for _, q := range []string{
		`* | sort by (ms desc, _time, cluster) | limit 7`, `* | sort by (_time) | offset 5 | limit 5`, `* | sort by (_time desc) limit 4 rank as r`,
		`* | sort by (_time) | running_stats by (app) count() n`, `* | first 3 by (_time)`, `* | last 3 by (_time) partition by (app) | sort by (_time)`,
	} {
		w.requireSame(t, "/select/logsql/query", true, url.Values{"query": {q}})
	}
	w.requireSame(t, "/select/logsql/query", true, url.Values{"query": {"*"}, "limit": {"9"}})
	w.requireSame(t, "/select/logsql/query", true, url.Values{"query": {"error"}, "limit": {"5"}, "offset": {"3"}})
	w.requireSame(t, "/select/logsql/query", false, url.Values{"query": {"* | stats count() n"}, "extra_filters": {`"app":="db"`}})
	w.requireSame(t, "/select/logsql/query", false, url.Values{"query": {"* | stats quantile(0.5, ms) q"}, "extra_filters": {`"app":="db"`}})
	w.requireSame(t, "/select/logsql/hits", true, url.Values{"query": {"*"}, "step": {"1m"}})
	w.requireSame(t, "/select/logsql/hits", true, url.Values{"query": {"*"}, "step": {"5m"}, "field": {"app", "level"}, "fields_limit": {"2"}, "offset": {"1m"}})
	w.requireSame(t, "/select/logsql/stats_query", true, url.Values{"query": {"* | stats by (app) count() n, max(ms) m"}})
	w.requireSame(t, "/select/logsql/stats_query_range", true, url.Values{"query": {"* | stats by (app) count() n, quantile(0.5, ms) m"}, "step": {"1m"}})
	w.requireSame(t, "/select/logsql/stats_query_range", true, url.Values{"query": {"* | stats histogram(ms) h"}, "step": {"2m"}})
	for _, path := range []string{"field_names", "streams", "stream_ids", "stream_field_names"} {
		w.requireSame(t, "/select/logsql/"+path, true, url.Values{"query": {"*"}})
	}
	w.requireSame(t, "/select/logsql/field_values", true, url.Values{"query": {"*"}, "field": {"level"}})
	w.requireSame(t, "/select/logsql/stream_field_values", true, url.Values{"query": {"*"}, "field": {"app"}})
}

func TestLogsErrorModes(t *testing.T) {
	w := newLogsWorld(t, 2)
	for _, fault := range []http.HandlerFunc{status(503, "no"), status(200, "{\"n\":\"1\"}\n{broken\n"), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }} {
		w.regions[1].fault = fault
		args := url.Values{"query": {"* | stats count() n"}, "start": {logTime.Format(time.RFC3339)}, "explain": {"1"}}
		args.Set("error_mode", "fail")
		r := get(w.federated, "/select/logsql/query", args)
		require.Equal(t, 422, r.Code)
		require.Contains(t, r.Body.String(), "server group r1: ")
		args.Set("error_mode", "downgrade")
		r = get(w.federated, "/select/logsql/query", args)
		require.Equal(t, "{\"n\":\"120\"}\n", r.Body.String())
		require.Equal(t, "0.5", r.Header().Get(CoverageHeader))
		require.Contains(t, r.Header().Get("Warning"), "server group r1: ")
		args.Set("error_mode", "ignore")
		r = get(w.federated, "/select/logsql/query", args)
		require.Equal(t, "{\"n\":\"120\"}\n", r.Body.String())
		require.Empty(t, r.Header().Get("Warning"))
		require.Contains(t, r.Header().Get(ExplainHeader), `"answered":false`)
		w.regions[0].fault = fault
		r = get(w.federated, "/select/logsql/query", args)
		require.Equal(t, "0", r.Header().Get(CoverageHeader))
		require.Equal(t, "{\"n\":\"0\"}\n", r.Body.String())
		w.regions[0].fault = nil
	}
	require.Equal(t, 400, get(w.federated, "/select/logsql/query", url.Values{"query": {"| |"}}).Code)
	require.Equal(t, 400, get(w.federated, "/select/logsql/stats_query", url.Values{"query": {"*"}}).Code)
	require.Equal(t, 400, get(w.federated, "/select/logsql/hits", url.Values{"query": {"*"}, "step": {"-1s"}}).Code)
}

// What the regions refuse is the query's fault, in every error mode; what the
// gateway in front of a region refuses is the region's.
func TestLogsRefusedByRegions(t *testing.T) {
	w := newLogsWorld(t, 2)
	f := func(path, want string, args url.Values) {
		t.Helper()
		args.Set("error_mode", "ignore")
		r := get(w.federated, path, args)
		require.Equal(t, 400, r.Code, r.Body)
		require.Contains(t, r.Body.String(), want)
	}
	f("/select/logsql/query", "extra_filters", url.Values{"query": {"*"}, "extra_filters": {"("}})
	f("/select/logsql/field_names", "query [(]", url.Values{"query": {"("}})
	f("/select/logsql/field_values", "field: missing argument", url.Values{"query": {"*"}})
	f("/select/logsql/tail", "can't be tailed", url.Values{"query": {"* | stats count()"}})

	w.regions[0].fault = func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "missing route for /vls/select/logsql/query", http.StatusBadRequest)
	}
	r := get(w.federated, "/select/logsql/query", url.Values{"query": {"* | count() n"}, "error_mode": {"ignore"}})
	require.Equal(t, 200, r.Code, r.Body)
	require.Equal(t, "0.5", r.Header().Get(CoverageHeader))
}

func TestTailMergesLive(t *testing.T) {
	line := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintln(w, text)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}
	f, err := New(Options{ErrorMode: Ignore})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	var groups []Group
	for i, h := range []http.HandlerFunc{line("one"), line("two"), status(503, "")} {
		groups = append(groups, Group{Name: fmt.Sprint(i), LogsURL: "http://x", Client: &http.Client{Transport: HandlerTransport(h)}})
	}
	require.NoError(t, f.SetGroups(groups))
	client := &http.Client{Transport: HandlerTransport(f.LogsHandler())}
	resp, err := client.Get("http://x/select/logsql/tail?query=*")
	require.NoError(t, err)
	require.Equal(t, "0.6667", resp.Header.Get(CoverageHeader))
	buffer := make([]byte, 8)
	for n := 0; n < len(buffer); {
		m, err := resp.Body.Read(buffer[n:])
		require.NoError(t, err)
		n += m
	}
	require.ElementsMatch(t, []string{"one", "two"}, strings.Fields(string(buffer)))
	require.NoError(t, resp.Body.Close())
}

func TestPieces(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		require.Equal(t, want, pieces(text, '|'))
	}
	f("*", "*")
	f(`a:"x|y" | b`, `a:"x|y"`, "b")
	f("a:`x|\\` | b", "a:`x|\\`", "b")
	f(`x:range(1, 5] | y:in(z | fields z)`, `x:range(1, 5]`, `y:in(z | fields z)`)
	f(`"a\"|" | b`, `"a\"|"`, "b")
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab|\"'`\\()[]{} ,")), 0, 30, -1).Draw(rt, "text")
		require.NotEmpty(rt, pieces(text, '|')) // and no panic
	})
}

func TestMergedStats(t *testing.T) {
	f := func(pipe, want string) {
		t.Helper()
		got, ok := mergedStats(pipe)
		require.Equal(t, want != "", ok)
		require.Equal(t, want, got)
	}
	f(`stats count(*) as n`, `stats sum(n) as n`)
	f(`stats by (a, _time:1m) count(*) as n, max("x y") as "m m"`, `stats by (a, _time:1m) sum(n) as n, max("m m") as "m m"`)
	f(`stats count(*) if (a:b) as n`, `stats sum(n) as n`)
	f(`stats max(x) as m`, "")
	f(`stats by (a) max(x) if (b) as m`, "")
	f(`stats avg(x) as m`, "")
	f(`stats count(*) if (a:in(b | fields c)) as n`, "")
}
