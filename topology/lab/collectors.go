package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"koflab/embed/gateway"
	"koflab/sim/clock"
	"koflab/sim/collector"
	"koflab/sim/event"
	"koflab/sim/inventory"
	"koflab/sim/telemetry"
	"koflab/topology"
	"koflab/topology/lab/backing"
)

// ListenOTLPHTTP is the listener of a cluster's collectors for OTLP over HTTP, in the
// stack profiles and among the endpoints of a cluster.
const ListenOTLPHTTP = "otlp-http"

// Names of further listeners in the stack profiles that every cluster may have.
const (
	listenOTLPGRPC  = "otlp-grpc"
	listenTelemetry = "otelcol-metrics"
)

// What the collectors add to the generated series, so that a cluster's number of
// series is the one asked for: up and the scrape_* series of each target, and the
// collectors' own metrics. A test holds them against a lab.
const (
	scrapeSeries = 5
	selfSeries   = 45
)

// startConcurrency bounds how many collectors start at once.
const startConcurrency = 8

// meshCertificateTTL is that of the mesh's workload certificates.
const meshCertificateTTL = 24 * time.Hour

// openCollectors makes the collectors of every cluster where pods of them are
// ready, and starts them unless the past is to be filled in first.
func (l *Lab) openCollectors(ctx context.Context) error {
	l.onClose(l.closeCollectors)
	all := l.all()
	if err := inParallel(all, startConcurrency, func(c *cluster) error {
		c.syncMu.Lock()
		defer c.syncMu.Unlock()
		if err := l.refreshInventory(c); err != nil {
			return err
		}
		return l.makeCollector(c)
	}); err != nil {
		return err
	}
	with, series := 0, 0
	for _, c := range all {
		if v := c.view(); v.collector != nil {
			with++
			series += v.generator.Series()
		}
		if v := c.view(); v.planned.Unresolved != "" {
			l.emit(event.Warning, "NoRegion", c.ID, v.planned.Unresolved)
		}
	}
	l.emit(event.Normal, "CollectorsMade", "collectors", fmt.Sprintf("%d clusters observe %d generated series", with, series))
	if l.opts.History > 0 {
		return nil // fillHistory starts them behind the past
	}
	return l.startCollectors(ctx)
}

// startCollectors starts them, and has each send what it scraped first before
// the next has its turn: hundreds at once would run into their own timeouts.
func (l *Lab) startCollectors(ctx context.Context) error {
	if err := l.align(ctx); err != nil {
		return err
	}
	err := inParallel(l.all(), startConcurrency, func(c *cluster) error {
		v := c.view()
		if v.collector == nil {
			return nil
		}
		if err := v.collector.Start(ctx); err != nil {
			return err
		}
		ctx, cancel := clock.WithTimeout(ctx, l.wall, l.flushPatience(c))
		defer cancel()
		_ = v.collector.Flush(ctx) // whether it was enough, the answers tell
		return nil
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; stop the program that listens there, or choose other addresses with --address-block", err)
	}
	return err
}

// flushPatience is how long, in real time, the start waits for what a collector
// has scraped first to be stored. On a fast clock a queue may never be empty, and
// with a wrong password nothing is ever stored.
func (l *Lab) flushPatience(c *cluster) time.Duration {
	switch {
	case c.Workload.Collector.Password != "":
		return 0
	case l.opts.Speed > 1:
		return 250 * time.Millisecond
	}
	return 10 * time.Second
}

func (l *Lab) closeCollectors(ctx context.Context) error {
	// A region that cannot be reached shall not hold the way down for long.
	ctx, cancel := clock.WithTimeout(ctx, l.wall, closeTimeout/2)
	defer cancel()
	return inParallel(l.all(), 4*startConcurrency, func(c *cluster) error { return c.stopCollector(ctx) })
}

// stopCollector ends a cluster's collector in order, as SIGTERM does; nothing
// happens where none runs.
func (c *cluster) stopCollector(ctx context.Context) error {
	c.mu.Lock()
	old := c.collector
	c.collector, c.config = nil, nil
	c.mu.Unlock()
	if old == nil {
		return nil
	}
	if c.killed() {
		old.Kill()
		return nil
	}
	err := old.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // what could not be handed over is in the ledger, dropped as "shutdown"
	}
	return err
}

