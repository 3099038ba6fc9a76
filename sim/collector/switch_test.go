package collector

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"koflab/sim/clock"
)

// marked is ticking with a name in its records.
type marked string

func (m marked) Logs(from, to time.Time) plog.Logs {
	l := plog.NewLogs()
	for t := from.Truncate(time.Second).Add(time.Second); !t.After(to); t = t.Add(time.Second) {
		oneLog(string(m) + t.Format(time.TimeOnly)).ResourceLogs().MoveAndAppendTo(l.ResourceLogs())
	}
	return l
}

func (m marked) Traces(from, to time.Time) ptrace.Traces {
	l := ptrace.NewTraces()
	for t := from.Truncate(time.Second).Add(time.Second); !t.After(to); t = t.Add(time.Second) {
		oneSpan(string(m) + t.Format(time.TimeOnly)).ResourceSpans().MoveAndAppendTo(l.ResourceSpans())
	}
	return l
}

// between holds that of n records, each second's came once, those until at from the
// old source and the others from the new.
func between(t *testing.T, records []string, n int, at time.Time) {
	t.Helper()
	var want []string
	for s := 1; s <= n; s++ {
		mark := "old "
		if when := epoch.Add(time.Duration(s) * time.Second); when.After(at) {
			mark = "new "
		}
		want = append(want, mark+epoch.Add(time.Duration(s)*time.Second).Format(time.TimeOnly))
	}
	require.ElementsMatch(t, want, records)
}

func TestSwitch(t *testing.T) {
	l := startLab(t, func(c *Config) {
		c.Logs, c.Traces, c.Targets = marked("old "), marked("old "), []Target{newFakeTarget("j", 3)}
	})
	l.pass(10*time.Second + 400*time.Millisecond)
	var at time.Time
	stays, comes := newFakeTarget("j", 2), newFakeTarget("k", 1)
	l.Switch(func(t time.Time) Sources {
		at = t
		return Sources{[]Target{stays, comes}, marked("new "), marked("new ")}
	})
	l.settle()
	require.Equal(t, epoch.Add(10*time.Second+400*time.Millisecond), at)
	require.Equal(t, 1, comes.scrapes, "a new target is scraped at once")
	l.pass(40*time.Second + 600*time.Millisecond)
	l.flush()
	between(t, l.region.storedLogs(), 51, at)
	between(t, l.region.storedSpans(), 51, at)
	require.Positive(t, stays.scrapes)
	requireOrder(t, l.region.stored())
}

func TestSetSources(t *testing.T) {
	l := startLab(t, func(c *Config) {
		c.Logs, c.Traces, c.Targets = marked("old "), marked("old "), []Target{newFakeTarget("j", 3)}
	})
	l.pass(5 * time.Second)
	l.SetSources(marked("new "), marked("new "))
	l.settle()
	l.pass(5 * time.Second)
	l.SetSources(nil, nil)
	l.settle()
	l.pass(5 * time.Second)
	l.flush()
	between(t, l.region.storedLogs(), 10, epoch.Add(5*time.Second))
	between(t, l.region.storedSpans(), 10, epoch.Add(5*time.Second))
}

// TestSwitchBeforeStart: sources may change before the start, and the backfill
// reads the new ones.
func TestSwitchBeforeStart(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Logs = marked("old ") })
	l.Switch(func(at time.Time) Sources {
		require.Equal(t, epoch, at)
		return Sources{nil, marked("new "), nil}
	})
	require.NoError(t, l.Backfill(t.Context(), epoch.Add(-time.Minute), epoch, 0, nil))
	l.start()
	l.pass(3 * time.Second)
	l.flush()
	stored := l.region.storedLogs()
	require.Len(t, stored, 63)
	for _, s := range stored {
		require.True(t, strings.HasPrefix(s, "new "), s)
	}
}

// TestSwitchesInOrder: the second of two changes finds what the first left, and a
// stopped collector makes none.
func TestSwitchesInOrder(t *testing.T) {
	l := startLab(t, func(c *Config) { c.Logs = marked("old ") })
	var seen []int
	for i := range 3 {
		l.Switch(func(time.Time) Sources { seen = append(seen, i); return Sources{nil, marked("new "), nil} })
	}
	l.settle()
	require.Equal(t, []int{0, 1, 2}, seen)
	require.NoError(t, l.Shutdown(t.Context()))
	l.Switch(func(time.Time) Sources { t.Error("called after the end"); return Sources{} })
}

// counting is a target whose counter is the time; a new one goes on where it took
// over, as generators of a changed cluster do.
type counting struct {
	*fakeTarget
	from time.Time
	t    *testing.T
}

func (c *counting) Scrape(_ context.Context, at time.Time, emit func(labels.Labels, float64)) error {
	if at.Before(c.from) {
		c.t.Errorf("scraped at %s, before it took over at %s", at, c.from)
	}
	emit(c.series[0], float64(at.UnixMilli()))
	return nil
}

// TestSwitchWhileBusy: also in a fast lab, where scrapes are always overdue, every
// target is scraped for its own time only.
func TestSwitchWhileBusy(t *testing.T) {
	l := newLab(t, func(c *Config) {
		c.Clock = clock.Accelerated(epoch, 3600)
		c.Targets = []Target{&counting{newFakeTarget("j", 1), time.Time{}, t}}
	})
	require.NoError(t, l.Start(t.Context()))
	for range 20 {
		done := make(chan struct{})
		l.Switch(func(at time.Time) Sources {
			close(done)
			return Sources{Targets: []Target{&counting{newFakeTarget("j", 1), at, t}}}
		})
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("the change was never made")
		}
	}
	require.NoError(t, l.Shutdown(t.Context()))
	requireOrder(t, l.region.stored())
}

// TestSwitchOfStopped: a change that a stop overtakes is made all the same: the
// successor continues what it made.
func TestSwitchOfStopped(t *testing.T) {
	for name, stop := range map[string]func(*lab){
		"shutdown": func(l *lab) { require.NoError(t, l.Shutdown(t.Context())) },
		"kill":     func(l *lab) { l.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, nil)
			made := 0
			l.beginStopFor(t)
			l.Switch(func(time.Time) Sources { made++; return Sources{} })
			l.Collector.mu.Lock()
			l.Collector.state = running
			l.Collector.mu.Unlock()
			stop(l)
			require.Equal(t, 1, made)
		})
	}
}

// beginStopFor ends the schedule, so that nothing takes up a change any more.
func (l *lab) beginStopFor(t *testing.T) {
	t.Helper()
	require.True(t, l.beginStop())
	l.tasks.Wait()
}
