package collector

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/event"
	"koflab/sim/ledger"
)

// sendAll sends three records of each signal, all metrics in one scrape.
func sendAll(l *lab) {
	l.SetTargets([]Target{&bareTarget{n: 3}})
	for i := range 3 {
		require.NoError(l.t, l.receiveLogs(oneLog(fmt.Sprint(i)), overGRPC))
		require.NoError(l.t, l.receiveTraces(oneSpan(fmt.Sprint(i)), overGRPC))
	}
	l.settle()
	l.pass(time.Second)
}

// bareTarget is scraped once an hour.
type bareTarget struct{ n int }

func (b *bareTarget) Job() string             { return "bare" }
func (b *bareTarget) Instance() string        { return "x" }
func (b *bareTarget) Interval() time.Duration { return time.Hour }

func TestStatuses(t *testing.T) {
	const (
		metrics, logs, traces = 8, 3, 3 // records of sendAll
	)
	f := func(status int, metricsDrop, recordsDrop string) {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			l := startLab(t, nil)
			l.region.answer(status)
			sendAll(l)
			check := func(s ledger.Signal, n int64, reason string) {
				e := l.out(s)
				require.Equal(t, n, e.Offered)
				if reason == "" {
					require.Equal(t, n, e.Queued, "%s is kept for a retry", s)
					require.Empty(t, e.Dropped)
				} else {
					require.Equal(t, map[string]int64{reason: n}, e.Dropped)
				}
			}
			check(ledger.Metrics, metrics, metricsDrop)
			check(ledger.Logs, logs, recordsDrop)
			check(ledger.Traces, traces, recordsDrop)
			l.region.setFault(nil)
			l.pass(10 * time.Second) // first retry comes after 2.5 to 7.5 s
			for _, s := range []ledger.Signal{ledger.Metrics, ledger.Logs, ledger.Traces} {
				require.Zero(t, l.out(s).Queued)
			}
		})
	}
	f(429, "", "")
	f(500, "", "http_500")
	f(502, "", "")
	f(503, "", "")
	f(504, "", "")
	f(400, "http_400", "http_400")
	f(401, "http_401", "http_401")
	f(403, "http_403", "http_403")
	f(404, "http_404", "http_404")
	f(413, "too_large", "too_large")
	f(307, "http_307", "http_307")
}

func TestOutageWithinRetryWindow(t *testing.T) {
	l := startLab(t, func(c *Config) {
		c.Targets, c.Logs, c.Traces = []Target{newFakeTarget("j", 5)}, ticking{}, ticking{}
		c.StorageDir = t.TempDir()
	})
	l.pass(30 * time.Second)
	l.region.answer(http.StatusServiceUnavailable)
	l.pass(3 * time.Minute)
	l.region.setFault(nil)
	l.pass(time.Minute)
	l.flush()
	for _, s := range []ledger.Signal{ledger.Metrics, ledger.Logs, ledger.Traces} {
		e := l.out(s)
		require.Equal(t, e.Offered, e.Acknowledged, "%+v", e)
		require.Zero(t, e.Duplicated)
	}
	require.Len(t, l.region.storedLogs(), 270)
	require.Len(t, distinct(l.region.storedLogs()), 270)
}

func TestOutageBeyondRetryWindow(t *testing.T) {
	l := startLab(t, func(c *Config) {
		c.Logs = ticking{}
		c.StorageDir = t.TempDir()
	})
	l.pass(10 * time.Second)
	l.region.answer(http.StatusBadGateway)
	l.pass(8 * time.Minute)
	l.region.setFault(nil)
	l.pass(2 * time.Minute)
	l.flush()
	e := l.out(ledger.Logs)
	// The ten batches that were in flight when it began are given up after five
	// minutes, though the disk has room; the ones behind them get their turn.
	require.Equal(t, map[string]int64{dropRetryExhausted: 10}, e.Dropped)
	require.Equal(t, e.Offered-10, e.Acknowledged)
	stored := distinct(l.region.storedLogs())
	for s := 11; s <= 19; s++ { // the hole is at the outage's beginning
		require.NotContains(t, stored, epoch.Add(time.Duration(s)*time.Second).Format(time.TimeOnly))
	}
	require.Contains(t, stored, epoch.Add(21*time.Second).Format(time.TimeOnly))
}

func TestQueueFull(t *testing.T) {
	l := startLab(t, func(c *Config) {
		c.Logs = ticking{}
		c.QueueSize = 30
	})
	l.region.answer(http.StatusServiceUnavailable)
	l.pass(2 * time.Minute)
	stats := l.Stats().Exporters[1]
	require.Equal(t, "otlphttp/logs", stats.Name)
	require.Equal(t, 30, stats.QueueSize)
	require.Equal(t, stats.QueueCapacity, stats.QueueSize)
	require.Positive(t, stats.Refused)
	l.region.setFault(nil)
	l.pass(time.Minute)
	l.flush()
	e := l.out(ledger.Logs)
	require.Equal(t, map[string]int64{dropQueueFull: l.Stats().Exporters[1].Refused}, e.Dropped)
	// The hole is at the outage's end.
	stored := distinct(l.region.storedLogs())
	require.Contains(t, stored, epoch.Add(10*time.Second).Format(time.TimeOnly))
	require.NotContains(t, stored, epoch.Add(100*time.Second).Format(time.TimeOnly))
}

