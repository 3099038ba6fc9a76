package telemetry

import (
	"time"

	"koflab/sim/inventory"
)

// restarts is the life of a container that fails now and then. Restart i happens
// once in each period, at a seeded place within the first half of it.
type restarts struct {
	seed   inventory.Seed
	first  int64 // Unix nanoseconds: start of the first process
	period int64 // nanoseconds
	reason string
}

// at is the time of restart i >= 0, in Unix nanoseconds.
func (r *restarts) at(i int64) int64 {
	return r.first + (i+1)*r.period + int64(r.seed.At(i).Unit()*float64(r.period/2))
}

// count is the number of restarts until nanos.
func (r *restarts) count(nanos int64) int64 {
	if nanos < r.first+r.period {
		return 0
	}
	i := (nanos-r.first)/r.period - 1 // the restart of the period that nanos is in
	if r.at(i) <= nanos {
		return i + 1
	}
	return i
}

// last is the time of the newest restart until nanos, if there was one.
func (r *restarts) last(nanos int64) (int64, bool) {
	n := r.count(nanos)
	if n == 0 {
		return 0, false
	}
	return r.at(n - 1), true
}

// exitCode is what the failing process leaves.
func (r *restarts) exitCode() int {
	if r.reason == oomKilled {
		return 137
	}
	return 1
}

const oomKilled = "OOMKilled"

// flakyRatio is the share of application containers that restart; the periods of
// those that do lie between flakyMin and flakyMax.
const (
	flakyRatio = 0.12
	flakyMin   = 9 * time.Hour
	flakyMax   = 72 * time.Hour
)

// newRestarts returns nil for a container that never restarts, or whose restarts
// Kubernetes counts.
func newRestarts(seed inventory.Seed, first int64, app bool) *restarts {
	if !app || seed.Of("flaky").Unit() >= flakyRatio {
		return nil
	}
	reason := "Error"
	if seed.Of("oom").Unit() < 0.5 {
		reason = oomKilled
	}
	return &restarts{
		seed: seed.Of("restarts"), first: first, reason: reason,
		period: int64(seed.Of("period").Between(float64(flakyMin), float64(flakyMax))),
	}
}
