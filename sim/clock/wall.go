package clock

import (
	"context"
	"sync"
	"time"
)

// Wall returns the clock by which waits are paced that have nothing to do with
// what the lab models: polls, pauses that gather changes, bounds on requests. That
// is the machine's, unless the lab's time is virtual: then there is no other, and
// whoever waits in it is known to wait.
func Wall(c Clock) Clock {
	if v, ok := c.(*Virtual); ok {
		return v
	}
	return Real()
}

// Hold makes virtual time stand still until release is called: for what waits in the
// machine's time, such as the orderly end of a server. With any other clock it does
// nothing.
func Hold(c Clock) (release func()) {
	v, ok := c.(*Virtual)
	if !ok {
		return func() {}
	}
	v.idle.held.Add(1)
	return sync.OnceFunc(func() { v.idle.held.Add(-1) })
}

// AfterFunc calls f in its own goroutine after d of a clock's time, unless the
// timer is stopped before.
func AfterFunc(c Clock, d time.Duration, f func()) Timer {
	if _, ok := c.(real); ok {
		return realTimer{time.AfterFunc(d, f)}
	}
	if s, ok := c.(*scaled); ok {
		return realTimer{time.AfterFunc(s.real(d), f)}
	}
	t := &funcTimer{timer: c.NewTimer(d), stopped: make(chan struct{})}
	var closed chan struct{}
	if v, ok := c.(*Virtual); ok {
		closed = v.closed
	}
	go func() {
		select {
		case <-t.timer.C():
			f()
		case <-t.stopped:
		case <-closed:
		}
	}()
	return t
}

type funcTimer struct {
	timer   Timer
	once    sync.Once
	stopped chan struct{}
}

// C never delivers, as that of time.AfterFunc.
func (t *funcTimer) C() <-chan time.Time { return nil }

func (t *funcTimer) Stop() bool {
	pending := t.timer.Stop()
	if pending {
		t.once.Do(func() { close(t.stopped) })
	}
	return pending
}

// WithTimeout returns a context that ends with context.DeadlineExceeded after d of
// a clock's time. It has no Deadline unless the clock is the machine's.
func WithTimeout(parent context.Context, c Clock, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := c.(real); ok {
		return context.WithTimeout(parent, d)
	}
	ctx := &timed{Context: parent, done: make(chan struct{})}
	stop := context.AfterFunc(parent, func() { ctx.end(parent.Err()) })
	timer := AfterFunc(c, d, func() { ctx.end(context.DeadlineExceeded) })
	return ctx, func() {
		timer.Stop()
		stop()
		ctx.end(context.Canceled)
	}
}

// timed is a context that ends by a clock.
type timed struct {
	context.Context
	done chan struct{}

	mu  sync.Mutex
	err error
}

func (c *timed) Done() <-chan struct{} { return c.done }

func (c *timed) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *timed) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.done)
	}
}
