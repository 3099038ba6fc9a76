package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

func serve(t testing.TB, h http.HandlerFunc, o ServerOptions) *Server {
	s := NewServer(h, o)
	require.NoError(t, s.Listen("127.0.0.1:0"))
	t.Cleanup(func() { require.NoError(t, s.Kill()) })
	return s
}

// get makes one request on a connection of its own.
func get(s *Server) (int, string, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Get("http://" + s.Addr() + "/")
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), errors.Join(err, resp.Body.Close())
}

func hello(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }

func TestServerStopsAndReturns(t *testing.T) {
	s := serve(t, hello, ServerOptions{})
	addr := s.Addr()
	for _, stop := range []func() error{s.Kill, func() error { return s.Stop(t.Context()) }} {
		require.True(t, s.Running())
		_, body, err := get(s)
		require.NoError(t, err)
		require.Equal(t, "hello", body)
		require.ErrorContains(t, s.Listen("127.0.0.1:0"), "already listening on "+addr)
		require.NoError(t, stop())
		require.NoError(t, stop(), "stopping twice is harmless")
		require.False(t, s.Running())
		_, _, err = get(s)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NoError(t, s.Restart())
		require.Equal(t, addr, s.Addr())
	}
	require.ErrorContains(t, NewServer(nil, ServerOptions{}).Restart(), "never listened")
}

func TestListenErrorsSayWhatToDo(t *testing.T) {
	s := serve(t, hello, ServerOptions{})
	other := NewServer(http.HandlerFunc(hello), ServerOptions{})
	err := other.Listen(s.Addr())
	require.ErrorContains(t, err, "address "+s.Addr()+" is in use")
	require.ErrorContains(t, err, "--address-block")
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, other.Listen("192.0.2.1:80"), "is not of this machine")
	require.ErrorContains(t, other.Listen("nonsense"), "cannot listen on nonsense")
	require.ErrorContains(t, listenError("127.0.0.1:80", os.NewSyscallError("bind", syscall.EACCES)), "needs privileges")
	require.False(t, other.Running())
}

func TestServeEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := NewServer(http.HandlerFunc(hello), ServerOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	for s.Addr() == "" {
		time.Sleep(time.Millisecond)
	}
	status, _, err := get(s)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	cancel()
	require.NoError(t, <-done)

	// A listener that fails is no orderly end.
	l, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorContains(t, s.Serve(t.Context(), l), "serving on ")
}

func TestStopLetsRequestsFinish(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-leave
		hello(w, r)
	}, ServerOptions{ShutdownTimeout: time.Minute})
	got := make(chan string)
	go func() {
		_, body, _ := get(s)
		got <- body
	}()
	<-entered
	stopped := make(chan error)
	go func() { stopped <- s.Stop(t.Context()) }()
	require.True(t, s.Running(), "status can be asked meanwhile")
	close(leave)
	require.Equal(t, "hello", <-got)
	require.NoError(t, <-stopped)
}

// A connection that a client holds in reserve does not hold up a stop, which waits
// for requests only.
func TestStopClosesUnusedConnections(t *testing.T) {
	working, release := make(chan struct{}), make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) {
		close(working)
		<-release
	}, ServerOptions{})
	conn, err := net.Dial("tcp", s.Addr())
	require.NoError(t, err)
	defer conn.Close()
	answered := make(chan error, 1)
	go func() {
		_, _, err := get(s)
		answered <- err
	}()
	<-working
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	// net/http would close it after five seconds.
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(4*time.Second)))
	_, err = conn.Read(make([]byte, 1))
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	close(release)
	require.NoError(t, <-answered)
	require.NoError(t, <-stopped)
}

func TestStopAndKillCutWhatDoesNotEnd(t *testing.T) {
	f := func(stop func(*Server) error) {
		t.Helper()
		entered, left := make(chan struct{}), make(chan struct{})
		s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			close(left)
		}, ServerOptions{ShutdownTimeout: 10 * time.Millisecond})
		failed := make(chan error)
		go func() {
			_, _, err := get(s)
			failed <- err
		}()
		<-entered
		require.NoError(t, stop(s))
		require.Error(t, <-failed)
		<-left
	}
	f((*Server).Kill)
	f(func(s *Server) error { return s.Stop(t.Context()) })
	f(func(s *Server) error {
		stopping := make(chan error)
		go func() { stopping <- s.Stop(context.Background()) }()
		return errors.Join(s.Kill(), <-stopping)
	})
}

