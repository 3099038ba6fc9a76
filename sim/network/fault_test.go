package network

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"koflab/sim/clock"
)

func TestFaultValidation(t *testing.T) {
	n := newWorld(t)
	f := func(fault Fault, want string) {
		t.Helper()
		require.ErrorContains(t, n.Set("c1", "r1", fault), want)
	}
	f(Fault{Latency: -1}, "latency -1ns")
	f(Fault{Jitter: -1}, "jitter -1ns")
	f(Fault{Loss: -0.1}, "loss -0.1")
	f(Fault{Loss: 1}, "loss 1")
	f(Fault{Loss: math.NaN()}, "loss NaN")
	f(Fault{BandwidthBytesPerSecond: -1}, "bandwidth -1")
	require.Empty(t, n.Snapshot().Faults)
}

func drawFault(t *rapid.T) Fault {
	return Fault{
		Partition:               rapid.Bool().Draw(t, "partition"),
		Reset:                   rapid.Bool().Draw(t, "reset"),
		Latency:                 time.Duration(rapid.IntRange(0, 1e9).Draw(t, "latency")),
		Jitter:                  time.Duration(rapid.IntRange(0, 1e9).Draw(t, "jitter")),
		Loss:                    rapid.Float64Range(0, 0.99).Draw(t, "loss"),
		BandwidthBytesPerSecond: rapid.Int64Range(0, 1e9).Draw(t, "bandwidth"),
	}
}

// Faults act together: the order does not matter, none makes another weaker,
// and no fault changes nothing.
func TestFaultsCombine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, g := drawFault(t), drawFault(t)
		both, other := f.and(g), g.and(f)
		require.InDelta(t, other.Loss, both.Loss, 1e-12)
		other.Loss = both.Loss
		require.Equal(t, other, both)
		require.NoError(t, both.validate())
		require.Equal(t, f, f.and(Fault{}))
		require.GreaterOrEqual(t, both.Latency, f.Latency)
		require.GreaterOrEqual(t, both.Loss, f.Loss-1e-12)
		if f.BandwidthBytesPerSecond > 0 {
			require.Positive(t, both.BandwidthBytesPerSecond)
			require.LessOrEqual(t, both.BandwidthBytesPerSecond, f.BandwidthBytesPerSecond)
		}
	})
}

func TestWildcards(t *testing.T) {
	w := newWorld(t)
	f := func(from, to string, set []ends, want int) {
		t.Helper()
		w.ClearAll()
		for _, e := range set {
			require.NoError(t, w.Set(e.from, e.to, Fault{Latency: 1}))
		}
		got := w.link(from, to).fault.Load()
		if want == 0 {
			require.Nil(t, got)
			return
		}
		require.NotNil(t, got)
		require.EqualValues(t, want, got.Latency)
	}
	exact, from, to, all := ends{"c1", "r1"}, ends{"c1", Any}, ends{Any, "r1"}, ends{Any, Any}
	f("c1", "r1", []ends{exact}, 1)
	f("c1", "r1", []ends{from}, 1)
	f("c1", "r1", []ends{to}, 1)
	f("c1", "r1", []ends{all}, 1)
	f("c1", "r1", []ends{exact, from, to, all}, 4)
	f("c2", "r1", []ends{exact, from, to, all}, 2)
	f("r1", "c1", []ends{exact, from, to}, 0) // faults have a direction
	f("r1", "r1", []ends{from, to, all}, 0)   // inside a cluster there is no link
	f("r1", "r1", []ends{{"r1", "r1"}}, 1)    // unless it is meant
}

func TestClearHeals(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Set("c1", Any, Fault{Reset: true}))
	_, err := w.dial()
	require.ErrorIs(t, err, syscall.ECONNRESET)
	w.Clear("c1", "r1") // other ends, other fault
	_, err = w.dial()
	require.ErrorIs(t, err, syscall.ECONNRESET)
	w.Clear("c1", Any)
	require.NoError(t, say(w.connect(), "hello"))
}

