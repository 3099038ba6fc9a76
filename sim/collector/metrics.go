package collector

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"koflab/sim/ledger"
)

// metricsPipeline batches samples and hands them to the remote-write exporter.
type metricsPipeline struct {
	in, out  *ledger.Account
	offers   *flow
	exporter *exporter
	version  RemoteWriteVersion
	size     int
	max      int
	timeout  time.Duration
	wake     func() // told when a deadline appears

	mu       sync.Mutex
	pending  []point
	deadline time.Time // of pending; zero if there is none
	closed   string    // why nothing more is taken, if so
}

func newMetricsPipeline(cfg Config, e *exporter, wake func()) *metricsPipeline {
	return &metricsPipeline{
		in:       cfg.Ledger.Account(cfg.ID+"/targets", cfg.ID, ledger.Metrics),
		out:      e.account,
		offers:   cfg.life.flow(ledger.Metrics),
		exporter: e, version: cfg.RemoteWrite,
		size: cfg.BatchSize, max: cfg.BatchMax, timeout: cfg.BatchTimeout, wake: wake,
	}
}

// newWriteSender returns a sender of remote write: 429 and 5xx are retried.
func newWriteSender(cfg Config) *sender {
	timeout := cfg.RequestTimeout
	orDefault(&timeout, 5*time.Second)
	s := newSender(cfg.Metrics, cfg.Client, timeout, cfg.Clock)
	s.header.Set("Content-Encoding", "snappy")
	if cfg.RemoteWrite == RemoteWriteV2 {
		s.header.Set("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request")
		s.header.Set("X-Prometheus-Remote-Write-Version", "2.0.0")
	} else {
		s.header.Set("Content-Type", "application/x-protobuf")
		s.header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	}
	s.retries = func(status int) bool { return status == http.StatusTooManyRequests || status/100 == 5 }
	s.rejected = rejectedSamples
	return s
}

// rejectedSamples reads the count of written samples that a version 2 receiver
// answers with, also when it refuses a part.
func rejectedSamples(status int, h http.Header, _ []byte, count int) int {
	n, err := strconv.Atoi(h.Get("X-Prometheus-Remote-Write-Samples-Written"))
	switch {
	case err == nil:
		if m, err := strconv.Atoi(h.Get("X-Prometheus-Remote-Write-Histograms-Written")); err == nil {
			n += m
		}
		return count - min(max(n, 0), count)
	case isSuccess(status):
		return 0
	default:
		return count
	}
}

// add batches points, which stay the caller's; from says what makes them again.
func (p *metricsPipeline) add(points []point, now time.Time, from *origin) {
	if len(points) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Offer(len(points))
	p.offers.takePoints(from, points)
	if p.closed != "" {
		p.out.Drop(p.closed, len(points))
		return
	}
	if p.pending == nil {
		p.pending = newPoints()
	}
	p.pending = append(p.pending, points...)
	p.export(p.size)
	if len(p.pending) > 0 && p.deadline.IsZero() {
		p.deadline = now.Add(p.timeout)
		p.wake()
	}
}

// export sends batches as long as at least n points are pending.
func (p *metricsPipeline) export(n int) {
	rest := p.pending
	for len(rest) >= max(n, 1) {
		batch := rest[:min(len(rest), p.max)]
		p.exporter.put(len(batch), func() ([]byte, error) { return encodeWrite(p.version, batch), nil })
		rest = rest[len(batch):]
	}
	if len(rest) == len(p.pending) {
		return
	}
	p.deadline = time.Time{}
	if len(rest) == 0 {
		freePoints(p.pending)
		p.pending = nil
		return
	}
	kept := copy(p.pending, rest)
	clear(p.pending[kept:])
	p.pending = p.pending[:kept]
}

// flush sends all that is pending.
func (p *metricsPipeline) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.export(1)
}

// due is when the pending points go out; zero if there are none.
func (p *metricsPipeline) due() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deadline
}

// close drops what is pending and all that comes, for reason.
func (p *metricsPipeline) close(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Drop(reason, len(p.pending))
	p.offers.close(reason)
	p.pending, p.deadline, p.closed = nil, time.Time{}, reason
}

// backfill sends points as one request, once the queue has drained enough.
func (p *metricsPipeline) backfill(ctx context.Context, points []point) error {
	if !p.exporter.room(ctx, backfillQueue) {
		return stopCause(ctx)
	}
	p.in.Offer(len(points))
	p.in.Acknowledge(len(points))
	p.out.Offer(len(points))
	p.exporter.put(len(points), func() ([]byte, error) { return encodeWrite(p.version, points), nil })
	return nil
}
