package collector

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"koflab/sim/ledger"
)

// ErrStopped is what a collector answers after Shutdown or Kill.
var ErrStopped = errors.New("collector is stopped")

// batcher is a pipeline as the schedule sees it.
type batcher interface {
	due() time.Time
	flush()
	close(reason string)
}

// Collector is the collectors of one cluster. After a Shutdown or Kill, New with
// the same Config makes its successor, which takes over the files.
type Collector struct {
	cfg      Config
	external externalLabels
	changed  *notifier

	metrics *metricsPipeline
	logs    *recordPipeline[plog.Logs]
	traces  *recordPipeline[ptrace.Traces]

	metricsOut, logsOut, auditOut, tracesOut *exporter // nil without an endpoint

	receivers receivers
	servers   servers
	started   time.Time

	self *selfMetrics // nil without a TelemetryAddr

	scraped, scrapeErrors atomic.Int64 // samples; scrapes
	untranslated, filelog atomic.Int64 // data points; log records
	seriesBytes           atomic.Int64 // of the series kept
	remote                atomic.Int64 // scrapes of remote targets under way

	schedule
	skew  skew // of the nodes' clock
	woken chan struct{}
	wakes atomic.Int64 // wake-ups asked for

	mu       sync.Mutex
	state    state
	targets  []Target
	retarget bool // targets are not in the schedule yet
	// Where records come from, and changes that have not been made yet.
	logSource   LogSource
	traceSource TraceSource
	changes     []func(time.Time, *Sources)
	awaited     time.Time // what run waits for
	seen        int64     // wake-ups that were heeded in that
	cancel      context.CancelFunc
	tasks       sync.WaitGroup // run and remote scrapes
}

// state is where a collector is in its life.
type state int

const (
	made state = iota
	running
	stopping
	stopped
)

// New makes a collector and takes over the files that an earlier one left in
// StorageDir. Nothing is sent, received or scraped before Start, but Backfill.
func New(cfg Config) (*Collector, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Collector{
		cfg: cfg, changed: &notifier{}, woken: make(chan struct{}, 1),
		targets: cfg.Targets, logSource: cfg.Logs, traceSource: cfg.Traces,
		external: newExternalLabels(cfg.ClusterLabel, cfg.Cluster, cfg.ClusterNamespaceLabel, cfg.ClusterNamespace),
	}
	cfg.life = cfg.Journal.open(cfg)
	c.cfg.life = cfg.life
	c.jobs = map[string]*job{}
	// A window ends with a batch, so that it costs no wake-up of its own; a fast
	// clock must not multiply those.
	c.window = max(cfg.BatchTimeout, time.Duration(cfg.Clock.Speed()*float64(100*time.Millisecond)))
	if cfg.Metrics.URL != "" {
		c.metricsOut = newExporter("prometheusremotewrite", ledger.Metrics, cfg, newWriteSender(cfg), 1, nil, c.changed)
		c.metrics = newMetricsPipeline(cfg, c.metricsOut, c.wake)
	}
	if err := c.openRecords(); err != nil {
		c.closeJournals()
		return nil, err
	}
	return c, nil
}

// openRecords makes the pipelines of logs and traces.
func (c *Collector) openRecords() (err error) {
	cfg := c.cfg
	if cfg.LogsOut.URL != "" {
		if c.logsOut, err = c.openExporter("otlphttp/logs", ledger.Logs, cfg.LogsOut, rejectedLogs); err != nil {
			return err
		}
		exporters := []*exporter{c.logsOut}
		if cfg.AuditOut.URL != "" {
			if c.auditOut, err = c.openExporter("otlphttp/logs-audit", ledger.Logs, cfg.AuditOut, rejectedLogs); err != nil {
				return err
			}
			exporters = append(exporters, c.auditOut)
		}
		c.logs = newRecordPipeline(cfg, ledger.Logs, logKind(cfg, c.logsOut, c.auditOut), c.wake, exporters...)
		reconcile(exporters...)
	}
	if cfg.TracesOut.URL != "" {
		if c.tracesOut, err = c.openExporter("otlphttp/traces", ledger.Traces, cfg.TracesOut, rejectedSpans); err != nil {
			return err
		}
		c.traces = newRecordPipeline(cfg, ledger.Traces, traceKind(c.tracesOut), c.wake, c.tracesOut)
		reconcile(c.tracesOut)
	}
	return nil
}

