package collector

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// transport is how a client reached the OTLP receiver.
type transport int

const (
	overGRPC transport = iota
	overHTTP
)

// transports are the values of the transport label.
var transports = [...]string{overGRPC: "grpc", overHTTP: "http"}

var (
	// errBusy tells a client to come back: a sending queue is full.
	errBusy = errors.New("sending queue is full")
	// errNoPipeline answers a signal that this collector has no endpoint for.
	errNoPipeline = errors.New("no pipeline for this signal")
)

// receiverCounts are records of one signal by transport, for otelcol_receiver_*.
type receiverCounts struct {
	accepted, refused [len(transports)]atomic.Int64
}

// receivers counts what the OTLP receiver saw.
type receivers struct{ metrics, logs, traces receiverCounts }

// receiveMetrics takes a client's metrics, or none of them.
func (c *Collector) receiveMetrics(ctx context.Context, m pmetric.Metrics, via transport) error {
	p := c.metrics
	if p == nil {
		return errNoPipeline
	}
	n := m.DataPointCount()
	if p.exporter.full() {
		c.receivers.metrics.refused[via].Add(int64(n))
		p.in.Offer(n)
		p.in.Drop(dropRefused, n)
		return errBusy
	}
	c.receivers.metrics.accepted[via].Add(int64(n))
	t := translate(ctx, m, c.external)
	p.in.Offer(len(t.points) + t.dropped)
	p.in.Acknowledge(len(t.points))
	p.in.Drop(dropUntranslatable, t.dropped)
	c.untranslated.Add(int64(t.dropped))
	p.add(t.points, c.cfg.Clock.Now(), nil)
	return nil
}

// receiveLogs takes a client's log records, or none of them.
func (c *Collector) receiveLogs(l plog.Logs, via transport) error {
	return receiveRecords(c, c.logs, &c.receivers.logs, l, via)
}

// receiveTraces takes a client's spans, or none of them.
func (c *Collector) receiveTraces(t ptrace.Traces, via transport) error {
	return receiveRecords(c, c.traces, &c.receivers.traces, t, via)
}

func receiveRecords[T any](c *Collector, p *recordPipeline[T], counts *receiverCounts, records T, via transport) error {
	if p == nil {
		return errNoPipeline
	}
	n := p.count(records)
	p.in.Offer(n)
	if p.full() {
		counts.refused[via].Add(int64(n))
		p.in.Drop(dropRefused, n)
		return errBusy
	}
	counts.accepted[via].Add(int64(n))
	p.in.Acknowledge(n)
	p.add(records, n, c.cfg.Clock.Now(), nil)
	return nil
}
