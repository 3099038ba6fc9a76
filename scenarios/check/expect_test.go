package check

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type set = map[string]string

// result has one row for each cluster, with the values 1, 2, 3 ...
func result(clusters ...string) Result {
	r := Result{Now: now, Start: start}
	for i, c := range clusters {
		r.Rows = append(r.Rows, Row{Labels: set{nameLabel: "nodes", "cluster": c, "region": "r"}, Value: float64(i + 1)})
	}
	r.Text = summary(r.Rows, "series", "series")
	return r
}

func one(v float64) Result {
	r := Result{Rows: []Row{{Value: v}}}
	r.Text = summary(r.Rows, "series", "series")
	return r
}

func ranged(values ...float64) Result {
	row := Row{Labels: set{"cluster": "a"}}
	for i, v := range values {
		row.Values, row.Value = append(row.Values, Point{Time: start.Add(time.Duration(i) * time.Minute), Value: v}), v
	}
	return Result{Rows: []Row{row}, Text: row.String()}
}

// many has more rows than anybody reads.
func many(n int) Result {
	var clusters []string
	for i := range n {
		clusters = append(clusters, fmt.Sprintf("cluster-%03d", i))
	}
	return result(clusters...)
}

func series(of set, v float64) Series { return Series{Labels: of, Value: &v} }

