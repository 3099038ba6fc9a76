package metrics

import (
	"net/http"
	"testing"

	"github.com/golang/snappy"
	prompbv1 "github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
)

// tenantStore holds series of two tenants and some of none, as in a region:
// its own collectors write without a tenant (kof-facts 2.6).
func tenantStore(t *testing.T) *Store {
	s := open(t, Options{})
	for _, tenant := range []string{"a", "b", ""} {
		req := &prompbv1.WriteRequest{Metadata: []prompbv1.MetricMetadata{
			{MetricFamilyName: "secret_" + tenant, Type: prompbv1.MetricMetadata_GAUGE, Help: "of " + tenant},
			{MetricFamilyName: "latency", Type: prompbv1.MetricMetadata_HISTOGRAM, Help: "shared"},
		}}
		for _, name := range []string{"up", "latency_count", "secret_" + tenant} {
			req.Timeseries = append(req.Timeseries, prompbv1.TimeSeries{
				Labels:    []prompbv1.Label{{Name: "__name__", Value: name}, {Name: "only_" + tenant, Value: "v_" + tenant}},
				Samples:   []prompbv1.Sample{{Value: 1, Timestamp: noon.UnixMilli()}},
				Exemplars: []prompbv1.Exemplar{{Labels: []prompbv1.Label{{Name: "trace_id", Value: "of_" + tenant}}, Timestamp: noon.UnixMilli()}},
			})
		}
		target := writePath
		if tenant != "" {
			target += "?extra_label=tenant=" + tenant
		}
		w := post(s.InsertHandler(), target, snappy.Encode(nil, marshal(req)), "Content-Type", typeV1)
		require.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
	}
	return s
}

// Whatever a tenant asks, no answer may hold a name, label or value of another.
func TestNothingLeaks(t *testing.T) {
	s := tenantStore(t)
	now, ago := formatSeconds(noon), formatSeconds(noon.Add(-300e9))
	queries := []string{
		`{__name__=~".+"}`, `{tenant="b"}`, `up or {tenant="b"}`, `up{tenant="b"}`, `count by (tenant, only_b) ({__name__=~".+"})`,
		`up offset 0s or secret_b @ ` + now, `max_over_time(up{tenant=~".*"}[5m:1m])`, `up{tenant=""}`, `{tenant!="a",__name__=~".+"}`,
		`label_replace(up, "x", "$1", "only_b", "(.+)")`, `group by (only_b) ({only_b=~".+"})`,
	}
	asks := [][]string{
		{"/labels"}, {"/labels", "match[]", `{tenant="b"}`}, {"/labels", "match[]", "up", "match[]", "secret_b"},
		{"/label/tenant/values"}, {"/label/only_b/values"}, {"/label/__name__/values"}, {"/label/__name__/values", "match[]", `{tenant="b"}`},
		{"/status/tsdb"}, {"/status/tsdb", "focusLabel", "tenant", "topN", "100", "limit", "100"}, {"/metadata"}, {"/metadata", "metric", "secret_b"},
		{"/series", "match[]", `{__name__=~".+"}`}, {"/series", "match[]", `{tenant="b"}`, "match[]", "secret_b"},
		{"/query_exemplars", "query", `{__name__=~".+"}`}, {"/query_exemplars", "query", `up{tenant="b"} + secret_b`},
		{"/export", "match[]", `{__name__=~".+"}`, "start", ago}, {"/export/csv", "format", "__name__,tenant", "match[]", `{tenant="b"}`, "start", ago},
	}
	for _, q := range queries {
		asks = append(asks, []string{"/query", "query", q}, []string{"/query_range", "query", q, "start", ago, "end", now, "step", "60"})
	}
	for _, semantics := range []string{SemanticsPrometheus, SemanticsKOF} {
		for _, filter := range [][]string{
			{"extra_filters", `{tenant="a"}`},
			{"extra_filters[]", `{tenant="a"}`},
			{"extra_label", "tenant=a"},
			{"extra_filters", `{tenant="a"}`, "extra_label", "tenant=a"},
			{"extra_filters", `{tenant=~"a|b"}`, "extra_label", "tenant=a"},
			{"extra_filters", `{tenant="a",__name__="up"}`, "extra_filters[]", `{tenant="a",__name__!="up"}`},
		} {
			for _, a := range asks {
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					args := append(append(append([]string(nil), a[1:]...), filter...), "semantics", semantics)
					w := ask(s, method, a[0], args...)
					require.Equal(t, http.StatusOK, w.Code, "%v %v: %s", a, filter, w.Body)
					for _, foreign := range []string{"secret_b", "v_b", "of_b", "of b", `"b"`, "secret_\"", "v_\"", `"of_"`} {
						require.NotContains(t, w.Body.String(), foreign, "%s %v %v", semantics, a, filter)
					}
				}
			}
		}
	}
}

func TestTenantSeesItsOwn(t *testing.T) {
	s := tenantStore(t)
	f := func(want string, path string, args ...string) {
		t.Helper()
		w := get(s, path, append(args, "extra_filters", `{tenant="a"}`)...)
		require.JSONEq(t, want, string(decode(t, w).Data))
	}
	f(`["__name__","only_a","tenant"]`, "/labels")
	f(`["a"]`, "/label/tenant/values")
	f(`["latency_count","secret_a","up"]`, "/label/__name__/values")
	f(`[{"__name__":"up","only_a":"v_a","tenant":"a"}]`, "/series", "match[]", "up")
	f(`{"latency":[{"type":"histogram","unit":"","help":"shared"}],"secret_a":[{"type":"gauge","unit":"","help":"of a"}]}`, "/metadata")
	for _, semantics := range []string{SemanticsPrometheus, SemanticsKOF} {
		require.Equal(t, []string{`{tenant="a"} 1`}, instant(t, s, "count by (tenant) (up)", "extra_filters", `{tenant="a"}`, "semantics", semantics))
		require.Empty(t, instant(t, s, `count(up{tenant="b"})`, "extra_filters", `{tenant="a"}`, "semantics", semantics))
	}
}

func TestSeveralFiltersAreAlternatives(t *testing.T) {
	s := tenantStore(t)
	for _, semantics := range []string{SemanticsPrometheus, SemanticsKOF} {
		require.Equal(t, []string{`{tenant="a"} 1`, `{tenant="b"} 1`},
			instant(t, s, "count by (tenant) (up)", "extra_filters", `{tenant="a"}`, "extra_filters[]", `{tenant="b"}`, "semantics", semantics))
	}
}

func TestAdminSeesAll(t *testing.T) {
	s := tenantStore(t)
	for _, semantics := range []string{SemanticsPrometheus, SemanticsKOF} {
		require.Equal(t, []string{`{tenant="a"} 1`, `{tenant="b"} 1`, `{} 1`}, instant(t, s, "count by (tenant) (up)", "semantics", semantics))
	}
}

// A sender's own tenant label is overwritten by the gateway's.
func TestTenantCannotBeForged(t *testing.T) {
	s := open(t, Options{})
	w := post(s.InsertHandler(), writePath+"?extra_label=tenant=a", snappy.Encode(nil, encodeV2(at(noon, 1, "__name__", "m", "tenant", "b"))), "Content-Type", typeV2)
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, []string{`{__name__="m", tenant="a"} 1`}, instant(t, s, "m"))
}
