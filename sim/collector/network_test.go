package collector

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/event"
	"koflab/sim/ledger"
	"koflab/sim/network"
)

// The collector behind the lab's network: a missing DNS record and a partition
// are network errors, retried, and nothing is lost when they heal in time.
func TestNetworkFaults(t *testing.T) {
	const host = "vmauth.r1.example.com"
	l := newLab(t, nil)
	net := network.New(l.clock, 1)
	t.Cleanup(net.Close)
	require.NoError(t, net.Publish(host, 80, "r1", l.region.Listener.Addr().String()))
	l.Kill()
	events := event.NewLog(l.clock.Now, 10)
	l.cfg.Client, l.cfg.Events = net.Client("c1", nil), events
	t.Cleanup(l.cfg.Client.CloseIdleConnections)
	l.cfg.RequestTimeout = 250 * time.Millisecond
	l.cfg.LogsOut.URL, l.cfg.Logs = "http://"+host+"/logs", ticking{}
	l.restart()
	l.pass(5 * time.Second)
	require.NotEmpty(t, l.region.storedLogs())

	fail := func(begin, heal func(), message string) {
		t.Helper()
		from := events.Since(0)
		begin()
		l.cfg.Client.CloseIdleConnections()
		stored := len(l.region.storedLogs())
		l.pass(5 * time.Second)
		require.Len(t, l.region.storedLogs(), stored)
		now := events.Since(0)[len(from):]
		require.NotEmpty(t, now)
		require.Equal(t, "ExportFailing", now[0].Reason)
		require.Contains(t, now[0].Message, message)
		require.Contains(t, now[0].Message, "each batch is retried for 5m0s, then dropped")
		heal()
		l.pass(30 * time.Second)
		e := l.out(ledger.Logs)
		require.Empty(t, e.Dropped)
		require.LessOrEqual(t, e.Queued, int64(1))
	}
	fail(func() { net.DNSMissing(host) }, func() { net.DNSRestore(host) }, "no such host")
	fail(func() { require.NoError(t, net.Set("c1", "r1", network.Fault{Partition: true})) },
		func() { net.Clear("c1", "r1") }, "deadline exceeded")
	l.flush()
	require.Len(t, distinct(l.region.storedLogs()), 75)
}
