package collector

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"koflab/sim/clock"
)

// The report series of a scrape, in the order they are written.
var reportNames = [...]string{
	"up",
	"scrape_duration_seconds",
	"scrape_samples_scraped",
	"scrape_samples_post_metric_relabeling",
	"scrape_series_added",
}

// Computed targets take no time worth measuring, and a measured one would make
// two runs of one seed differ: their scrape_duration_seconds is modelled.
const (
	modelledScrape       = 5 * time.Millisecond
	modelledScrapeSample = 10 * time.Microsecond
)

// scraper scrapes one target and remembers its series, for their encoded labels
// and for staleness markers. One scrape at a time.
type scraper struct {
	external externalLabels
	timeout  time.Duration // of the clock that paces waits
	clock    clock.Clock
	running  atomic.Bool // a scrape of a remote target is under way

	reports []*series // none for a target that shares its labels
	// last are the series of the last good scrape in order. stale says that they
	// have got their markers already.
	last  []*series
	stale bool
	spare []*series // what last was before
	// byHash finds a series of last whose place changed; nil until that happens.
	byHash map[uint64]*series
	number uint32
	points []point

	held *atomic.Int64 // bytes of the series that the collector keeps
	skew *skew         // of the timestamps; nil for none

	notes *jobNotes // in the journal of offers
}

// result is what one scrape yields. Its points are valid until free.
type result struct {
	points     []point
	duplicates int // samples of a series that had one already, left out
	err        error
}

// newScraper returns a scraper of a target with these labels, if any to report
// under.
func newScraper(target labels.Labels, external externalLabels, timeout time.Duration, held *atomic.Int64) *scraper {
	s := &scraper{external: external, timeout: timeout, held: held}
	if target.IsEmpty() {
		return s
	}
	b := labels.NewBuilder(target)
	for _, name := range reportNames {
		b.Set(model.MetricNameLabel, name)
		s.reports = append(s.reports, &series{encoded: external.encode(b.Labels())})
	}
	return s
}

// scrape reads the target as of at: its samples, markers for the series it no
// longer has, and the report samples.
func (s *scraper) scrape(ctx context.Context, target Target, at time.Time) result {
	stamp := at.Add(s.skew.now())
	run := scrapeRun{scraper: s, t: stamp.UnixMilli(), now: s.spare[:0]}
	s.number++
	s.points = newPoints()
	var duration time.Duration
	var err error
	if remote, ok := target.(*httpTarget); ok {
		wall := clock.Wall(s.clock)
		ctx, cancel := clock.WithTimeout(ctx, wall, s.timeout)
		start := wall.Now()
		err = remote.scrapeAt(ctx, stamp, run.add)
		duration = wall.Now().Sub(start)
		cancel()
	} else {
		err = target.Scrape(ctx, at, func(l labels.Labels, v float64) { run.add(l, v, run.t) })
		duration = modelledScrape + time.Duration(run.samples)*modelledScrapeSample
	}
	if err != nil {
		s.points = s.points[:0]
		s.forget(run.fresh)
		s.markStale(run.t, func(*series) bool { return true })
		run.samples, run.added, run.duplicates = 0, 0, 0
	} else {
		if run.moved || len(run.now) != len(s.last) {
			s.markStale(run.t, func(x *series) bool { return x.scrape != s.number })
			s.forgetUnseen()
			for i, x := range run.now {
				x.place = int32(i)
			}
		}
		s.last, s.spare = run.now, s.last
	}
	s.stale = err != nil
	s.report(run, duration, err == nil)
	return result{points: s.points, duplicates: run.duplicates, err: err}
}

func (s *scraper) report(run scrapeRun, duration time.Duration, up bool) {
	values := [len(reportNames)]float64{
		0, duration.Seconds(), float64(run.samples), float64(run.samples - run.duplicates), float64(run.added),
	}
	if up {
		values[0] = 1
	}
	for i, x := range s.reports {
		s.points = append(s.points, point{series: x, t: run.t, v: values[i]})
	}
}

// end returns staleness markers for everything of a target that went away.
func (s *scraper) end(at time.Time) []point {
	s.points = newPoints()
	s.markStale(at.UnixMilli(), func(*series) bool { return true })
	if s.number > 0 {
		for _, x := range s.reports {
			s.points = append(s.points, staleMarker(x, at.UnixMilli()))
		}
	}
	return s.points
}

// free gives the points of the last scrape back.
func (s *scraper) free() {
	freePoints(s.points)
	s.points = nil
}

// markStale appends markers for those of the last series that are gone.
func (s *scraper) markStale(t int64, gone func(*series) bool) {
	if s.stale {
		return
	}
	for _, x := range s.last {
		if gone(x) {
			s.points = append(s.points, staleMarker(x, t))
		}
	}
}

func staleMarker(s *series, t int64) point {
	return point{series: s, t: t, v: math.Float64frombits(value.StaleNaN)}
}

// scrapeRun is the state of one scrape while the target emits.
type scrapeRun struct {
	*scraper
	t          int64
	now        []*series // series seen, in order
	fresh      []*series // those of them that are new
	next       int       // where in last the next series is expected
	moved      bool      // some series was not where it was expected
	samples    int
	added      int
	duplicates int
}

// add takes one sample, with a timestamp of its own or the scrape's.
func (r *scrapeRun) add(l labels.Labels, v float64, t int64) {
	r.samples++
	x := r.find(l)
	if x.scrape == r.number {
		r.duplicates++
		return
	}
	x.scrape = r.number
	r.now = append(r.now, x)
	r.points = append(r.points, point{series: x, t: t, v: v})
}

// find returns the series of l. As long as the target emits in the order of the
// last time, and the same labels values, it costs one comparison of pointers.
func (r *scrapeRun) find(l labels.Labels) *series {
	if r.next < len(r.last) && labels.Equal(r.last[r.next].origin, l) {
		r.next++
		return r.last[r.next-1]
	}
	r.moved = true
	if r.byHash == nil {
		r.index()
	}
	h := l.Hash()
	for x := r.byHash[h]; x != nil; x = x.next {
		if labels.Equal(x.origin, l) {
			if x.scrape != r.number {
				r.next = int(x.place) + 1
			}
			return x
		}
	}
	r.added++
	x := &series{origin: l, encoded: r.external.encode(l), next: r.byHash[h], place: int32(len(r.last))}
	r.byHash[h] = x
	r.fresh = append(r.fresh, x)
	r.held.Add(x.size())
	return x
}

// index makes byHash of the last series.
func (s *scraper) index() {
	s.byHash = make(map[uint64]*series, len(s.last))
	for _, x := range s.last {
		h := x.origin.Hash()
		x.next, s.byHash[h] = s.byHash[h], x
	}
}

// forgetUnseen drops what the scrape did not see from the index, which after a
// change of the set of series is cheaper made anew when next needed.
func (s *scraper) forgetUnseen() {
	for _, x := range s.last {
		if x.scrape != s.number {
			s.held.Add(-x.size())
		}
	}
	s.byHash = nil
}

// forget drops the new series of a scrape that failed.
func (s *scraper) forget(fresh []*series) {
	for _, x := range fresh {
		s.held.Add(-x.size())
	}
	if len(fresh) > 0 {
		s.byHash = nil
	}
}

// size is about what a series takes: its struct, encoded labels, two places.
func (s *series) size() int64 { return int64(len(s.encoded)) + 96 }
