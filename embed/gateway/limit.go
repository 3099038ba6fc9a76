package gateway

import (
	"context"
	"time"
)

// limit is a counting semaphore with a bounded wait.
type limit chan struct{}

func newLimit(n int) limit { return make(limit, n) }

// acquire takes a slot, waiting up to wait of real time. It reports false when
// there is none or the caller has gone.
func (l limit) acquire(ctx context.Context, wait time.Duration) bool {
	select {
	case l <- struct{}{}:
		return true
	default:
	}
	if wait <= 0 {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case l <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (l limit) release() { <-l }