// otlpConsumers is how many batches an otlphttp exporter has in flight.
const otlpConsumers = 10

func (c *Collector) openExporter(name string, signal ledger.Signal, to Endpoint, partial func([]byte) int64) (*exporter, error) {
	var j *journal
	var kept []*batch
	if c.cfg.StorageDir != "" {
		var err error
		path := filepath.Join(c.cfg.StorageDir, filepath.Base(name)+".queue")
		if j, kept, err = openJournal(path); err != nil {
			return nil, fmt.Errorf("collector %s: %w", c.cfg.ID, err)
		}
	}
	e := newExporter(name, signal, c.cfg, newOTLPSender(c.cfg, to, partial), otlpConsumers, j, c.changed)
	e.restore(kept)
	return e, nil
}

// reconcile makes the ledger agree with what the exporters of one account found
// on disk: records that a ledger of an earlier process had are offered anew,
// those that the disk lost are dropped.
func reconcile(exporters ...*exporter) {
	found := 0
	for _, e := range exporters {
		found += e.records
	}
	account := exporters[0].account
	if known := int(account.Entry().Queued); found > known {
		account.Offer(found - known)
	} else {
		account.Drop(dropStorageLost, known-found)
	}
}

func (c *Collector) exporters() []*exporter {
	var out []*exporter
	for _, e := range []*exporter{c.metricsOut, c.logsOut, c.auditOut, c.tracesOut} {
		if e != nil {
			out = append(out, e)
		}
	}
	return out
}

func (c *Collector) batchers() []batcher {
	out := make([]batcher, 0, 3)
	if c.metrics != nil {
		out = append(out, c.metrics)
	}
	if c.logs != nil {
		out = append(out, c.logs)
	}
	if c.traces != nil {
		out = append(out, c.traces)
	}
	return out
}

func (c *Collector) closeJournals() {
	for _, e := range c.exporters() {
		if e.journal != nil {
			e.journal.close()
		}
	}
}

// Start listens, scrapes each target once, and goes on until Shutdown or Kill.
// Its ctx bounds only the start.
func (c *Collector) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != made {
		return fmt.Errorf("collector %s: started before", c.cfg.ID)
	}
	c.started = c.cfg.Clock.Now()
	if err := c.listen(ctx); err != nil {
		return fmt.Errorf("collector %s: %w", c.cfg.ID, err)
	}
	c.state = running
	now := c.started.Truncate(time.Millisecond)
	c.resumeReading(now)
	c.nextWindow = now.Add(c.window)
	c.retarget = c.metrics != nil
	for _, e := range c.exporters() {
		e.start()
	}
	run, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.tasks.Add(1)
	go func() {
		defer c.tasks.Done()
		c.run(run)
	}()
	return nil
}

// resumeReading sets where the sources are read from: logs where the last
// collector or the backfill left them, traces from now or the backfill's end.
func (c *Collector) resumeReading(now time.Time) {
	if c.logsOut != nil && c.logsOut.journal != nil && c.logsRead.IsZero() {
		c.logsRead = c.logsOut.journal.mark
	}
	if c.logsRead.IsZero() || c.logsRead.After(now) {
		c.logsRead = now
	}
	if oldest := now.Add(-maxLogBacklog); c.logsRead.Before(oldest) {
		c.logsRead = oldest
	}
	if c.tracesRead.IsZero() || c.tracesRead.After(now) {
		c.tracesRead = now
	}
}

// SetCredentials makes requests from now on use another user and password, at
// all endpoints that have credentials.
func (c *Collector) SetCredentials(username, password string) {
	for _, e := range c.exporters() {
		if e.sender.auth.Load() != nil {
			e.sender.auth.Store(&credentials{username, password})
		}
	}
}
