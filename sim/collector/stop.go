package collector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Flush finishes what is due, sends what is batched and waits until all queues
// are empty or ctx ends. It does not wait for scrapes of real endpoints. A batch
// that waits for a retry keeps Flush waiting: on a virtual clock someone has to
// advance it.
func (c *Collector) Flush(ctx context.Context) error {
	now := c.cfg.Clock.Now()
	if err := c.await(ctx, func() bool { return c.scheduleSettled(now) }); err != nil {
		return fmt.Errorf("collector %s: flush: scrapes are still due: %w", c.cfg.ID, err)
	}
	for _, p := range c.batchers() {
		p.flush()
	}
	for _, e := range c.exporters() {
		if err := c.await(ctx, e.idle); err != nil {
			return fmt.Errorf("collector %s: flush: %d batches still queued for %s: %w", c.cfg.ID, e.size(), e.name, err)
		}
	}
	return nil
}

// Settle waits until nothing more happens at the clock's present time: what is
// due is done, and what is queued has been tried and waits for its retry. Who
// drives a virtual clock calls it between steps, so that each step sees the
// effects of the last.
func (c *Collector) Settle(ctx context.Context) error {
	return c.await(ctx, func() bool {
		now := c.cfg.Clock.Now()
		if c.remote.Load() != 0 || !c.scheduleSettled(now) {
			return false
		}
		for _, e := range c.exporters() {
			if !e.settled(now) {
				return false
			}
		}
		return true
	})
}

// await waits for a condition that changes are notified of.
func (c *Collector) await(ctx context.Context, done func() bool) error {
	for {
		changed := c.changed.wait()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Shutdown stops receiving and scraping and tries to send what is held until ctx
// ends. What then remains of logs and traces stays on disk if there is a
// StorageDir; all else is dropped as "shutdown". It returns an error if ctx cut
// attempts short.
func (c *Collector) Shutdown(ctx context.Context) error {
	if !c.beginStop() {
		return nil
	}
	c.servers.shutdown(ctx)
	c.tasks.Wait()
	for _, p := range c.batchers() {
		p.flush()
		p.close(dropShutdown)
	}
	var wg sync.WaitGroup
	exporters := c.exporters()
	cut := make([]error, len(exporters))
	for i, e := range exporters {
		wg.Go(func() { cut[i] = e.drain(ctx) })
	}
	wg.Wait()
	c.endStop()
	return errors.Join(cut...)
}

// Kill stops at once as SIGKILL would: what is in memory is lost ("killed"),
// files stay as they are. A request under way may or may not have arrived.
func (c *Collector) Kill() {
	if !c.beginStop() {
		return
	}
	c.servers.close()
	for _, e := range c.exporters() {
		e.cancel()
	}
	c.tasks.Wait()
	for _, p := range c.batchers() {
		p.close(dropKilled)
	}
	for _, e := range c.exporters() {
		e.stop(dropKilled)
	}
	c.endStop()
}

// beginStop ends the schedule; it reports false if the collector is stopped
// already or by someone else.
func (c *Collector) beginStop() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state >= stopping {
		return false
	}
	c.state = stopping
	if c.cancel != nil {
		c.cancel()
	}
	return true
}

// endStop makes the changes of sources that were still to be made: who asked for them
// counts on it, though nothing is read from those sources any more.
func (c *Collector) endStop() {
	for {
		c.mu.Lock()
		changes := c.changes
		c.changes = nil
		if len(changes) == 0 {
			c.state = stopped
			c.mu.Unlock()
			c.changed.notify()
			return
		}
		c.mu.Unlock()
		at := latest(c.cfg.Clock.Now().Truncate(time.Millisecond), c.logsRead, c.tracesRead)
		for _, f := range changes {
			c.applyChange(at, f)
		}
	}
}

// stopCause is why a wait ended: ctx, or else the collector's stop.
func stopCause(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return ErrStopped
}

// uptime is how long the collector has run, in lab time.
func (c *Collector) uptime() time.Duration { return c.cfg.Clock.Now().Sub(c.started) }
