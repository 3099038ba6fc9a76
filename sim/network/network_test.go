package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"koflab/sim/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var origin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a network with one published echo server: cluster r1, named
// vmauth.r1.test, port 443. The server answers each line with the same line.
type world struct {
	*Network
	t     testing.TB
	clock *clock.Virtual
	addr  string
}

const echoHost = "vmauth.r1.test"

func newWorld(t testing.TB) *world {
	v := clock.NewVirtual(origin)
	w := &world{Network: New(v, 1), t: t, clock: v, addr: echo(t)}
	t.Cleanup(w.Close)
	require.NoError(t, w.Publish(echoHost, 443, "r1", w.addr))
	return w
}

func echo(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func (w *world) dial() (net.Conn, error) {
	return w.Dialer("c1")(w.t.Context(), "tcp", echoHost+":443")
}

func (w *world) connect() net.Conn {
	c, err := w.dial()
	require.NoError(w.t, err)
	w.t.Cleanup(func() { c.Close() })
	return c
}

// advanceUntil moves the lab's time from timer to timer until done is closed,
// and returns how far it got.
func (w *world) advanceUntil(done <-chan struct{}) time.Duration {
	start := w.clock.Now()
	for {
		select {
		case <-done:
			return w.clock.Now().Sub(start)
		case <-time.After(2 * time.Millisecond):
			if next, ok := w.clock.Next(); ok {
				w.clock.Advance(next.Sub(w.clock.Now()))
			}
		}
	}
}

// took runs f and returns the lab time it took.
func (w *world) took(f func()) time.Duration {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	return w.advanceUntil(done)
}

// say sends a line and reads it back.
func say(c net.Conn, line string) error {
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return err
	}
	got, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && got != line+"\n" {
		return fmt.Errorf("got %q", got)
	}
	return err
}

func TestNames(t *testing.T) {
	w := newWorld(t)
	host, port, _ := net.SplitHostPort(w.addr)
	dial := func(addr string) error {
		c, err := w.Dialer("c1")(t.Context(), "tcp", addr)
		if err == nil {
			defer c.Close()
			err = say(c, "hello")
		}
		return err
	}
	ok := func(addr string) {
		t.Helper()
		require.NoError(t, dial(addr))
	}
	fails := func(addr, want string) {
		t.Helper()
		require.ErrorContains(t, dial(addr), want)
	}
	ok(echoHost + ":443")
	ok("VMAUTH.R1.test.:443")
	ok(echoHost + ":" + port) // the name stands for the address on other ports
	ok(w.addr)
	fails("vmauth.r9.test:443", "lookup vmauth.r9.test: no such host")
	fails("vmauth.region-9.kof.example.com:443", "lookup vmauth.region-9.kof.example.com: no such host")
	fails("vminsert.kof.svc.cluster.local:8480", "no such host")
	fails(echoHost+":1", "connection refused")
	fails(echoHost+":https", "port is not a number")
	fails(echoHost, "missing port")

	require.NoError(t, w.Publish("second.test", 443, "r1", net.JoinHostPort(host, port)))
	w.Unpublish("second.test")
	w.Unpublish("never.published.test")
	fails("second.test:443", "lookup second.test: no such host")

	w.DNSMissing(echoHost)
	fails(echoHost+":443", "lookup "+echoHost+": no such host")
	ok(w.addr) // addresses need no names
	w.DNSRestore(echoHost)
	ok(echoHost + ":443")

	var notFound *net.DNSError
	require.ErrorAs(t, dial("vmauth.r9.test:443"), &notFound)
	require.True(t, notFound.IsNotFound)
}

func TestEstablishedConnectionsOutliveTheirName(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	w.DNSMissing(echoHost)
	require.NoError(t, say(c, "still here"))
}

func TestPublishWantsAddresses(t *testing.T) {
	n := New(clock.Real(), 1)
	require.ErrorContains(t, n.Publish("a.test", 443, "r1", "localhost:80"), "is not IP:port")
	require.ErrorContains(t, n.Publish("a.test", 443, "r1", "127.0.0.1"), "is not IP:port")
}

