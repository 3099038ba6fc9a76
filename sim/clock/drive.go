package clock

import (
	"context"
	"errors"
	"time"
)

// ErrStuck says that something waits in virtual time for what no passing of time
// brings about.
var ErrStuck = errors.New("virtual time has nothing left to bring, and it is still waited for")

// Settle waits until the process has done all there is to do at this instant.
func (v *Virtual) Settle(ctx context.Context) error {
	v.driving.Lock()
	defer v.driving.Unlock()
	defer v.garbage.begin()()
	return v.idle.await(ctx)
}

// Run lets d of time pass, as fast as the work in it allows: from timer to timer,
// each with all of its consequences before the next. It must not be called by what
// it drives.
func (v *Virtual) Run(ctx context.Context, d time.Duration) error {
	v.driving.Lock()
	defer v.driving.Unlock()
	defer v.garbage.begin()()
	end := v.Now().Add(max(d, 0))
	for {
		if err := v.idle.await(ctx); err != nil {
			return err
		}
		if !v.step(end) {
			break
		}
	}
	v.mu.Lock()
	v.now = end
	v.mu.Unlock()
	return nil
}

// While lets as much time pass as f takes: whenever everything waits, f among it,
// the next timer fires. What f returns is returned.
func (v *Virtual) While(ctx context.Context, f func(context.Context) error) error {
	v.driving.Lock()
	defer v.driving.Unlock()
	defer v.garbage.begin()()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	first, waited, nothing := true, time.Duration(0), time.Time{}
	for {
		if err := v.idle.await(ctx); err != nil {
			return <-done // f has been told by its context
		}
		select {
		case err := <-done:
			return err
		default:
		}
		// What takes no lab time may wait in the machine's for a moment: the longer the
		// jump, the longer is looked.
		if g := v.grace(first); g > waited {
			time.Sleep(g - waited)
			waited = g
			continue
		}
		first, waited = false, 0
		if v.step(v.Now().Add(century)) {
			nothing = time.Time{}
			continue
		}
		// It may wait in the machine's time, as the orderly end of a server does.
		if nothing.IsZero() {
			nothing = time.Now()
		}
		if time.Since(nothing) < patience {
			time.Sleep(time.Millisecond)
			continue
		}
		cancel(ErrStuck)
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return ErrStuck
	}
}

// grace is how long, in real time, nothing must have happened before the next timer
// fires.
func (v *Virtual) grace(first bool) time.Duration {
	next, _ := v.Next()
	switch gap := next.Sub(v.Now()); {
	case gap > 2*time.Second:
		return 30 * time.Millisecond
	case first || gap > 200*time.Millisecond:
		return 10 * time.Millisecond
	case gap > 10*time.Millisecond:
		return time.Millisecond
	}
	return 0
}

// patience is for how long, in real time, nothing may happen.
const patience = 5 * time.Second

// century is longer than any timer that is meant to fire.
const century = 100 * 365 * 24 * time.Hour

func (v *Virtual) step(end time.Time) bool {
	v.garbage.step()
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.fire(end)
}
