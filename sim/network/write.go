package network

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// sendBuffer is how many bytes a connection takes that have not crossed its
// link, as the kernel's send buffer does, before a write has to wait.
const sendBuffer = 256 << 10

// writer is the sending half of a connection. While the link is at fault a
// goroutine carries what is queued to the socket; it ends with the queue.
type writer struct {
	mu       sync.Mutex // one Write at a time
	deadline deadline

	queueMu sync.Mutex
	queue   []segment
	bytes   int
	sending bool
	room    chan struct{} // closed when the queue gets shorter; made by who waits
	last    time.Time     // when the newest segment is due: order is kept
}

type segment struct {
	data []byte
	due  time.Time
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	w := &c.write
	w.mu.Lock()
	defer w.mu.Unlock()
	total := 0
	for len(p) > 0 {
		f := c.link.fault.Load()
		if f == nil && w.idle() {
			n, err := c.Conn.Write(p)
			c.link.sent.Add(int64(n))
			return total + n, c.explain("write", err)
		}
		n := min(len(p), f.burst())
		if err := c.waitForRoom(n); err != nil {
			return total, c.explain("write", err)
		}
		c.enqueue(f, append([]byte(nil), p[:n]...))
		total, p = total+n, p[n:]
	}
	return total, nil
}

func (w *writer) idle() bool {
	w.queueMu.Lock()
	defer w.queueMu.Unlock()
	return !w.sending
}

// waitForRoom blocks until n more bytes fit the send buffer.
func (c *conn) waitForRoom(n int) error {
	w := &c.write
	for {
		select {
		case <-c.closed:
			return os.ErrClosed
		default:
		}
		if w.deadline.passed() {
			return os.ErrDeadlineExceeded
		}
		w.queueMu.Lock()
		if w.bytes+n <= sendBuffer {
			w.queueMu.Unlock()
			return nil
		}
		if w.room == nil {
			w.room = make(chan struct{})
		}
		room := w.room
		w.queueMu.Unlock()
		if err := c.wait(room, nil, &w.deadline); err != nil {
			return err
		}
	}
}

// enqueue hands data to the sender, with the time at which it will have
// crossed the link.
func (c *conn) enqueue(f *Fault, data []byte) {
	w := &c.write
	due := c.link.clock.Now()
	if f != nil {
		r := c.link.random(outbound)
		due = c.link.reserve(f, outbound, len(data)).Add(f.latency(r) + f.retransmission(r, len(data), firstRetransmission))
	}
	w.queueMu.Lock()
	defer w.queueMu.Unlock()
	if due.Before(w.last) {
		due = w.last
	}
	w.last = due
	w.queue = append(w.queue, segment{data, due})
	w.bytes += len(data)
	if !w.sending {
		w.sending = true
		go c.send()
	}
}

// send carries the queue over the link until it is empty or the connection ends.
func (c *conn) send() {
	w := &c.write
	for {
		w.queueMu.Lock()
		if len(w.queue) == 0 {
			w.sending, w.queue, w.last = false, nil, time.Time{}
			w.queueMu.Unlock()
			return
		}
		s := w.queue[0]
		w.queueMu.Unlock()

		if c.cross(s.due, nil) != nil {
			return
		}
		n, err := c.Conn.Write(s.data)
		c.link.sent.Add(int64(n))
		if err != nil {
			_ = c.end(syscall.ECONNRESET)
			return
		}

		w.queueMu.Lock()
		w.queue[0] = segment{}
		w.queue = w.queue[1:]
		w.bytes -= len(s.data)
		if w.room != nil {
			close(w.room)
			w.room = nil
		}
		w.queueMu.Unlock()
	}
}
