package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"koflab/sim/collector"
	"koflab/sim/event"
	"koflab/sim/telemetry"
	"koflab/topology"
	"koflab/topology/lab/region"
)

// cluster is one cluster of the lab with its collectors.
type cluster struct {
	topology.PlannedCluster
	spec topology.Cluster
	host host
	// collector and generator are nil where nothing is stored.
	collector *collector.Collector
	generator *telemetry.Generator
}

// Names of listeners in the stack profiles that every cluster may have.
const (
	listenOTLPGRPC  = "otlp-grpc"
	listenOTLPHTTP  = "otlp-http"
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

// openCollectors starts the collectors of every cluster whose telemetry is
// stored somewhere.
func (l *Lab) openCollectors(ctx context.Context) error {
	specs := map[string]topology.Cluster{}
	for _, c := range l.opts.Spec.Clusters() {
		specs[c.ID] = c
	}
	var with []*cluster
	for _, p := range l.plan.Clusters {
		c := &cluster{PlannedCluster: p, spec: specs[p.ID], host: l.hostOf(p)}
		l.clusters[p.ID] = c
		switch {
		case p.Region != "":
			with = append(with, c)
		case p.Unresolved != "":
			l.emit(event.Warning, "NoRegion", p.ID, p.Unresolved)
		}
	}
	l.onClose(func(ctx context.Context) error { return l.closeCollectors(ctx, with) })
	var g errgroup.Group
	g.SetLimit(startConcurrency)
	series := make([]int, len(with))
	for i, c := range with {
		g.Go(func() error {
			if err := l.newCollector(c); err != nil {
				return err
			}
			series[i] = c.generator.Series()
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	total := 0
	for _, n := range series {
		total += n
	}
	l.emit(event.Normal, "CollectorsMade", "collectors", fmt.Sprintf("%d clusters observe %d generated series", len(with), total))
	if l.opts.History > 0 {
		return nil // fillHistory starts them behind the past
	}
	return l.startCollectors(ctx)
}

// startCollectors starts them, and has each send what it scraped first before
// the next has its turn: hundreds at once would run into their own timeouts.
func (l *Lab) startCollectors(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(startConcurrency)
	for _, id := range l.ids() {
		c := l.clusters[id]
		if c.collector == nil {
			continue
		}
		g.Go(func() error {
			if err := c.collector.Start(ctx); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, l.flushPatience(c))
			defer cancel()
			_ = c.collector.Flush(ctx) // whether it was enough, the answers tell
			return nil
		})
	}
	err := g.Wait()
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
	case c.spec.Workload.Collector.Password != "":
		return 0
	case l.opts.Speed > 1:
		return 250 * time.Millisecond
	}
	return 10 * time.Second
}

func (l *Lab) closeCollectors(ctx context.Context, with []*cluster) error {
	var g errgroup.Group
	g.SetLimit(4 * startConcurrency)
	// A region that cannot be reached shall not hold the way down for long.
	ctx, cancel := context.WithTimeout(ctx, closeTimeout/2)
	defer cancel()
	for _, c := range with {
		if c.collector != nil {
			g.Go(func() error {
				err := c.collector.Shutdown(ctx)
				if errors.Is(err, context.DeadlineExceeded) {
					return nil // what could not be handed over is in the ledger, dropped as "shutdown"
				}
				return err
			})
		}
	}
	return g.Wait()
}

// hostOf gives a cluster its address: that of its stores if it has any.
func (l *Lab) hostOf(p topology.PlannedCluster) host {
	switch {
	case p.Role == topology.RoleManagement:
		return l.addresses.management()
	case p.Role == topology.RoleRegion:
		ip, _, _ := net.SplitHostPort(l.stores[p.ID].region.Addresses()[region.VMAuth])
		return host{ip: ip, shared: l.addresses.block == 0}
	}
	return l.addresses.nextChild()
}

func (l *Lab) newCollector(c *cluster) error {
	inv, ok := l.inventory.Cluster(c.Namespace, c.Name)
	if !ok {
		return fmt.Errorf("cluster %s is not in the inventory", c.ID)
	}
	c.generator = telemetry.New(inv, 0, telemetry.Options{PerTarget: scrapeSeries, Fixed: selfSeries})
	w := c.spec.Workload
	cfg := collector.Config{
		ID: c.ID, Cluster: c.Name, ClusterNamespace: c.Namespace,
		ClusterLabel: l.stack.Labels.Cluster, ClusterNamespaceLabel: l.stack.Labels.ClusterNamespace,
		Clock: l.clock, Logs: c.generator, Traces: c.generator,
		ScrapeInterval: time.Duration(w.ScrapeInterval), To: c.Region,
		StorageDir: filepath.Join(l.dir.Data(), "collectors", strings.ReplaceAll(c.ID, "/", "_")),
		QueueSize:  w.Collector.QueueSize, RetryMaxElapsed: time.Duration(w.Collector.RetryMaxElapsed),
		Ledger: l.ledger, Events: l.events,
	}
	for _, t := range c.generator.Targets() {
		cfg.Targets = append(cfg.Targets, t)
	}
	for _, t := range w.Scrape {
		target, err := collector.HTTPTarget(t.URL, t.Job, nil)
		if err != nil {
			return fmt.Errorf("cluster %s: %w", c.ID, err)
		}
		cfg.Targets = append(cfg.Targets, target)
	}
	for _, listener := range c.Listeners {
		switch listener.Name {
		case listenOTLPGRPC:
			cfg.OTLPGRPCAddr = c.host.listen(listener.Port)
		case listenOTLPHTTP:
			cfg.OTLPHTTPAddr = c.host.listen(listener.Port)
		case listenTelemetry:
			cfg.TelemetryAddr = c.host.listen(listener.Port)
			// The daemon collector is in its node's network.
			cfg.TelemetryInstance = net.JoinHostPort(inv.Nodes[0].IP, strconv.Itoa(listener.Port))
		}
	}
	if err := l.connect(c, &cfg); err != nil {
		return err
	}
	var err error
	c.collector, err = collector.New(cfg)
	return err
}

// connect says where the collectors send: past the gateway inside the storing
// cluster, through it from any other.
func (l *Lab) connect(c *cluster, cfg *collector.Config) error {
	s := l.stores[c.Region]
	own := s.ID == c.ID
	credentials := s.userOf(c.ID)
	if p := c.spec.Workload.Collector.Password; p != "" {
		credentials.Password = p
	}
	mesh := l.opts.Spec.Network == topology.NetworkIstio
	for _, out := range []struct {
		signal topology.Signal
		to     *collector.Endpoint
	}{
		{l.stack.Signals.Metrics, &cfg.Metrics}, {l.stack.Signals.Logs, &cfg.LogsOut},
		{l.stack.Signals.Audit, &cfg.AuditOut}, {l.stack.Signals.Traces, &cfg.TracesOut},
	} {
		if out.signal == (topology.Signal{}) {
			continue
		}
		var err error
		switch {
		case own:
			out.to.URL, err = s.localURL(out.signal.Local.At(topology.Cluster{}, "127.0.0.1").Write)
		default:
			out.to.URL = out.signal.For(l.opts.Spec.Network).At(l.specOf(s.ID), "").Write
			if !mesh {
				out.to.Username, out.to.Password = credentials.Name, credentials.Password
			}
		}
		if err != nil {
			return fmt.Errorf("cluster %s: %w", c.ID, err)
		}
	}
	var err error
	cfg.Client, err = l.client(c.ID, credentials.Name)
	return err
}

func (l *Lab) specOf(id string) topology.Cluster {
	c, _ := l.opts.Spec.Cluster(id)
	return c
}

// client returns the HTTP client of a cluster. With ingress it trusts the lab's
// CA. In the mesh programs speak plain HTTP and a sidecar wraps each connection
// in mutual TLS with the workload's identity: the client's dialer does so.
func (l *Lab) client(from, identity string) (*http.Client, error) {
	if l.opts.Spec.Network != topology.NetworkIstio {
		return l.network.Client(from, l.ca.ClientTLS()), nil
	}
	cert, err := l.ca.ClientCertificate(identity, meshCertificateTTL)
	if err != nil {
		return nil, err
	}
	client := l.network.Client(from, nil)
	transport, ok := client.Transport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("the network's transport is a %T", client.Transport)
	}
	dial, config := transport.DialContext, l.ca.ClientTLS(cert)
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil || !l.inMesh(addr) {
			return conn, err
		}
		c := config.Clone()
		c.ServerName, _, _ = net.SplitHostPort(addr)
		sidecar := tls.Client(conn, c)
		if err := sidecar.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		return sidecar, nil
	}
	return client, nil
}

