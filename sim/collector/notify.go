package collector

import (
	"sync"
	"time"

	"koflab/sim/clock"
)

// notifier wakes those who wait for some state to change: take the channel,
// look at the state, then wait on the channel.
type notifier struct {
	mu sync.Mutex
	c  chan struct{}
}

// wait returns a channel that the next notify closes.
func (n *notifier) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.c == nil {
		n.c = make(chan struct{})
	}
	return n.c
}

func (n *notifier) notify() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.c != nil {
		close(n.c)
		n.c = nil
	}
}

// timerAt returns a timer that fires at t, on a virtual clock exactly then also
// if the clock is advanced meanwhile.
func timerAt(c clock.Clock, t time.Time) clock.Timer {
	for {
		now := c.Now()
		timer := c.NewTimer(t.Sub(now))
		if c.Speed() != 0 || c.Now().Equal(now) {
			return timer
		}
		timer.Stop()
	}
}
