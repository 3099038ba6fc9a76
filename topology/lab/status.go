package lab

import (
	"context"
	"maps"
	"sort"
	"time"

	"koflab/embed/gateway"
	"koflab/sim/ledger"
	"koflab/topology"
	"koflab/topology/lab/control"
)

// serveControl opens the control socket and starts to watch the flow.
func (l *Lab) serveControl(context.Context) error {
	socket, err := control.Listen(l.dir.NewSocket())
	if err != nil {
		return err
	}
	l.control = gateway.NewServer(control.NewHandler(l), gateway.ServerOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- l.control.Serve(ctx, socket) }()
	l.rates = &rates{}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		l.watchFlow(ctx)
	}()
	l.onClose(func(context.Context) error {
		cancel()
		<-watched
		return <-served
	})
	return nil
}

// watchFlow remembers the ledger now and then, for rates.
func (l *Lab) watchFlow(ctx context.Context) {
	t := time.NewTicker(rateInterval)
	defer t.Stop()
	for {
		l.rates.remember(l.clock.Now(), l.flowEntries())
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// flowEntries are the ledger's accounts and, for the last hop, what each store
// has counted: samples, records and spans received, stored and turned away.
func (l *Lab) flowEntries() []ledger.Entry {
	entries := l.ledger.Snapshot()
	for _, id := range l.ids() {
		s := l.stores[id]
		if s == nil {
			continue
		}
		stats, err := s.region.Stats()
		if err != nil {
			continue // a region that is down has nothing to say; its state shows in the cluster
		}
		for _, kind := range []struct {
			store  string
			signal ledger.Signal
		}{{"metrics", ledger.Metrics}, {"logs", ledger.Logs}, {"audit", ledger.Logs}, {"traces", ledger.Traces}} {
			st, ok := stats[kind.store]
			if !ok {
				continue
			}
			entries = append(entries, ledger.Entry{
				Edge:    ledger.Edge{From: id, To: id + "/" + kind.store, Signal: kind.signal},
				Offered: st.Received, Acknowledged: st.Stored, Dropped: nonZero(st.Dropped),
			})
		}
	}
	return entries
}

func nonZero(m map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for k, v := range m {
		if v != 0 {
			out[k] = v
		}
	}
	return out
}

// Status returns the lab's state at this instant.
func (l *Lab) Status() control.Status {
	now := l.clock.Now()
	s := control.Status{
		Name: l.opts.Spec.Name, Provider: "embedded", Stack: l.stack.Name, Seed: l.opts.Spec.Seed,
		Clock:    control.Clock{Mode: l.clock.Mode(), Now: now, Speed: l.clock.Speed()},
		Clusters: l.clusterStatus(true), Flow: []control.Flow{},
	}
	l.mu.Lock()
	s.Phase, s.ReadyInSeconds = l.phase, l.ready.Seconds()
	l.mu.Unlock()
	for _, e := range l.flowEntries() {
		f := control.Flow{
			From: e.From, To: e.To, Signal: string(e.Signal), Offered: e.Offered, Acknowledged: e.Acknowledged,
			Queued: e.Queued, Duplicated: e.Duplicated, Dropped: e.Dropped, RatePerSecond: l.rates.perSecond(now, e),
		}
		if f.Dropped == nil {
			f.Dropped = map[string]int64{}
		}
		s.Flow = append(s.Flow, f)
	}
	return s
}

func (l *Lab) clusterStatus(components bool) []control.Cluster {
	out := make([]control.Cluster, 0, len(l.plan.Clusters))
	for _, id := range l.ids() {
		c := l.clusters[id]
		down := ""
		if s := l.stores[id]; s != nil {
			l.mu.Lock()
			down = s.down
			l.mu.Unlock()
		}
		up := down == ""
		status := control.Cluster{
			Name: id, Namespace: c.Namespace, Role: roleName(c.Role), Region: c.Region,
			Ready: up && c.Unresolved == "", Message: c.Unresolved, Endpoints: l.endpoints(c),
		}
		if !up {
			status.Message = down
		}
		if components {
			for _, k := range c.Components {
				status.Components = append(status.Components, control.Component{
					Name: k.Name, Chart: k.Chart, Namespace: k.Namespace, State: componentState(k, up), BackedBy: k.Engine,
				})
			}
		}
		out = append(out, status)
	}
	return out
}

// roleName is the role in the terms of the label kof-cluster-role.
func roleName(r topology.Role) string {
	if r == topology.RoleRegion {
		return "regional"
	}
	return string(r)
}

// componentState: a part that no engine backs is planned by its chart and not
// there; nothing pretends to be it.
func componentState(c topology.Component, up bool) string {
	switch {
	case c.Engine == "":
		return "Absent"
	case !up:
		return "Stopped"
	}
	return "Running"
}

// endpoints are the URLs of what listens in a cluster.
func (l *Lab) endpoints(c *cluster) map[string]string {
	urls := map[string]string{}
	s := l.stores[c.ID]
	for _, listener := range c.Listeners {
		if s != nil {
			if u := storeURL(s, listener); u != "" {
				urls[listener.Name] = u
			}
		}
		if c.ID == l.plan.Clusters[0].ID {
			if server := l.servers[listener.Name]; server != nil {
				urls[listener.Name] = "http://" + server.Addr()
			}
		}
	}
	if c.collector != nil {
		a := c.collector.Addrs()
		for name, u := range map[string]string{listenOTLPGRPC: a.OTLPGRPC, listenOTLPHTTP: a.OTLPHTTP, listenTelemetry: a.Telemetry} {
			if u != "" {
				urls[name] = "http://" + u
			}
		}
	}
	maps.DeleteFunc(urls, func(_, u string) bool { return u == "" })
	return urls
}

// Access returns what a client outside the lab needs.
func (l *Lab) Access() control.Access {
	a := control.Access{Clusters: l.clusterStatus(false), CA: string(l.ca.CertificatePEM())}
	if l.opts.Spec.Network == topology.NetworkIstio {
		return a
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.stores {
		for _, u := range s.users {
			cluster := u.cluster
			if cluster == "" {
				cluster = "(admin)"
			}
			a.Credentials = append(a.Credentials, control.Credentials{
				Cluster: cluster, Region: s.ID, Username: u.Name, Password: u.Password, Tenant: u.Tenant,
			})
		}
	}
	sort.Slice(a.Credentials, func(i, j int) bool {
		x, y := a.Credentials[i], a.Credentials[j]
		if x.Region != y.Region {
			return x.Region < y.Region
		}
		return x.Cluster < y.Cluster
	})
	return a
}

// EventsSince returns the kept events after a sequence number.
func (l *Lab) EventsSince(seq int64) []control.Event { return l.events.Since(seq) }

// Subscribe returns the events to come.
func (l *Lab) Subscribe() (<-chan control.Event, func()) { return l.events.Subscribe() }

var _ control.Lab = (*Lab)(nil)
