package federation

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// outage returns a lab of two regions with one series each, r2 broken.
func outage(t testing.TB, mode ErrorMode, fault http.HandlerFunc, o Options) *lab {
	o.ErrorMode = mode
	l := newLab(t, 2, o)
	for i, r := range l.regions {
		r.store(t, series1(`up{instance="`+string(rune('a'+i))+`"}`, points(0, 15_000, 50, 50)))
	}
	if fault != nil {
		l.regions[1].breaks(fault)
	}
	return l
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func status(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(text))
	}
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0) }

func TestErrorModes(t *testing.T) {
	faults := map[string]struct {
		handler http.HandlerFunc
		reason  string // in the explain record
	}{
		"unauthorized":   {status(401, "no"), "HTTP 401: no"},
		"unavailable":    {status(503, `{"status":"error","errorType":"unavailable","error":"starting"}`), "HTTP 503: starting"},
		"slow":           {hang, "no answer in time"},
		"not Prometheus": {status(200, "<html>"), "unreadable answer"},
		"truncated":      {status(200, `{"status":"success","data":{"resultType":"vector","result":[`), "unreadable answer"},
		"off the grid":   {status(200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[3,"1"]}]}}`), "was not asked for"},
		"gives up":       {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "gave up"},
	}
	for name, fault := range faults {
		for _, mode := range []ErrorMode{Fail, Downgrade, Ignore} {
			t.Run(name+"/"+string(mode), func(t *testing.T) {
				l := outage(t, mode, fault.handler, Options{Timeout: 300 * time.Millisecond})
				r, err := l.Query(t.Context(), Request{Expr: "sum(up)", Time: at(20)})
				require.Len(t, r.Explain.Groups, 2)
				broken := r.Explain.Groups[1]
				require.False(t, broken.Answered)
				require.Contains(t, broken.Error, fault.reason)
				if mode == Fail {
					require.ErrorContains(t, err, "server group r2: ")
					require.Equal(t, "error", r.Status)
					return
				}
				require.NoError(t, err)
				require.Equal(t, 0.5, r.Explain.Coverage)
				require.Equal(t, map[string]float64{"{} 20000": 50}, flat(r.Data.Value))
				if mode == Downgrade {
					require.Len(t, r.Warnings, 1)
					require.Contains(t, r.Warnings[0], "server group r2: ")
				} else {
					require.Empty(t, r.Warnings)
				}
				require.True(t, r.Explain.Groups[0].Answered)
				require.Equal(t, []string{"sum(up)"}, r.Explain.Groups[0].Pushed)
				require.Equal(t, 1, r.Explain.Groups[0].Series)
				require.Equal(t, 1, r.Explain.Groups[0].Samples)
				require.Positive(t, r.Explain.Groups[0].Bytes)
				// The group is back.
				l.regions[1].heals()
				r, err = l.Query(t.Context(), Request{Expr: "sum(up)", Time: at(20)})
				require.NoError(t, err)
				require.Equal(t, 1.0, r.Explain.Coverage)
				require.Equal(t, map[string]float64{"{} 20000": 100}, flat(r.Data.Value))
			})
		}
	}
}

func TestAllGroupsFail(t *testing.T) {
	for _, mode := range []ErrorMode{Fail, Downgrade, Ignore} {
		l := outage(t, mode, status(502, ""), Options{})
		l.regions[0].breaks(status(502, ""))
		r, err := l.Query(t.Context(), Request{Expr: "sum(up)", Time: at(20)})
		require.Equal(t, 0.0, r.Explain.Coverage)
		if mode != Ignore {
			require.ErrorContains(t, err, ": HTTP 502")
			continue
		}
		require.NoError(t, err)
		require.Empty(t, flat(r.Data.Value))
		require.Empty(t, r.Warnings)
	}
}

func TestMatchersNarrowWhatIsExpected(t *testing.T) {
	l := outage(t, Fail, status(502, ""), Options{})
	r, err := l.Query(t.Context(), Request{Expr: `sum(up{promxyCluster="r1"})`, Time: at(20)})
	require.NoError(t, err)
	require.Equal(t, []string{"r1"}, groupNames(r.Explain))
	require.Equal(t, 1.0, r.Explain.Coverage)
	require.Equal(t, []string{`sum(up)`}, r.Explain.Groups[0].Pushed)
}

func TestNoGroups(t *testing.T) {
	l := newLab(t, 0, Options{})
	r, err := l.Query(t.Context(), Request{Expr: "sum(up)", Time: at(20)})
	require.NoError(t, err)
	require.Empty(t, flat(r.Data.Value))
	require.Equal(t, 1.0, r.Explain.Coverage)
}

func TestFaultsOfTheQueryShowInEveryMode(t *testing.T) {
	for _, mode := range []ErrorMode{Fail, Downgrade, Ignore} {
		l := outage(t, mode, nil, Options{MaxSeries: 1})
		for _, r := range l.regions {
			r.store(t, series1(`a{x="1"}`, points(0, 1, 1)), series1(`a{x="2"}`, points(0, 1, 1)), series1(`b{x="1"}`, points(0, 1, 1)))
		}
		f := func(expr, kind, text string) {
			t.Helper()
			_, err := l.Query(t.Context(), Request{Expr: expr, Time: at(20)})
			qe, ok := errors.AsType[*QueryError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, kind, qe.Type)
			require.ErrorContains(t, err, text)
		}
		f(`sum(up`, "bad_data", "unclosed")
		f(`sum(b / on (promxyCluster, promxyClusterNamespace) a)`, "execution", "found duplicate series") // at the groups
		f(`a`, "execution", "has more than 1 series")
	}
}

func TestLimits(t *testing.T) {
	f := func(o Options, text string) {
		t.Helper()
		l := outage(t, Ignore, nil, o)
		_, err := l.Query(t.Context(), Request{Expr: "up", Start: at(0), End: at(60), Step: time.Second})
		require.ErrorContains(t, err, text)
	}
	f(Options{MaxSamples: 10}, "more than 10 samples")
	f(Options{MaxResponseBytes: 100}, "exceeds 100 bytes")
}

func TestCancellationReachesTheGroups(t *testing.T) {
	ended := make(chan struct{})
	l := outage(t, Ignore, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(ended)
	}, Options{Timeout: time.Hour})
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := l.Query(ctx, Request{Expr: "sum(up)", Time: at(20)})
	qe, ok := errors.AsType[*QueryError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "canceled", qe.Type)
	<-ended
}

func TestSetGroupsWhileQuerying(t *testing.T) {
	l := outage(t, Fail, nil, Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				r, err := l.Query(t.Context(), Request{Expr: "sum(up)", Time: at(20)})
				if err != nil || len(flat(r.Data.Value)) > 1 {
					t.Errorf("%v %v", r.Data.Value, err)
				}
			}
		})
	}
	for i := range 50 {
		require.NoError(t, l.SetGroups(l.groups[:i%3]))
	}
	wg.Wait()
}

func TestSetGroupsRefusesAsAWhole(t *testing.T) {
	l := newLab(t, 1, Options{})
	f := func(text string, groups ...Group) {
		t.Helper()
		require.ErrorContains(t, l.SetGroups(groups), text)
		require.Len(t, l.Groups(), 1)
	}
	f("given twice", Group{Name: "a"}, Group{Name: "a"})
	f("has no name", Group{MetricsURL: "http://x"})
	f("not an http(s) URL", Group{Name: "a", MetricsURL: "x:80"})
	f("not an http(s) URL", Group{Name: "a", LogsURL: "ftp://x"})
	f("cannot be a group label", Group{Name: "a", Labels: map[string]string{"__name__": "x"}})
}

func TestBasicAuthAndSemanticsReachTheGroup(t *testing.T) {
	l := newLab(t, 1, Options{})
	var seen *http.Request
	l.groups[0].Username, l.groups[0].Password = "admin", "secret"
	l.groups[0].Client = &http.Client{Transport: HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		seen = r
		l.regions[0].ServeHTTP(w, r)
	}))}
	require.NoError(t, l.SetGroups(l.groups))
	_, err := l.Query(t.Context(), Request{Expr: "up", Semantics: "kof", Time: at(1)})
	require.NoError(t, err)
	user, password, _ := seen.BasicAuth()
	require.Equal(t, "admin:secret", user+":"+password)
	require.Equal(t, "kof", seen.Form.Get("semantics"))
	require.True(t, strings.HasSuffix(seen.URL.Path, "/select/0/prometheus/api/v1/query"))
}
