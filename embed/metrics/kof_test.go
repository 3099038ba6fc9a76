package metrics

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

// vmselect reads a process global and caches by query alone (engines.md 3c):
// the same range query to two stores must never be answered with the other's data.
func TestTwoStoresShareVMSelect(t *testing.T) {
	stores := []*Store{open(t, Options{Semantics: SemanticsKOF, Stores: 2}), open(t, Options{Semantics: SemanticsKOF, Stores: 2})}
	for i, s := range stores {
		for j := range 60 {
			for k := range i + 1 {
				write(t, s, at(noon.Add(time.Duration(j-60)*time.Minute), float64(j*(i+1)), "__name__", "m", "region", fmt.Sprint(i), "k", fmt.Sprint(k)))
			}
		}
	}
	args := []string{"query", "sum by (region) (rate(m[5m]))", "start", formatSeconds(noon.Add(-time.Hour)), "end", formatSeconds(noon), "step", "60", "nocache", "0"}
	var first [2]string
	for i, s := range stores {
		w := get(s, "/query_range", args...)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		first[i] = string(decode(t, w).Data)
		require.Contains(t, first[i], fmt.Sprintf(`"region":"%d"`, i))
		require.NotContains(t, first[i], fmt.Sprintf(`"region":"%d"`, 1-i))
		require.JSONEq(t, fmt.Sprintf(`["%d"]`, i), string(decode(t, get(s, "/label/region/values")).Data))
		require.Equal(t, []string{fmt.Sprintf(`{} %d`, i+1)}, instant(t, s, "count(m offset 1m)"))
	}
	var wg sync.WaitGroup
	for i, s := range stores {
		for range 2 {
			wg.Go(func() {
				for range 20 {
					if got := string(decode(t, get(s, "/query_range", args...)).Data); got != first[i] {
						t.Errorf("store %d answered %s, before %s", i, got, first[i])
						return
					}
				}
			})
		}
	}
	wg.Wait()
}

func TestMetricsQL(t *testing.T) {
	s := sampleStore(t, Options{})
	require.Equal(t, []string{`{} 3`}, instant(t, s, "sum(rollup_rate(requests_total[1m], 'max'))", "semantics", "kof"), "a function that only MetricsQL has")
	require.Equal(t, http.StatusBadRequest, get(s, "/query", "query", "sum(rollup_rate(requests_total[1m], 'max'))").Code)
	require.Equal(t, http.StatusUnprocessableEntity, get(s, "/query", "query", "sum(", "semantics", "kof").Code)
}

// Times the client does not give are the lab's, whatever the machine's clock says.
func TestVMSelectLivesInLabTime(t *testing.T) {
	past := clock.NewVirtual(noon.Add(-200 * 24 * time.Hour))
	s := sampleStore(t, Options{Clock: past})
	for i := range 21 {
		write(t, s, at(past.Now().Add(time.Duration(i-20)*15*time.Second), float64(i), "__name__", "old", "i", "1"))
	}
	kof := func(path string, args ...string) string {
		w := get(s, path, append(args, "semantics", "kof")...)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		return w.Body.String()
	}
	require.Contains(t, kof("/query", "query", "old"), `"value":[`+formatSeconds(past.Now())+`,"20"]`)
	require.Contains(t, kof("/query_range", "query", "old", "step", "60"), `,"20"]`)
	require.Contains(t, kof("/series", "match[]", "old"), `"__name__":"old"`)
	require.Contains(t, kof("/labels"), `"i"`)
	require.Contains(t, kof("/label/i/values"), `"1"`)
	require.Contains(t, kof("/status/tsdb"), `"old"`)
	require.Contains(t, kof("/export", "match[]", "old"), `"values":[0,1,2,`)
}

func TestBothSemanticsAgree(t *testing.T) {
	s := sampleStore(t, Options{})
	for _, q := range []string{"requests_total", "sum(requests_total)", "count by (job) (requests_total)", "ratio * 2", "topk(1, requests_total)"} {
		require.Equal(t, instant(t, s, q, "semantics", "prometheus"), instant(t, s, q, "semantics", "kof"), q)
	}
	for _, path := range []string{"/labels", "/label/instance/values", "/label/__name__/values"} {
		require.JSONEq(t, string(decode(t, get(s, path)).Data), string(decode(t, get(s, path, "semantics", "kof")).Data), path)
	}
}

func TestFederateAndExport(t *testing.T) {
	s := sampleStore(t, Options{})
	w := httptest.NewRecorder()
	s.SelectHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, selectPrefix+"/prometheus/federate?match[]=ratio", nil))
	require.Equal(t, "ratio 0.5 "+formatMillis(noon)+"\n", w.Body.String())

	var line struct {
		Metric map[string]string
		Values []float64
	}
	require.NoError(t, json.Unmarshal(get(s, "/export", "match[]", "ratio").Body.Bytes(), &line))
	require.Equal(t, []float64{0.5, 0.5}, line.Values)
}

// What is not on the list is not served: it would show or delete across tenants.
func TestVMSelectsOtherPathsAreClosed(t *testing.T) {
	s := sampleStore(t, Options{Semantics: SemanticsKOF})
	for _, path := range []string{"/status/active_queries", "/status/top_queries", "/admin/tsdb/delete_series?match[]=ratio", "/series/count"} {
		require.Equal(t, http.StatusNotFound, get(s, path).Code, path)
	}
	require.Len(t, instant(t, s, "ratio"), 1)
}

func TestVMUI(t *testing.T) {
	s := open(t, Options{})
	f := func(path string, status int, content string) {
		t.Helper()
		w := httptest.NewRecorder()
		s.SelectHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, selectPrefix+path, nil))
		require.Equal(t, status, w.Code)
		require.Contains(t, strings.ToLower(w.Body.String()), content)
	}
	f("/vmui/", http.StatusOK, "<html")
	f("/vmui/config.json", http.StatusOK, "{")
	f("/vmui/nothing.js", http.StatusNotFound, "")
}

// A region which nobody asks for KOF's semantics does not start vmselect.
func TestVMSelectIsLazy(t *testing.T) {
	s := sampleStore(t, Options{})
	instant(t, s, "ratio")
	require.False(t, s.vmselectUsed.Load())
	instant(t, s, "ratio", "semantics", "kof")
	require.True(t, s.vmselectUsed.Load())
}
