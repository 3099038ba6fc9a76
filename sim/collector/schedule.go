package collector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"koflab/sim/event"
)

// maxLogBacklog is how far back log files are read after an interruption: about
// what rotation keeps.
const maxLogBacklog = time.Hour

// maxWindow bounds the window of one call of a source, and so its memory.
const maxWindow = time.Minute

// schedule is what run does when. But for its wake-ups it belongs to run's
// goroutine.
type schedule struct {
	groups     []*group
	jobs       map[string]*job // by target labels and number among equals
	window     time.Duration   // of logs and traces
	nextWindow time.Time
	logsRead   time.Time
	tracesRead time.Time
}

// job is a target with what is remembered about it.
type job struct {
	*scraper
	target   Target
	interval time.Duration
	failing  bool // the last scrape failed
	gone     bool // no longer a target; to be marked stale
}

// group is the targets of one interval, which share their slots.
type group struct {
	interval time.Duration
	next     time.Time
	jobs     []*job
}

// slotAfter returns the first slot of an interval after t. The slots' offset
// within the interval comes from the collector's name.
func slotAfter(id string, interval time.Duration, t time.Time) time.Time {
	offset := time.Duration(hashString(id+interval.String()) % uint64(interval)).Truncate(time.Millisecond)
	since := t.Sub(time.Unix(0, 0)) - offset
	k := since / interval
	if since < 0 && since%interval != 0 {
		k--
	}
	return time.Unix(0, 0).Add((k+1)*interval + offset).UTC()
}

// SetTargets replaces the targets. A target with the labels of an earlier one
// goes on with its series and slots, new ones are scraped at once, and the
// series of those that went away get staleness markers.
func (c *Collector) SetTargets(targets []Target) {
	c.mu.Lock()
	c.targets, c.retarget = targets, true
	c.mu.Unlock()
	c.wake()
}