func TestHolds(t *testing.T) {
	failed := Result{Error: "region-1 did not answer", Text: "error: region-1 did not answer"}
	probe := Result{Status: 401, Body: "missing 'Authorization' header", Text: "401 Unauthorized"}
	percent := func(p float64) Tolerance { return Tolerance{Percent: p} }
	for _, c := range []struct {
		name   string
		expect Expect
		result Result
	}{
		{"value", Expect{Value: ptr(6.0)}, one(6)},
		{"value within a share", Expect{Value: ptr(200.0), Tolerance: percent(1)}, one(202)},
		{"value within an amount", Expect{Value: ptr(-1.0), Tolerance: Tolerance{Amount: 0.5}}, one(-1.5)},
		{"value that is none", Expect{Value: ptr(math.NaN())}, one(math.NaN())},
		{"infinite value", Expect{Value: ptr(math.Inf(1))}, one(math.Inf(1))},
		{"value all along a range", Expect{Value: ptr(2.0), Tolerance: percent(50)}, ranged(1, 2, 3)},
		{"bounds", Expect{Min: ptr(1.0), Max: ptr(3.0)}, result("a", "b", "c")},
		{"bounds of a range", Expect{Min: ptr(1.0)}, ranged(5, 1)},
		{"count", Expect{Count: ptr(2)}, result("a", "b")},
		{"no rows counted", Expect{Count: ptr(0)}, Result{}},
		{"empty", Expect{Empty: true}, Result{}},
		{"series", Expect{Series: []Series{series(set{"cluster": "b"}, 2), series(set{"cluster": "a"}, 1)}}, result("a", "b")},
		{"exact series", Expect{Exact: true, Series: []Series{series(set{nameLabel: "nodes", "cluster": "a", "region": "r", "absent": ""}, 1)}}, result("a")},
		{"series of any value", Expect{Series: []Series{{}, {Labels: set{"cluster": "a"}}}}, result("a", "b")},
		{"series that list few labels leave rows to others", Expect{Series: []Series{
			{Labels: set{"region": "r"}}, {Labels: set{"cluster": "b"}}, {Labels: set{"cluster": "a"}},
		}}, result("a", "b", "c")},
		{"series of a range", Expect{Series: []Series{series(set{"cluster": "a"}, 2)}}, ranged(2, 2)},
		{"labels", Expect{Labels: map[string][]string{"cluster": {"b", "a"}, "tenant": {""}, "region": {"r", "r"}}}, result("a", "b")},
		{"status and text", Expect{Status: 401, Contains: "Authorization"}, probe},
		{"error", Expect{Error: "did not answer"}, failed},
		{"error seen by a condition", Expect{Error: "not", CEL: `error.startsWith("region-1") && count == 0`}, failed},
		{"oracle", Expect{}, Result{}},
		{"text of rows", Expect{Contains: `cluster="b"`}, result("a", "b")},
		{"text of JSON", Expect{Contains: `"k":"v"`}, Result{Body: map[string]any{"k": "v"}}},
		{"condition", Expect{CEL: "value == 6 && value > 5.5 && count == 1 && values == [6.0] && rows[0].value < 7"}, one(6)},
		{"condition on time", Expect{CEL: `now - start == duration("10m")`}, Result{Now: now, Start: start}},
		{"condition on a sum", Expect{CEL: `values.sum() == 6.0 && values.max() == 3.0 && "a1".find("[0-9]") == "1" && "x,y".split(",")[1] == "y"`}, result("a", "b", "c")},
		{"condition on a range", Expect{CEL: `rows[0].values.all(p, p.value >= 1.0) && rows[0].values[1].time - rows[0].values[0].time == duration("1m")`}, ranged(1, 2)},
		{"condition on a quantity", Expect{CEL: `quantity(rows[0].fields.memory).compareTo(quantity("1Gi")) == 0`},
			Result{Rows: []Row{{Fields: map[string]any{"memory": "1024Mi"}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ok, why := c.expect.Holds(c.result)
			require.True(t, ok, why)
			require.Empty(t, why)
		})
	}
}

// TestWhy pins how each expectation fails, in testdata/why.golden.
func TestWhy(t *testing.T) {
	failed := Result{Error: "region-1 did not answer", Text: "error: region-1 did not answer"}
	probe := Result{Status: 401, Body: "missing 'Authorization' header", Text: "401 Unauthorized: missing 'Authorization' header"}
	refuted := Result{Text: "14 records expected, 15 stored", refuted: "14 records expected, 15 stored; for example missing: line 3"}
	var out strings.Builder
	for _, c := range []struct {
		name   string
		expect Expect
		result Result
	}{
		{"value too low", Expect{Value: ptr(6.0)}, one(5.7)},
		{"value too high", Expect{Value: ptr(6.0), Tolerance: Tolerance{Percent: 1}}, one(6.3)},
		{"value is none", Expect{Value: ptr(6.0)}, one(math.NaN())},
		{"infinite value expected", Expect{Value: ptr(math.Inf(1)), Tolerance: Tolerance{Percent: 1}}, one(6)},
		{"value of no row", Expect{Value: ptr(6.0)}, Result{Text: "no series"}},
		{"value of several rows", Expect{Value: ptr(6.0)}, result("a", "b")},
		{"value within a range", Expect{Value: ptr(2.0)}, ranged(2, 3, 2)},
		{"min", Expect{Min: ptr(2.0)}, result("a", "b")},
		{"max", Expect{Max: ptr(1.0)}, result("a", "b", "c")},
		{"min and max of a range", Expect{Min: ptr(1.0), Max: ptr(2.0)}, ranged(1, 3, math.NaN())},
		{"bounds of no rows", Expect{Min: ptr(1.0)}, Result{}},
		{"count", Expect{Count: ptr(1)}, result("a", "b")},
		{"count of many", Expect{Count: ptr(1)}, many(300)},
		{"count of none", Expect{Count: ptr(2)}, Result{}},
		{"empty", Expect{Empty: true}, result("a")},
		{"series missing", Expect{Series: []Series{series(set{"cluster": "b"}, 2), series(set{"cluster": "a"}, 1)}}, result("a")},
		{"series unexpected", Expect{Series: []Series{series(set{"cluster": "a"}, 1)}}, result("a", "b")},
		{"series different", Expect{Series: []Series{series(set{"cluster": "a"}, 1), series(set{"cluster": "b"}, 3)}}, result("a", "b")},
		{"series of a range different", Expect{Series: []Series{series(set{"cluster": "a"}, 1)}}, ranged(1, 4, 1)},
		{"series all wrong", Expect{Tolerance: Tolerance{Amount: 0.1}, Series: []Series{
			series(set{"cluster": "a"}, 5), {Labels: set{"cluster": "x"}}, {},
		}}, result("a", "b", "c", "d")},
		{"exact labels", Expect{Exact: true, Series: []Series{series(set{"cluster": "a"}, 1)}}, result("a")},
		{"many series missing", Expect{Series: []Series{{Labels: set{"cluster": "x"}}}}, many(300)},
		{"labels", Expect{Labels: map[string][]string{"cluster": {"a", "c"}}}, result("a", "b")},
		{"labels of no rows", Expect{Labels: map[string][]string{"cluster": {"a"}, "region": {"r"}}}, Result{}},
		{"label absent", Expect{Labels: map[string][]string{"tenant": {"a"}}}, result("a")},
		{"status", Expect{Status: 200}, probe},
		{"text", Expect{Contains: "OK"}, probe},
		{"error not expected", Expect{Count: ptr(1)}, failed},
		{"error expected", Expect{Error: "refused"}, one(6)},
		{"other error", Expect{Error: "refused"}, failed},
		{"oracle", Expect{}, refuted},
		{"error of the oracle", Expect{}, failed},
		{"condition", Expect{CEL: "value > 6.0 &&\n  count == 1"}, one(6)},
		{"condition on a part of the body", Expect{CEL: "body.dropped.queue_full == 25 && body.offered >= 100"},
			Result{Text: "90 records offered", Body: map[string]any{"offered": int64(90), "dropped": map[string]any{"queue_full": 25}}}},
		{"condition on a list", Expect{CEL: "rows.map(r, r.labels.cluster) == ['a']"}, result("a", "b")},
		{"condition on labels", Expect{CEL: "count == 1 && rows.all(r, r.labels.cluster == 'b')"}, result("a")},
		{"condition on several rows", Expect{CEL: "value > 6.0"}, result("a", "b")},
		{"condition on what is absent", Expect{CEL: "rows[0].labels.tenant == 'a'"}, result("a")},
		{"condition that is none", Expect{CEL: "body"}, Result{Body: "text", Text: "text"}},
		{"condition that costs too much", Expect{CEL: "rows.all(a, rows.all(b, rows.all(c, a.value + b.value + c.value > 0.0)))"}, many(300)},
		{"condition with a mistake", Expect{CEL: "value > > 6"}, one(6)},
		{"all must hold", Expect{Count: ptr(1), Max: ptr(5.0)}, one(6)},
	} {
		ok, why := c.expect.Holds(c.result)
		require.False(t, ok, c.name)
		require.NotEmpty(t, why)
		require.LessOrEqual(t, len([]rune(why)), whyLimit, c.name)
		require.NotContains(t, why, "\n", c.name)
		fmt.Fprintf(&out, "%s\n\t%s\n", c.name, why)
	}
	golden(t, "why.golden", out.String())
}

// What is expected of series holds or not, and says why, in whatever order the rows
// and the series are.
func TestSeriesHaveNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawLabels := func(what string) set {
			of := set{}
			for _, name := range []string{"a", "b"} {
				if v := rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, what+name); v != "" {
					of[name] = v
				}
			}
			return of
		}
		var r Result
		e := Expect{Exact: rapid.Bool().Draw(t, "exact")}
		for range rapid.IntRange(0, 6).Draw(t, "rows") {
			r.Rows = append(r.Rows, Row{Labels: drawLabels("row "), Value: float64(rapid.IntRange(0, 2).Draw(t, "value"))})
		}
		for range rapid.IntRange(1, 6).Draw(t, "series") {
			s := Series{Labels: drawLabels("series ")}
			if rapid.Bool().Draw(t, "valued") {
				s.Value = ptr(float64(rapid.IntRange(0, 2).Draw(t, "expected")))
			}
			e.Series = append(e.Series, s)
		}
		ok, why := e.Holds(r)
		require.Equal(t, possible(e, e.Series, r.Rows), ok)
		random := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "order")))
		random.Shuffle(len(r.Rows), func(i, j int) { r.Rows[i], r.Rows[j] = r.Rows[j], r.Rows[i] })
		random.Shuffle(len(e.Series), func(i, j int) { e.Series[i], e.Series[j] = e.Series[j], e.Series[i] })
		again, sameWhy := e.Holds(r)
		require.Equal(t, ok, again)
		require.Equal(t, why, sameWhy)
	})
}