// raw sends bytes and returns all that the server answers until it hangs up.
func raw(t *testing.T, s *Server, request string) string {
	c, err := net.Dial("tcp", s.Addr())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, request)
	require.NoError(t, err)
	answer, _ := io.ReadAll(c) // the server may reset a connection it gives up
	return string(answer)
}

// Each of these waits for the server to hang up: without the bound, for ever.
func TestSlowClientsAreCut(t *testing.T) {
	short := 20 * time.Millisecond
	read := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading the body ended with %v", err)
		}
	}
	raw(t, serve(t, hello, ServerOptions{HeaderTimeout: short}), "GET / HTTP/1.1\r\n")
	raw(t, serve(t, hello, ServerOptions{IdleTimeout: short}), "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	raw(t, serve(t, read, ServerOptions{BodyTimeout: short}), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
	// A body that no handler reads is bounded too.
	raw(t, serve(t, hello, ServerOptions{BodyTimeout: short, IdleTimeout: short}), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
}

func TestClientsThatDoNotReadAreCut(t *testing.T) {
	failed := make(chan error)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1<<20)
		for {
			if _, err := w.Write(block); err != nil {
				failed <- err
				return
			}
		}
	}, ServerOptions{WriteTimeout: 20 * time.Millisecond})
	c, err := net.Dial("tcp", s.Addr())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	require.ErrorIs(t, <-failed, os.ErrDeadlineExceeded)
}

// A request may take longer than any of the bounds as long as its parts do not.
func TestLongRequestsAreNotCut(t *testing.T) {
	short := 200 * time.Millisecond
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		wait := time.NewTimer(3 * short)
		select {
		case <-wait.C:
		case <-r.Context().Done():
			t.Error("the request was cancelled")
		}
		_, _ = w.Write(body)
		w.(http.Flusher).Flush()
		<-time.NewTimer(2 * short).C
		_, _ = w.Write(body)
	}, ServerOptions{HeaderTimeout: short, BodyTimeout: short, WriteTimeout: short, IdleTimeout: short})
	c, err := net.Dial("tcp", s.Addr())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, errors.Join(err, resp.Body.Close()))
	require.Equal(t, "hellohello", string(body))
}

func TestLargeHeadersAreRefused(t *testing.T) {
	s := serve(t, hello, ServerOptions{MaxHeaderBytes: 1 << 10})
	answer := raw(t, s, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 8<<10)+"\r\n\r\n")
	require.Contains(t, answer, "431 Request Header Fields Too Large")
}

func TestGatewayBehindAServer(t *testing.T) {
	v := clock.NewVirtual(origin)
	ca := newTestCA(t, v)
	cert, err := ca.ServerCertificate([]string{"vmauth.r1.test"}, []net.IP{net.IPv4(127, 0, 0, 1)}, day)
	require.NoError(t, err)
	l := newLab(t, func(c *Config) { c.MaxBodyBytes = 1000 })
	s := NewServer(l, ServerOptions{TLS: ca.ServerTLS(cert, false)})
	require.NoError(t, s.Listen("127.0.0.1:0"))
	t.Cleanup(func() { require.NoError(t, s.Kill()) })
	transport := &http.Transport{TLSClientConfig: ca.ClientTLS()}
	t.Cleanup(transport.CloseIdleConnections)
	post := func(body io.Reader, password string) (*http.Response, error) {
		r, err := http.NewRequest("POST", "https://"+s.Addr()+"/vm/insert/0/prometheus/api/v1/write", body)
		require.NoError(t, err)
		r.SetBasicAuth("child-a", password)
		resp, err := (&http.Client{Transport: transport}).Do(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		return resp, err
	}
	resp, err := post(strings.NewReader("samples"), tenantPassword)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Equal(t, 1, resp.ProtoMajor)
	require.Equal(t, "samples", l.last.body)
	require.Equal(t, "/insert/0/prometheus/api/v1/write", l.last.path)
	resp, err = post(strings.NewReader("samples"), "wrong")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	resp, err = post(io.MultiReader(strings.NewReader(strings.Repeat("x", 2000))), tenantPassword) // length unknown
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
	v.Advance(2 * day)
	transport.CloseIdleConnections()
	_, err = post(nil, tenantPassword)
	require.ErrorContains(t, err, "certificate has expired or is not yet valid")
}
