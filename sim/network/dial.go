package network

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"koflab/sim/clock"
)

// dialTimeout bounds, in lab time, how long a connection takes to open.
const dialTimeout = 30 * time.Second

// real dials what faults let through. Its bounds are those of the machine.
var real = &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}

// DialFunc dials as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Dialer returns a dial function for a cluster. Published names and addresses
// of clusters are reached over links with their faults; names that are neither
// published nor reserved for documentation and tests belong to the world
// outside, which is dialed as it is.
func (n *Network) Dialer(from string) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		fail := func(err error) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: err}
		}
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return fail(err)
		}
		to, addr, err := n.resolve(host, port)
		if err != nil {
			return fail(err)
		}
		if to == "" {
			return n.dialReal(ctx, network, addr)
		}
		return n.dialLink(ctx, n.link(from, to), network, addr)
	}
}

func (n *Network) dialLink(ctx context.Context, l *link, network, addr string) (net.Conn, error) {
	c := newConn(l)
	inner, err := n.open(ctx, c, network, addr)
	if err != nil {
		l.failures.Add(1)
		return nil, err
	}
	c.attach(inner)
	if f := l.fault.Load(); f != nil && f.Reset { // set while dialing
		c.reset()
	}
	select {
	case <-n.done: // closed while dialing
		_ = c.Close()
		return nil, net.ErrClosed
	default:
		return c, nil
	}
}

// open passes the opening packet over the link, then dials.
func (n *Network) open(ctx context.Context, c *conn, network, addr string) (net.Conn, error) {
	if err := n.handshake(ctx, c); err != nil {
		var at net.Addr
		if a, e := net.ResolveTCPAddr("tcp", addr); e == nil {
			at = a
		}
		return nil, &net.OpError{Op: "dial", Net: network, Addr: at, Err: err}
	}
	return n.dialReal(ctx, network, addr)
}

// dialReal dials on this machine, which takes no lab time.
func (n *Network) dialReal(ctx context.Context, network, addr string) (net.Conn, error) {
	defer clock.Hold(n.clock)()
	conn, err := real.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return clock.Watch(n.clock, conn), nil
}

// handshake waits as long as the opening packet needs to cross the link.
func (n *Network) handshake(ctx context.Context, c *conn) error {
	f, changed := c.link.state()
	if f == nil {
		return nil
	}
	start, r := n.clock.Now(), c.link.random(outbound)
	limit := start.Add(dialTimeout)
	arrival := start.Add(f.latency(r) + f.retransmission(r, 1, synRetransmission))
	for ; f != nil; f, changed = c.link.state() {
		if f.Reset {
			return os.NewSyscallError("connect", syscall.ECONNRESET)
		}
		now, next := n.clock.Now(), limit
		if !f.Partition && arrival.Before(limit) {
			next = arrival
		}
		if !now.Before(next) {
			if next.Equal(limit) {
				return os.ErrDeadlineExceeded
			}
			return nil
		}
		timer := n.clock.NewTimer(next.Sub(now))
		err := n.wait(ctx, changed, timer.C())
		timer.Stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// wait blocks until an event or a timer, unless the dial is over.
func (n *Network) wait(ctx context.Context, event <-chan struct{}, timer <-chan time.Time) error {
	select {
	case <-event:
	case <-timer:
	case <-n.done:
		return net.ErrClosed
	case <-ctx.Done():
		if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Client returns an HTTP/1.1 client of a cluster with small, bounded pools of
// connections. Requests are bounded by their context; without one, by the time
// to the answer's header. Ends of use are marked by CloseIdleConnections.
func (n *Network) Client(from string, config *tls.Config) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Client{Transport: &http.Transport{
		DialContext:            n.Dialer(from),
		TLSClientConfig:        config.Clone(),
		Protocols:              &protocols,
		TLSHandshakeTimeout:    30 * time.Second,
		ResponseHeaderTimeout:  5 * time.Minute,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    4,
		MaxConnsPerHost:        64,
		MaxResponseHeaderBytes: 64 << 10,
		// The lab's traffic stays on this machine: compressing would only burn it.
		DisableCompression: true,
	}}
}
