package collector

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"koflab/sim/ledger"
)

// always holds all records of a lab.
var always = Range{To: "r1", From: time.Unix(0, 0), Until: epoch.Add(24 * time.Hour)}

// found is how often a record should be and is at the region.
type found struct {
	must, may, stored int
	part              *Part
}

// requireOffers holds what a journal says against the ledger and the region.
func requireOffers(t tester, l *lab) {
	t.Helper()
	o, err := l.cfg.Journal.Snapshot()
	require.NoError(t, err)
	o.OnProblem(func(what string) { require.Fail(t, what) })
	for _, s := range signals {
		e, want := l.out(s), o.Totals(s, "r1")
		require.Equal(t, e.Acknowledged, want.Acknowledged, "%s", s)
		require.Equal(t, e.Duplicated, want.Duplicated, "%s", s)
		require.Equal(t, e.Dropped, want.Dropped, "%s", s)
	}
	samples, logs, spans := map[any]*found{}, map[any]*found{}, map[any]*found{}
	require.NoError(t, o.Samples(t.Context(), always, func(s Sample, st Standing) {
		b := labels.NewScratchBuilder(8)
		s.Series.Each(func(name, value []byte) { b.Add(string(name), string(value)) })
		expect(samples, sample{b.Labels().String(), s.Time, s.Value}.comparable(), st)
	}))
	require.NoError(t, o.Logs(t.Context(), always, func(r LogRecord, _ bool, st Standing) { expect(logs, r.Body().AsString(), st) }))
	require.NoError(t, o.Spans(t.Context(), always, func(s Span, st Standing) { expect(spans, s.Name(), st) }))
	for _, s := range l.region.stored() {
		at(samples, s.comparable()).stored++
	}
	for _, body := range append(l.region.storedLogs(), l.region.audit...) {
		at(logs, body).stored++
	}
	for _, name := range l.region.storedSpans() {
		at(spans, name).stored++
	}
	for _, all := range []map[any]*found{samples, logs, spans} {
		parts := map[*Part]int64{}
		for what, f := range all {
			if f.part != nil {
				parts[f.part] += int64(f.stored)
				continue
			}
			require.LessOrEqual(t, f.must, f.stored, "missing: %v", what)
			require.LessOrEqual(t, f.stored, f.must+f.may, "unexpected: %v", what)
		}
		for p, n := range parts {
			require.Equal(t, p.Taken, n, p.Name)
		}
	}
}

// comparable is the sample with a value that equals itself.
func (s sample) comparable() any {
	if s.v != s.v {
		return [3]any{s.labels, s.t, "stale"}
	}
	return s
}

func at(all map[any]*found, what any) *found {
	if all[what] == nil {
		all[what] = &found{}
	}
	return all[what]
}

func expect(all map[any]*found, what any, st Standing) {
	f := at(all, what)
	f.may += st.Copies
	f.part = st.Part
	if st.Must {
		f.must++
	} else {
		f.may++
	}
}

// journalled is a collector of all signals with a journal.
func journalled(t *testing.T, change func(*Config)) *lab {
	return startLab(t, func(c *Config) {
		c.Journal = NewOfferJournal(Again{})
		c.Targets, c.Logs, c.Traces = []Target{newFakeTarget("j", 5)}, ticking{}, ticking{}
		c.ScrapeInterval = time.Second
		if change != nil {
			change(c)
		}
	})
}

