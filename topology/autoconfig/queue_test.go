package autoconfig

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

// run works on a queue until the test ends.
func runQueue(t *testing.T, q *queue, workers int, look func(key) error) *[]int {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	failures := &[]int{}
	for range workers {
		go func() {
			q.work(ctx, func(_ context.Context, k key) error { return look(k) }, func(_ key, _ error, n int) { *failures = append(*failures, n) })
			done <- struct{}{}
		}()
	}
	t.Cleanup(func() {
		cancel()
		q.close()
		for range workers {
			<-done
		}
	})
	return failures
}

func TestQueueLooksOnceAtWhatIsAddedOften(t *testing.T) {
	q := newQueue(manual(clock.NewVirtual(time.Time{})))
	for range 5 {
		q.add(key{kind: "a"})
		q.addLater(key{kind: "a"}, time.Hour)
	}
	var looks atomic.Int64
	runQueue(t, q, 1, func(key) error { looks.Add(1); return nil })
	require.Eventually(t, q.idle, waitFor, tick)
	require.EqualValues(t, 1, looks.Load())
}

func TestQueueLooksAgainAtWhatChangedMeanwhile(t *testing.T) {
	q := newQueue(manual(clock.NewVirtual(time.Time{})))
	var looks, together, most atomic.Int64
	runQueue(t, q, 4, func(k key) error {
		most.Store(max(most.Load(), together.Add(1)))
		defer together.Add(-1)
		if looks.Add(1) == 1 {
			q.add(k)
			q.add(k)
		}
		time.Sleep(time.Millisecond)
		return nil
	})
	q.add(key{kind: "a"})
	require.Eventually(t, q.idle, waitFor, tick)
	require.EqualValues(t, 2, looks.Load())
	require.EqualValues(t, 1, most.Load(), "two workers never have the same key")
}

func TestQueueRetries(t *testing.T) {
	c := clock.NewVirtual(time.Time{})
	q := newQueue(manual(c))
	var looks atomic.Int64
	failures := runQueue(t, q, 1, func(key) error {
		if looks.Add(1) < quickRetries+3 {
			return errors.New("no")
		}
		return nil
	})
	q.add(key{kind: "a"})
	require.Eventually(t, func() bool { q.hurry(); return looks.Load() == quickRetries+1 && q.idle() }, waitFor, tick)
	for i := range 2 {
		c.Advance(slowRetry << i)
		require.Eventually(t, func() bool { return looks.Load() == int64(quickRetries+2+i) && q.idle() }, waitFor, tick)
	}
	require.Equal(t, []int{1, 2, 3, 4, 5, 6, 7}, *failures)
	_, waiting := c.Next()
	require.False(t, waiting)
}

func TestQueueHurriesOnRequest(t *testing.T) {
	q := newQueue(manual(clock.NewVirtual(time.Time{})))
	var looks atomic.Int64
	runQueue(t, q, 1, func(key) error { looks.Add(1); return nil })
	q.addLater(key{kind: "a"}, time.Hour)
	require.False(t, q.idle())
	q.hurry()
	require.Eventually(t, q.idle, waitFor, tick)
	require.EqualValues(t, 1, looks.Load())
	q.addLater(key{kind: "b"}, time.Hour)
	q.close()
	q.add(key{kind: "c"})
	require.Contains(t, q.String()+"-", "-")
}
