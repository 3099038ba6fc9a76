package clock

import "time"

// scaled runs at a fixed speed from the moment it was made.
type scaled struct {
	origin time.Time // lab time at start
	start  time.Time // real time at start, with its monotonic reading
	speed  float64
}

// Real returns a clock that runs with the machine's.
func Real() Clock { return Accelerated(time.Now(), 1) }

// Accelerated returns a clock that starts at origin and runs speed (> 0) times
// as fast as real time.
func Accelerated(origin time.Time, speed float64) Clock {
	return &scaled{origin: origin.UTC().Round(0), start: time.Now(), speed: speed}
}

func (c *scaled) Now() time.Time {
	d := time.Since(c.start)
	if c.speed != 1 {
		d = time.Duration(float64(d) * c.speed)
	}
	return c.origin.Add(d)
}

func (c *scaled) real(d time.Duration) time.Duration {
	if c.speed != 1 {
		d = time.Duration(float64(d) / c.speed)
	}
	return max(d, 1)
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
