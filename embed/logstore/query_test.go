package logstore

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

func TestQueryTimes(t *testing.T) {
	s := open(t, Options{})
	at := func(d time.Duration) int64 { return start.Add(d).UnixNano() }
	for name, tc := range map[string]struct {
		args     string
		from, to int64
	}{
		"none":          {"", math.MinInt64, math.MaxInt64},
		"RFC 3339":      {"start=2026-03-02T11:00:00Z&end=2026-03-02T12:00:00Z", at(-time.Hour), at(0) - 1},
		"seconds":       {"start=1772449200&end=1772452800", at(-time.Hour), at(0) - 1},
		"nanoseconds":   {"start=1772449200000000000", at(-time.Hour), math.MaxInt64},
		"before now":    {"start=now-1h&end=now", at(-time.Hour), at(0) - 1},
		"a duration":    {"start=1h", at(-time.Hour), math.MaxInt64},
		"of the query":  {"query=_time:1h", at(-time.Hour), at(0)},
		"seen at time":  {"query=_time:1h&time=2026-03-02T11:00:00Z", at(-2*time.Hour) - 1, at(-time.Hour) - 1},
		"seen from end": {"query=_time:1h&end=2026-03-02T11:00:00Z", at(-2*time.Hour) - 1, at(-time.Hour) - 1},
	} {
		t.Run(name, func(t *testing.T) {
			args, err := url.ParseQuery(tc.args)
			require.NoError(t, err)
			if !args.Has("query") {
				args.Set("query", "*")
			}
			q, err := s.NewQuery(args.Get("query"), args)
			require.NoError(t, err)
			require.InDelta(t, tc.from, q.From, 1)
			require.InDelta(t, tc.to, q.To, 1)
		})
	}
}

func TestQueryErrors(t *testing.T) {
	s := open(t, Options{})
	for args, want := range map[string]string{
		"query=":                           "query []",
		"query=*|stats":                    "query [*|stats]",
		"query=*&start=soon":               `start: "soon" is not a time`,
		"query=*&end=1-2-3":                "end:",
		"query=*&time=x":                   "time:",
		"query=*&extra_filters=(":          "extra_filters [(]",
		"query=*&extra_filters=*|limit 1":  "extra_filters",
		`query=*&extra_filters={"a":1}`:    "extra_filters",
		"query=*&extra_stream_filters={":   "extra_stream_filters",
		`query=*&extra_filters={"a":[]}`:   "extra_filters",
		"query=*&extra_filters={a=b&limit": "extra_filters",
	} {
		values, err := url.ParseQuery(args)
		require.NoError(t, err)
		_, err = s.NewQuery(values.Get("query"), values)
		require.ErrorContains(t, err, want, args)
	}
}

func TestExtraFilters(t *testing.T) {
	s := open(t, Options{})
	for _, tenant := range []string{"a", "b", `q"1`} {
		b := s.NewBatch(InsertArgs{}, "")
		b.Add(start.UnixNano(), fieldsOf("tenant", tenant, "env", "x"), 1)
		require.NoError(t, s.Commit(b))
	}
	for filter, want := range map[string]int{
		`extra_filters=tenant:=a`:                            1,
		`extra_filters="tenant":="b"`:                        1,
		`extra_filters={tenant="a"}`:                         1,
		`extra_filters={"tenant"="a"}`:                       1,
		`extra_filters={"tenant":"a"}`:                       1,
		`extra_filters={"tenant":["a","b"]}`:                 2,
		`extra_filters={"tenant":"q\"1","env":"x"}`:          1,
		`extra_stream_filters={"tenant":["a","q\"1"]}`:       2,
		`extra_stream_filters={tenant="b"}`:                  1,
		`extra_filters=tenant:=a&extra_filters=tenant:=b`:    0,
		`extra_filters=tenant:=a&extra_stream_filters={}`:    1,
		`extra_filters=tenant:=a or tenant:=b`:               2,
		`extra_filters=`:                                     3,
		`extra_filters=env:=x&extra_filters=tenant:in(a, b)`: 2,
	} {
		args, err := url.ParseQuery(filter)
		require.NoError(t, err)
		q, err := s.NewQuery("* or tenant:*", args)
		require.NoError(t, err, filter)
		var n atomic.Int64
		require.NoError(t, s.Run(t.Context(), q.Query, func(_ uint, b *logstorage.DataBlock) { n.Add(int64(b.RowsCount())) }))
		require.EqualValues(t, want, n.Load(), filter)
	}
}