func TestPartialSuccess(t *testing.T) {
	l := startLab(t, nil)
	l.region.setFault(func(w http.ResponseWriter, r *http.Request, store func()) bool {
		if r.URL.Path == "/write" {
			return false
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write([]byte{0x0a, 0x02, 0x08, 0x02}) // partial_success{rejected: 2}
		return true
	})
	sendAll(l)
	for _, s := range []ledger.Signal{ledger.Logs, ledger.Traces} {
		e := l.out(s)
		require.EqualValues(t, 1, e.Acknowledged)
		require.Equal(t, map[string]int64{dropRejected: 2}, e.Dropped)
	}
}

func TestPartialWriteV2(t *testing.T) {
	f := func(status int, acknowledged int64, reason string) {
		l := startLab(t, func(c *Config) { c.RemoteWrite = RemoteWriteV2 })
		l.region.setFault(func(w http.ResponseWriter, r *http.Request, store func()) bool {
			w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "6")
			w.WriteHeader(status)
			return true
		})
		sendAll(l)
		require.Equal(t, acknowledged, l.out(ledger.Metrics).Acknowledged)
		require.EqualValues(t, 2, l.out(ledger.Metrics).Dropped[reason])
	}
	f(204, 6, dropRejected)
	f(400, 6, "http_400")
}

func TestRetryAfter(t *testing.T) {
	l := startLab(t, nil)
	var requests atomic.Int64
	l.region.setFault(func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
		if requests.Add(1) > 1 {
			return false
		}
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	require.NoError(t, l.receiveLogs(oneLog("x"), overGRPC))
	l.pass(time.Minute)
	require.EqualValues(t, 1, requests.Load())
	l.pass(2 * time.Second)
	require.EqualValues(t, 2, requests.Load())
	require.EqualValues(t, 1, l.out(ledger.Logs).Acknowledged)
}

// A request that arrived, though no answer came back, is sent again: the far
// side has it twice and the ledger says so.
func TestDuplicates(t *testing.T) {
	f := func(fail func(w http.ResponseWriter)) {
		l := startLab(t, func(c *Config) { c.RequestTimeout = 200 * time.Millisecond })
		var failed atomic.Bool
		l.region.setFault(func(w http.ResponseWriter, r *http.Request, store func()) bool {
			if !failed.CompareAndSwap(false, true) {
				return false
			}
			store()
			fail(w)
			return true
		})
		require.NoError(t, l.receiveLogs(oneLog("x"), overGRPC))
		l.pass(10 * time.Second)
		e := l.out(ledger.Logs)
		require.EqualValues(t, 1, e.Acknowledged)
		require.EqualValues(t, 1, e.Duplicated)
		require.Equal(t, []string{"x", "x"}, l.region.storedLogs())
	}
	f(func(w http.ResponseWriter) { w.WriteHeader(http.StatusGatewayTimeout) })
	f(func(http.ResponseWriter) { time.Sleep(400 * time.Millisecond) })
	f(func(w http.ResponseWriter) {
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			c.Close()
		}
	})
}

// A region that cannot be reached had nothing delivered twice.
func TestUnreachableIsNoDuplicate(t *testing.T) {
	l := startLab(t, func(c *Config) { c.LogsOut.URL = "http://127.0.0.1:1/logs" })
	require.NoError(t, l.receiveLogs(oneLog("x"), overGRPC))
	l.pass(6 * time.Minute)
	e := l.out(ledger.Logs)
	require.Equal(t, map[string]int64{dropRetryExhausted: 1}, e.Dropped)
	require.Zero(t, e.Duplicated)
}

func TestEvents(t *testing.T) {
	var events *event.Log
	l := startLab(t, func(c *Config) {
		events = event.NewLog(c.Clock.Now, 100)
		c.Events, c.Logs = events, ticking{}
	})
	reasons := func() (out []string) {
		for _, e := range events.Since(0) {
			out = append(out, e.Reason)
		}
		return out
	}
	l.region.answer(http.StatusUnauthorized)
	l.pass(time.Minute)
	require.Equal(t, []string{"ExportFailing", "ExportDropped"}, reasons())
	failing := events.Since(0)[0]
	require.Equal(t, "c1/otlphttp/logs", failing.Object)
	require.Equal(t, "401 Unauthorized: vmauth knows no such user or password (KOF_VM_USER, KOF_VM_PASSWORD of the vmuser secret); data is dropped without retry", failing.Message)
	l.region.setFault(nil)
	l.pass(10 * time.Second)
	require.Equal(t, []string{"ExportFailing", "ExportDropped", "ExportRecovered"}, reasons())
	require.Equal(t, "delivering again after 59s; lost meanwhile: http_401 59", events.Since(0)[2].Message)
}

func TestBackoff(t *testing.T) {
	p := newRetryPolicy(5*time.Second, 30*time.Second, 5*time.Minute, "x")
	for n, base := range []time.Duration{5000, 7500, 11250, 16875, 25312, 30000, 30000, 30000} {
		base *= time.Millisecond
		for range 20 {
			d := p.wait(uint64(n), n)
			require.GreaterOrEqual(t, d, base/2)
			require.LessOrEqual(t, d, base*3/2+time.Millisecond)
		}
	}
	same := func() (out []time.Duration) {
		p := newRetryPolicy(5*time.Second, 30*time.Second, 5*time.Minute, "y")
		for n := range 10 {
			out = append(out, p.wait(7, n))
		}
		return out
	}
	require.Equal(t, same(), same())
	require.False(t, p.over(epoch, epoch.Add(5*time.Minute)))
	require.True(t, p.over(epoch, epoch.Add(5*time.Minute+1)))
	require.False(t, newRetryPolicy(1, 1, -1, "").over(epoch, epoch.Add(time.Hour)))
}

func distinct(in []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range in {
		out[s] = true
	}
	return out
}