func TestOffers(t *testing.T) {
	for name, run := range map[string]func(t *testing.T){
		"steady": func(t *testing.T) {
			l := journalled(t, nil)
			l.pass(10 * time.Second)
			requireOffers(t, l)
		},
		"queue full and given up": func(t *testing.T) {
			l := journalled(t, func(c *Config) { c.QueueSize, c.RetryMaxElapsed = 3, time.Minute })
			l.pass(10 * time.Second)
			l.region.answer(http.StatusServiceUnavailable)
			l.pass(3 * time.Minute)
			requireOffers(t, l)
			l.region.setFault(nil)
			l.pass(time.Minute)
			require.Positive(t, l.out(ledger.Logs).Dropped[dropQueueFull])
			require.Positive(t, l.out(ledger.Logs).Dropped[dropRetryExhausted])
			requireOffers(t, l)
		},
		"killed with a queue on disk": func(t *testing.T) {
			l := journalled(t, func(c *Config) { c.StorageDir = t.TempDir() })
			l.pass(10 * time.Second)
			l.region.answer(http.StatusServiceUnavailable)
			l.pass(time.Minute)
			l.Kill()
			requireOffers(t, l)
			l.region.setFault(nil)
			l.clock.Advance(10 * time.Second)
			l.restart()
			l.pass(10 * time.Second)
			l.flush()
			require.Positive(t, l.out(ledger.Metrics).Dropped[dropKilled])
			requireOffers(t, l)
		},
		"stored and sent again": func(t *testing.T) {
			l := journalled(t, nil)
			l.region.setFault(func(w http.ResponseWriter, _ *http.Request, store func()) bool {
				store()
				w.WriteHeader(http.StatusGatewayTimeout)
				return true
			})
			l.pass(20 * time.Second)
			requireOffers(t, l)
			l.region.setFault(nil)
			l.pass(time.Minute)
			require.Positive(t, l.out(ledger.Metrics).Duplicated)
			requireOffers(t, l)
		},
		"turned away in part": func(t *testing.T) {
			l := journalled(t, func(c *Config) { c.RemoteWrite = RemoteWriteV2 })
			l.region.setFault(func(w http.ResponseWriter, r *http.Request, _ func()) bool {
				if r.URL.Path != "/write" {
					return false
				}
				w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "0")
				w.WriteHeader(http.StatusBadRequest)
				return true
			})
			l.pass(10 * time.Second)
			requireOffers(t, l)
		},
		"skewed": func(t *testing.T) {
			l := journalled(t, nil)
			l.pass(5 * time.Second)
			l.SetSkew(-time.Hour)
			l.pass(5 * time.Second)
			l.SetSkew(time.Minute)
			l.pass(5 * time.Second)
			l.SetSkew(0)
			l.pass(5 * time.Second)
			requireOffers(t, l)
		},
		"series and targets that come and go": func(t *testing.T) {
			one, two := newFakeTarget("one", 4), newFakeTarget("two", 3)
			l := journalled(t, func(c *Config) {
				c.Targets = []Target{one, two}
				// What a target emits must be a function of time, so its states are.
				c.Journal = NewOfferJournal(Again{Target: stateOf})
			})
			l.pass(3 * time.Second)
			two = newFakeTarget("two", 1)
			l.SetTargets([]Target{one, two})
			l.pass(3 * time.Second)
			bad := newFakeTarget("two", 1)
			bad.err = errors.New("broken")
			l.SetTargets([]Target{one, bad})
			l.pass(3 * time.Second)
			l.SetTargets([]Target{newFakeTarget("one", 6)})
			l.pass(3 * time.Second)
			requireOffers(t, l)
		},
		"the past": func(t *testing.T) {
			l := newLab(t, func(c *Config) {
				c.Journal = NewOfferJournal(Again{})
				c.Targets, c.Logs, c.Traces = []Target{newFakeTarget("j", 5)}, ticking{}, ticking{}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			require.NoError(t, l.Backfill(ctx, epoch.Add(-time.Hour), epoch, time.Minute, nil))
			requireOffers(t, l)
			l.start()
			l.pass(time.Minute)
			requireOffers(t, l)
		},
		"audit records": func(t *testing.T) {
			l := journalled(t, nil)
			for i := range 5 {
				logs := oneLog("received " + string(rune('a'+i)))
				if i%2 == 0 {
					logs.ResourceLogs().At(0).Resource().Attributes().PutStr(logTypeKey, logTypeAudit)
				}
				stampLogs(logs, l.clock.Now())
				require.NoError(t, l.receiveLogs(logs, overHTTP))
				l.pass(time.Second)
			}
			l.flush()
			require.Len(t, l.region.audit, 3)
			requireOffers(t, l)
		},
	} {
		t.Run(name, run)
	}
}

// stateOf makes a target again as it is now.
func stateOf(t Target) func() (Target, error) {
	f, ok := t.(*fakeTarget)
	if !ok {
		return func() (Target, error) { return t, nil }
	}
	c := *f
	return func() (Target, error) { return &c, nil }
}

func stampLogs(l plog.Logs, at time.Time) {
	eachLog(l, func(r LogRecord) { r.SetTimestamp(shift(1, at.Sub(time.Unix(0, 1)))) })
}

func TestOfferWindows(t *testing.T) {
	l := journalled(t, nil)
	l.pass(10 * time.Second)
	o, err := l.cfg.Journal.Snapshot()
	require.NoError(t, err)
	count := func(r Range) (n int) {
		require.NoError(t, o.Samples(t.Context(), r, func(Sample, Standing) { n++ }))
		return n
	}
	whole := count(always)
	// In any order of windows: scrapes are repeated from the beginning when needed.
	middle := epoch.Add(5 * time.Second)
	late := count(Range{To: "r1", From: middle, Until: always.Until})
	early := count(Range{To: "r1", From: always.From, Until: middle})
	require.Equal(t, whole, early+late)
	require.Positive(t, early)
	require.Zero(t, count(Range{To: "elsewhere", From: always.From, Until: always.Until}))
	l.pass(2 * time.Second)
	later, err := l.cfg.Journal.Snapshot()
	require.NoError(t, err)
	first := o
	o = later
	all := count(always)
	require.Greater(t, all, whole)
	require.Equal(t, all-whole, count(Range{To: "r1", From: always.From, Until: always.Until, After: first}))
}

func TestOffersOfAnEarlierProcess(t *testing.T) {
	l := journalled(t, func(c *Config) { c.StorageDir = t.TempDir() })
	l.region.answer(http.StatusServiceUnavailable)
	l.pass(10 * time.Second)
	l.Kill()
	l.cfg.Journal = NewOfferJournal(Again{})
	l.make()
	_, err := l.cfg.Journal.Snapshot()
	require.ErrorIs(t, err, errForeign)
}
