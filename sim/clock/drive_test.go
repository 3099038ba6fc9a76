package clock

import (
	"context"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chain passes what it gets over hops of real connections; some of them write a
// file first.
func chain(t testing.TB, v *Virtual, hops int, arrived func(bytes int)) net.Conn {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener := Listener(v, l)
	t.Cleanup(func() { listener.Close() })
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	pair := func() (net.Conn, net.Conn) {
		a, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		a = Watch(v, a)
		b, err := listener.Accept()
		require.NoError(t, err)
		t.Cleanup(func() { a.Close(); b.Close() })
		return a, b
	}
	first, from := pair()
	for i := range hops {
		var to, next net.Conn
		if i < hops-1 {
			to, next = pair()
		}
		in := from
		all.Go(func() {
			buffer := make([]byte, 4096)
			for {
				n, err := in.Read(buffer)
				if err != nil {
					return
				}
				if i%5 == 1 {
					f, _ := os.CreateTemp(t.TempDir(), "")
					_, _ = f.Write(buffer[:n])
					_ = f.Sync()
					_ = f.Close()
				}
				if to == nil {
					arrived(n)
				} else if _, err := to.Write(buffer[:n]); err != nil {
					return
				}
			}
		})
		from = next
	}
	return first
}

// Whatever a timer sets off over real sockets is over before the next one fires.
func TestTimeWaitsForWhatIsUnderWay(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as whoever lives in virtual time should
	v := NewVirtual(origin)
	defer v.Close()
	var arrived atomic.Int64
	first := chain(t, v, 12, func(n int) { arrived.Add(int64(n)) })
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	defer done.Wait()
	defer cancel()
	var sent atomic.Int64
	ticker := v.NewTicker(time.Second)
	done.Go(func() {
		for {
			select {
			case <-ticker.C():
				if sent.Load() != arrived.Load() {
					t.Error("time passed while something was under way")
				}
				n, _ := first.Write([]byte("tick"))
				sent.Add(int64(n))
			case <-ctx.Done():
				return
			}
		}
	})
	require.NoError(t, v.Run(ctx, 200*time.Second))
	require.Equal(t, int64(4*200), sent.Load(), "no tick is skipped")
	require.Equal(t, sent.Load(), arrived.Load())
	require.True(t, v.Now().Equal(origin.Add(200*time.Second)))
}

func TestWhile(t *testing.T) {
	v := NewVirtual(origin)
	defer v.Close()
	pause := func(ctx context.Context, d time.Duration) error {
		ctx, cancel := WithTimeout(ctx, v, d)
		defer cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	err := v.While(t.Context(), func(ctx context.Context) error { return pause(ctx, time.Hour) })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.True(t, v.Now().Equal(origin.Add(time.Hour)), "as much time passes as it takes, and no more")

	err = v.While(t.Context(), func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	require.ErrorIs(t, err, ErrStuck)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, v.While(ctx, func(ctx context.Context) error { return pause(ctx, time.Hour) }), context.Canceled)
	require.ErrorIs(t, v.Run(ctx, time.Second), context.Canceled)
}

func TestWithTimeout(t *testing.T) {
	for _, c := range []Clock{Real(), Accelerated(origin, 60), NewVirtual(origin)} {
		ctx, cancel := WithTimeout(t.Context(), c, time.Hour)
		require.NoError(t, ctx.Err())
		cancel()
		<-ctx.Done()
		require.ErrorIs(t, ctx.Err(), context.Canceled)

		parent, end := context.WithCancel(t.Context())
		ctx, cancel = WithTimeout(parent, c, time.Hour)
		end()
		<-ctx.Done()
		require.ErrorIs(t, ctx.Err(), context.Canceled)
		cancel()
	}
	ctx, cancel := WithTimeout(t.Context(), Accelerated(origin, 1e6), time.Second)
	defer cancel()
	<-ctx.Done()
	require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
}

func TestAfterFunc(t *testing.T) {
	v := NewVirtual(origin)
	for _, c := range []Clock{Real(), Accelerated(origin, 60), v} {
		called := make(chan struct{})
		AfterFunc(c, time.Millisecond, func() { close(called) })
		v.Advance(time.Second)
		<-called
		stopped := AfterFunc(c, time.Hour, func() { t.Error("stopped timers do nothing") })
		require.True(t, stopped.Stop())
		require.False(t, stopped.Stop())
	}
	v.Advance(2 * time.Hour)
}

// BenchmarkStep is the cost of an event that does next to nothing.
func BenchmarkStep(b *testing.B) {
	v := NewVirtual(origin)
	defer v.Close()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	ticker := v.NewTicker(time.Second)
	go func() {
		for {
			select {
			case <-ticker.C():
			case <-ctx.Done():
				return
			}
		}
	}()
	for b.Loop() {
		if err := v.Run(ctx, time.Second); err != nil {
			b.Fatal(err)
		}
	}
}