func TestLatencyIsPaidOncePerRoundTrip(t *testing.T) {
	w := newWorld(t)
	const latency = 80 * time.Millisecond
	require.NoError(t, w.Set("c1", "r1", Fault{Latency: latency}))
	var c net.Conn
	require.Equal(t, latency, w.took(func() { c = w.connect() }))
	for range 3 {
		require.Equal(t, latency, w.took(func() { require.NoError(t, say(c, strings.Repeat("x", 5000))) }))
	}
	// A burst of writes is under way together.
	require.Equal(t, latency, w.took(func() {
		for range 10 {
			_, err := c.Write([]byte("0123456789"))
			require.NoError(t, err)
		}
		_, err := io.ReadFull(c, make([]byte, 100))
		require.NoError(t, err)
	}))
}

func TestJitterKeepsOrder(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Set("c1", "r1", Fault{Jitter: time.Second}))
	var got []byte
	w.took(func() {
		c := w.connect()
		for i := range 100 {
			_, err := c.Write([]byte{byte(i)})
			require.NoError(t, err)
		}
		got = make([]byte, 100)
		_, err := io.ReadFull(c, got)
		require.NoError(t, err)
	})
	for i, b := range got {
		require.EqualValues(t, i, b)
	}
}

func TestBandwidthDrips(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	require.NoError(t, w.Set("c1", "r1", Fault{BandwidthBytesPerSecond: 1000}))
	payload := make([]byte, 2000)
	took := w.took(func() {
		_, err := c.Write(payload)
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, len(payload)))
		require.NoError(t, err)
	})
	// Two seconds there; what comes back drips too and ends no sooner.
	require.GreaterOrEqual(t, took, 2*time.Second)
	require.LessOrEqual(t, took, 4*time.Second)
}

func TestBandwidthIsShared(t *testing.T) {
	w := newWorld(t)
	a, b := w.connect(), w.connect()
	require.NoError(t, w.Set("c1", "r1", Fault{BandwidthBytesPerSecond: 1000}))
	took := w.took(func() {
		var wg sync.WaitGroup
		for _, c := range []net.Conn{a, b} {
			wg.Go(func() {
				_, _ = c.Write(make([]byte, 1000))
				_, _ = io.ReadFull(c, make([]byte, 1000))
			})
		}
		wg.Wait()
	})
	require.GreaterOrEqual(t, took, 2*time.Second)
}

func TestLossShowsAsDelay(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	require.NoError(t, w.Set("c1", "r1", Fault{Loss: 0.9}))
	took := w.took(func() {
		for range 20 {
			require.NoError(t, say(c, "hello"))
		}
	})
	require.GreaterOrEqual(t, took, firstRetransmission)
}

func TestRetransmissionIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Fault{Loss: rapid.Float64Range(0, 0.999).Draw(t, "loss")}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		d := f.retransmission(r, rapid.IntRange(0, 1<<20).Draw(t, "bytes"), firstRetransmission)
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.LessOrEqual(t, d, maxRetransmissions*maxRetransmission)
	})
	require.Zero(t, Fault{}.retransmission(nil, 1, firstRetransmission))
}

func TestPartitionStallsAndHeals(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	require.NoError(t, w.Set("c1", "r1", Fault{Partition: true}))
	said := make(chan error, 1)
	go func() { said <- say(c, "hello") }()
	dialed := make(chan error, 1)
	go func() {
		d, err := w.dial()
		if err == nil {
			err = d.Close()
		}
		dialed <- err
	}()
	awaitTimers(w)
	w.clock.Advance(dialTimeout - time.Second)
	select {
	case <-said:
		t.Fatal("nothing crosses a partition")
	case <-dialed:
		t.Fatal("nothing crosses a partition")
	default:
	}
	w.Clear("c1", "r1")
	require.NoError(t, <-said, "what was sent meanwhile arrives")
	require.NoError(t, <-dialed)
}

