package check

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"koflab/topology"
)

var (
	clusters = []string{"mothership", "region-1", "region-2", "child-1", "other/child-1"}
	regions  = []string{"region-1", "region-2"}
)

const minute = topology.Duration(time.Minute)

func TestValid(t *testing.T) {
	some := Expect{Count: ptr(1)}
	for _, c := range []Check{
		{PromQL: "count by (cluster)(kube_node_info)", Expect: some, Region: "region-1", At: Offset(-minute), ErrorMode: "fail", Semantics: "kof"},
		{PromQL: "up offset -5m", Expect: some, Range: 10 * minute, Step: minute},
		{PromQL: `limitk(1, up)`, Expect: some, Eventually: minute, Every: minute},
		{Coverage: "up", Expect: some, ErrorMode: "downgrade", Always: minute},
		{LogsQL: `k8s.cluster.name:="child-1" _time:5m error | stats by (k8s.pod.name) count() n`, Expect: some, Never: minute},
		{LogsQL: "*", Expect: some, Audit: true, Region: "region-2"},
		{Traces: &Traces{Service: "cart", Tags: map[string]string{"a": "b"}, Limit: 1500}, Expect: some, Region: "region-1"},
		{Trace: "0123456789abcdef0123456789abcdef", Expect: some},
		{Ledger: &Ledger{From: "other/child-1", To: "region-1/metrics", Signal: "metrics"}, Expect: some},
		{Ledger: &Ledger{From: "child-1/targets"}, Expect: some},
		{Objects: &Objects{Cluster: "other/child-1", Resource: "clusterdeployments.k0rdent.mirantis.com", Selector: "a in (b,c),!d"}, Expect: some},
		{HTTP: &HTTP{URL: "https://vmauth.region-1.kof.example.com/x?y=z", As: "child-1", From: "child-1"}, Expect: Expect{Status: 200}},
		{HTTP: &HTTP{Path: "/x?y=z", Cluster: "region-1", Listener: "vmselect", As: "admin", Body: "b", Headers: map[string]string{"X-A": "b"}}, Expect: Expect{Error: "refused"}},
		{HTTP: &HTTP{Path: "/", BasicAuth: &BasicAuth{Username: "u"}, Method: "PUT"}, Expect: Expect{Contains: "x"}},
		{Events: &Events{Level: "Warning", Object: "region-1"}, Expect: Expect{Empty: true}},
		{Oracle: &Oracle{Clusters: []string{"child-1"}, Signals: []string{"logs"}}},
		{Oracle: &Oracle{}, Expect: Expect{CEL: "body.missing == 3"}},
		{PromQL: "up", Expect: Expect{Value: ptr(1.0), Tolerance: Tolerance{Percent: 1}, Count: ptr(1), Labels: map[string][]string{"a": {"b"}}}},
		{PromQL: "up", Expect: Expect{Series: []Series{{Labels: set{"a": "b"}, Value: ptr(1.0)}}, Exact: true, Tolerance: Tolerance{Amount: 1}, Count: ptr(1)}},
		{PromQL: "up", Expect: Expect{Empty: true, Count: ptr(0), CEL: "size(warnings) > 0"}},
	} {
		require.Empty(t, c.Validate(clusters, regions), "%+v", c)
		require.Empty(t, c.Validate(nil, nil))
	}
	require.Empty(t, Check{PromQL: "up", Region: "region-9", Expect: some}.Validate(nil, nil), "names are not known")
}

