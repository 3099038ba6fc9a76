package lab

import (
	"context"
	"fmt"
	"maps"
	"sort"
	"strings"
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
	l.control = gateway.NewServer(control.NewHandler(l), gateway.ServerOptions{Clock: l.clock})
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
	interval := rateInterval
	if l.opts.Clock != nil {
		interval = time.Minute // looking costs more than the time in between
	}
	t := l.wall.NewTicker(interval)
	defer t.Stop()
	for {
		l.rates.remember(l.clock.Now(), l.flowEntries())
		select {
		case <-t.C():
		case <-ctx.Done():
			return
		}
	}
}

// flowEntries are the ledger's accounts and, for the last hop, what each store
// has counted: samples, records and spans received, stored and turned away.
func (l *Lab) flowEntries() []ledger.Entry {
	entries := l.ledger.Snapshot()
	for _, c := range l.all() {
		s := l.store(c.ID)
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
				Edge:    ledger.Edge{From: c.ID, To: c.ID + "/" + kind.store, Signal: kind.signal},
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
		Clusters: l.clusterStatus(true), Flow: []control.Flow{}, Faults: l.Faults(),
	}
	l.mu.RLock()
	s.Phase, s.ReadyInSeconds = l.phase, l.ready.Seconds()
	l.mu.RUnlock()
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
	all := l.all()
	out := make([]control.Cluster, 0, len(all))
	for _, c := range all {
		out = append(out, l.statusOf(c, components))
	}
	return out
}

func (l *Lab) statusOf(c *cluster, components bool) control.Cluster {
	v := c.view()
	s := l.store(c.ID)
	down := ""
	if s != nil {
		l.mu.RLock()
		down = s.down
		l.mu.RUnlock()
	} else if v.planned.Region == c.ID && c.Role != topology.RoleChild {
		down = "none of its stores is ready"
	}
	message := v.planned.Unresolved
	for _, m := range []string{down, v.failure} {
		if message == "" {
			message = m
		}
	}
	status := control.Cluster{
		Name: c.ID, Namespace: c.Namespace, Role: roleName(c.Role), Region: v.planned.Region,
		Ready: down == "" && v.planned.Unresolved == "" && v.failure == "", Message: message, Endpoints: l.endpoints(c),
	}
	if components {
		releases := c.releases()
		for _, k := range v.planned.Components {
			status.Components = append(status.Components, l.componentStatus(c, k, releases, down != ""))
		}
	}
	return status
}

// roleName is the role in the terms of the label kof-cluster-role.
func roleName(r topology.Role) string {
	if r == topology.RoleRegion {
		return "regional"
	}
	return string(r)
}

// endpoints are the URLs of what listens in a cluster.
func (l *Lab) endpoints(c *cluster) map[string]string {
	urls := map[string]string{"kubernetes": c.embedded.URL()}
	v := c.view()
	s := l.store(c.ID)
	for _, listener := range v.planned.Listeners {
		if s != nil {
			if u := storeURL(s, listener); u != "" {
				urls[listener.Name] = u
			}
		}
		if c.Role == topology.RoleManagement {
			if server := l.servers[listener.Name]; server != nil {
				urls[listener.Name] = "http://" + server.Addr()
			}
		}
	}
	if v.collector != nil {
		a := v.collector.Addrs()
		for name, u := range map[string]string{listenOTLPGRPC: a.OTLPGRPC, ListenOTLPHTTP: a.OTLPHTTP, listenTelemetry: a.Telemetry} {
			if u != "" {
				urls[name] = "http://" + u
			}
		}
	}
	maps.DeleteFunc(urls, func(_, u string) bool { return u == "" })
	return urls
}

func cutScheme(url string) (scheme, rest string, ok bool) { return strings.Cut(url, "://") }

func count(n, of int) string { return fmt.Sprintf("%d of %d", n, of) }

// Access returns what a client outside the lab needs.
func (l *Lab) Access() control.Access {
	a := control.Access{Clusters: l.clusterStatus(false), CA: string(l.ca.CertificatePEM())}
	if l.opts.Spec.Network == topology.NetworkIstio {
		return a
	}
	all := l.all()
	l.mu.RLock()
	defer l.mu.RUnlock()
	for id, s := range l.stores {
		owners := map[string]string{gateway.AdminUser(s.cluster.Name, s.cluster.Namespace): "(admin)"}
		for _, c := range all {
			owners[gateway.ChildUser(c.Name, c.Namespace)] = c.ID
		}
		for _, u := range s.users {
			owner := owners[u.Name]
			if owner == "" {
				owner = "(admin)" // credentials that all share
			}
			a.Credentials = append(a.Credentials, control.Credentials{
				Cluster: owner, Region: id, Username: u.Name, Password: u.Password, Tenant: u.Tenant,
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
