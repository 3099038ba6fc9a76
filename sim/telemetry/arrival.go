package telemetry

import (
	"math"

	"koflab/sim/inventory"
)

// arrivals is a stream of numbered instants: number k happens at a time that is a
// pure function of k, strictly later than number k-1. Over time they follow
// rate·(1+wave) per second.
type arrivals struct {
	seed  inventory.Seed
	rate  float64 // per second; 0 = nothing ever arrives
	wave  *wave
	epoch int64   // Unix nanoseconds
	zero  float64 // the wave's area at the epoch
	slack float64 // how far the wave moves an arrival at most, seconds
}

// Below minRate nothing is taken to arrive; above maxRate neighbours could no longer
// be told apart in nanoseconds. Both per second.
const (
	minRate = 1e-6
	maxRate = 1e6
)

func newArrivals(seed inventory.Seed, rate float64, w *wave, epoch int64) arrivals {
	_, zero := w.at(0)
	rate = min(rate, maxRate)
	if rate < minRate {
		rate = 0
	}
	return arrivals{seed: seed, rate: rate, wave: w, epoch: epoch, zero: zero, slack: 2 * w.amplitudeOfArea()}
}

// expected is the mean number of arrivals between the epoch and sec.
func (a *arrivals) expected(sec float64) float64 {
	_, area := a.wave.at(sec)
	return a.rate * (sec + area - a.zero)
}

// at returns the Unix nanoseconds of arrival k >= 0: the time at which the expected
// number reaches k plus a seeded part of one.
func (a *arrivals) at(k int64) int64 {
	target := (float64(k) + a.seed.At(k).Between(0.1, 0.9)) / a.rate
	sec := a.solve(target)
	whole := math.Floor(sec)
	return a.epoch + int64(whole)*1e9 + int64(math.Round((sec-whole)*1e9))
}

// solve finds sec with sec + area(sec) - zero = target by Newton's method, kept
// inside a bracket because waves bend.
func (a *arrivals) solve(target float64) float64 {
	lo, hi := target-a.slack, target+a.slack
	sec := target
	for range 64 {
		level, area := a.wave.at(sec)
		miss := sec + area - a.zero - target
		if miss > 0 {
			hi = sec
		} else {
			lo = sec
		}
		next := sec - miss/(1+level)
		if next <= lo || next >= hi {
			next = lo + (hi-lo)/2
		}
		if math.Abs(next-sec) < 5e-10 {
			return next
		}
		sec = next
	}
	return sec
}

// count returns how many arrivals have happened at or before nanos; arrivals
// 0..count-1 are those.
func (a *arrivals) count(nanos int64) int64 {
	if a.rate <= 0 || nanos < a.epoch {
		return 0
	}
	k := max(0, int64(a.expected(float64(nanos-a.epoch)/1e9))-1)
	for k > 0 && a.at(k-1) > nanos {
		k--
	}
	for a.at(k) <= nanos {
		k++
	}
	return k
}