// TestProblems pins what is said about mistakes, in testdata/problems.golden.
func TestProblems(t *testing.T) {
	some := Expect{Count: ptr(1)}
	up := func(e Expect) Check { return Check{PromQL: "up", Expect: e} }
	probe := func(h HTTP) Check { return Check{HTTP: &h, Expect: Expect{Status: 200}} }
	var out strings.Builder
	for _, c := range []Check{
		{Expect: some},
		{PromQL: "up", LogsQL: "*", Expect: some},
		{PromQL: "sum(up", Expect: some},
		{PromQL: "sumover(up)", Expect: some},
		{PromQL: strings.Repeat("(", maxQueryBytes+1), Expect: some},
		{Coverage: "up[", Expect: some},
		{LogsQL: "* | stats by (", Expect: some},
		{LogsQL: "_time:5x foo | nosuchpipe", Expect: some},
		{Trace: "1234", Expect: some},
		{Traces: &Traces{Limit: 1501, Lookback: -minute}, Expect: some},
		{Ledger: &Ledger{From: "child-2", To: "region-1/metric", Signal: "metric"}, Expect: some},
		{Objects: &Objects{Selector: "a in (b"}, Expect: some},
		{Objects: &Objects{Cluster: "chlid-1", Resource: "Pods", Name: "a", Selector: "a=b"}, Expect: some},
		{Events: &Events{Level: "Info"}, Expect: some},
		{Oracle: &Oracle{Clusters: []string{"child-1", "child-l"}, Signals: []string{"log", ""}}},
		probe(HTTP{}),
		probe(HTTP{URL: "https://x", Path: "/y"}),
		probe(HTTP{URL: "vmauth.region-1", Listener: "vmauth"}),
		probe(HTTP{URL: "https://%zz"}),
		probe(HTTP{Path: "x y", Cluster: "region-3", From: "nowhere", As: "admni", Method: "FETCH"}),
		probe(HTTP{Path: "/", As: "child-1", BasicAuth: &BasicAuth{Username: "a:b"}, Method: "GET", Body: "x", Headers: map[string]string{"a b": "c"}}),
		{Ledger: &Ledger{}, Region: "region-1", At: 1, Range: minute, Step: minute, ErrorMode: "fail", Semantics: "kof", Audit: true, Expect: some},
		{PromQL: "up", Region: "child-1", ErrorMode: "ignor", Semantics: "promql", Expect: some},
		{LogsQL: "*", Audit: true, Expect: some},
		{PromQL: "up", Step: minute, Expect: some},
		{PromQL: "up", Range: -minute, Expect: some},
		{PromQL: "up", Range: minute, Step: -minute, Expect: some},
		{PromQL: "up", Range: 60 * 24 * 365 * minute, Expect: some},
		{PromQL: "up", Eventually: minute, Never: minute, Expect: some},
		{PromQL: "up", Always: -minute, Every: -minute, Expect: some},
		{PromQL: "up", Every: minute, Expect: some},
		up(Expect{}),
		up(Expect{Tolerance: Tolerance{Amount: 1}}),
		up(Expect{Exact: true}),
		up(Expect{Series: []Series{}}),
		up(Expect{Status: 200, Count: ptr(-1)}),
		probe(HTTP{Path: "/"}).with(Expect{Status: 99}),
		up(Expect{Empty: true, Value: ptr(1.0), Min: ptr(0.0)}),
		up(Expect{Error: "x", Value: ptr(1.0)}),
		up(Expect{Count: ptr(2), Series: []Series{{}}}),
		up(Expect{Count: ptr(2), Value: ptr(1.0), Series: []Series{{}, {}}}),
		up(Expect{Min: ptr(2.0), Max: ptr(1.0)}),
		up(Expect{Min: ptr(math.NaN())}),
		up(Expect{Count: ptr(1), Tolerance: Tolerance{Percent: 1}, Exact: true}),
		up(Expect{Labels: map[string][]string{"b": {}, "a": nil}}),
		up(Expect{CEL: "row.value > 0"}),
		up(Expect{CEL: "value >"}),
		up(Expect{CEL: "count"}),
		up(Expect{CEL: "error == 6"}),
		up(Expect{CEL: strings.Repeat(" ", maxCELBytes) + "true"}),
		up(Expect{CEL: strings.Repeat("(", 1000) + "true" + strings.Repeat(")", 1000)}),
	} {
		problems := c.Validate(clusters, regions)
		require.NotEmpty(t, problems, "%+v", c)
		for _, p := range problems {
			require.NotContains(t, p.Message, "\n")
			fmt.Fprintf(&out, "%s: %s\n", p.Field, p.Message)
			require.Equal(t, p.Message, p.Error())
		}
		out.WriteByte('\n')
	}
	golden(t, "problems.golden", out.String())
}

