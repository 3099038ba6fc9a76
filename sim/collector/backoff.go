package collector

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Growth and jitter of the waits, as in the OpenTelemetry Collector's backoff.
const (
	backoffGrowth = 1.5
	backoffJitter = 0.5
)

// retryPolicy says how long to wait between attempts and when to give up. The
// jitter follows from a seed, the batch and the attempt, so that a lab repeats itself
// whatever the order in which its batches happen to fail.
type retryPolicy struct {
	initial, max time.Duration
	maxElapsed   time.Duration // negative: never give up
	seed         uint64
}

func newRetryPolicy(initial, maximum, maxElapsed time.Duration, seed string) *retryPolicy {
	return &retryPolicy{
		initial: initial, max: maximum, maxElapsed: maxElapsed,
		seed: hashString(seed),
	}
}

// wait returns the n-th wait of a batch, n from 0.
func (p *retryPolicy) wait(batch uint64, n int) time.Duration {
	d := float64(p.initial)
	for range n {
		if d >= float64(p.max) {
			break
		}
		d *= backoffGrowth
	}
	d = min(d, float64(p.max))
	drawn := rand.New(rand.NewPCG(p.seed+uint64(n), batch)).Float64()
	return time.Duration(d * (1 - backoffJitter + 2*backoffJitter*drawn))
}

// over reports whether a retry at next comes too late for a batch first tried
// at start.
func (p *retryPolicy) over(start, next time.Time) bool {
	return p.maxElapsed >= 0 && next.Sub(start) > p.maxElapsed
}

func hashString(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}
