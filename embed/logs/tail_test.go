package logs

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

// follow starts a tail and returns its lines.
func follow(t *testing.T, s *Store, args url.Values) (lines chan string, stop func()) {
	t.Helper()
	server := httptest.NewServer(s.SelectHandler())
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/select/logsql/tail?"+args.Encode(), nil)
	require.NoError(t, err)
	response, err := server.Client().Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	lines = make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(lines)
		defer response.Body.Close()
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines, func() { cancel(); <-done }
}

func next(t *testing.T, lines chan string) string {
	t.Helper()
	select {
	case line, ok := <-lines:
		require.True(t, ok, "the tail ended")
		return line
	case <-time.After(30 * time.Second):
		t.Fatal("no line came")
		return ""
	}
}

func TestTail(t *testing.T) {
	c := clock.NewVirtual(start)
	s := open(t, Options{Clock: c})
	row := func(tenant, text, at string) {
		w := post(t, s, "/insert/jsonline?_stream_fields=app&extra_fields=tenant="+tenant, "application/json", `{"app":"a","_msg":"`+text+`","_time":"`+at+`"}`)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	}
	row("alpha", "too early", "2026-03-02T11:00:00Z")
	row("alpha", "before the start", "2026-03-02T11:59:58Z")
	row("beta", "of another tenant", "2026-03-02T11:59:58Z")

	lines, stop := follow(t, s, url.Values{"query": {"* | fields _time, _msg, tenant"}, "extra_filters": {"tenant:=alpha"}, "refresh_interval": {"100ms"}})
	defer stop()
	require.Contains(t, next(t, lines), "before the start")

	c.Advance(time.Second)
	row("beta", "of another tenant", "2026-03-02T12:00:01Z")
	row("alpha", "live", "2026-03-02T12:00:01Z")
	require.Contains(t, next(t, lines), "live")
	row("alpha", "live", "2026-03-02T12:00:01Z")
	require.Contains(t, next(t, lines), "live", "an equal row is a row of its own")
	row("alpha", "late", "2026-03-02T11:59:57Z")
	require.Contains(t, next(t, lines), "late")

	row("alpha", "of the future", "2026-03-02T12:00:02Z")
	c.Advance(2 * time.Second)
	require.Contains(t, next(t, lines), "of the future")
	stop()
	require.Empty(t, lines)
}

func TestTailEndsWithTheStore(t *testing.T) {
	s := open(t, Options{})
	lines, stop := follow(t, s, url.Values{"query": {"*"}})
	defer stop()
	require.NoError(t, s.Close())
	_, ok := <-lines
	require.False(t, ok)
}

func TestTailsAreLimited(t *testing.T) {
	s := open(t, Options{MaxConcurrentTails: 1})
	_, stop := follow(t, s, url.Values{"query": {"*"}})
	defer stop()
	r := httptest.NewRequest(http.MethodGet, "/select/logsql/tail?query=*", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	s.SelectHandler().ServeHTTP(w, r.WithContext(ctx))
	require.NotEqual(t, http.StatusOK, w.Code)
	require.False(t, strings.Contains(w.Header().Get("Content-Type"), "ndjson"))
}
