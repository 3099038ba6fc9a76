package clock

import (
	"context"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Virtual time may move on only when everything that was to happen at this
// instant has happened. Nobody has to say so: this process is looked at. It is idle
// when no goroutine runs, could run or is in a system call, and no socket that it
// watches has something to deliver. Then all goroutines wait, for each other in
// vain or for time to pass.

// idleness tells whether the process is idle.
type idleness struct {
	samples []metrics.Sample
	// calls are system calls that never return, such as the wait for signals.
	calls   uint64
	ready   func() bool // a watched socket has something
	*poller             // since the first await
	held    atomic.Int64
}

func newIdleness(ready func() bool) *idleness {
	return &idleness{
		samples: []metrics.Sample{
			{Name: "/sched/goroutines/running:goroutines"},
			{Name: "/sched/goroutines/runnable:goroutines"},
			{Name: "/sched/goroutines/not-in-go:goroutines"},
		},
		ready: ready,
	}
}

// state is what the scheduler says at one instant, the caller not counted.
func (i *idleness) state() (busy bool, calls uint64) {
	metrics.Read(i.samples)
	calls = i.samples[2].Value.Uint64()
	return i.samples[0].Value.Uint64() > 1 || i.samples[1].Value.Uint64() > 0 || i.held.Load() > 0, calls
}

// lasting are the system calls that do not return soon, such as the wait for signals.
func (i *idleness) lasting() uint64 {
	_, least := i.state()
	for range 20 {
		time.Sleep(time.Millisecond)
		_, calls := i.state()
		least = min(least, calls)
	}
	return least
}

const (
	// looks are how often in a row the process must be found idle.
	looks = 3
	// flicker is how many looks in a row may find the process busy with nothing but
	// what the last look at the network woke.
	flicker = 8
	// eager are the looks that are taken without a pause: most work is over within
	// them. Later ones leave the processor to others.
	eager = 4000
	nap   = 50 * time.Microsecond
	// retaken is the least time after which the runtime gives the processor of who is in
	// a system call to others, so that they have to be waited for.
	retaken = 20 * time.Microsecond
	// stuck is after how much real time without anything but the same system calls
	// these are taken for such that never return, and sockets for unread on purpose.
	stuck = 2 * time.Second
)

// await returns when the process is idle, or ctx ends.
func (i *idleness) await(ctx context.Context) error {
	if i.poller == nil {
		i.poller = newPoller()
		i.calls = i.lasting()
	}
	var since time.Time // of nothing but calls and unread sockets
	began, sure := time.Now(), false
	for looked := 0; ; {
		i.poll()
		found, busyFor := 0, 0
		for found < looks && busyFor < flicker {
			looked++
			runtime.Gosched()
			busy, calls := i.state()
			if busy {
				found = 0
				busyFor++
				continue
			}
			if calls > i.calls || i.ready() {
				sure = false
				if since.IsZero() {
					since = time.Now()
				}
				if time.Since(since) > stuck {
					i.calls = calls
					return ctx.Err()
				}
				break
			}
			busyFor = 0
			i.calls = calls
			found++
		}
		if found == looks && (sure || time.Since(began) < retaken) {
			return ctx.Err()
		}
		if found == looks {
			// Who comes back from a system call that took a while is in between, neither
			// in it nor runnable, until it gets a lock - and, to ask for that, a processor
			// of the machine. It may be this one.
			pause()
			sure = true
			continue
		}
		if busyFor == flicker {
			since = time.Time{}
		}
		if looked > eager {
			time.Sleep(nap)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