func TestSharedAddressBelongsToNobody(t *testing.T) {
	w := newWorld(t)
	other := echo(t)
	require.NoError(t, w.Publish("vmauth.r2.test", 443, "r2", other))
	require.NoError(t, w.Set(Any, Any, Fault{Reset: true}))
	dial := w.Dialer("c1")
	_, err := dial(t.Context(), "tcp", w.addr)
	require.ErrorIs(t, err, syscall.ECONNRESET, "a published address is its cluster's")
	unpublished := echo(t)
	c, err := dial(t.Context(), "tcp", unpublished)
	require.NoError(t, err, "others on the same IP are outside")
	require.NoError(t, c.Close())
}

func TestAddressOfOneClusterIsItsOnAllPorts(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Set("c1", "r1", Fault{Reset: true}))
	_, err := w.Dialer("c1")(t.Context(), "tcp", echo(t))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestOutsideWorldHasNoFaults(t *testing.T) {
	w := New(clock.NewVirtual(origin), 1)
	t.Cleanup(w.Close)
	require.NoError(t, w.Set(Any, Any, Fault{Partition: true}))
	_, port, _ := net.SplitHostPort(echo(t))
	c, err := w.Dialer("c1")(t.Context(), "tcp", "localhost:"+port)
	require.NoError(t, err)
	require.NoError(t, say(c, "hello"))
	require.NoError(t, c.Close())
	require.Empty(t, w.Snapshot().Links)
}

func TestClientReusesConnections(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, r.Host) }))
	t.Cleanup(server.Close)
	require.NoError(t, w.Publish("web.r1.test", 80, "r1", server.Listener.Addr().String()))
	client := w.Client("c1", nil)
	t.Cleanup(client.CloseIdleConnections)
	for range 3 {
		resp, err := client.Get("http://web.r1.test/")
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
		require.Equal(t, "web.r1.test", string(body))
	}
	links := w.Snapshot().Links
	require.Len(t, links, 1)
	require.EqualValues(t, 1, links[0].Dials)
	require.Equal(t, 1, links[0].Connections)
	require.Positive(t, links[0].SentBytes)
	require.Positive(t, links[0].ReceivedBytes)
}

func TestSnapshot(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Publish("a.test", 80, "r1", w.addr))
	w.DNSMissing("a.test")
	require.NoError(t, w.Set("c1", Any, Fault{Latency: time.Second}))
	require.NoError(t, w.Set(Any, "r1", Fault{Reset: true}))
	_, err := w.dial()
	require.Error(t, err)
	s := w.Snapshot()
	require.Equal(t, []Name{
		{Host: "a.test", Port: 80, Cluster: "r1", Address: w.addr, Missing: true},
		{Host: echoHost, Port: 443, Cluster: "r1", Address: w.addr},
	}, s.Names)
	require.Equal(t, []SetFault{
		{From: Any, To: "r1", Fault: Fault{Reset: true}},
		{From: "c1", To: Any, Fault: Fault{Latency: time.Second}},
	}, s.Faults)
	require.Equal(t, []Link{{
		From: "c1", To: "r1", Fault: Fault{Latency: time.Second, Reset: true}, Dials: 1, Failures: 1,
	}}, s.Links)
}

func TestCloseEndsEverything(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	require.NoError(t, w.Set("c1", "r1", Fault{Partition: true}))
	dialed := make(chan error)
	go func() {
		_, err := w.dial()
		dialed <- err
	}()
	read := make(chan error)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	w.Close()
	w.Close()
	require.ErrorIs(t, <-dialed, net.ErrClosed)
	require.ErrorIs(t, <-read, net.ErrClosed)
	require.Zero(t, w.Snapshot().Links[0].Connections)
}

func TestDialHonoursItsContext(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Set("c1", "r1", Fault{Partition: true}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.Dialer("c1")(ctx, "tcp", echoHost+":443")
	require.ErrorIs(t, err, context.Canceled)
	ctx, cancel = context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	_, err = w.Dialer("c1")(ctx, "tcp", echoHost+":443")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
}
