package collector

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"koflab/sim/clock"
	"koflab/sim/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// fakeTarget emits series whose value is their scrape's time in seconds.
type fakeTarget struct {
	job      string
	interval time.Duration
	series   []labels.Labels
	err      error
	scrapes  int
}

func newFakeTarget(job string, n int) *fakeTarget {
	f := &fakeTarget{job: job}
	for i := range n {
		f.series = append(f.series, labels.FromStrings("__name__", "m", "i", fmt.Sprintf("%04d", i), "instance", "node:1", "job", job))
	}
	return f
}

func (f *fakeTarget) Job() string             { return f.job }
func (f *fakeTarget) Instance() string        { return "node:1" }
func (f *fakeTarget) Interval() time.Duration { return f.interval }

func (f *fakeTarget) Scrape(_ context.Context, at time.Time, emit func(labels.Labels, float64)) error {
	f.scrapes++
	for _, l := range f.series {
		emit(l, float64(at.Unix()))
	}
	return f.err
}

// ticking is a log and trace source of one record per second, named by its time.
type ticking struct{}

func (ticking) Logs(from, to time.Time) plog.Logs {
	l := plog.NewLogs()
	for t := from.Truncate(time.Second).Add(time.Second); !t.After(to); t = t.Add(time.Second) {
		oneLog(t.Format(time.TimeOnly)).ResourceLogs().MoveAndAppendTo(l.ResourceLogs())
	}
	return l
}

func (ticking) Traces(from, to time.Time) ptrace.Traces {
	l := ptrace.NewTraces()
	for t := from.Truncate(time.Second).Add(time.Second); !t.After(to); t = t.Add(time.Second) {
		oneSpan(t.Format(time.TimeOnly)).ResourceSpans().MoveAndAppendTo(l.ResourceSpans())
	}
	return l
}

// tester is a test or a check of a property.
type tester interface {
	require.TestingT
	Helper()
	Cleanup(func())
	Context() context.Context
}

// lab is a collector on a virtual clock against a region.
type lab struct {
	*Collector
	t      tester
	clock  *clock.Virtual
	ledger *ledger.Ledger
	region *region
	cfg    Config
}

func startLab(t tester, change func(*Config)) *lab {
	l := newLab(t, change)
	l.start()
	return l
}

func newLab(t tester, change func(*Config)) *lab {
	l := &lab{t: t, clock: clock.NewVirtual(epoch), ledger: ledger.New(), region: newRegion(t)}
	l.cfg = l.region.config()
	// Hidden in another type, the clock does not pace requests: nobody drives it.
	l.cfg.Clock, l.cfg.Ledger = struct{ clock.Clock }{l.clock}, l.ledger
	if change != nil {
		change(&l.cfg)
	}
	t.Cleanup(func() {
		l.Kill()
		l.region.Client().CloseIdleConnections()
	})
	l.make()
	return l
}

func (l *lab) make() {
	c, err := New(l.cfg)
	require.NoError(l.t, err)
	l.Collector = c
}

func (l *lab) start() {
	require.NoError(l.t, l.Start(l.t.Context()))
	l.settle()
}

// restart makes and starts the successor of a stopped collector.
func (l *lab) restart() {
	l.make()
	l.start()
}

func (l *lab) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(l.t, l.Settle(ctx))
	for _, e := range l.ledger.Snapshot() {
		require.Zero(l.t, e.Balance(), "%+v", e)
	}
}

// pass lets lab time go by in steps of at most a second.
func (l *lab) pass(d time.Duration) {
	for d > 0 {
		step := min(d, time.Second)
		l.clock.Advance(step)
		l.settle()
		d -= step
	}
}

func (l *lab) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(l.t, l.Flush(ctx))
}

// out is the ledger's entry of a signal from the collector to the region.
func (l *lab) out(s ledger.Signal) ledger.Entry { return l.ledger.Account("c1", "r1", s).Entry() }

// in is the entry from the targets to the collector.
func (l *lab) in(s ledger.Signal) ledger.Entry {
	return l.ledger.Account("c1/targets", "c1", s).Entry()
}

func (b *bareTarget) Scrape(_ context.Context, _ time.Time, emit func(labels.Labels, float64)) error {
	for i := range b.n {
		emit(labels.FromStrings("__name__", "b", "i", fmt.Sprint(i)), 1)
	}
	return nil
}