// refreshInventory derives the inventory and its generator anew from the
// cluster's objects. The caller holds syncMu.
func (l *Lab) refreshInventory(c *cluster) error {
	objects, err := c.embedded.Objects()
	if err != nil {
		return err
	}
	inv := inventory.FromObjects(c.spec, objects)
	options := telemetry.Options{PerTarget: scrapeSeries, Fixed: selfSeries}
	v := c.view()
	if v.collector == nil {
		g := telemetry.New(inv, 0, options)
		l.journals.observed(c, inv, g, options)
		c.setInventory(inv, g)
		return nil
	}
	v.collector.Switch(func(at time.Time) collector.Sources {
		options.Continue, options.At = v.generator, at
		g := telemetry.New(inv, 0, options)
		l.journals.observed(c, inv, g, options)
		c.setInventory(inv, g)
		return l.sources(c, g)
	})
	return nil
}

func (c *cluster) setInventory(inv *inventory.Cluster, g *telemetry.Generator) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inventory, c.generator = inv, g
}

// sources are what a cluster's collector scrapes and reads.
func (l *Lab) sources(c *cluster, g *telemetry.Generator) collector.Sources {
	s := collector.Sources{Logs: g, Traces: g}
	for _, t := range g.Targets() {
		s.Targets = append(s.Targets, t)
	}
	for _, t := range c.Workload.Scrape {
		target, err := collector.HTTPTarget(t.URL, t.Job, nil)
		if err != nil {
			l.emit(event.Warning, "ScrapeTargetInvalid", c.ID, err.Error()) // the specification's check lets none through
			continue
		}
		s.Targets = append(s.Targets, target)
	}
	s.Targets = append(s.Targets, c.extraTargets(g)...)
	return s
}

// syncCollector follows the collector's pods: it starts, ends or replaces the
// collector when they or their configuration have changed. The caller holds syncMu.
func (l *Lab) syncCollector(ctx context.Context, c *cluster) error {
	want, err := backing.CollectorsOf(c.embedded.Server())
	if err != nil {
		return err
	}
	v := c.view()
	switch {
	case want == nil && v.collector == nil:
		return nil
	case want != nil && v.collector != nil && want.Same(v.config) && !want.Successor(v.config):
		c.mu.Lock()
		c.config = want // other pods of it, maybe
		c.mu.Unlock()
		return nil
	}
	stopping, cancel := clock.WithTimeout(ctx, l.wall, closeTimeout/2)
	defer cancel()
	if err := c.stopCollector(stopping); err != nil {
		return err
	}
	if want == nil {
		l.events.Add(event.Warning, "CollectorStopped", c.ID, "no pod of the collector is ready")
		return nil
	}
	if err := l.makeCollector(c); err != nil {
		return err
	}
	if v = c.view(); v.collector == nil {
		return nil
	}
	l.events.Add(event.Normal, "CollectorStarted", c.ID, "its pods are ready")
	return v.collector.Start(ctx)
}

// makeCollector makes the collector that a cluster's ready collector pods ask for.
// The caller holds syncMu.
func (l *Lab) makeCollector(c *cluster) error {
	want, err := backing.CollectorsOf(c.embedded.Server())
	if err != nil || want == nil {
		return err
	}
	v := c.view()
	if v.inventory == nil || len(v.inventory.Nodes) == 0 {
		return nil
	}
	sources := l.sources(c, v.generator)
	cfg := collector.Config{
		ID: c.ID, Cluster: orName(want.ExternalLabels[l.stack.Labels.Cluster], c.Name), ClusterNamespace: c.Namespace,
		ClusterLabel: l.stack.Labels.Cluster, ClusterNamespaceLabel: l.stack.Labels.ClusterNamespace,
		Clock: l.clock, Targets: sources.Targets, Logs: sources.Logs, Traces: sources.Traces,
		ScrapeInterval: want.ScrapeInterval, To: v.planned.Region,
		StorageDir: filepath.Join(l.dir.Data(), "collectors", strings.ReplaceAll(c.ID, "/", "_")),
		QueueSize:  want.QueueSize, RetryMaxElapsed: want.RetryMaxElapsed,
		Ledger: l.ledger, Events: l.events,
	}
	for _, listener := range l.stack.Listeners {
		switch listener.Name {
		case listenOTLPGRPC:
			cfg.OTLPGRPCAddr = c.host.listen(listener.Port)
		case ListenOTLPHTTP:
			cfg.OTLPHTTPAddr = c.host.listen(listener.Port)
		case listenTelemetry:
			cfg.TelemetryAddr = c.host.listen(listener.Port)
			// The daemon collector is in its node's network.
			cfg.TelemetryInstance = net.JoinHostPort(v.inventory.Nodes[0].IP, strconv.Itoa(listener.Port))
		}
	}
	if err := l.connect(c, want, &cfg); err != nil {
		return err
	}
	cfg.Journal = l.journals.of(c)
	made, err := collector.New(cfg)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	made.SetSkew(c.broken.skew)
	c.collector, c.config = made, want
	return nil
}

