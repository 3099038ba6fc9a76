package logstore

import (
	"context"
	"net/http"
	"time"
)

// queueTime is how long a request waits for its turn, in real time.
const queueTime = 10 * time.Second

// slots bound the requests of a kind that are worked on at once.
type slots chan struct{}

func newSlots(n int) slots { return make(slots, n) }

// take waits for a slot and returns the function that gives it back.
func (s slots) take(ctx context.Context) (func(), error) {
	release := func() { <-s }
	select {
	case s <- struct{}{}:
		return release, nil
	default:
	}
	timer := time.NewTimer(queueTime)
	defer timer.Stop()
	select {
	case s <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, Errorf(http.StatusServiceUnavailable, "%d requests of this kind are already running; try again later", cap(s))
	}
}
