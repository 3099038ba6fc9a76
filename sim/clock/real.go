package clock

import (
	"math"
	"time"
)

// real is the machine's wall clock. It follows corrections of that clock and
// sleeps of the machine, so that the lab agrees with peers outside.
type real struct{}

// Real returns a clock that runs with the machine's.
func Real() Clock { return real{} }

func (real) Now() time.Time                   { return time.Now().UTC().Round(0) }
func (real) NewTimer(d time.Duration) Timer   { return realTimer{time.NewTimer(d)} }
func (real) NewTicker(d time.Duration) Ticker { return realTicker{time.NewTicker(max(d, 1))} }
func (real) Mode() string                     { return "real" }
func (real) Speed() float64                   { return 1 }

// scaled runs at a fixed speed from the moment it was made.
type scaled struct {
	origin time.Time // lab time at start
	start  time.Time // real time at start, with its monotonic reading
	speed  float64
}

// Accelerated returns a clock that starts at origin and runs speed (> 0) times
// as fast as real time.
func Accelerated(origin time.Time, speed float64) Clock {
	return &scaled{origin: origin.UTC().Round(0), start: time.Now(), speed: speed}
}

func (c *scaled) Now() time.Time {
	return c.origin.Add(time.Duration(float64(time.Since(c.start)) * c.speed))
}

// real turns lab time into real time. It rounds up, so that no timer
// fires before its lab time.
func (c *scaled) real(d time.Duration) time.Duration {
	r := float64(max(d, 0)) / c.speed
	if r >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(math.Ceil(r)) + 1
}

func (c *scaled) Mode() string {
	if c.speed == 1 {
		return "real"
	}
	return "accelerated"
}

func (c *scaled) Speed() float64 { return c.speed }

func (c *scaled) NewTimer(d time.Duration) Timer { return realTimer{time.NewTimer(c.real(d))} }

func (c *scaled) NewTicker(d time.Duration) Ticker { return realTicker{time.NewTicker(c.real(d))} }

type realTimer struct{ t *time.Timer }

func (t realTimer) C() <-chan time.Time { return t.t.C }
func (t realTimer) Stop() bool          { return t.t.Stop() }

type realTicker struct{ t *time.Ticker }

func (t realTicker) C() <-chan time.Time { return t.t.C }
func (t realTicker) Stop()               { t.t.Stop() }
