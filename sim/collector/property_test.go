package collector

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"koflab/sim/ledger"
)

// faults are ways of a region to fail; the uncertain ones leave the sender in
// the dark about what was stored.
var faults = []struct {
	name      string
	uncertain bool
	serve     func(w http.ResponseWriter, r *http.Request, store func()) bool
}{
	{"none", false, nil},
	{"429", false, answering(429)},
	{"500", false, answering(500)},
	{"503", false, answering(503)},
	{"401", false, answering(401)},
	{"reset after storing", true, func(w http.ResponseWriter, _ *http.Request, store func()) bool {
		store()
		cut(w)
		return true
	}},
	{"reset", true, func(w http.ResponseWriter, _ *http.Request, _ func()) bool { cut(w); return true }},
	{"504 after storing", true, func(w http.ResponseWriter, r *http.Request, store func()) bool {
		store()
		return answering(504)(w, r, store)
	}},
	{"hang after storing", true, func(_ http.ResponseWriter, r *http.Request, store func()) bool {
		store()
		<-r.Context().Done()
		return true
	}},
	{"hang", true, func(_ http.ResponseWriter, r *http.Request, _ func()) bool { <-r.Context().Done(); return true }},
}

func answering(code int) func(http.ResponseWriter, *http.Request, func()) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ func()) bool { w.WriteHeader(code); return true }
}

func cut(w http.ResponseWriter) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		c.Close()
	}
}

// Whatever the region answers, and however often the collector is killed or
// restarted, the ledger balances at every moment, what it calls acknowledged is
// stored, what is stored twice it calls duplicated, and the samples of a series
// arrive in order. The journal of offers agrees with the ledger, and tells each
func TestLedgerUnderFaults(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		storage, err := os.MkdirTemp(dir, "")
		require.NoError(t, err)
		uncertain := rapid.Bool().Draw(t, "uncertain")
		target := newFakeTarget("j", 4)
		l := newLab(t, func(c *Config) {
			c.Targets, c.ScrapeInterval = []Target{target}, 2*time.Second
			c.Journal = NewOfferJournal(Again{})
			c.Logs = ticking{}
			c.QueueSize = rapid.SampledFrom([]int{3, 20, 1000}).Draw(t, "queue")
			c.BatchSize = rapid.SampledFrom([]int{5, 1000}).Draw(t, "batch")
			c.RequestTimeout = 20 * time.Second
			if uncertain {
				c.RequestTimeout = 20 * time.Millisecond
			}
			if rapid.Bool().Draw(t, "disk") {
				c.StorageDir = storage
			}
		})
		l.start()
		again := func() {
			l.clock.Advance(100 * time.Millisecond) // two scrapes never share a moment
			l.restart()
		}
		sent := 0
		t.Repeat(map[string]func(*rapid.T){
			"pass": func(t *rapid.T) {
				l.pass(time.Duration(rapid.IntRange(1, 20).Draw(t, "seconds")) * time.Second)
			},
			"long pass": func(t *rapid.T) {
				l.clock.Advance(time.Duration(rapid.IntRange(1, 6).Draw(t, "minutes")) * time.Minute)
				l.settle()
			},
			"fault": func(t *rapid.T) {
				f := rapid.SampledFrom(faults).Draw(t, "fault")
				if f.uncertain && !uncertain {
					return
				}
				l.region.setFault(f.serve)
			},
			"receive": func(t *rapid.T) {
				n := rapid.IntRange(1, 12).Draw(t, "n")
				logs := plog.NewLogs()
				for range n {
					sent++
					oneLog(fmt.Sprint("received ", sent)).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
				}
				if err := l.receiveLogs(logs, overHTTP); err != nil {
					require.ErrorIs(t, err, errBusy)
				}
			},
			"kill": func(*rapid.T) {
				if uncertain {
					l.clock.Advance(3 * time.Second) // in the middle of something
				} else {
					l.settle() // with nothing in flight
				}
				l.Kill()
				again()
			},
			"shutdown": func(t *rapid.T) {
				require.NoError(t, l.Shutdown(t.Context()))
				again()
			},
			"": func(t *rapid.T) { requireLedger(t, l.ledger) },
		})
		l.region.setFault(nil)
		for range 100 {
			l.pass(30 * time.Second)
			if l.out(ledger.Logs).Queued < 40 {
				break
			}
		}
		require.NoError(t, l.Shutdown(t.Context()))
		requireLedger(t, l.ledger)

		logs := l.region.storedLogs()
		requireStored(t, l.out(ledger.Logs), len(logs), len(distinct(logs)), uncertain)
		samples, first := l.region.stored(), []sample(nil)
		seen := map[sample]bool{}
		for _, s := range samples {
			if !seen[s] {
				seen[s] = true
				first = append(first, s)
			}
		}
		requireStored(t, l.out(ledger.Metrics), len(samples), len(first), uncertain)
		requireOrder(t, first)
		requireOffers(t, l)
	})
}

func requireLedger(t require.TestingT, l *ledger.Ledger) {
	for _, e := range l.Snapshot() {
		require.Zero(t, e.Balance(), "%+v", e)
		for what, n := range map[string]int64{"queued": e.Queued, "acknowledged": e.Acknowledged, "duplicated": e.Duplicated} {
			require.GreaterOrEqual(t, n, int64(0), "%s of %+v", what, e)
		}
	}
}

// requireStored compares what a region has with what the ledger says of it.
func requireStored(t require.TestingT, e ledger.Entry, stored, distinct int, uncertain bool) {
	require.Zero(t, e.Queued)
	require.GreaterOrEqual(t, int64(distinct), e.Acknowledged, "acknowledged but not stored: %+v", e)
	require.LessOrEqual(t, int64(stored-distinct), e.Duplicated, "%+v", e)
	if uncertain {
		// What was given up may have been stored all the same.
		require.LessOrEqual(t, int64(distinct), e.Acknowledged+e.DroppedTotal())
	} else {
		require.Equal(t, e.Acknowledged, int64(distinct), "%+v", e)
		require.Zero(t, e.Duplicated)
	}
}
