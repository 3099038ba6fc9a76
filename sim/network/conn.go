package network

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// stallLimit is how long, in lab time, TCP tries to get data through before it
// gives a connection up (Linux: tcp_retries2).
const stallLimit = 15 * time.Minute

// conn is the dialing side's end of a connection over a link. While the link
// is sound, calls go straight to the socket.
type conn struct {
	net.Conn
	link  *link
	read  reader
	write writer

	closeOnce sync.Once
	closed    chan struct{}
	cause     error // why it broke; set before closed is closed
}

// newConn makes the end of a connection that is about to be opened.
func newConn(l *link) *conn {
	l.dials.Add(1)
	return &conn{link: l, closed: make(chan struct{})}
}

func (c *conn) attach(inner net.Conn) {
	c.Conn = inner
	c.link.add(c)
}

// Close drops what has not crossed the link yet.
func (c *conn) Close() error { return c.end(nil) }

// reset cuts the connection with a TCP reset on both ends.
func (c *conn) reset() {
	if t, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0)
	}
	_ = c.end(syscall.ECONNRESET)
}

func (c *conn) end(cause error) error {
	err := net.ErrClosed
	c.closeOnce.Do(func() {
		c.cause = cause
		close(c.closed)
		c.link.remove(c)
		err = c.Conn.Close()
	})
	return err
}

// explain turns what stopped a call into the error that a machine would report.
func (c *conn) explain(op string, err error) error {
	select {
	case <-c.closed:
		err = net.ErrClosed
		if c.cause != nil {
			err = os.NewSyscallError(op, c.cause)
		}
	default:
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.read.deadline.set(t)
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn. Like the kernel, the link takes what
// fits its buffer without waiting; the deadline bounds the wait for room.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.write.deadline.set(t)
	return c.Conn.SetWriteDeadline(t)
}

// wait blocks until an event (nil) or a timer (errTimer). Closing the
// connection and the deadline, which may be nil, are errors too.
func (c *conn) wait(event <-chan struct{}, timer <-chan time.Time, d *deadline) error {
	for {
		expired, moved, stop := d.channels()
		select {
		case <-event:
			stop()
			return nil
		case <-timer:
			stop()
			return errTimer
		case <-c.closed:
			stop()
			return net.ErrClosed
		case <-expired:
			stop()
			return os.ErrDeadlineExceeded
		case <-moved:
			stop()
		}
	}
}

var errTimer = errors.New("timer")

// cross blocks until what is due at a time has crossed the link: not before
// that time, nor during a partition, but at once when the link is sound again.
func (c *conn) cross(due time.Time, d *deadline) error {
	for {
		f, changed := c.link.state()
		if f == nil {
			return nil
		}
		remaining := due.Sub(c.link.clock.Now())
		if f.Partition {
			remaining = stallLimit
		}
		if remaining <= 0 {
			return nil
		}
		timer := c.link.clock.NewTimer(remaining)
		err := c.wait(changed, timer.C(), d)
		timer.Stop()
		if err == errTimer && f.Partition {
			_ = c.end(syscall.ETIMEDOUT)
			return net.ErrClosed
		}
		if err != nil && err != errTimer {
			return err
		}
	}
}