// meshCertificateTTL is that of the mesh's workload certificates.
const meshCertificateTTL = 24 * time.Hour

// inMesh reports whether an address is a name that the mesh routes.
func (l *Lab) inMesh(addr string) bool {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	for _, s := range l.stores {
		for _, e := range s.URLs {
			if u, err := url.Parse(e.Write); err == nil && u.Hostname() == name {
				return true
			}
		}
	}
	return false
}

// Flush waits until all that the collectors hold has been sent.
func (l *Lab) Flush(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(4 * startConcurrency)
	for _, c := range l.clusters {
		if c.collector != nil {
			g.Go(func() error { return c.collector.Flush(ctx) })
		}
	}
	return g.Wait()
}

// fillHistory sends the past through the collectors, then starts them.
func (l *Lab) fillHistory(ctx context.Context) error {
	if l.opts.History == 0 {
		return nil
	}
	to := l.clock.Now().Truncate(time.Second)
	from := to.Add(-l.opts.History)
	start := time.Now()
	for _, id := range l.ids() {
		c := l.clusters[id]
		if c.collector == nil {
			continue
		}
		step := max(time.Duration(c.spec.Workload.ScrapeInterval), historyStep(l.opts.History))
		if err := c.collector.Backfill(ctx, from, to, step, nil); err != nil {
			return fmt.Errorf("history of %s: %w", id, err)
		}
		l.emit(event.Normal, "HistoryFilled", id, fmt.Sprintf("%s of the past, a sample every %s", l.opts.History, step))
	}
	l.emit(event.Normal, "HistoryFilled", "lab", fmt.Sprintf("%s of the past filled in %.1f s", l.opts.History, time.Since(start).Seconds()))
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

// ids are the clusters in the plan's order.
func (l *Lab) ids() []string {
	ids := make([]string, len(l.plan.Clusters))
	for i, c := range l.plan.Clusters {
		ids[i] = c.ID
	}
	return ids
}
