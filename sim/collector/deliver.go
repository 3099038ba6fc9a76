package collector

import (
	"context"
	"fmt"
	"time"
)

// deliver sends a batch until it is delivered, refused for good or given up. A
// batch that a stop interrupts is left as it is, still counted as queued.
func (e *exporter) deliver(b *batch) {
	body, err := e.body(b)
	if err != nil {
		e.health.refused(dropStorageLost, err)
		e.finish(b, b.count, dropStorageLost)
		return
	}
	start := e.clock.Now()
	for n := 0; ; n++ {
		last := e.isDraining()
		e.note(b, true)
		a := e.sender.send(e.ctx, body, b.count)
		if b.unknown && (a.verdict == delivered || a.unknown) {
			e.account.Duplicate(b.count)
			e.offers.repeated(b.lot)
		}
		if a.status == 0 && e.ctx.Err() != nil {
			return // stopped in the middle of it
		}
		b.unknown = b.unknown || a.unknown
		switch a.verdict {
		case delivered:
			e.health.delivered()
			e.finish(b, a.rejected, dropRejected)
			return
		case permanent:
			e.health.failed(a, a.reason(), a.rejected)
			e.finish(b, a.rejected, a.reason())
			return
		}
		wait := max(e.retry.wait(b.id, n), a.retryAfter)
		until := e.clock.Now().Add(wait)
		if e.retry.over(start, until) {
			e.health.failed(a, dropRetryExhausted, b.count)
			e.finish(b, b.count, dropRetryExhausted)
			return
		}
		e.health.failed(a, "", 0)
		e.note(b, b.unknown)
		if last {
			e.leave()
			return
		}
		if !e.pause(b, until) {
			return
		}
	}
}

// body returns the request body, from the journal if it is there.
func (e *exporter) body(b *batch) ([]byte, error) {
	if e.journal == nil {
		return b.body, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.journal.read(b.id)
}

// note keeps on disk whether a batch may have been delivered, for the case that
// the process does not live to see the answer.
func (e *exporter) note(b *batch, tried bool) {
	e.offers.tried(b.lot, tried)
	if e.journal == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.journal.tried(b.id, tried); err != nil {
		e.health.refused(dropStorage, err)
	}
}

// checkpoint keeps how far the log files have been read.
func (e *exporter) checkpoint(t time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.journal.checkpoint(t)
}

// pause waits until the next attempt. It ends early when the queue is drained,
// and reports false when the exporter has stopped.
func (e *exporter) pause(b *batch, until time.Time) bool {
	t := timerAt(e.clock, until)
	defer t.Stop()
	e.mu.Lock()
	e.wakes[b] = until
	e.mu.Unlock()
	e.changed.notify()
	defer func() {
		e.mu.Lock()
		delete(e.wakes, b)
		e.mu.Unlock()
	}()
	select {
	case <-t.C():
	case <-e.draining:
	case <-e.ctx.Done():
		return false
	}
	return true
}

func (e *exporter) isDraining() bool {
	select {
	case <-e.draining:
		return true
	default:
		return false
	}
}

// leave gives up delivering while the queue drains. What is on disk waits for
// the next start; what is in memory has one attempt each.
func (e *exporter) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = e.journal != nil
}

// drain makes the last attempts at what is queued until ctx ends, then stops.
// Batches in memory that are left are dropped, those on disk kept. The error
// says that ctx cut it short.
func (e *exporter) drain(ctx context.Context) (err error) {
	close(e.draining)
	done := make(chan struct{})
	go func() {
		e.workers.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("%s: %d batches not sent: %w", e.name, e.size(), ctx.Err())
	}
	e.stop(dropShutdown)
	<-done
	return err
}

// stop ends all attempts and drops what is in memory for reason.
func (e *exporter) stop(reason string) {
	e.mu.Lock()
	e.stopped = true
	e.mu.Unlock()
	e.cancel()
	e.workers.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = reason
	if e.journal != nil {
		e.journal.close()
		return
	}
	e.failed += int64(e.records)
	e.account.Drop(reason, e.records)
	e.offers.end(reason)
	e.held, e.records, e.bytes, e.waiting = 0, 0, 0, nil
}
