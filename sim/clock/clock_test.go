package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var origin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("elsewhere", 3600))

func fired(t Timer) bool {
	select {
	case <-t.C():
		return true
	default:
		return false
	}
}

func TestClocksTellModeSpeedAndUTC(t *testing.T) {
	f := func(c Clock, mode string, speed float64) {
		t.Helper()
		require.Equal(t, mode, c.Mode())
		require.Equal(t, speed, c.Speed())
		require.Equal(t, time.UTC, c.Now().Location())
	}
	f(Real(), "real", 1)
	f(Accelerated(origin, 1), "real", 1)
	f(Accelerated(origin, 60), "accelerated", 60)
	f(NewVirtual(origin), "virtual", 0)
}

func TestRealAgreesWithTheMachine(t *testing.T) {
	before := time.Now().Round(0)
	now := Real().Now()
	require.False(t, now.Before(before))
	require.False(t, now.After(time.Now().Round(0)))
}

func TestAcceleratedStartsAtOriginAndRunsFaster(t *testing.T) {
	start := time.Now()
	c := Accelerated(origin, 1000)
	require.False(t, c.Now().Before(origin))
	timer := time.NewTimer(2 * time.Millisecond)
	<-timer.C
	passed := c.Now().Sub(origin)
	require.GreaterOrEqual(t, passed, 2*time.Second)
	require.LessOrEqual(t, passed, 1000*time.Since(start))
}

// No timer may fire before the clock itself shows its time.
func TestTimersDoNotFireEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Accelerated(origin, rapid.Float64Range(0.5, 1e6).Draw(t, "speed"))
		d := time.Duration(rapid.Int64Range(-5, int64(time.Millisecond)).Draw(t, "lab nanoseconds"))
		start := c.Now()
		timer := c.NewTimer(d)
		<-timer.C()
		require.GreaterOrEqual(t, c.Now().Sub(start), d)
	})
}

func TestAcceleratedSaturatesLongTimers(t *testing.T) {
	timer := Accelerated(origin, 0.001).NewTimer(290 * 365 * 24 * time.Hour)
	require.False(t, fired(timer))
	require.True(t, timer.Stop())
}

func TestTickersOfRunningClocks(t *testing.T) {
	for _, c := range []Clock{Real(), Accelerated(origin, 60)} {
		ticker := c.NewTicker(time.Millisecond)
		first := <-ticker.C()
		require.True(t, (<-ticker.C()).After(first))
		ticker.Stop()
	}
}

func TestVirtualStandsStill(t *testing.T) {
	v := NewVirtual(origin)
	require.Equal(t, v.Now(), v.Now())
	v.Advance(-time.Hour)
	require.True(t, v.Now().Equal(origin), "time goes forward only")
	v.Advance(time.Hour)
	require.True(t, v.Now().Equal(origin.Add(time.Hour)))
}

func TestVirtualTimer(t *testing.T) {
	f := func(d, advance time.Duration, want bool) {
		t.Helper()
		v := NewVirtual(origin)
		timer := v.NewTimer(d)
		v.Advance(advance)
		require.Equal(t, want, fired(timer))
		require.Equal(t, !want, timer.Stop())
		require.False(t, timer.Stop(), "a second Stop has nothing to stop")
		v.Advance(time.Hour)
		require.False(t, fired(timer), "once, or never when stopped")
	}
	f(time.Second, 999*time.Millisecond, false)
	f(time.Second, time.Second, true)
	f(time.Second, time.Minute, true)
	f(0, 0, true)
	f(-time.Second, 0, true)
}

func TestVirtualNext(t *testing.T) {
	v := NewVirtual(origin)
	_, ok := v.Next()
	require.False(t, ok)
	v.NewTimer(time.Minute)
	soon := v.NewTimer(time.Second)
	at, ok := v.Next()
	require.True(t, ok)
	require.True(t, at.Equal(origin.Add(time.Second)))
	soon.Stop()
	at, _ = v.Next()
	require.True(t, at.Equal(origin.Add(time.Minute)))
}

func TestVirtualTickerSkipsWhatIsNotTaken(t *testing.T) {
	v := NewVirtual(origin)
	ticker := v.NewTicker(time.Second)
	v.Advance(3500 * time.Millisecond)
	require.True(t, (<-ticker.C()).Equal(origin.Add(time.Second)), "the first tick was kept")
	select {
	case <-ticker.C():
		t.Fatal("missed ticks must not queue up")
	default:
	}
	v.Advance(500 * time.Millisecond)
	require.True(t, (<-ticker.C()).Equal(origin.Add(4*time.Second)), "and the beat is kept")
	ticker.Stop()
	_, pending := v.Next()
	require.False(t, pending)
}

func TestTickerOfNoDurationDoesNotPanic(t *testing.T) {
	for _, c := range []Clock{Real(), Accelerated(origin, 2), NewVirtual(origin)} {
		c.NewTicker(0).Stop()
		c.NewTicker(-time.Second).Stop()
	}
}

// Whatever timers there are and however time is cut into steps, each fires at
// its own time, in order, exactly when the clock has reached it.
func TestVirtualFiresInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := NewVirtual(origin)
		delays := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 20).Draw(t, "delays")
		stopped := map[int]bool{}
		timers := make([]Timer, len(delays))
		for i, d := range delays {
			timers[i] = v.NewTimer(time.Duration(d) * time.Second)
			if d > 0 && rapid.Bool().Draw(t, "stop") {
				stopped[i] = true
				require.True(t, timers[i].Stop())
			}
		}
		last := v.Now()
		for v.Now().Before(origin.Add(50 * time.Second)) {
			if next, ok := v.Next(); ok {
				require.True(t, next.After(last) || next.Equal(last))
			}
			v.Advance(time.Duration(rapid.IntRange(1, 20).Draw(t, "step")) * time.Second)
			last = v.Now()
		}
		for i, d := range delays {
			select {
			case at := <-timers[i].C():
				require.False(t, stopped[i])
				require.True(t, at.Equal(origin.Add(time.Duration(d)*time.Second)))
			default:
				require.True(t, stopped[i])
			}
		}
	})
}
