package collector

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// backfillQueue is how many batches a backfill lets wait in a queue.
	backfillQueue = 4
	// backfillBatch is about how many samples one of its requests holds.
	backfillBatch = 20000
)

// Backfill fills the window (from, to] as if the collector had run in it: the
// targets every step (at least their interval; 0 for exactly that), the logs and
// the traces. It goes over the same wire through the same queues, but in large
// requests that hold many samples of each series. It returns when all of it has
// been answered, delivered or not: the ledger tells. It runs before Start, which
// then goes on where it ended, so that the samples of a series stay in order.
//
// Targets that are real endpoints know no past and are left out. progress, if
// not nil, is told the part done, from 0 to 1.
func (c *Collector) Backfill(ctx context.Context, from, to time.Time, step time.Duration, progress func(float64)) error {
	c.mu.Lock()
	targets, fresh := c.targets, c.state == made
	c.mu.Unlock()
	if !fresh {
		return fmt.Errorf("collector %s: backfill: only possible before the start", c.cfg.ID)
	}
	if progress == nil {
		progress = func(float64) {}
	}
	parts, done := float64(len(targets)+2), 0.0
	if c.metrics != nil {
		for i, t := range targets {
			if err := c.backfillTarget(ctx, t, from, to, step); err != nil {
				return fmt.Errorf("collector %s: backfill of %s %s: %w", c.cfg.ID, t.Job(), t.Instance(), err)
			}
			progress(float64(i+1) / parts)
		}
	}
	done = float64(len(targets)) / parts
	err := c.backfillRecords(ctx, from, to, func(part float64) { progress(done + part*2/parts) })
	if err != nil {
		return fmt.Errorf("collector %s: backfill: %w", c.cfg.ID, err)
	}
	if err := c.Flush(ctx); err != nil {
		return err
	}
	progress(1)
	return nil
}

// backfillTarget scrapes one target over the window and sends the samples of
// several scrapes together, by series.
func (c *Collector) backfillTarget(ctx context.Context, t Target, from, to time.Time, step time.Duration) error {
	if _, remote := t.(*httpTarget); remote {
		return nil
	}
	interval := t.Interval()
	if interval <= 0 {
		interval = c.cfg.ScrapeInterval
	}
	var bytes atomic.Int64
	s := newScraper(targetLabels(t), c.external, realTimeout(c.cfg.Clock, c.cfg.ScrapeTimeout), &bytes)
	s.notes = c.cfg.life.job(targetLabels(t))
	var block columns
	for at := slotAfter(c.cfg.ID, max(interval, step), from); !at.After(to); at = at.Add(max(interval, step)) {
		r := s.scrape(ctx, t, at)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.metrics.offers.takePoints(s.notes.scraped(t, at, r), r.points)
		block.add(r.points)
		s.free()
		if block.size >= backfillBatch {
			if err := c.metrics.backfill(ctx, block.take()); err != nil {
				return err
			}
		}
	}
	if block.size == 0 {
		return nil
	}
	return c.metrics.backfill(ctx, block.take())
}

// columns gathers the points of several scrapes by series.
type columns struct {
	points [][]point
	index  map[*series]int
	size   int
	out    []point
}

func (b *columns) add(points []point) {
	if b.index == nil {
		b.index = map[*series]int{}
	}
	for i, p := range points {
		if i >= len(b.points) || b.points[i][0].series != p.series {
			// Not at its place: the set of series has changed.
			known, ok := b.index[p.series]
			if !ok {
				known = len(b.points)
				b.index[p.series] = known
				b.points = append(b.points, nil)
			}
			i = known
		}
		b.points[i] = append(b.points[i], p)
	}
	b.size += len(points)
}

// take returns the points, series after series, and starts anew. They are valid
// until the next take.
func (b *columns) take() []point {
	b.out = b.out[:0]
	for _, column := range b.points {
		b.out = append(b.out, column...)
	}
	b.points, b.size = b.points[:0], 0
	clear(b.index)
	return b.out
}

// backfillRecords sends the logs and traces of the window, which the sources are
// read up to from then on.
func (c *Collector) backfillRecords(ctx context.Context, from, to time.Time, progress func(float64)) error {
	total, sources := to.Sub(from), c.sources()
	for at := from; at.Before(to); {
		next := earliest(at.Add(maxWindow), to)
		if c.logs != nil && sources.Logs != nil {
			if err := c.logs.room(ctx); err != nil {
				return err
			}
			c.logs.generate(sources.Logs.Logs(at, next), next, c.logs.offers.window(sources.Logs, at, next, 0))
			c.readLogs(next)
		}
		if c.traces != nil && sources.Traces != nil {
			if err := c.traces.room(ctx); err != nil {
				return err
			}
			c.traces.generate(sources.Traces.Traces(at, next), next, c.traces.offers.window(sources.Traces, at, next, 0))
			c.tracesRead = next
		}
		at = next
		progress(float64(at.Sub(from)) / float64(total))
	}
	return nil
}
