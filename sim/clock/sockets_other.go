//go:build !linux

package clock

import (
	"sync/atomic"
	"time"
)

// sockets cannot be looked into here: what is under way is given a moment.
type sockets struct{ asked atomic.Int64 }

// pause gives the processor to other threads.
func pause() { time.Sleep(time.Microsecond) }

func newSockets() *sockets { return &sockets{} }

// ready waits, every third time, for what the kernel may still deliver.
func (s *sockets) ready() bool {
	if s.asked.Add(1)%looks == 0 {
		time.Sleep(2 * time.Millisecond)
	}
	return false
}

func (s *sockets) watch(any, bool) {}
func (s *sockets) close()          {}
