package clock

import (
	"net"
	"sync"
	"sync/atomic"
)

// Watch makes virtual time wait for what a connection has to deliver: as long as
// something is under way or nobody has read it, time stands still. The connection that
// it returns stands for the other. With any other clock it does nothing.
func Watch(c Clock, conn net.Conn) net.Conn {
	if v, ok := c.(*Virtual); ok {
		return v.wires.attach(conn, v.sockets)
	}
	return conn
}

// Pause ends a Watch for a while, in which what has been delivered is left unread on
// purpose; resume begins it again.
func Pause(conn net.Conn) (resume func()) {
	w, ok := conn.(*watchedConn)
	if !ok {
		return func() {}
	}
	w.in.paused.Store(true)
	w.sockets.watch(w.Conn, false)
	return func() {
		w.in.paused.Store(false)
		w.sockets.watch(w.Conn, true)
	}
}

// Listener watches a listener and the connections that it accepts.
func Listener(c Clock, l net.Listener) net.Listener {
	v, ok := c.(*Virtual)
	if !ok {
		return l
	}
	v.sockets.watch(l, true)
	return &watchedListener{l, v}
}

type watchedListener struct {
	net.Listener
	clock *Virtual
}

func (w *watchedListener) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Watch(w.clock, conn), nil
}

// wires are the connections both of whose ends are watched. The kernel may hold what
// one end has sent for a moment before the other can read it, so both are counted.
type wires struct {
	mu   sync.Mutex
	ends map[[2]string]*wire // by sender and receiver
}

// wire is one direction of a connection.
type wire struct {
	sent, read     atomic.Int64 // bytes
	closed, paused atomic.Bool
	ends           int // that are watched; under wires.mu
}

// busy reports whether something is under way.
func (w *wires) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.ends {
		if x.ends == 2 && !x.closed.Load() && !x.paused.Load() && x.sent.Load() > x.read.Load() {
			return true
		}
	}
	return false
}

func (w *wires) attach(conn net.Conn, s *sockets) net.Conn {
	here, there := conn.LocalAddr().String(), conn.RemoteAddr().String()
	w.mu.Lock()
	defer w.mu.Unlock()
	end := func(from, to string) *wire {
		key := [2]string{from, to}
		x := w.ends[key]
		if x == nil || x.closed.Load() { // the port had another connection before
			x = &wire{}
			w.ends[key] = x
		}
		x.ends++
		return x
	}
	s.watch(conn, true)
	return &watchedConn{Conn: conn, out: end(here, there), in: end(there, here), wires: w, sockets: s}
}

// detach forgets a connection. What it has not read is lost, and nothing more comes.
func (w *wires) detach(c *watchedConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, x := range map[[2]string]*wire{
		{c.LocalAddr().String(), c.RemoteAddr().String()}: c.out,
		{c.RemoteAddr().String(), c.LocalAddr().String()}: c.in,
	} {
		x.closed.Store(true)
		if x.ends--; x.ends == 0 && w.ends[key] == x {
			delete(w.ends, key)
		}
	}
}

// watchedConn is one end of a connection.
type watchedConn struct {
	net.Conn
	out, in *wire
	wires   *wires
	sockets *sockets
	once    sync.Once
}

func (c *watchedConn) Write(p []byte) (int, error) {
	c.out.sent.Add(int64(len(p)))
	n, err := c.Conn.Write(p)
	c.out.sent.Add(int64(n - len(p)))
	return n, err
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in.read.Add(int64(n))
	return n, err
}

func (c *watchedConn) Close() error {
	c.once.Do(func() { c.wires.detach(c) })
	return c.Conn.Close()
}

// SetLinger is that of net.TCPConn.
func (c *watchedConn) SetLinger(seconds int) error {
	if t, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
		return t.SetLinger(seconds)
	}
	return nil
}