// possible tries all ways to give each series a row of its own.
func possible(e Expect, series []Series, rows []Row) bool {
	if len(series) != len(rows) {
		return false
	}
	if len(series) == 0 {
		return true
	}
	for i, row := range rows {
		rest := append(append([]Row{}, rows[:i]...), rows[i+1:]...)
		if e.sameLabels(series[0], row) && e.sameValue(series[0], row) && possible(e, series[1:], rest) {
			return true
		}
	}
	return false
}

// Whatever holds does so with the rows in any order; a result is not changed by it.
func TestHoldsHasNoOrder(t *testing.T) {
	for _, e := range []Expect{
		{Count: ptr(2)}, {Min: ptr(2.0)}, {Labels: map[string][]string{"cluster": {"a"}}}, {CEL: "rows[0].value == 1.0"}, {Contains: "nothing"}, {Value: ptr(1.0)},
	} {
		forward := result("a", "b", "c")
		backward := result("a", "b", "c")
		backward.Rows[0], backward.Rows[2] = backward.Rows[2], backward.Rows[0]
		ok, why := e.Holds(forward)
		again, sameWhy := e.Holds(backward)
		require.Equal(t, ok, again)
		require.Equal(t, why, sameWhy)
		require.Equal(t, "c", backward.Rows[0].Labels["cluster"])
	}
}

func TestManySeriesAreFast(t *testing.T) {
	r := many(10_000)
	var e Expect
	for _, row := range r.Rows {
		e.Series = append(e.Series, series(set{"region": "r", "cluster": row.Labels["cluster"]}, row.Value))
	}
	began := time.Now()
	ok, why := e.Holds(r)
	require.True(t, ok, why)
	require.Less(t, time.Since(began), 5*time.Second)
}

func BenchmarkCondition(b *testing.B) {
	r, e := many(100), Expect{CEL: `rows.all(r, r.value > 0.0 && r.labels.cluster.startsWith("cluster-"))`}
	b.ReportAllocs()
	for b.Loop() {
		if ok, why := e.Holds(r); !ok {
			b.Fatal(why)
		}
	}
}
