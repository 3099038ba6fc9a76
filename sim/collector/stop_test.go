package collector

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/ledger"
)

var signals = []ledger.Signal{ledger.Metrics, ledger.Logs, ledger.Traces}

// full runs all signals with their queues on disk.
func full(t *testing.T) *lab {
	return startLab(t, func(c *Config) {
		c.Targets, c.Logs, c.Traces = []Target{newFakeTarget("j", 5)}, ticking{}, ticking{}
		c.ScrapeInterval = time.Second
		c.StorageDir = t.TempDir()
	})
}

func TestKillDuringOutage(t *testing.T) {
	l := full(t)
	l.pass(10 * time.Second)
	before := l.out(ledger.Metrics)
	l.region.answer(http.StatusServiceUnavailable)
	l.pass(time.Minute)
	held := l.out(ledger.Metrics).Queued
	require.Positive(t, held)
	l.Kill()

	metrics := l.out(ledger.Metrics)
	require.Equal(t, map[string]int64{dropKilled: held}, metrics.Dropped)
	require.Zero(t, metrics.Queued)
	for _, s := range signals[1:] {
		// Queued: what is on disk. Killed: the batch that was being gathered.
		e := l.out(s)
		require.LessOrEqual(t, e.Dropped[dropKilled], int64(1))
		require.Equal(t, e.Offered-e.Acknowledged-e.Dropped[dropKilled], e.Queued)
		require.GreaterOrEqual(t, e.Queued, int64(58))
	}
	l.region.setFault(nil)
	l.clock.Advance(30 * time.Second) // down
	l.restart()
	l.pass(10 * time.Second)
	l.flush()
	logs, traces := l.out(ledger.Logs), l.out(ledger.Traces)
	// Log files were written on meanwhile and are read where filelog left off;
	// spans sent to a dead receiver are nobody's.
	require.EqualValues(t, 110, logs.Offered)
	require.EqualValues(t, 80, traces.Offered)
	for _, e := range []ledger.Entry{logs, traces} {
		require.Zero(t, e.Queued)
		require.Equal(t, e.Offered, e.Acknowledged+e.Dropped[dropKilled])
	}
	stored := l.region.storedLogs()
	require.Len(t, distinct(stored), int(logs.Acknowledged))
	require.LessOrEqual(t, len(stored)-len(distinct(stored)), int(logs.Duplicated))
	require.Greater(t, l.out(ledger.Metrics).Acknowledged, before.Acknowledged)
}

// A new process has a new ledger: what it finds on disk is offered anew.
func TestRestartWithNewLedger(t *testing.T) {
	l := full(t)
	l.region.answer(http.StatusServiceUnavailable)
	l.pass(20 * time.Second)
	l.Kill()
	queued := l.out(ledger.Logs).Queued
	require.Positive(t, queued)
	l.ledger = ledger.New()
	l.cfg.Ledger = l.ledger
	l.make()
	require.Equal(t, queued, l.out(ledger.Logs).Queued)
	require.Equal(t, queued, l.out(ledger.Logs).Offered)
	l.region.setFault(nil)
	l.start()
	l.flush()
	require.Zero(t, l.out(ledger.Logs).Queued)
}

// Files that were taken away are a loss with a reason.
func TestRestartWithoutFiles(t *testing.T) {
	l := full(t)
	l.region.answer(http.StatusServiceUnavailable)
	l.pass(20 * time.Second)
	l.Kill()
	queued := l.out(ledger.Logs).Queued
	l.cfg.StorageDir = t.TempDir()
	l.make()
	require.Equal(t, queued, l.out(ledger.Logs).Dropped[dropStorageLost])
	require.Zero(t, l.out(ledger.Logs).Queued)
}

