package federation

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	marker     = regexp.MustCompile(partLabel + `=~"(\d+)"`)
	onlyMarker = regexp.MustCompile(`{(<\d+>)}`)
)

// planOf renders a plan: what is evaluated here, then each part as name: groups:
// text, with [window] where raw samples are fetched and its instants in seconds.
func planOf(t *testing.T, f *Federator, expr string, g grid, disjoint bool) string {
	p, err := newPlan(f.parser, *f.members.Load(), expr, g, disjoint)
	require.NoError(t, err, expr)
	lines := []string{onlyMarker.ReplaceAllString(marker.ReplaceAllString(p.expr.String(), "<$1>"), "$1")}
	for _, part := range p.parts {
		var groups []string
		text := "-"
		for _, m := range part.groups {
			groups = append(groups, m.Name)
			own, err := part.textFor(f.parser, m)
			require.NoError(t, err)
			text = own
		}
		if part.window > 0 {
			text += fmt.Sprintf("[%s]", part.window)
		}
		at := fmt.Sprint(part.grid.start / 1000)
		if part.grid.points() != 1 {
			at += fmt.Sprintf("..%d/%d", part.grid.end/1000, part.grid.step/1000)
		}
		lines = append(lines, fmt.Sprintf("%s: %s: %s at %s", part.name, strings.Join(groups, " "), text, at))
	}
	return strings.Join(lines, "\n")
}

