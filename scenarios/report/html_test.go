package report

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProse(t *testing.T) {
	for markdown, want := range map[string]string{
		"a *b* `c`":                   "<p>a <em>b</em> <code>c</code></p>\n",
		"x <b>bold</b>":               "<p>x &lt;b&gt;bold&lt;/b&gt;</p>\n",
		"<div>\nx\n</div>":            "&lt;div&gt;\nx\n&lt;/div&gt;",
		"<!-- one\n\ntwo -->\nthree":  "&lt;!-- one\n\ntwo --&gt;\n<p>three</p>\n",
		"![a *cat*](https://x/y.png)": "<p>a <em>cat</em></p>\n",
		"[x](javascript:alert)":       "<p>x</p>\n",
		"[x](https://a.b/?q=\"1&2)":   "<p><a href=\"https://a.b/?q=%221&amp;2\" rel=\"noopener noreferrer\">x</a></p>\n",
		"|a|\n|:-:|\n|1|":             "<table>\n<thead>\n<tr>\n<th align=\"center\">a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"center\">1</td>\n</tr>\n</tbody>\n</table>\n",
		"":                            "",
	} {
		got, err := renderProse(markdown)
		require.NoError(t, err)
		require.Equal(t, want, string(got), markdown)
	}
	for markdown, want := range map[string]string{
		"`a < b` and *c*":           "`a < b` and *c*",
		"x <b>bold</b> `<i>`":       "x &lt;b>bold&lt;/b> `<i>`",
		"<script>`</script>\n`<b>`": "&lt;script>`&lt;/script>\n`&lt;b>`",
	} {
		require.Equal(t, want, quoteProse(markdown), markdown)
	}
}

// The policy in the page allows its own style and script and nothing else.
func TestPolicyAllowsThePageItself(t *testing.T) {
	doc := written(t, WriteHTML, sample())
	require.Contains(t, doc, "<style>"+pageCSS+"</style>")
	require.Contains(t, doc, "<script>"+pageJS+"</script>")
	for _, text := range []string{pageCSS, pageJS} {
		require.Contains(t, strings.ReplaceAll(doc, "&#43;", "+"), "&#39;"+sourceHash(text)+"&#39;")
	}
	require.NotRegexp(t, `url\(|@import|\bfetch\(|XMLHttpRequest`, pageCSS+pageJS)
}

func TestLargeReports(t *testing.T) {
	r := many(40)
	long := outage()
	long.Flow = nil
	for i := range 60 {
		drop := int64(0)
		if i == 57 {
			drop = 5
		}
		long.Flow = append(long.Flow, flow(150*minute, 5*second, fmt.Sprintf("child-%02d", i), "region-1", "metrics", 10*minute, 30*minute, drop)...)
	}
	check := long.Steps[6].Checks[1]
	for range 50 {
		long.Steps[6].Checks = append(long.Steps[6].Checks, check)
	}
	for range 300 {
		long.Events = append(long.Events, Event{Level: "Normal", Reason: "Scaled"})
	}
	r.Runs = append(r.Runs, long)
	began := time.Now()
	doc := written(t, WriteHTML, r)
	require.Less(t, time.Since(began), 5*time.Second)
	require.Less(t, len(doc), 6<<20)
	for _, d := range regexp.MustCompile(`class="rate" d="([^"]*)"`).FindAllStringSubmatch(doc, -1) {
		require.LessOrEqual(t, strings.Count(d[1], "L")+1, pointLimit)
	}
	require.Contains(t, doc, "child-57", "the hop that lost records")
	require.Contains(t, doc, "20 more hops")
	require.Contains(t, doc, "15 more checks")
	require.Contains(t, doc, "103 more events")
}

func TestThin(t *testing.T) {
	var samples []FlowSample
	for i := range 1003 {
		samples = append(samples, FlowSample{At: Duration(i) * second, Rate: 2, Queued: float64(i % 100), Dropped: map[string]int64{"x": 1}})
	}
	out := thin(samples, 200)
	require.Len(t, out, 200)
	var dropped int64
	for i, s := range out {
		require.InDelta(t, 2, s.Rate, 1e-9)
		dropped += s.Dropped["x"]
		if i > 0 {
			require.Greater(t, s.At, out[i-1].At)
		}
	}
	require.EqualValues(t, 1003, dropped, "no drop is left out")
	require.Equal(t, samples[1002].At, out[199].At)
	require.Len(t, thin(samples[:7], 200), 7)

	all := hops([]FlowSample{{From: "b", Rate: math.NaN(), Queued: math.Inf(1)}, {From: "a", At: 2, Rate: 3}, {From: "a", At: 1, Rate: -1}})
	require.Equal(t, "a", all[0].From)
	require.EqualValues(t, 1, all[0].Samples[0].At)
	require.Zero(t, all[1].PeakRate+all[1].PeakQueued)
}

func TestTimeline(t *testing.T) {
	require.Nil(t, newTimeline(kindOnly()))
	for span, want := range map[time.Duration]string{
		30 * time.Millisecond: "0s 5ms 10ms 15ms 20ms 25ms 30ms", time.Minute: "0s 10s 20s 30s 40s 50s 1m", 150 * time.Minute: "0s 30m 1h 1h30m 2h 2h30m",
		25 * time.Hour: "0s 6h 12h 18h 24h", 30 * 24 * time.Hour: "0s 96h 192h 288h 384h 480h 576h 672h", time.Nanosecond: "0s",
	} {
		var labels []string
		for _, tick := range (&timeline{Span: Duration(span)}).ticks() {
			labels = append(labels, tick.Label)
		}
		require.Equal(t, want, strings.Join(labels, " "), span)
	}
	tl := newTimeline(outage())
	var labels []string
	for _, m := range tl.Steps {
		labels = append(labels, m.Label+" "+string(m.Outcome)+" "+m.X)
	}
	require.Equal(t, []string{"1 passed 0%", "2–4 passed 6.67%", "5–6 passed 20%", "7 failed 86.67%", "8 skipped 93.33%"}, labels)
	require.Equal(t, "80%", tl.Faults[0].Width)
	require.Equal(t, "155 queue_full, 1,550 retry_expired", tl.Hops[1].Reasons)
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		outcomes []Outcome
		want     string
	}{
		{nil, "No scenario was run"},
		{[]Outcome{Skipped}, "Every scenario was skipped"},
		{[]Outcome{Passed}, "The scenario passed"},
		{[]Outcome{Failed}, "The scenario failed"},
		{[]Outcome{Errored}, "The scenario could not run"},
		{[]Outcome{Passed, Passed, Skipped}, "All 2 scenarios passed"},
		{[]Outcome{Passed, Failed, Errored, Skipped}, "1 of 3 scenarios passed"},
	} {
		var r Report
		for _, o := range c.outcomes {
			r.Runs = append(r.Runs, Run{Outcome: o})
		}
		require.Equal(t, c.want, r.Totals().verdict())
	}
}