// run does what falls due until ctx ends: scrapes, windows of logs and traces,
// batches whose time is up. Each happens at its own time, in order, also when
// the clock has jumped over several.
func (c *Collector) run(ctx context.Context) {
	for ctx.Err() == nil {
		seen := c.wakes.Load()
		c.applyTargets(ctx)
		next := c.nextDue()
		now := c.cfg.Clock.Now()
		if c.applyChanges(earliest(next, now)) {
			continue
		}
		if !next.After(now) {
			c.step(ctx, next, now)
			continue
		}
		t := timerAt(c.cfg.Clock, next)
		c.setAwaited(next, seen)
		select {
		case <-t.C():
		case <-c.woken:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// wake makes run look again at what is due.
func (c *Collector) wake() {
	c.wakes.Add(1)
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// setAwaited notes that run waits for t, having seen so many wake-ups.
func (c *Collector) setAwaited(t time.Time, seen int64) {
	c.mu.Lock()
	c.awaited, c.seen = t, seen
	c.mu.Unlock()
	c.changed.notify()
}

// scheduleSettled reports whether run has done all that was due at now.
func (c *Collector) scheduleSettled(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state != running || c.awaited.After(now) && c.seen == c.wakes.Load()
}

// applyTargets takes over the targets that SetTargets left.
func (c *Collector) applyTargets(ctx context.Context) {
	c.mu.Lock()
	targets, changed := c.targets, c.retarget
	c.retarget = false
	c.mu.Unlock()
	if c.metrics == nil {
		return
	}
	now := c.cfg.Clock.Now().Truncate(time.Millisecond)
	if changed {
		c.reschedule(ctx, targets, now)
	}
	var gone []string
	for key, j := range c.jobs {
		if j.gone {
			gone = append(gone, key)
		}
	}
	slices.Sort(gone) // the same order in every run
	for _, key := range gone {
		if j := c.jobs[key]; j.running.CompareAndSwap(false, true) {
			delete(c.jobs, key)
			c.take(j.end(now), now, j.notes.ended(now))
			j.free()
		}
	}
}

// reschedule makes the groups anew, keeping jobs and slots that stay.
func (c *Collector) reschedule(ctx context.Context, targets []Target, now time.Time) {
	next := map[time.Duration]time.Time{}
	for _, g := range c.groups {
		next[g.interval] = g.next
	}
	c.groups = nil
	for _, j := range c.jobs {
		j.gone = true
	}
	var fresh []*job
	for _, t := range c.withSelf(targets) {
		j := c.jobFor(t)
		if j.gone {
			j.gone = false
		} else {
			fresh = append(fresh, j)
		}
		g := c.groupOf(j.interval)
		g.jobs = append(g.jobs, j)
	}
	for _, g := range c.groups {
		if g.next = next[g.interval]; g.next.IsZero() {
			g.next = slotAfter(c.cfg.ID, g.interval, now)
		}
	}
	for _, j := range fresh {
		c.scrape(ctx, j, now)
	}
}

// jobFor returns the job of a target that had one under the same labels, still
// marked gone, or a new one.
func (c *Collector) jobFor(t Target) *job {
	own := targetLabels(t)
	key := own.String()
	first := true
	for j := c.jobs[key]; j != nil && !j.gone; j = c.jobs[key] {
		key += "+" // a target labelled as one before it in the list
		first = false
	}
	interval := t.Interval()
	if interval <= 0 {
		interval = c.cfg.ScrapeInterval
	}
	j := c.jobs[key]
	if j == nil {
		j = &job{scraper: c.newScraper(own, interval, first)}
		c.jobs[key] = j
	}
	j.target, j.interval = t, interval
	return j
}

// newScraper returns a scraper for a target of these labels. Of targets with the
// same labels only the first reports.
func (c *Collector) newScraper(own labels.Labels, interval time.Duration, reports bool) *scraper {
	timeout := realTimeout(c.cfg.Clock, min(c.cfg.ScrapeTimeout, interval))
	if !reports {
		own = labels.EmptyLabels()
	}
	s := newScraper(own, c.external, timeout, &c.seriesBytes)
	s.clock, s.skew, s.notes = c.cfg.Clock, &c.skew, c.cfg.life.job(own)
	return s
}

func (c *Collector) groupOf(interval time.Duration) *group {
	for _, g := range c.groups {
		if g.interval == interval {
			return g
		}
	}
	g := &group{interval: interval}
	c.groups = append(c.groups, g)
	return g
}

// nextDue is the earliest time at which something is to be done.
func (c *Collector) nextDue() time.Time {
	next := c.nextWindow
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	for _, g := range c.groups {
		earlier(g.next)
	}
	for _, p := range c.batchers() {
		earlier(p.due())
	}
	return next
}

// step does what is due at t, in a fixed order.
func (c *Collector) step(ctx context.Context, t, now time.Time) {
	for _, p := range c.batchers() {
		if d := p.due(); !d.IsZero() && !d.After(t) {
			p.flush()
		}
	}
	for _, g := range c.groups {
		if g.next.After(t) {
			continue
		}
		for _, j := range g.jobs {
			c.scrape(ctx, j, t)
		}
		g.next = c.following(g.next, g.interval, now)
	}
	if !c.nextWindow.After(t) {
		c.generate(t)
		c.nextWindow = c.following(c.nextWindow, c.window, now)
	}
}

// following returns the slot after one that is done. Only in virtual time are
// slots run that were missed by more than an interval.
func (c *Collector) following(slot time.Time, interval time.Duration, now time.Time) time.Time {
	next := slot.Add(interval)
	if late := now.Sub(next); late > interval && c.cfg.Clock.Speed() != 0 {
		next = next.Add(late.Truncate(interval))
	}
	return next
}

// scrape scrapes a target, beside the others if that may take time.
func (c *Collector) scrape(ctx context.Context, j *job, at time.Time) {
	if ctx.Err() != nil {
		return
	}
	if _, remote := j.target.(*httpTarget); !remote {
		c.collect(ctx, j, j.target, at)
		return
	}
	if !j.running.CompareAndSwap(false, true) {
		return
	}
	c.remote.Add(1)
	c.tasks.Add(1)
	go func(t Target) {
		defer c.tasks.Done()
		c.collect(ctx, j, t, at)
		j.running.Store(false)
		c.wake()
		c.remote.Add(-1)
		c.changed.notify()
	}(j.target)
}

// collect runs one scrape and takes its samples into the pipeline.
func (c *Collector) collect(ctx context.Context, j *job, t Target, at time.Time) {
	r := j.scrape(ctx, t, at)
	defer j.free()
	if ctx.Err() != nil {
		return
	}
	if failed := r.err != nil; failed != j.failing {
		j.failing = failed
		object := fmt.Sprintf("%s/%s/%s", c.cfg.ID, t.Job(), t.Instance())
		if failed {
			c.cfg.Events.Add(event.Warning, "ScrapeFailed", object, r.err.Error())
		} else {
			c.cfg.Events.Add(event.Normal, "ScrapeRecovered", object, "the target answers again")
		}
	}
	if r.err != nil {
		c.scrapeErrors.Add(1)
	}
	c.metrics.in.Offer(r.duplicates)
	c.metrics.in.Drop(dropDuplicate, r.duplicates)
	c.take(r.points, at, j.notes.scraped(t, at, r))
}

// take books scraped points and batches them.
func (c *Collector) take(points []point, at time.Time, from *origin) {
	c.scraped.Add(int64(len(points)))
	c.metrics.in.Offer(len(points))
	c.metrics.in.Acknowledge(len(points))
	c.metrics.add(points, at, from)
}

// generate takes the records of the windows up to t into the pipelines.
func (c *Collector) generate(t time.Time) {
	from := c.sources()
	for c.logs != nil && from.Logs != nil && c.logsRead.Before(t) {
		to := earliest(c.logsRead.Add(maxWindow), t)
		by := c.skew.now()
		window := c.logs.offers.window(from.Logs, c.logsRead, to, by)
		c.filelog.Add(int64(c.logs.generate(skewLogs(from.Logs.Logs(c.logsRead, to), by), t, window)))
		c.readLogs(to)
	}
	for c.traces != nil && from.Traces != nil && c.tracesRead.Before(t) {
		to := earliest(c.tracesRead.Add(maxWindow), t)
		by := c.skew.now()
		window := c.traces.offers.window(from.Traces, c.tracesRead, to, by)
		c.traces.generate(skewTraces(from.Traces.Traces(c.tracesRead, to), by), t, window)
		c.tracesRead = to
	}
}

// readLogs notes how far the log files have been read.
func (c *Collector) readLogs(to time.Time) {
	c.logsRead = to
	if c.logsOut.journal == nil {
		return
	}
	if err := c.logsOut.checkpoint(to); err != nil {
		c.logsOut.health.refused(dropStorage, err)
	}
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