func TestShutdownDrains(t *testing.T) {
	l := full(t)
	l.pass(10500 * time.Millisecond)
	require.NoError(t, l.Shutdown(t.Context()))
	for _, s := range signals {
		e := l.out(s)
		require.Equal(t, e.Offered, e.Acknowledged, "%+v", e)
	}
	require.NoError(t, l.Shutdown(t.Context()), "a second one does nothing")
	require.ErrorContains(t, l.Start(t.Context()), "started before")
}

func TestShutdownDuringOutage(t *testing.T) {
	l := full(t)
	l.region.answer(http.StatusServiceUnavailable)
	l.pass(30 * time.Second)
	require.NoError(t, l.Shutdown(t.Context()))
	metrics := l.out(ledger.Metrics)
	require.Equal(t, map[string]int64{dropShutdown: metrics.Offered}, metrics.Dropped)
	for _, s := range signals[1:] {
		e := l.out(s)
		require.Equal(t, e.Offered, e.Queued)
	}
	l.region.setFault(nil)
	l.restart()
	l.flush()
	for _, s := range signals[1:] {
		e := l.out(s)
		require.Equal(t, e.Offered, e.Acknowledged)
		require.Zero(t, e.Duplicated, "503 is an answer: nothing was stored")
	}
}

func TestShutdownInMemory(t *testing.T) {
	l := startLab(t, func(c *Config) { c.Logs = ticking{} })
	l.region.answer(http.StatusServiceUnavailable)
	l.pass(30 * time.Second)
	require.NoError(t, l.Shutdown(t.Context()))
	require.Equal(t, map[string]int64{dropShutdown: 30}, l.out(ledger.Logs).Dropped)
}

// A hanging region does not hold a shutdown longer than its context.
func TestShutdownOfHangingExport(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	l := full(t)
	l.region.setFault(func(http.ResponseWriter, *http.Request, func()) bool { <-release; return true })
	l.clock.Advance(2 * time.Second)
	require.Eventually(t, func() bool { return l.out(ledger.Logs).Queued > 0 }, 10*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, l.Shutdown(ctx), context.DeadlineExceeded)
	require.Positive(t, l.out(ledger.Metrics).Dropped[dropShutdown])
	require.Positive(t, l.out(ledger.Logs).Queued)
}

func TestFlushOfUnreachable(t *testing.T) {
	l := startLab(t, func(c *Config) { c.Targets = []Target{newFakeTarget("j", 5)} })
	l.region.answer(http.StatusServiceUnavailable)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.EqualError(t, l.Flush(ctx), "collector c1: flush: 1 batches still queued for prometheusremotewrite: context deadline exceeded")
}

func TestStartWithPortInUse(t *testing.T) {
	first := startLab(t, func(c *Config) { c.OTLPHTTPAddr = "127.0.0.1:0" })
	second := newLab(t, func(c *Config) {
		c.OTLPGRPCAddr = "127.0.0.1:0"
		c.OTLPHTTPAddr = first.Addrs().OTLPHTTP
	})
	require.ErrorContains(t, second.Start(t.Context()), "collector c1: OTLP HTTP receiver: listen tcp "+first.Addrs().OTLPHTTP+": bind: address already in use")
}

func TestConfigErrors(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		cfg := Config{ID: "c1", To: "r1"}
		change(&cfg)
		_, err := New(cfg)
		require.EqualError(t, err, want)
	}
	f(func(c *Config) { c.ID = "" }, "collector: ID and To are needed: they name the ledger's hop")
	f(func(c *Config) { c.LogsOut.URL = "vmauth/logs" }, `collector c1: LogsOut: "vmauth/logs" is not an http or https URL`)
	f(func(c *Config) { c.RemoteWrite = 3 }, "collector c1: remote write version 3 is neither 1 nor 2")
	f(func(c *Config) { c.BatchSize, c.BatchMax = 10, 5 }, "collector c1: queue of 1000 batches of 10 to 5 records: want sizes above zero, largest last")
	f(func(c *Config) { c.RetryMax = -1 }, "collector c1: negative duration -1ns")
}
