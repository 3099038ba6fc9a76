package federation

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const hour = int64(time.Hour / time.Millisecond)

// world is the same data twice: split over groups, and merged in one store with
// the group labels stamped.
type world struct {
	*lab
	merged *teststorage.TestStorage
	engine *promql.Engine
}

func newWorld(t testing.TB, groups int) *world {
	w := &world{lab: newLab(t, groups, Options{Timeout: time.Minute}), merged: teststorage.New(t), engine: testEngine(t)}
	rng := newRand(int64(groups))
	for g, r := range w.regions {
		for i := range 14 {
			name := []string{"m1", "m2", "m3"}[i%3]
			b := labels.NewBuilder(labels.EmptyLabels())
			b.Set("__name__", name).Set("a", fmt.Sprint("a", rng.IntN(3))).Set("b", fmt.Sprint("b", i/3))
			if i%4 == 0 {
				b.Set("c", fmt.Sprint("g", g))
			}
			s := randomSamples(rng)
			r.store(t, sampleSeries{b.Labels(), s})
			for name, value := range w.groups[g].Labels {
				b.Set(name, value)
			}
			store(t, w.merged, sampleSeries{b.Labels(), s})
		}
		for _, le := range []string{"0.1", "1", "10", "+Inf"} {
			b := labels.NewBuilder(labels.FromStrings("__name__", "h_bucket", "le", le, "a", "a1"))
			s := points(0, 30_000, 0, 0, 0)
			for i := range s {
				s[i].v = float64(i) * float64(len(le))
			}
			r.store(t, sampleSeries{b.Labels(), s})
			for name, value := range w.groups[g].Labels {
				b.Set(name, value)
			}
			store(t, w.merged, sampleSeries{b.Labels(), s})
		}
	}
	return w
}

// randomSamples are 2 h of a counter or gauge with gaps, resets and staleness
// markers.
func randomSamples(rng randomness) samples {
	var s samples
	v, counter := 0.0, rng.IntN(2) == 0
	for t := int64(rng.IntN(30_000)); t < 2*hour; t += 15_000 + int64(rng.IntN(20_000)) {
		switch n := rng.IntN(60); {
		case n == 0:
			t += int64(rng.IntN(20 * 60_000))
		case n == 1:
			s = append(s, sample{t, missing})
			continue
		case n == 2:
			v = 0
		case counter:
			v += float64(rng.IntN(8))
		default:
			v = float64(rng.IntN(100)) - 50
		}
		s = append(s, sample{t, v})
	}
	return s
}

// grammar draws queries whose value does not depend on the order of series.
type grammar struct{ *rapid.T }

func (g grammar) pick(list ...string) string { return rapid.SampledFrom(list).Draw(g.T, "pick") }

func (g grammar) selector() string {
	name := g.pick("m1", "m2", "m3", "m1", "m2", "m3", `{__name__=~"m[12]"}`)
	m := g.pick("", "", "", `{a="a1"}`, `{a!="a0"}`, `{b=~"b[12]"}`, `{c=""}`, `{promxyCluster="r1"}`, `{promxyCluster!="r2"}`,
		`{promxyCluster=~"r1|r2",a="a2"}`, `{promxyClusterNamespace="kof"}`, `{promxyClusterNamespace="none"}`)
	return strings.Replace(name+m, "}{", ",", 1)
}

func (g grammar) modifier() string {
	return g.pick("", "", "", "", " offset 7m", " offset -3m", " @ 4000", " @ start()", " @ end() offset 90s")
}

func (g grammar) ranged() string {
	if rapid.IntRange(0, 3).Draw(g.T, "extended") == 0 {
		f := g.pick("rate", "increase", "delta") + "("
		return f + g.selector() + g.pick("[2m]", "[5m]", "[10m]") + g.modifier() + g.pick(" anchored", " smoothed") + ")"
	}
	f := g.pick("rate", "increase", "avg_over_time", "max_over_time", "count_over_time", "last_over_time", "changes", "delta", "present_over_time", "sum_over_time")
	return f + "(" + g.selector() + g.pick("[2m]", "[5m]", "[10m]") + g.modifier() + ")"
}

func (g grammar) grouping() string {
	return g.pick("", "", " by (a)", " by (a, b)", " by (promxyCluster)", " by (promxyCluster, a)", " by (promxyClusterNamespace)",
		" without (b)", " without (promxyCluster)", " without (b, promxyCluster, promxyClusterNamespace)", " by (c)", " by (__name__)", " by (__name__, promxyCluster)")
}