func TestPlan(t *testing.T) {
	labelled := newLab(t, 2, Options{})
	f := func(expr string, want ...string) {
		t.Helper()
		require.Equal(t, strings.Join(want, "\n"), planOf(t, labelled.Federator, expr, grid{6_000_000, 6_600_000, 60_000}, false), expr)
	}
	// Selectors: values at the instants read, offset and @ stay here.
	f(`up`, `up<0>`, `0: r1 r2: up at 6000..6600/60`)
	f(`up offset 5m`, `up<0> offset 5m`, `0: r1 r2: up at 5700..6300/60`)
	f(`up @ 100 offset 1m`, `up<0> @ 100.000 offset 1m`, `0: r1 r2: up at 40`)
	f(`up{promxyCluster="r1",job="a"}`, `up{<0>,job="a",promxyCluster="r1"}`, `0: r1: up{job="a"} at 6000..6600/60`)
	// Aggregations that combine.
	f(`sum by (job) (rate(up[5m]))`, `sum by (job) ((<0>))`, `0: r1 r2: sum by (job) (rate(up[5m])) at 6000..6600/60`)
	f(`count(up)`, `sum((<0>))`, `0: r1 r2: count(up) at 6000..6600/60`)
	f(`max without (job) (up)`, `(<0>)`, `0: r1 r2: max without (job) (up) at 6000..6600/60`)
	f(`avg by (job) (up)`, `(sum by (job) ((<0>)) / sum by (job) ((<1>)))`,
		`0: r1 r2: sum by (job) (up) at 6000..6600/60`, `1: r1 r2: count by (job) (up) at 6000..6600/60`)
	f(`topk(3, rate(up[1m]))`, `topk(3, (<0>))`, `0: r1 r2: topk(3, rate(up[1m])) at 6000..6600/60`)
	f(`count_values by (job) ("v", up)`, `sum by (job, v) ((<0>))`, `0: r1 r2: count_values by (job) ("v", up) at 6000..6600/60`)
	f(`sum without (promxyCluster, promxyClusterNamespace) (up)`, `sum without (promxyCluster, promxyClusterNamespace, __koflab_group__) ((<0>))`,
		`0: r1 r2: sum without (promxyCluster, promxyClusterNamespace) (up) at 6000..6600/60`)
	// By a label that tells the groups apart, every aggregation is a group's own.
	f(`quantile by (promxyCluster, job) (0.9, up)`, `(<0>)`, `0: r1 r2: quantile by (job) (0.9, up) at 6000..6600/60`)
	f(`stddev(up)`, `stddev(up<0>)`, `0: r1 r2: up at 6000..6600/60`)
	f(`quantile(0.5, rate(up[1m]))`, `quantile(0.5, (<0>))`, `0: r1 r2: rate(up[1m]) at 6000..6600/60`)
	f(`sum(max by (promxyCluster) (up))`, `sum((<0>))`, `0: r1 r2: sum(max(up)) at 6000..6600/60`)
	// Matching within a group.
	f(`sum(a / b)`, `sum((<0>))`, `0: r1 r2: sum(a / b) at 6000..6600/60`)
	f(`a / on (promxyCluster, promxyClusterNamespace, job) b`, `(<0>)`, `0: r1 r2: a / on (job) b at 6000..6600/60`)
	f(`a / on (job) b`, `a<0> / on (job) b<1>`, `0: r1 r2: a at 6000..6600/60`, `1: r1 r2: b at 6000..6600/60`)
	f(`a{promxyCluster="r1"} / b`, `a{<0>,promxyCluster="r1"} / b<1>`, `0: r1: a at 6000..6600/60`, `1: r1 r2: b at 6000..6600/60`)
	// A fill takes effect where no partner can be in another group.
	f(`a + fill (0) b`, `(<0>)`, `0: r1 r2: a + fill (0) b at 6000..6600/60`)
	f(`a + on (promxyCluster, promxyClusterNamespace) fill_left (NaN) fill_right (-Inf) b`, `(<0>)`, `0: r1 r2: a + on () fill_left (NaN) fill_right (-Inf) b at 6000..6600/60`)
	f(`a + on (job) fill (0) b`, `a<0> + on (job) fill (0) b<1>`, `0: r1 r2: a at 6000..6600/60`, `1: r1 r2: b at 6000..6600/60`)
	// Smooth values are made by the groups.
	f(`up smoothed`, `up<0>`, `0: r1 r2: up smoothed at 6000..6600/60`)
	f(`up @ 100 smoothed offset 1m`, `up<0> @ 100.000 offset 1m`, `0: r1 r2: up smoothed at 40`)
	f(`sum(rate(up[5m] anchored))`, `sum((<0>))`, `0: r1 r2: sum(rate(up[5m] anchored)) at 6000..6600/60`)
	// Names that are dropped and still needed do not leave the query.
	f(`stddev(rate({job="a"}[5m]))`, `stddev(rate({<0>,job="a"}[5m]))`, `0: r1 r2: {job="a"}[15m0s] at 6600`)
	f(`rate({job="a"}[5m])`, `(<0>)`, `0: r1 r2: rate({job="a"}[5m]) at 6000..6600/60`)
	f(`sum(rate({job="a"}[5m]))`, `sum((<0>))`, `0: r1 r2: sum(rate({job="a"}[5m])) at 6000..6600/60`)
	f(`count by (__name__) ({job="a"})`, `sum by (__name__) ((<0>))`, `0: r1 r2: count by (__name__) ({job="a"}) at 6000..6600/60`)
	f(`sum by (__name__) (rate(up[5m]))`, `sum by (__name__) (rate(up<0>[5m]))`, `0: r1 r2: up[15m0s] at 6600`)
	f(`sum by (__name__) (timestamp(up))`, `sum by (__name__) (up<0> * 1)`,
		`0: r1 r2: label_replace(timestamp(up), "__name__", "$1", "__name__", "(.*)") at 6000..6600/60`)
	f(`topk(3, -up or rate(up[5m]))`, `topk(3, -up<0> or rate(up<1>[5m]))`, `0: r1 r2: up at 6000..6600/60`, `1: r1 r2: up[15m0s] at 6600`)
	// Subqueries: the instants they read, or the whole at the group.
	f(`max_over_time(sum(up)[5m:1m])`, `max_over_time(sum((<0>))[5m:1m])`, `0: r1 r2: sum(up) at 5760..6600/60`)
	f(`sum(max_over_time(up[5m:1m]))`, `sum((<0>))`, `0: r1 r2: sum(max_over_time(up[5m:1m])) at 6000..6600/60`)
	f(`max_over_time(sum(up)[2m:1m] @ 1000 offset 1m)`, `max_over_time(sum((<0>))[2m:1m] @ 1000.000 offset 1m)`, `0: r1 r2: sum(up) at 840..940/60`)
	// What has one value for all instants is asked once.
	f(`sum(up @ 100) + 1`, `sum((<0> @ 6000.000)) + 1`, `0: r1 r2: sum(up @ 100.000) at 6000`)
	f(`sum(up @ end())`, `sum((<0> @ 6000.000))`, `0: r1 r2: sum(up @ 6600.000) at 6000`)
	// Not a group's business.
	f(`absent(up{job="a"})`, `absent(up{<0>,job="a"})`, `0: r1 r2: up{job="a"} at 6000..6600/60`)
	f(`label_replace(up, "x", "$1", "promxyCluster", "(.*)")`, `label_replace(up<0>, "x", "$1", "promxyCluster", "(.*)")`, `0: r1 r2: up at 6000..6600/60`)
	f(`vector(1)`, `vector(1)`)
	f(`up{promxyCluster="none"}`, `up{<0>,promxyCluster="none"}`, `0: : - at 6000..6600/60`)
}

