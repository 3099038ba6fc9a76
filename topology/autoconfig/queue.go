package autoconfig

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"koflab/sim/clock"
)

// key is something to be looked at.
type key struct {
	kind string
	types.NamespacedName
}

func (k key) String() string { return k.kind + " " + k.NamespacedName.String() }

const (
	// quickRetries of a failure are made soon, in real time: most are about
	// something that is just being made. Later ones wait on the lab's clock.
	quickRetries  = 5
	quickRetry    = 20 * time.Millisecond
	slowRetry     = 5 * time.Second
	slowRetryMost = 5 * time.Minute
	// gather is how long, in real time, what is not urgent waits for more of it.
	gather = 200 * time.Millisecond
	// perSummary is how much longer that is for lists of clusters, by cluster.
	perSummary = 5 * time.Millisecond
)

// queue holds what is to be looked at, each thing once. A thing that is added
// while it is looked at is looked at again.
type queue struct {
	clock clock.Clock

	mu      sync.Mutex
	wake    *sync.Cond
	pending []key
	waiting map[key]bool // in pending
	active  map[key]bool // being looked at; true: once more
	soon    map[key]clock.Timer
	slow    map[key]chan struct{} // closed to end the wait
	failed  map[key]int
	closed  bool
}

func newQueue(c clock.Clock) *queue {
	q := &queue{
		clock: c, waiting: map[key]bool{}, active: map[key]bool{}, soon: map[key]clock.Timer{},
		slow: map[key]chan struct{}{}, failed: map[key]int{},
	}
	q.wake = sync.NewCond(&q.mu)
	return q
}

// add asks for a look at something now.
func (q *queue) add(k key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.addLocked(k)
}

func (q *queue) addLocked(k key) {
	if q.closed || q.waiting[k] {
		return
	}
	if t := q.soon[k]; t != nil {
		t.Stop()
		delete(q.soon, k)
	}
	if _, busy := q.active[k]; busy {
		q.active[k] = true
		return
	}
	q.waiting[k] = true
	q.pending = append(q.pending, k)
	q.wake.Broadcast()
}

// addLater asks for a look after some real time, at the latest when settling.
func (q *queue) addLater(k key, after time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.waiting[k] || q.soon[k] != nil {
		return
	}
	q.soon[k] = clock.AfterFunc(clock.Wall(q.clock), after, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.soon[k] != nil {
			delete(q.soon, k)
			q.addLocked(k)
		}
	})
}

// hurry does now what was to be done soon.
func (q *queue) hurry() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for k, t := range q.soon {
		if t.Stop() {
			delete(q.soon, k)
			q.addLocked(k)
		}
	}
}

// idle reports whether nothing is to be done but what waits on the lab's clock.
func (q *queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending) == 0 && len(q.active) == 0 && len(q.soon) == 0
}

// working reports whether something is to be done that does not wait for more of
// its kind.
func (q *queue) working() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending) > 0 || len(q.active) > 0
}

// work looks at one thing after the other until the queue is closed. A failure
// is told with the number of failures in a row, and looked at again later.
func (q *queue) work(ctx context.Context, look func(context.Context, key) error, failed func(key, error, int)) {
	for {
		k, ok := q.take()
		if !ok {
			return
		}
		err := look(ctx, k)
		if n := q.done(ctx, k, err); n > 0 {
			failed(k, err, n)
		}
	}
}

func (q *queue) take() (key, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.pending) == 0 && !q.closed {
		q.wake.Wait()
	}
	if q.closed {
		return key{}, false
	}
	k := q.pending[0]
	q.pending = q.pending[1:]
	delete(q.waiting, k)
	q.active[k] = false
	return k, true
}

// done returns how often in a row the thing failed.
func (q *queue) done(ctx context.Context, k key, err error) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	again := q.active[k]
	delete(q.active, k)
	if end := q.slow[k]; end != nil {
		close(end)
		delete(q.slow, k)
	}
	if err == nil || q.closed {
		delete(q.failed, k)
		if again {
			q.addLocked(k)
		}
		q.wake.Broadcast()
		return 0
	}
	q.failed[k]++
	n := q.failed[k]
	switch {
	case again:
		q.addLocked(k)
	case n <= quickRetries:
		after := quickRetry << (n - 1)
		q.soon[k] = clock.AfterFunc(clock.Wall(q.clock), after, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			if q.soon[k] != nil {
				delete(q.soon, k)
				q.addLocked(k)
			}
		})
	default:
		q.later(ctx, k, min(slowRetry<<min(n-quickRetries-1, 10), slowRetryMost))
	}
	q.wake.Broadcast()
	return n
}

// later looks again after a time of the lab's clock.
func (q *queue) later(ctx context.Context, k key, after time.Duration) {
	t, end := q.clock.NewTimer(after), make(chan struct{})
	q.slow[k] = end
	go func() {
		defer t.Stop()
		select {
		case <-t.C():
			q.mu.Lock()
			defer q.mu.Unlock()
			if q.slow[k] == end {
				delete(q.slow, k)
				q.addLocked(k)
			}
		case <-end:
		case <-ctx.Done():
		}
	}()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for k, t := range q.soon {
		t.Stop()
		delete(q.soon, k)
	}
	q.wake.Broadcast()
}

// String lists what is being looked at, and how much waits.
func (q *queue) String() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	text := ""
	for k := range q.active {
		text += " " + k.String() + ","
	}
	if n := len(q.pending) + len(q.soon); n > 0 {
		text += fmt.Sprintf(" %d more,", n)
	}
	return text
}
