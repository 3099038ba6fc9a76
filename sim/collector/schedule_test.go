package collector

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

func TestMissedSlots(t *testing.T) {
	f := func(c clock.Clock, late, want time.Duration) {
		t.Helper()
		collector := &Collector{cfg: Config{Clock: c}}
		require.Equal(t, epoch.Add(want), collector.following(epoch, 30*time.Second, epoch.Add(late)))
	}
	real, virtual := clock.Real(), clock.NewVirtual(epoch)
	f(real, 0, 30*time.Second)
	f(real, 59*time.Second, 30*time.Second)
	f(real, time.Hour, time.Hour) // the machine slept: no scrapes for the past
	f(real, time.Hour+10*time.Second, time.Hour)
	f(virtual, time.Hour, 30*time.Second)
}

func TestRealTimeouts(t *testing.T) {
	f := func(c clock.Clock, lab, want time.Duration) {
		t.Helper()
		require.Equal(t, want, realTimeout(c, lab))
	}
	f(clock.Real(), 5*time.Second, 5*time.Second)
	f(clock.NewVirtual(epoch), 5*time.Second, 5*time.Second)
	f(clock.Accelerated(epoch, 2), 5*time.Second, 2500*time.Millisecond)
	f(clock.Accelerated(epoch, 3600), 5*time.Second, time.Second)
	f(clock.Accelerated(epoch, 3600), 100*time.Millisecond, 100*time.Millisecond)
}

// A collector in accelerated time runs its slots and windows by the lab's clock.
func TestAcceleratedTime(t *testing.T) {
	l := newLab(t, func(c *Config) {
		c.Clock = clock.Accelerated(epoch, 600)
		c.Targets, c.Logs = []Target{newFakeTarget("j", 1)}, ticking{}
	})
	require.NoError(t, l.Start(t.Context()))
	require.Eventually(t, func() bool { return len(l.region.at(`"m"`)) >= 3 && len(l.region.storedLogs()) > 60 }, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, l.Shutdown(t.Context()))
	requireOrder(t, l.region.stored())
	stored := l.region.storedLogs()
	require.Len(t, distinct(stored), len(stored))
}

func TestLogBacklogIsBounded(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Logs, c.StorageDir = ticking{}, t.TempDir() })
	l.start()
	l.pass(10 * time.Second)
	require.NoError(t, l.Shutdown(t.Context()))
	l.clock.Advance(5 * time.Hour)
	l.restart()
	l.pass(2 * time.Second)
	l.flush()
	require.Len(t, l.region.storedLogs(), 10+int(maxLogBacklog/time.Second)+2)
}

func TestTargetsWithoutMetricsEndpoint(t *testing.T) {
	target := newFakeTarget("j", 1)
	l := startLab(t, func(c *Config) { c.Metrics, c.Targets = Endpoint{}, []Target{target} })
	l.SetTargets([]Target{target})
	l.pass(time.Minute)
	require.Zero(t, target.scrapes)
}