// awaitTimers waits until both a dial and a sender wait for the lab's time.
func awaitTimers(w *world) {
	for {
		next, ok := w.clock.Next()
		l := w.link("c1", "r1")
		if ok && next.Equal(w.clock.Now().Add(dialTimeout)) && sending(l) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func sending(l *link) bool {
	for _, c := range l.connections() {
		if !c.write.idle() {
			return true
		}
	}
	return false
}

func TestPartitionHoldsAnswersUnderWay(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	received := make(chan error, 1)
	inner := c.(*conn).Conn
	go func() {
		_, err := io.ReadFull(c, make([]byte, 5))
		received <- err
	}()
	require.NoError(t, w.Set("c1", "r1", Fault{Partition: true}))
	_, err := inner.Write([]byte("hello")) // past the link: the echo comes back during the partition
	require.NoError(t, err)
	for w.link("c1", "r1").received.Load() < 5 {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-received:
		t.Fatal("the answer crossed a partition")
	default:
	}
	w.Clear("c1", "r1")
	require.NoError(t, <-received)
}

func TestPartitionBreaksInTheEnd(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	require.NoError(t, w.Set("c1", "r1", Fault{Partition: true}))
	var err error
	took := w.took(func() { err = say(c, "hello") })
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
	require.Equal(t, stallLimit, took)
	_, err = c.Write([]byte("more"))
	require.Error(t, err)

	took = w.took(func() { _, err = w.dial() })
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.ErrorContains(t, err, "i/o timeout")
	require.Equal(t, dialTimeout, took)
}

func TestPartitionFillsTheSendBuffer(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	require.NoError(t, w.Set("c1", "r1", Fault{Partition: true}))
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(20*time.Millisecond)))
	n, err := c.Write(make([]byte, 2*sendBuffer))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Equal(t, sendBuffer, n)
	n, err = c.Write([]byte("x"))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Zero(t, n)
	require.NoError(t, c.SetDeadline(time.Time{}))
	w.Clear("c1", "r1")
	got, err := io.ReadFull(c, make([]byte, sendBuffer))
	require.NoError(t, err)
	require.Equal(t, sendBuffer, got)
}

func TestReadDeadlineKeepsTheData(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	inner := c.(*conn).Conn
	_, err := inner.Write([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, w.Set("c1", "r1", Fault{Partition: true}))
	read := make(chan error, 1)
	buffer := make([]byte, 5)
	go func() {
		_, err := c.Read(buffer)
		read <- err
	}()
	for w.link("c1", "r1").received.Load() < 5 {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, c.SetReadDeadline(time.Now().Add(-time.Second))) // moved while it waits
	require.ErrorIs(t, <-read, os.ErrDeadlineExceeded)
	require.NoError(t, c.SetReadDeadline(time.Time{}))
	w.Clear("c1", "r1")
	_, err = io.ReadFull(c, buffer)
	require.NoError(t, err)
	require.Equal(t, "hello", string(buffer))
}

func TestResetCutsBothEnds(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	require.NoError(t, w.Publish("raw.r1.test", 80, "r1", l.Addr().String()))
	c, err := w.Dialer("c1")(t.Context(), "tcp", "raw.r1.test:80")
	require.NoError(t, err)
	server, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { server.Close() })
	read := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	require.NoError(t, w.Set("c1", "r1", Fault{Reset: true}))
	require.ErrorIs(t, <-read, syscall.ECONNRESET)
	_, err = c.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = server.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.ErrorIs(t, c.Close(), net.ErrClosed)
}

