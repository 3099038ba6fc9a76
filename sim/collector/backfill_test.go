package collector

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"koflab/sim/ledger"
)

// The past that a backfill makes and the present that follows are one grid of
// scrapes and one stream of records.
func TestBackfill(t *testing.T) {
	const history = 10 * time.Minute
	targets := func() []Target {
		fast := newFakeTarget("fast", 2)
		fast.interval = 15 * time.Second
		return []Target{newFakeTarget("slow", 3), fast}
	}
	filled := newLab(t, func(c *Config) { c.Targets, c.Logs, c.Traces = targets(), ticking{}, ticking{} })
	var parts []float64
	require.NoError(t, filled.Backfill(t.Context(), epoch.Add(-history), epoch, 0, func(part float64) { parts = append(parts, part) }))
	require.IsNonDecreasing(t, parts)
	require.InDelta(t, 1, parts[len(parts)-1], 0)
	filled.start()
	filled.pass(time.Minute)
	filled.flush()

	seen := map[sample]bool{}
	for _, s := range filled.region.stored() {
		require.False(t, seen[s], "%v twice", s)
		seen[s] = true
	}
	// One more than the grid has: the scrape at the start.
	require.Len(t, filled.region.at(`"m"`, `i="0001"`, `job="slow"`), 22+1)
	require.Len(t, filled.region.at(`"m"`, `i="0001"`, `job="fast"`), 44+1)
	require.Len(t, distinct(filled.region.storedLogs()), 660)
	require.Len(t, filled.region.storedLogs(), 660)
	require.Len(t, filled.region.storedSpans(), 660)
	for _, s := range signals {
		require.Equal(t, filled.out(s).Offered, filled.out(s).Acknowledged)
	}
	requireOrder(t, filled.region.stored())
	require.Less(t, len(filled.region.sizes), 20, "the past comes in few requests")
}

// requireOrder fails if samples of a series are not in order of time.
func requireOrder(t require.TestingT, samples []sample) {
	last := map[string]int64{}
	for _, s := range samples {
		if before, ok := last[s.labels]; ok {
			require.GreaterOrEqual(t, s.t, before, s.labels)
		}
		last[s.labels] = s.t
	}
}

func TestBackfillStep(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Targets = []Target{newFakeTarget("j", 1)} })
	require.NoError(t, l.Backfill(t.Context(), epoch.Add(-time.Hour), epoch, 5*time.Minute, nil))
	require.Len(t, l.region.at(`"m"`), 12)
}

// A series that ends in the past ends with a marker there.
func TestBackfillStaleness(t *testing.T) {
	target := &endingTarget{newFakeTarget("j", 2)}
	l := newLab(t, func(c *Config) { c.Targets = []Target{target} })
	require.NoError(t, l.Backfill(t.Context(), epoch.Add(-time.Hour), epoch, 10*time.Minute, nil))
	ended := l.region.at(`i="0001"`)
	require.Len(t, ended, 4)
	require.Contains(t, ended[3], "=stale")
	require.Len(t, l.region.at(`i="0000"`), 6)
}

// endingTarget has its second series until half an hour before the epoch.
type endingTarget struct{ *fakeTarget }

func (e *endingTarget) Scrape(_ context.Context, at time.Time, emit func(labels.Labels, float64)) error {
	emit(e.series[0], 1)
	if at.Before(epoch.Add(-30 * time.Minute)) {
		emit(e.series[1], 1)
	}
	return nil
}

func TestBackfillOfUnreachable(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Targets = []Target{newFakeTarget("j", 1)}; c.Logs = ticking{} })
	l.region.answer(http.StatusServiceUnavailable)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, l.Backfill(ctx, epoch.Add(-time.Hour), epoch, 0, nil), context.DeadlineExceeded)
	require.Zero(t, l.out(ledger.Metrics).Balance())
	l.Kill()
	require.ErrorContains(t, l.Backfill(t.Context(), epoch.Add(-time.Hour), epoch, 0, nil), "only possible before the start")
}
