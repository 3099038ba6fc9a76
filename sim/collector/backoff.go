package collector

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// Growth and jitter of the waits, as in the OpenTelemetry Collector's backoff.
const (
	backoffGrowth = 1.5
	backoffJitter = 0.5
)

// retryPolicy says how long to wait between attempts and when to give up. The
// jitter comes from a seed, so that a lab repeats itself.
type retryPolicy struct {
	initial, max time.Duration
	maxElapsed   time.Duration // negative: never give up

	mu   sync.Mutex
	rand *rand.Rand
}

func newRetryPolicy(initial, maximum, maxElapsed time.Duration, seed string) *retryPolicy {
	return &retryPolicy{
		initial: initial, max: maximum, maxElapsed: maxElapsed,
		rand: rand.New(rand.NewPCG(hashString(seed), 0)),
	}
}

// wait returns the n-th wait of a batch, n from 0.
func (p *retryPolicy) wait(n int) time.Duration {
	d := float64(p.initial)
	for range n {
		if d >= float64(p.max) {
			break
		}
		d *= backoffGrowth
	}
	d = min(d, float64(p.max))
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(d * (1 - backoffJitter + 2*backoffJitter*p.rand.Float64()))
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
