package state

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Exit lets one wait for the end of the lab's process, which comes a moment
// after it has let go of its files and lock. It is to be called while the lab is
// alive; the function that it returns gives up after limit.
func (d *Dir) Exit() (wait func(limit time.Duration)) {
	r, err := d.Read()
	if err != nil || r.PID == 0 {
		return func(time.Duration) {}
	}
	fd, err := unix.PidfdOpen(r.PID, 0)
	if err != nil {
		return func(time.Duration) {} // it has gone
	}
	return func(limit time.Duration) {
		defer unix.Close(fd)
		deadline := time.Now().Add(limit)
		for {
			left := max(0, time.Until(deadline))
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds()))
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}
}