func TestHTTPOverAPartition(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(rw, r.Body)
	}))
	t.Cleanup(server.Close)
	require.NoError(t, w.Publish("web.r1.test", 80, "r1", server.Listener.Addr().String()))
	client := w.Client("c1", nil)
	t.Cleanup(client.CloseIdleConnections)
	post := func() (string, error) {
		resp, err := client.Post("http://web.r1.test/", "text/plain", strings.NewReader("hello"))
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(resp.Body)
		return string(body), errors.Join(err, resp.Body.Close())
	}
	_, err := post()
	require.NoError(t, err)
	require.NoError(t, w.Set(Any, "r1", Fault{Partition: true}))
	type answer struct {
		body string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		body, err := post()
		answered <- answer{body, err}
	}()
	for !sending(w.link("c1", "r1")) {
		time.Sleep(time.Millisecond)
	}
	w.Clear(Any, "r1")
	require.Equal(t, answer{body: "hello"}, <-answered)
	require.EqualValues(t, 1, w.link("c1", "r1").dials.Load(), "the connection survives")
}

// The choices on a link follow from the seed, the ends and the time alone: not from
// which of its connections comes first.
func TestRandomChoicesFollowFromTheSeed(t *testing.T) {
	draw := func(seed int64, from string) [4]float64 {
		c := clock.NewVirtual(time.Unix(1, 0))
		defer c.Close()
		l := newLink(c, ends{from, "r1"}, seed)
		a, b := l.random(outbound), l.random(inbound)
		require.Equal(t, l.random(inbound).Float64(), l.random(inbound).Float64())
		out := [4]float64{a.Float64(), a.Float64(), b.Float64()}
		c.Advance(1)
		out[3] = l.random(outbound).Float64()
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(out[:]))), 4)
		return out
	}
	require.Equal(t, draw(7, "c1"), draw(7, "c1"))
	require.NotEqual(t, draw(7, "c1"), draw(8, "c1"))
	require.NotEqual(t, draw(7, "c1"), draw(7, "c2"))
	run := func() time.Duration {
		w := newWorld(t)
		require.NoError(t, w.Set("c1", "r1", Fault{Latency: time.Second, Jitter: time.Second, Loss: 0.5}))
		return w.took(func() {
			c := w.connect()
			for range 5 {
				require.NoError(t, say(c, "hello"))
			}
		})
	}
	require.Equal(t, run(), run())
}

// Whatever happens to a link meanwhile, short of a reset, the bytes arrive
// whole and in order.
func TestStreamSurvivesFaults(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		w.ClearAll()
		c, err := w.dial()
		require.NoError(t, err)
		defer c.Close()
		payload := make([]byte, rapid.IntRange(1, 100_000).Draw(t, "size"))
		for i := range payload {
			payload[i] = byte(i * 31)
		}
		faults := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Fault {
			return Fault{
				Partition:               rapid.Bool().Draw(t, "partition"),
				Latency:                 time.Duration(rapid.IntRange(0, 1e9).Draw(t, "latency")),
				Jitter:                  time.Duration(rapid.IntRange(0, 1e9).Draw(t, "jitter")),
				Loss:                    rapid.Float64Range(0, 0.5).Draw(t, "loss"),
				BandwidthBytesPerSecond: rapid.Int64Range(0, 1e8).Draw(t, "bandwidth"),
			}
		}), 0, 4).Draw(t, "faults")
		written := make(chan error, 1)
		go func() {
			for rest := payload; len(rest) > 0; {
				n := min(len(rest), 7000)
				if _, err := c.Write(rest[:n]); err != nil {
					written <- err
					return
				}
				rest = rest[n:]
			}
			written <- nil
		}()
		got := make([]byte, len(payload))
		read := make(chan error, 1)
		go func() {
			_, err := io.ReadFull(c, got)
			read <- err
		}()
		for _, f := range faults {
			require.NoError(t, w.Set("c1", "r1", f))
			w.clock.Advance(100 * time.Millisecond)
		}
		w.ClearAll()
		require.NoError(t, <-written)
		require.NoError(t, <-read)
		require.Equal(t, payload, got)
	})
}