// connect says where the collectors send: past the gateway inside the storing
// cluster, through it from any other, as the exporters' endpoints say.
func (l *Lab) connect(c *cluster, want *backing.Collectors, cfg *collector.Config) error {
	identity := ""
	for _, out := range []struct {
		from   backing.Exporter
		signal topology.Signal
		to     *collector.Endpoint
	}{
		{want.Metrics, l.stack.Signals.Metrics, &cfg.Metrics}, {want.Logs, l.stack.Signals.Logs, &cfg.LogsOut},
		{want.Audit, l.stack.Signals.Audit, &cfg.AuditOut}, {want.Traces, l.stack.Signals.Traces, &cfg.TracesOut},
	} {
		if out.from.URL == "" || out.signal == (topology.Signal{}) {
			continue
		}
		*out.to = collector.Endpoint{URL: out.from.URL, Username: out.from.Username, Password: out.from.Password}
		if !inCluster(out.from.URL) {
			continue
		}
		s := l.store(c.ID)
		if s == nil {
			return fmt.Errorf("the collectors of %s write to %s: %w", c.ID, out.from.URL, errStorePending)
		}
		local, err := s.localURL(out.signal.Local.At(topology.Cluster{}, "127.0.0.1").Write)
		if err != nil {
			return fmt.Errorf("cluster %s: %w", c.ID, err)
		}
		*out.to = collector.Endpoint{URL: local}
	}
	if cfg.To == "" {
		cfg.To = "nowhere"
	}
	if identity = want.Metrics.Username; identity == "" {
		identity = gateway.ChildUser(c.Name, c.Namespace)
	}
	var err error
	if cfg.Client, err = l.client(c.ID, identity); err == nil && l.opts.Transport != nil {
		cfg.Client.Transport = l.opts.Transport(cfg.Client.Transport)
	}
	return err
}

// inCluster reports whether a URL names a Service of the collector's own cluster:
// a name without a domain, or one below svc.
func inCluster(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, ".svc.cluster.local") {
		return true
	}
	return !strings.Contains(host, ".") && !strings.HasSuffix(host, "-vmauth")
}

// Flush waits until all that the collectors hold has been sent.
func (l *Lab) Flush(ctx context.Context) error {
	return inParallel(l.all(), 4*startConcurrency, func(c *cluster) error {
		if v := c.view(); v.collector != nil {
			return v.collector.Flush(ctx)
		}
		return nil
	})
}

// fillHistory sends the past through the collectors, then starts them.
func (l *Lab) fillHistory(ctx context.Context) error {
	if l.opts.History == 0 {
		return nil
	}
	to := l.clock.Now().Truncate(time.Second)
	from := to.Add(-l.opts.History)
	start := l.wall.Now()
	for _, c := range l.all() {
		v := c.view()
		if v.collector == nil {
			continue
		}
		step := max(v.config.ScrapeInterval, historyStep(l.opts.History))
		if err := v.collector.Backfill(ctx, from, to, step, nil); err != nil {
			return fmt.Errorf("history of %s: %w", c.ID, err)
		}
		l.emit(event.Normal, "HistoryFilled", c.ID, fmt.Sprintf("%s of the past, a sample every %s", l.opts.History, step))
	}
	l.emit(event.Normal, "HistoryFilled", "lab", fmt.Sprintf("%s of the past filled in %.1f s", l.opts.History, l.wall.Now().Sub(start).Seconds()))
	return l.startCollectors(ctx)
}

// historyStep keeps a long past affordable: an hour at scrape resolution, a day
// at a minute.
func historyStep(length time.Duration) time.Duration {
	if length <= time.Hour {
		return 0
	}
	return time.Minute
}

// inParallel calls f for each item, at most n at once, and returns the first error.
func inParallel[T any](items []T, n int, f func(T) error) error {
	var g errgroup.Group
	g.SetLimit(max(1, n))
	for _, item := range items {
		g.Go(func() error { return f(item) })
	}
	return g.Wait()
}

func orName(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}