func TestStreamContextIsRefusedWithFilters(t *testing.T) {
	s := open(t, Options{})
	filtered := url.Values{"extra_filters": {"tenant:=a"}}
	for query, want := range map[string]bool{
		"* | stream_context before 5":                           true,
		"x | fields a | stream_context after 1":                 true,
		"a:in(* | stream_context before 1 | fields a)":          true,
		"* | union (* | stream_context before 1)":               true,
		`"| stream_context"`:                                    false,
		"stream_context":                                        false,
		`a:="x\"| stream_context" | fields b`:                   false,
		"* | stats by (stream_context) count() stream_contexts": false,
	} {
		_, err := s.NewQuery(query, filtered)
		if want {
			require.ErrorContains(t, err, "refused", query)
		} else {
			require.NoError(t, err, query)
		}
		_, err = s.NewQuery(query, nil)
		require.NoError(t, err, query)
	}
}

func TestSelect(t *testing.T) {
	s := open(t, Options{})
	add(t, s, start, 20)
	handler := s.Select(s.ServeRows, Fail)
	ask := func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	get := func(args string) *httptest.ResponseRecorder {
		return ask(httptest.NewRequest(http.MethodGet, "/?"+args, nil))
	}
	lines := func(w *httptest.ResponseRecorder) []string {
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		require.Equal(t, rowsType, w.Header().Get("Content-Type"))
		return strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	}
	require.Len(t, lines(get("query=*")), 20)
	newest := lines(get("query=*&limit=2&offset=1"))
	require.Len(t, newest, 2)
	require.Contains(t, newest[0]+newest[1], `"row 1"`)
	require.Contains(t, newest[0]+newest[1], `"row 2"`)

	form := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("query=row&limit=3"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	require.Len(t, lines(ask(form)), 3)

	large := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("query="+strings.Repeat("x", maxQueryForm)))
	large.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusRequestEntityTooLarge, ask(large).Code)
	require.Equal(t, http.StatusMethodNotAllowed, ask(httptest.NewRequest(http.MethodDelete, "/?query=*", nil)).Code)
	for _, bad := range []string{"query=*&limit=-1", "query=*&offset=x", "query=*&timeout=soon", "query=(", "query=%zz"} {
		require.Equal(t, http.StatusBadRequest, get(bad).Code, bad)
	}
}

func TestSelectTimesOut(t *testing.T) {
	s := open(t, Options{})
	w := httptest.NewRecorder()
	s.Select(func(ctx context.Context, _ http.ResponseWriter, _ *http.Request) error {
		<-ctx.Done()
		return ctx.Err()
	}, Fail).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?timeout=1ms", nil))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), "did not finish within 1ms")
}

// An answer that fails after its first part was sent must not look complete.
func TestBrokenAnswerIsAborted(t *testing.T) {
	out := &rowWriter{w: httptest.NewRecorder(), stop: func() {}}
	block := &logstorage.DataBlock{Columns: []logstorage.BlockColumn{{Name: "a", Values: []string{strings.Repeat("x", rowChunk)}}}}
	out.write(0, block)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { _ = out.finish(context.DeadlineExceeded) })

	untouched := &rowWriter{w: httptest.NewRecorder(), stop: func() {}}
	require.ErrorIs(t, untouched.finish(context.DeadlineExceeded), context.DeadlineExceeded)
}

func TestRowsAreValidJSON(t *testing.T) {
	block := &logstorage.DataBlock{Columns: []logstorage.BlockColumn{
		{Name: "_msg", Values: []string{"\xff\"\n", ""}}, {Name: "e", Values: []string{"", ""}},
	}}
	require.Equal(t, "{\"_msg\":\"\uFFFD\\\"\\n\"}\n", string(AppendRows(nil, block)))
}

// FuzzQuery makes sure that no arguments make a query panic.
func FuzzQuery(f *testing.F) {
	f.Add("* | stats count()", "now-1h", "now", `tenant:="a"`, "1h")
	f.Add("_time:5m error | stream_context before 2", "2026", "2026-03", `{"a":["b"]}`, "-1s")
	f.Add("options(time_offset=1d) x:in(y | fields z)", "1e9", "1.5", `{"a"="b"}`, "1w2d")
	s, err := Open(Options{Dir: f.TempDir(), Clock: clock.NewVirtual(start), MaxQueryDuration: time.Second})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(_ *testing.T, query, from, to, filter, duration string) {
		args := url.Values{"start": {from}, "end": {to}, "extra_filters": {filter}, "step": {duration}, "limit": {duration}}
		q, err := s.NewQuery(query, args)
		if err != nil {
			return
		}
		_, _ = q.Duration("step", 0)
		_, _ = q.Int("limit")
		hasStreamContext(query)
	})
}
