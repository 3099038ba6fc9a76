package network

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"koflab/sim/clock"
)

// reader is the receiving half of a connection. What the socket delivers while
// the link is at fault is held until it would have crossed the link.
type reader struct {
	mu       sync.Mutex
	deadline deadline
	held     []byte
	err      error // what the socket reported after held
	due      time.Time
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	r := &c.read
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held) == 0 && r.err == nil {
		n, err := c.Conn.Read(p[:min(len(p), c.link.fault.Load().burst())])
		c.link.received.Add(int64(n))
		f := c.link.fault.Load()
		// What comes from this side does not cross the link.
		local := errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded)
		if f == nil || n == 0 && local {
			return n, c.explain("read", err)
		}
		r.held, r.err = append(r.held[:0], p[:n]...), err
		r.due = c.link.reserve(f, inbound, n).Add(f.retransmission(c.link.random(inbound), n, firstRetransmission))
	}
	// What follows in the socket is left there meanwhile.
	resume := clock.Pause(c.Conn)
	err := c.cross(r.due, &r.deadline)
	resume()
	if err != nil {
		return 0, c.explain("read", err)
	}
	n := copy(p, r.held)
	r.held = r.held[n:]
	if len(r.held) > 0 {
		return n, nil
	}
	err = r.err
	r.held, r.err = nil, nil
	return n, c.explain("read", err)
}