func TestPlanWithoutGroupLabels(t *testing.T) {
	l := newLab(t, 2, Options{})
	for i := range l.groups {
		l.groups[i].Labels = nil
	}
	require.NoError(t, l.SetGroups(l.groups))
	f := func(disjoint bool, expr string, want ...string) {
		t.Helper()
		require.Equal(t, strings.Join(want, "\n"), planOf(t, l.Federator, expr, instant(6_000_000), disjoint), expr)
	}
	f(false, `sum(rate(up[5m] offset 1m))`, `sum(rate(up<0>[5m] offset 1m))`, `0: r1 r2: up[5m0s] at 5940`)
	f(false, `rate(up[5m] anchored)`, `rate(up<0>[5m] anchored)`, `0: r1 r2: up[10m0s] at 6000`)
	f(false, `rate(up[5m] smoothed offset 1m)`, `rate(up<0>[5m] smoothed offset 1m)`, `0: r1 r2: up[15m0s] at 6240`)
	f(true, `a + fill (0) b`, `a<0> + fill (0) b<1>`, `0: r1 r2: a at 6000`, `1: r1 r2: b at 6000`)
	f(true, `rate(a[5m]) / rate(b[5m])`, `rate(a<0>[5m]) / rate(b<1>[5m])`, `0: r1 r2: a[5m0s] at 6000`, `1: r1 r2: b[5m0s] at 6000`)
	f(true, `rate(a[5m]) / on (job) rate(b[5m])`, `(<0>) / on (job) (<1>)`, `0: r1 r2: rate(a[5m]) at 6000`, `1: r1 r2: rate(b[5m]) at 6000`)
	f(true, `sum(rate(up[5m]))`, `sum((<0>))`, `0: r1 r2: sum(rate(up[5m])) at 6000`)
	f(true, `a / b`, `a<0> / b<1>`, `0: r1 r2: a at 6000`, `1: r1 r2: b at 6000`)
	f(false, `timestamp(up)`, `up<0>`, `0: r1 r2: timestamp(up) at 6000`)
	f(false, `max_over_time(rate(up[1m])[5m:1m])`, `max_over_time(rate(up<0>[1m])[5m:1m])`, `0: r1 r2: up[5m0s] at 6000`)
}

// What would take the memory or the time of all is refused before it is planned.
func TestPlanIsBounded(t *testing.T) {
	lab := newLab(t, 1, Options{})
	f := func(want, expr string, g grid) {
		t.Helper()
		_, err := newPlan(lab.parser, *lab.members.Load(), expr, g, false)
		if want == "" {
			require.NoError(t, err)
			return
		}
		require.ErrorContains(t, err, want)
		var refused *QueryError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "bad_data", refused.Type)
	}
	f("", strings.Repeat("(", 8191)+"up"+strings.Repeat(")", 8191), instant(0))
	f("the query has 16385 bytes, at most 16384 are taken", strings.Repeat("(", 16385), instant(0))
	f("", strings.Repeat("up*", 5000)+"up", instant(0)) // longer when it is pushed
	f("", `count_over_time(up[1y])`, instant(0))
	f("", `max_over_time(rate(up[5m])[1y:1m])`, instant(0))
	f("", `max_over_time(rate(up[5m])[23d:1s])`, instant(0))
	f("subquery up[24d:1s] has 2073600 steps, at most 2000000 are evaluated: lengthen its step or shorten what it covers", `count_over_time(up[24d:1s])`, instant(0))
	f("subquery up[1m:1s] has", `max_over_time(count_over_time(up[1m:1s])[2y:1m])`, instant(0))
	year := (365 * 24 * time.Hour).Milliseconds()
	f("subquery up[1m:1s] has", `count_over_time(up[1m:1s])`, grid{0, year, year})
}