func (g grammar) vector(depth int) string {
	if depth == 0 {
		return g.pick(g.selector()+g.modifier(), g.selector()+g.modifier()+g.pick("", "", " smoothed"), g.ranged())
	}
	inner := g.vector(depth - 1)
	switch rapid.IntRange(0, 10).Draw(g.T, "kind") {
	case 0, 1, 2:
		return g.pick("sum", "min", "max", "count", "avg", "group", "stddev", "stdvar") + g.grouping() + " (" + inner + ")"
	case 3:
		return "quantile" + g.grouping() + " (0.4, " + inner + ")"
	case 4:
		// Not over computed values: the text of a sum depends on its rounding.
		return "count_values" + g.grouping() + ` ("v", ` + g.selector() + ")"
	case 5:
		return "(" + inner + ")" + g.pick(" + ", " * ", " > ", " <= bool ", " - ") + g.pick("3", "0.5", "-2")
	case 6:
		op := g.pick("+", "/", "and", "or", "unless", "and on (a, b)", "unless on (a)", "or on (promxyCluster, a)", "+ fill (1)", "> fill_left (-1) fill_right (2)", "- on (promxyCluster, promxyClusterNamespace, a, b) fill_right (3)", "unless ignoring (c)", "and on (promxyCluster, promxyClusterNamespace)")
		return "(" + inner + ") " + op + " (" + g.vector(depth-1) + ")"
	case 7:
		return g.pick("abs", "ceil", "-", "timestamp", "sgn", "absent", "round") + "(" + inner + ")"
	case 8:
		return "label_replace(" + inner + `, "` + g.pick("d", "promxyCluster", "__name__") + `", "$1", "` + g.pick("a", "promxyCluster", "__name__") + `", "(.).*")`
	case 9:
		return g.pick("max_over_time", "sum_over_time", "count_over_time", "last_over_time") + "((" + inner + ")" + g.pick("[10m:1m]", "[7m:90s]", "[15m:]", "[10m:2m] offset 4m", "[10m:1m] @ 5000", "[10m:1m] @ end()") + ")"
	default:
		return "histogram_quantile(0.9, " + g.pick("h_bucket", "rate(h_bucket[1m])", "sum by (le) (h_bucket)", "sum by (le, promxyCluster) (rate(h_bucket[2m]))") + ")"
	}
}

func TestFederatedEqualsMerged(t *testing.T) {
	worlds := []*world{newWorld(t, 1), newWorld(t, 2), newWorld(t, 3)}
	found := 0
	rapid.Check(t, func(rt *rapid.T) {
		w := worlds[rapid.IntRange(0, len(worlds)-1).Draw(rt, "groups")]
		g := grammar{rt}
		expr := g.vector(rapid.IntRange(0, 3).Draw(rt, "depth"))
		q := Request{Expr: expr, Time: time.Unix(int64(rapid.IntRange(-60, 2*3600).Draw(rt, "time")), 0)}
		if rapid.Bool().Draw(rt, "range") {
			q.Step = time.Duration(rapid.IntRange(10, 400).Draw(rt, "step")) * time.Second
			q.Start, q.End = q.Time, q.Time.Add(time.Duration(rapid.IntRange(0, 3600).Draw(rt, "length"))*time.Second)
		}
		found += w.compare(rt, q)
	})
	require.Positive(t, found, "every answer was empty: the test compared nothing")
}

// compare checks that the federation and the merged store answer alike, and
// returns how many values they did.
func (w *world) compare(t require.TestingT, q Request) int {
	var query promql.Query
	var err error
	if q.Step == 0 {
		query, err = w.engine.NewInstantQuery(contextOf(t), w.merged, nil, q.Expr, q.Time)
	} else {
		query, err = w.engine.NewRangeQuery(contextOf(t), w.merged, nil, q.Expr, q.Start, q.End, q.Step)
	}
	require.NoError(t, err, q.Expr)
	defer query.Close()
	want := query.Exec(contextOf(t))
	got, err := w.Query(contextOf(t), q)
	if want.Err != nil {
		require.Error(t, err, "%s: want %v", q.Expr, want.Err)
		return 0
	}
	require.NoError(t, err, q.Expr)
	require.Equal(t, 1.0, got.Explain.Coverage)
	requireSame(t, q.Expr, want.Value, got.Data.Value)
	return len(flat(want.Value))
}

// requireSame compares results regardless of the order of series, up to the
// rounding of sums in another order.
func requireSame(t require.TestingT, expr string, want, got parser.Value) {
	require.Equal(t, want.Type(), got.Type(), expr)
	a, b := flat(want), flat(got)
	require.Equal(t, len(a), len(b), "%s:\nwant %v\ngot  %v", expr, want, got)
	for key, v := range a {
		u, ok := b[key]
		near := v == u || math.IsNaN(v) && math.IsNaN(u) || math.Abs(v-u) <= 1e-9*math.Max(1, math.Max(math.Abs(v), math.Abs(u)))
		require.True(t, ok && near, "%s: at %s want %v, got %v (%v)", expr, key, v, u, ok)
	}
}

func flat(v parser.Value) map[string]float64 {
	m := map[string]float64{}
	switch v := v.(type) {
	case promql.Vector:
		for _, s := range v {
			m[fmt.Sprint(s.Metric, s.T)] = s.F
		}
	case promql.Matrix:
		for _, s := range v {
			for _, p := range s.Floats {
				m[fmt.Sprint(s.Metric, p.T)] = p.F
			}
		}
	case promql.Scalar:
		m[fmt.Sprint(v.T)] = v.V
	}
	return m
}

func TestInProcessEqualsHTTP(t *testing.T) {
	w := newWorld(t, 2)
	overHTTP, err := New(Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, overHTTP.Close()) })
	var groups []Group
	for i, g := range w.groups {
		g.Client = nil
		g.MetricsURL = listen(t, w.regions[i]) + "/select/0/prometheus"
		groups = append(groups, g)
	}
	require.NoError(t, overHTTP.SetGroups(groups))
	for _, expr := range []string{"m1", "sum by (a) (rate(m2[5m]))", "quantile(0.5, m1)", "m1[3m]", "avg(m3)", "m1 / m2", "sum(m1)) bad"} {
		for _, query := range []string{"/api/v1/query?time=4000", "/api/v1/query_range?start=3000&end=5000&step=60"} {
			answers := make([]string, 2)
			for i, f := range []*Federator{w.Federator, overHTTP} {
				r, err := http.NewRequest(http.MethodGet, listen(t, f.MetricsHandler())+query+"&query="+escape(expr), nil)
				require.NoError(t, err)
				answers[i] = body(t, http.DefaultClient, r)
			}
			require.Equal(t, answers[0], answers[1], expr)
		}
	}
}
