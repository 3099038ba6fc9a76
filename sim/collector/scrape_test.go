package collector

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/stretchr/testify/require"

	"koflab/sim/ledger"
)

// at returns the stored samples whose labels contain all parts, as
// "seconds=value", stale markers as "stale".
func (r *region) at(parts ...string) (out []string) {
	for _, s := range r.stored() {
		ok := true
		for _, p := range parts {
			ok = ok && strings.Contains(s.labels, p)
		}
		if ok {
			v := "stale"
			if !value.IsStaleNaN(s.v) {
				v = time.Duration(s.v * float64(time.Second)).String()
			}
			out = append(out, time.UnixMilli(s.t).Sub(epoch).String()+"="+v)
		}
	}
	return out
}

func TestReportSamples(t *testing.T) {
	target := newFakeTarget("j", 3)
	l := startLab(t, func(c *Config) { c.Targets = []Target{target} })
	l.flush()
	require.Equal(t, []string{"0s=1s"}, l.region.at(`"up"`, `instance="node:1"`, `job="j"`, `cluster="c1"`))
	require.Equal(t, []string{"0s=3s"}, l.region.at("scrape_samples_scraped"))
	require.Equal(t, []string{"0s=3s"}, l.region.at("scrape_samples_post_metric_relabeling"))
	require.Equal(t, []string{"0s=3s"}, l.region.at("scrape_series_added"))
	require.Equal(t, []string{"0s=5.03ms"}, l.region.at("scrape_duration_seconds"))
}

func TestStaleness(t *testing.T) {
	target := newFakeTarget("j", 3)
	target.interval = time.Second
	l := startLab(t, func(c *Config) { c.Targets = []Target{target} })
	first := slotAfter("c1", time.Second, epoch)
	tick := func() { l.clock.Advance(time.Second); l.settle() }
	seen := func(parts ...string) []string {
		l.flush()
		out := l.region.at(parts...)
		l.region.mu.Lock()
		l.region.samples = nil
		l.region.mu.Unlock()
		for i := range out {
			_, out[i], _ = strings.Cut(out[i], "=")
			if out[i] != "stale" && !strings.HasPrefix(out[i], "-") {
				out[i] = "value"
			}
		}
		return out
	}
	require.Less(t, first.Sub(epoch), time.Second)
	seen()

	tick()
	require.Equal(t, []string{"value"}, seen(`i="0001"`))
	all := target.series
	target.series = []labels.Labels{all[0], all[2]} // one in the middle disappears
	tick()
	require.Equal(t, []string{"stale"}, seen(`i="0001"`))
	tick()
	require.Empty(t, seen(`i="0001"`), "marked once")
	target.series = []labels.Labels{all[2], all[1], all[0]} // returns, out of order
	tick()
	require.Equal(t, []string{"value"}, seen(`i="0001"`))

	target.err = errors.New("connection refused")
	tick()
	require.Equal(t, []string{"stale", "stale", "stale"}, seen(`i="`))
	tick()
	l.flush()
	require.Contains(t, l.region.at(`"up"`)[0], "=0s")
	require.Contains(t, l.region.at("scrape_samples_scraped")[0], "=0s")
	require.Empty(t, seen(`i="`))
	target.err = nil
	tick()
	require.Len(t, seen(`i="`), 3)

	l.SetTargets(nil) // the target goes away
	l.settle()
	require.Equal(t, []string{"stale", "stale", "stale", "stale", "stale", "stale", "stale", "stale"}, seen())
	tick()
	require.Empty(t, seen())
}

func TestSetTargets(t *testing.T) {
	a, b := newFakeTarget("a", 1), newFakeTarget("b", 1)
	l := startLab(t, func(c *Config) { c.Targets = []Target{a} })
	l.SetTargets([]Target{a, b})
	l.settle()
	require.Equal(t, []int{1, 1}, []int{a.scrapes, b.scrapes}, "only the new one at once")
	again := newFakeTarget("a", 1) // another value with the labels of a
	l.SetTargets([]Target{b, again})
	l.settle()
	l.pass(30 * time.Second)
	l.flush()
	require.Equal(t, []int{1, 2, 1}, []int{a.scrapes, b.scrapes, again.scrapes})
	for _, s := range l.region.stored() {
		require.False(t, value.IsStaleNaN(s.v), "a went on: %s", s.labels)
	}
}

// Two targets that share their labels must not write one series twice.
func TestTargetsOfSameLabels(t *testing.T) {
	one, two := newFakeTarget("j", 1), newFakeTarget("j", 0)
	two.series = []labels.Labels{labels.FromStrings("__name__", "other", "job", "j")}
	l := startLab(t, func(c *Config) { c.Targets = []Target{one, two} })
	l.flush()
	require.Len(t, l.region.at(`"up"`), 1)
	require.Len(t, l.region.at(`"other"`), 1)
	l.SetTargets([]Target{one})
	l.settle()
	l.flush()
	require.Len(t, l.region.at(`"other"`), 2)
	require.Len(t, l.region.at(`"up"`), 1)
}

func TestDuplicateSamples(t *testing.T) {
	target := newFakeTarget("j", 2)
	target.series = append(target.series, target.series[0])
	l := startLab(t, func(c *Config) { c.Targets = []Target{target} })
	l.pass(30 * time.Second)
	l.flush()
	require.Equal(t, map[string]int64{dropDuplicate: 2}, l.in(ledger.Metrics).Dropped)
	require.Len(t, l.region.at(`i="0000"`), 2)
}

func TestSlots(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 15 * time.Second, 30 * time.Second, time.Hour} {
		at := slotAfter("c1", interval, epoch)
		require.True(t, at.After(epoch))
		require.LessOrEqual(t, at.Sub(epoch), interval)
		require.Equal(t, at.Add(interval), slotAfter("c1", interval, at), "slots form a grid")
		require.Equal(t, at, slotAfter("c1", interval, at.Add(-1)))
		require.Zero(t, at.Nanosecond()%int(time.Millisecond))
	}
	require.NotEqual(t, slotAfter("c1", time.Hour, epoch), slotAfter("c2", time.Hour, epoch))
	before := time.Unix(-100, 0)
	require.True(t, slotAfter("c1", time.Hour, before).After(before))
}

// All targets of a cluster and interval share their timestamps.
func TestSharedTimestamps(t *testing.T) {
	l := startLab(t, func(c *Config) { c.Targets = []Target{newFakeTarget("a", 1), newFakeTarget("b", 1)} })
	l.pass(2 * time.Minute)
	l.flush()
	strip := func(in []string) (out []string) {
		for _, s := range in {
			out = append(out, s[:strings.Index(s, "=")])
		}
		return out
	}
	a := strip(l.region.at(`"m"`, `job="a"`))
	require.Len(t, a, 5)
	require.Equal(t, a, strip(l.region.at(`"m"`, `job="b"`)))
}