func (c Check) with(e Expect) Check {
	c.Expect = e
	return c
}

// A valid check can be asked whatever the lab answers, and its expectation told.
func TestValidChecksCanBeAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Check{PromQL: "up", Expect: Expect{CEL: rapid.SampledFrom([]string{
			"value > 1", "rows.all(r, r.labels.x == 'y')", "body.x.y == 1", "count == 1", "values.max() > 1.0",
		}).Draw(t, "cel")}}
		require.Empty(t, c.Validate(nil, nil))
		r, err := c.Evaluate(t.Context(), &fakeEnv{answer: success(rapid.SampledFrom([]string{
			`{"resultType":"vector","result":[]}`, `null`, `{}`, `{"resultType":"scalar","result":[1,"2"]}`, `{"resultType":"scalar","result":[]}`,
		}).Draw(t, "answer"))})
		require.NoError(t, err)
		if ok, why := c.Expect.Holds(r); !ok {
			require.NotEmpty(t, why)
		}
	})
}

// Deep nesting ends in an answer, and soon.
func TestDeepNesting(t *testing.T) {
	began := time.Now()
	for _, s := range []string{"(", "!", "-", "[", "{", "a:(", "sum(", "x[1m:", "a or ", "a:in(*|", "not ", "1+", "a|fields b|", "?:", "a."} {
		deep := strings.Repeat(s, maxQueryBytes/4/len(s))
		for _, c := range []Check{{PromQL: deep}, {LogsQL: deep}, {PromQL: "up", Expect: Expect{CEL: deep}}, {PromQL: deep + "a"}, {LogsQL: deep + "a"}} {
			_ = c.Validate(nil, nil)
		}
	}
	require.Less(t, time.Since(began), 20*time.Second)
}

// Validate takes whatever somebody writes.
func FuzzValidate(f *testing.F) {
	for _, s := range []string{
		"", "up", "sum by (a)(rate(x[5m] @ end()))", "{", "up[1h:", "\xff", "* | stats by (a:5m) count() if (x:y) z", `_stream:{a="b"} | sort by (_time) desc | limit 10`,
		`options(concurrency=2) a:in(b | fields c)`, "a:range[1,", "value == 1 ? rows : body", "rows.map(r, r.labels)", "'\\u", "https://[::1", "/x?y", "a in (", "child-1",
		"* | math 1/0 as x", "_time:day_range[", "a:~\"(\"", "* | extract \"<a>\"", "0123456789abcdef0123456789abcdef", "((((((((", "[[[[[[[[", "-9223372036854775808",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := Expect{CEL: s, Error: s, Contains: s, Series: []Series{{Labels: set{s: s}}}, Labels: map[string][]string{s: {s}}}
		for _, c := range []Check{
			{PromQL: s}, {Coverage: s}, {LogsQL: s}, {Trace: s}, {Traces: &Traces{Service: s}}, {Ledger: &Ledger{From: s, To: s, Signal: s}},
			{Objects: &Objects{Cluster: s, Resource: s, Selector: s, Name: s, Namespace: s}},
			{HTTP: &HTTP{URL: s, As: s}}, {HTTP: &HTTP{Path: s, Listener: s, Method: s, Headers: map[string]string{s: s}}},
			{Events: &Events{Level: s}}, {Oracle: &Oracle{Clusters: []string{s}, Signals: []string{s}}},
		} {
			c.Region, c.ErrorMode, c.Expect = s, s, e
			for _, p := range c.Validate(clusters, regions) {
				if strings.TrimSpace(p.Message) == "" {
					t.Fatalf("%s: a problem without a message", p.Field)
				}
			}
			_, _ = c.Query(), c.Title()
		}
		condition, err := compile(s)
		if err == nil {
			_, _ = condition.holds(result("a"))
		}
		if _, why := (Expect{CEL: s}).Holds(result("a")); len([]rune(why)) > whyLimit {
			t.Fatal("too long")
		}
	})
}
