package collector

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"koflab/sim/ledger"
)

// recordKind says how to handle the records of a signal, log records or spans.
type recordKind[T any] struct {
	empty func() T
	count func(T) int
	// join moves all of from to the end of to.
	join func(from, to T)
	// cut moves the first n records of from, with their resources and scopes.
	cut func(from T, n int) T
	// prepare is what the pipeline's processors do before the batch.
	prepare func(T)
	// export sends one batch.
	export func(T, int)
}

// recordPipeline batches log records or spans and exports them.
type recordPipeline[T any] struct {
	recordKind[T]
	in, out   *ledger.Account
	offers    *flow
	exporters []*exporter
	size      int
	max       int
	timeout   time.Duration
	wake      func()

	mu       sync.Mutex
	pending  T
	held     int // records pending
	deadline time.Time
	closed   string
}

func newRecordPipeline[T any](cfg Config, signal ledger.Signal, kind recordKind[T], wake func(), exporters ...*exporter) *recordPipeline[T] {
	return &recordPipeline[T]{
		recordKind: kind,
		in:         cfg.Ledger.Account(cfg.ID+"/targets", cfg.ID, signal),
		out:        cfg.Ledger.Account(cfg.ID, cfg.To, signal),
		offers:     cfg.life.flow(signal),
		exporters:  exporters,
		size:       cfg.BatchSize, max: cfg.BatchMax, timeout: cfg.BatchTimeout, wake: wake,
		pending: kind.empty(),
	}
}

// generate takes records of the cluster itself into the pipeline and returns how
// many there were; from says what makes them again.
func (p *recordPipeline[T]) generate(records T, now time.Time, from *origin) int {
	n := p.count(records)
	p.in.Offer(n)
	p.in.Acknowledge(n)
	p.add(records, n, now, from)
	return n
}

// add batches n records, which become the pipeline's.
func (p *recordPipeline[T]) add(records T, n int, now time.Time, from *origin) {
	if n == 0 {
		return
	}
	p.prepare(records)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Offer(n)
	p.offers.takeRecords(from, records)
	if p.closed != "" {
		p.out.Drop(p.closed, n)
		return
	}
	p.join(records, p.pending)
	p.held += n
	p.send(p.size)
	if p.held > 0 && p.deadline.IsZero() {
		p.deadline = now.Add(p.timeout)
		p.wake()
	}
}

// send exports batches as long as at least n records are pending.
func (p *recordPipeline[T]) send(n int) {
	for p.held >= max(n, 1) {
		batch, size := p.pending, p.held
		if size > p.max {
			size = p.max
			batch = p.cut(p.pending, size)
		} else {
			p.pending = p.empty()
		}
		p.held -= size
		p.deadline = time.Time{}
		p.export(batch, size)
	}
}

func (p *recordPipeline[T]) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.send(1)
}

func (p *recordPipeline[T]) due() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deadline
}

func (p *recordPipeline[T]) close(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Drop(reason, p.held)
	p.offers.close(reason)
	p.pending, p.held, p.deadline, p.closed = p.empty(), 0, time.Time{}, reason
}

// full reports whether a queue that the records may need has no room.
func (p *recordPipeline[T]) full() bool {
	for _, e := range p.exporters {
		if e.full() {
			return true
		}
	}
	return false
}

// room waits until the queues are nearly empty.
func (p *recordPipeline[T]) room(ctx context.Context) error {
	for _, e := range p.exporters {
		if !e.room(ctx, backfillQueue) {
			return stopCause(ctx)
		}
	}
	return nil
}

// newOTLPSender returns a sender of OTLP over HTTP: 429, 502, 503 and 504 are
// retried. partial reads the number of rejected records from a response.
func newOTLPSender(cfg Config, to Endpoint, partial func([]byte) int64) *sender {
	timeout := cfg.RequestTimeout
	orDefault(&timeout, 30*time.Second)
	s := newSender(to, cfg.Client, timeout, cfg.Clock)
	s.header.Set("Content-Type", protobufType)
	s.header.Set("Content-Encoding", "gzip")
	s.retries = func(status int) bool {
		switch status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	s.rejected = func(status int, h http.Header, body []byte, count int) int {
		if !isSuccess(status) {
			return count
		}
		if h.Get("Content-Type") != protobufType {
			return 0
		}
		return int(min(max(partial(body), 0), int64(count)))
	}
	return s
}

var gzipWriters = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		return gzip.NewWriter(nil)
	}
	return w
}}

// compress returns body gzipped.
func compress(body []byte) ([]byte, error) {
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	var out bytes.Buffer
	out.Grow(len(body)/4 + 64)
	w.Reset(&out)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
