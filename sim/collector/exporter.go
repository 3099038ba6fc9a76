package collector

import (
	"context"
	"errors"
	"sync"
	"time"

	"koflab/sim/clock"
	"koflab/sim/ledger"
)

// Reasons of drops in the ledger. A permanent refusal is "http_" and the status.
const (
	dropQueueFull      = "queue_full"      // the sending queue had no room
	dropRetryExhausted = "retry_exhausted" // not delivered within RetryMaxElapsed
	dropRejected       = "rejected"        // taken by the far side, but for these
	dropTooLarge       = "too_large"       // 413
	dropInvalid        = "invalid"         // could not be made a request
	dropShutdown       = "shutdown"        // in memory when the collector stopped
	dropKilled         = "killed"          // in memory when the collector was killed
	dropStorage        = "storage_failed"  // the queue's file could not be written
	dropStorageLost    = "storage_lost"    // the queue's file was gone or damaged
	dropRefused        = "refused"         // not taken from a client: no room
	dropDuplicate      = "duplicate_sample"
	dropUntranslatable = "untranslatable"
)

// batch is one request's worth of records in a sending queue.
type batch struct {
	id    uint64
	count int
	body  []byte // compressed; nil when the journal holds it
	// unknown says that an attempt may have delivered it already.
	unknown bool
	lot     *lot // in the journal of offers
}

// exporter is a sending queue with its consumers. A consumer runs only while
// there is something to send.
type exporter struct {
	name      string // as in otelcol_exporter_* metrics
	signal    ledger.Signal
	capacity  int
	consumers int

	clock   clock.Clock
	account *ledger.Account
	sender  *sender
	retry   *retryPolicy
	health  *health
	journal *journal // nil: the queue is in memory
	offers  *trail
	changed *notifier

	ctx     context.Context // of all attempts and waits
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu       sync.Mutex
	waiting  []*batch
	held     int // batches waiting, in flight, and left by a stop
	records  int // records in them
	bytes    int // bodies in memory
	nextID   uint64
	running  int
	wakes    map[*batch]time.Time // batches that wait for a retry, and until when
	draining chan struct{}        // closed by drain
	stopped  bool                 // no more batches are taken from the queue
	closed   string               // why no more batches are put into it, if so

	sent, failed, refused int64 // records over the exporter's life
}

func newExporter(name string, signal ledger.Signal, cfg Config, s *sender, consumers int, j *journal, changed *notifier) *exporter {
	e := &exporter{
		name: name, signal: signal, capacity: cfg.QueueSize, consumers: consumers,
		clock: cfg.Clock, account: cfg.Ledger.Account(cfg.ID, cfg.To, signal),
		sender:  s,
		retry:   newRetryPolicy(cfg.RetryInitial, cfg.RetryMax, cfg.RetryMaxElapsed, cfg.ID+"/"+name),
		health:  newHealth(cfg.ID+"/"+name, cfg.Clock, cfg.Events, cfg.RetryMaxElapsed),
		journal: j, changed: changed, offers: cfg.life.trail(signal, name),
		wakes: map[*batch]time.Time{}, draining: make(chan struct{}),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// restore takes over what the journal kept from an earlier life.
func (e *exporter) restore(kept []*batch) {
	e.offers.restore(kept)
	for _, b := range kept {
		e.waiting = append(e.waiting, b)
		e.held++
		e.records += b.count
		e.nextID = max(e.nextID, b.id)
	}
}

// start sends what was restored.
func (e *exporter) start() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for range e.waiting {
		e.hire()
	}
}

// full reports whether the queue has no room.
func (e *exporter) full() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.held >= e.capacity
}

// put queues count records, already offered to the ledger, which encode makes a
// request body of; it drops them if there is no room.
func (e *exporter) put(count int, encode func() ([]byte, error)) {
	lot := e.offers.cut(count)
	if e.full() {
		e.turnAway(dropQueueFull, count, nil)
		e.offers.finish(lot, count, dropQueueFull, false)
		return
	}
	body, err := encode()
	if err != nil {
		e.turnAway(dropInvalid, count, err)
		e.offers.finish(lot, count, dropInvalid, false)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed != "" {
		e.refused += int64(count)
		e.account.Drop(e.closed, count)
		e.offers.finish(lot, count, e.closed, false)
		return
	}
	e.nextID++
	b := &batch{id: e.nextID, count: count, body: body, lot: lot}
	if e.journal != nil {
		if err := e.journal.put(b.id, count, body); err != nil {
			e.refused += int64(count)
			e.account.Drop(storageReason(err), count)
			e.health.refused(storageReason(err), err)
			e.offers.finish(lot, count, storageReason(err), false)
			return
		}
		e.offers.file(lot, b.id)
		b.body = nil
	}
	e.held++
	e.records += count
	e.bytes += len(b.body)
	e.waiting = append(e.waiting, b)
	e.hire()
}

func storageReason(err error) string {
	if errors.Is(err, errJournalFull) {
		return dropQueueFull
	}
	return dropStorage
}

// turnAway drops records that never came into the queue.
func (e *exporter) turnAway(reason string, count int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused += int64(count)
	e.account.Drop(reason, count)
	e.health.refused(reason, err)
}

// hire starts a consumer if one more may run. The caller holds mu.
func (e *exporter) hire() {
	if e.running >= e.consumers || e.stopped {
		return
	}
	e.running++
	e.workers.Add(1)
	go e.work()
}

// work delivers batches until there are none.
func (e *exporter) work() {
	defer e.workers.Done()
	for {
		e.mu.Lock()
		if len(e.waiting) == 0 || e.stopped || e.ctx.Err() != nil {
			e.running--
			e.mu.Unlock()
			e.changed.notify()
			return
		}
		b := e.waiting[0]
		e.waiting[0] = nil
		e.waiting = e.waiting[1:]
		e.mu.Unlock()
		e.deliver(b)
	}
}

// finish books a batch's end: rejected of its records were dropped for reason,
// the others acknowledged.
func (e *exporter) finish(b *batch, dropped int, reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held--
	e.records -= b.count
	e.bytes -= len(b.body)
	e.sent += int64(b.count - dropped)
	e.failed += int64(dropped)
	if e.journal != nil {
		if err := e.journal.remove(b.id); err != nil {
			e.health.refused(dropStorage, err)
		}
	}
	if dropped < b.count {
		e.account.Acknowledge(b.count - dropped)
	}
	e.account.Drop(reason, dropped)
	e.offers.finish(b.lot, dropped, reason, b.unknown)
	e.changed.notify()
}

// room waits until fewer than n batches are held, and reports false if ctx or
// the exporter ends first.
func (e *exporter) room(ctx context.Context, n int) bool {
	for {
		changed := e.changed.wait()
		e.mu.Lock()
		held := e.held
		e.mu.Unlock()
		if held < n {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		case <-e.ctx.Done():
			return false
		}
	}
}

// idle reports whether the queue is empty.
func (e *exporter) idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.held == 0
}

// size is the number of batches in the queue, in flight ones included.
func (e *exporter) size() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.held
}

// settled reports whether nothing happens before the clock moves past now.
func (e *exporter) settled(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running != len(e.wakes) {
		return false
	}
	for _, t := range e.wakes {
		if !t.After(now) {
			return false
		}
	}
	return true
}
