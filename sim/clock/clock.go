// Package clock gives the lab its time. Everything that waits, stamps or
// expires reads a Clock, so that a lab can run in real time, faster, or in
// virtual time that moves only when told.
package clock

import (
	"time"
)

// Clock tells the lab's time and waits in it. Durations are lab time.
type Clock interface {
	// Now returns the lab's time in UTC.
	Now() time.Time
	// NewTimer fires once after d of lab time.
	NewTimer(d time.Duration) Timer
	// NewTicker fires every d of lab time (d > 0); ticks that a slow receiver
	// misses are skipped.
	NewTicker(d time.Duration) Ticker
	// Mode is "real", "accelerated" or "virtual".
	Mode() string
	// Speed is lab seconds per real second; 0 for virtual time.
	Speed() float64
}

// Timer fires once.
type Timer interface {
	C() <-chan time.Time
	// Stop prevents the timer from firing; it reports whether it was pending.
	Stop() bool
}

// Ticker fires repeatedly until stopped.
type Ticker interface {
	C() <-chan time.Time
	Stop()
}
