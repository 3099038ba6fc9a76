package lab

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strconv"

	"koflab/embed/federation"
	"koflab/embed/gateway"
	"koflab/sim/event"
	"koflab/topology"
	"koflab/topology/lab/backing"
	"koflab/topology/lab/control"
	"koflab/topology/lab/region"
)

// Management's read services, as the stack profiles name their listeners.
const (
	listenPromxy = "promxy"
	listenLogs   = "logs-multilevel-select"
	listenTraces = "multilevel-select"
)

// openFederation opens management's read services; which server groups they ask
// is promxy's configuration to say.
func (l *Lab) openFederation(context.Context) error {
	var err error
	if l.federation, err = l.newFederator(); err != nil {
		return err
	}
	l.onClose(func(context.Context) error {
		errs := []error{l.federation.Close()}
		for _, f := range l.alone {
			errs = append(errs, f.Close())
		}
		for _, g := range l.federation.Groups() {
			g.Client.CloseIdleConnections()
		}
		return errors.Join(errs...)
	})
	l.onClose(func(ctx context.Context) error {
		var errs []error
		for _, s := range l.servers {
			errs = append(errs, s.Stop(ctx))
		}
		return errors.Join(errs...)
	})
	m := l.management()
	handlers := map[string]http.Handler{
		listenPromxy: l.reloading(l.federation.MetricsHandler()), listenLogs: l.federation.LogsHandler(), listenTraces: l.federation.TracesHandler(),
	}
	for _, listener := range m.planned.Listeners {
		handler, ok := handlers[listener.Name]
		if !ok {
			continue
		}
		s := gateway.NewServer(handler, gateway.ServerOptions{Clock: l.clock})
		if err := s.Listen(l.managementAddress(m, listener)); err != nil {
			return fmt.Errorf("%s of %s: %w", listener.Name, m.ID, err)
		}
		l.servers[listener.Name] = s
	}
	return nil
}

// reloading answers promxy's /-/reload, which kof-operator calls when it has
// written another configuration.
func (l *Lab) reloading(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/-/reload" {
			h.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodPost && r.Method != http.MethodPut {
			http.Error(w, "This endpoint requires a POST or PUT request.", http.StatusMethodNotAllowed)
			return
		}
		if l.founding.Load() {
			return // nothing is asked before the founding ends with reading the configuration
		}
		if err := l.syncFederation(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}

// syncFederation makes promxy's configuration and the storage connections the
// groups of the federation, reached over the network.
func (l *Lab) syncFederation() error {
	l.federationMu.Lock()
	defer l.federationMu.Unlock()
	m := l.management()
	config, err := backing.PromxyOf(m.embedded.Server())
	if err != nil {
		return err
	}
	connections, err := backing.ConnectionsOf(m.embedded.Server())
	if err != nil {
		return err
	}
	if s := l.servers[listenPromxy]; s != nil && s.Running() != config.Running {
		if config.Running {
			err = s.Restart()
		} else {
			err = s.Kill()
		}
		if err != nil {
			return err
		}
	}
	if reflect.DeepEqual(config.Groups, l.serverGroups) && reflect.DeepEqual(connections, l.connections) {
		return nil
	}
	var groups []federation.Group
	for _, g := range config.Groups {
		group, err := l.group(g, connections)
		if err != nil {
			return err
		}
		groups = append(groups, group)
	}
	if err := l.federation.SetGroups(groups); err != nil {
		return err
	}
	l.serverGroups, l.connections = config.Groups, connections
	if err := l.setAlone(groups); err != nil {
		return err
	}
	l.emit(event.Normal, "ServerGroups", m.ID, fmt.Sprintf("%d server groups, %s when one fails", len(groups), l.opts.ErrorMode))
	return nil
}

// regroup has the groups made anew, since a cluster that one of them asks has
// become known after its configuration.
func (l *Lab) regroup() {
	l.federationMu.Lock()
	l.serverGroups = nil
	l.federationMu.Unlock()
	l.management().follower.mark("secrets")
}

// setAlone gives every group a federator of its own, for questions to one region.
func (l *Lab) setAlone(groups []federation.Group) error {
	alone := map[string]*federation.Federator{}
	for _, g := range groups {
		f, err := l.newFederator(g)
		if err != nil {
			return err
		}
		alone[g.Name] = f
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alone = alone
	return nil
}

// group turns one of promxy's server groups into a group of the federation. Its
// logs and traces are read where the cluster's storage connections say.
func (l *Lab) group(c backing.ServerGroup, connections []backing.Connection) (federation.Group, error) {
	g := federation.Group{Labels: c.Labels, MetricsURL: c.URL(), Username: c.Username, Password: c.Password}
	name, namespace := c.Labels[l.stack.Labels.Group], c.Labels[l.stack.Labels.GroupNamespace]
	g.Name = c.Target
	identity := "promxy"
	if of := l.storing(name, namespace); of != nil {
		g.Name, identity = of.ID, gateway.AdminUser(of.Name, of.Namespace)
	}
	for _, s := range connections {
		if s.Cluster != name || namespace != "" && s.ClusterNamespace != namespace {
			continue
		}
		switch s.Type {
		case "logs":
			g.LogsURL = s.URL
		case "traces":
			g.TracesURL = s.URL
		}
	}
	var err error
	g.Client, err = l.client(l.managementID, identity)
	if t, ok := transportOf(g.Client); ok && c.InsecureSkipVerify && t.TLSClientConfig != nil {
		t.TLSClientConfig = t.TLSClientConfig.Clone()
		t.TLSClientConfig.InsecureSkipVerify = true
	}
	return g, err
}

func transportOf(c *http.Client) (*http.Transport, bool) {
	if c == nil {
		return nil, false
	}
	t, ok := c.Transport.(*http.Transport)
	return t, ok
}

// storing finds a cluster that stores telemetry by name and, if given, namespace.
func (l *Lab) storing(name, namespace string) *cluster {
	for _, c := range l.all() {
		if c.Name == name && (namespace == "" || c.Namespace == namespace) && c.Role != topology.RoleChild {
			return c
		}
	}
	return nil
}

// managementAddress avoids a port that management's own store listens on: in
// KOF the two are Services of one name each, here they share an address.
func (l *Lab) managementAddress(m *cluster, listener topology.Listener) string {
	for _, other := range m.planned.Listeners {
		if other.Port == listener.Port && other.Name != listener.Name {
			return net.JoinHostPort(m.host.ip, strconv.Itoa(listener.Port+multilevelOffset))
		}
	}
	return m.host.listen(listener.Port)
}

// multilevelOffset moves management's multi-level selects out of the way of
// its own store's selects.
const multilevelOffset = 100

func (l *Lab) newFederator(groups ...federation.Group) (*federation.Federator, error) {
	f, err := federation.New(federation.Options{Clock: l.clock, ErrorMode: federation.ErrorMode(l.opts.ErrorMode)})
	if err != nil {
		return nil, err
	}
	return f, f.SetGroups(groups)
}

// Query answers a metrics query from all regions, or from one.
func (l *Lab) Query(ctx context.Context, q control.QueryRequest) (control.QueryResponse, error) {
	f, err := l.federatorOf(q.Region)
	if err != nil {
		return control.QueryResponse{}, err
	}
	mode := federation.ErrorMode("")
	if q.ErrorMode != "" {
		if mode, err = federation.ParseErrorMode(q.ErrorMode); err != nil {
			return control.QueryResponse{}, err
		}
	} else if q.Region != "" {
		mode = federation.Fail // an answer without the one region asked is none
	}
	r, err := f.Query(ctx, federation.Request{
		Expr: q.Expr, Time: q.Time, Start: q.Start, End: q.End, Step: q.Step,
		ErrorMode: mode, Semantics: q.Semantics, Timeout: q.Timeout,
	})
	out := control.QueryResponse{Status: r.Status, Warnings: r.Warnings}
	if out.Warnings == nil {
		out.Warnings = []string{}
	}
	explain, jsonErr := json.Marshal(r.Explain)
	if jsonErr != nil {
		return out, jsonErr
	}
	out.Explain = explain
	if err != nil {
		out.Status, out.Error = "error", err.Error()
		var qe *federation.QueryError
		if errors.As(err, &qe) {
			out.ErrorType = qe.Type
		}
		return out, nil
	}
	out.Data, err = json.Marshal(r.Data)
	return out, err
}

func (l *Lab) federatorOf(region string) (*federation.Federator, error) {
	if region == "" {
		return l.federation, nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if f := l.alone[region]; f != nil {
		return f, nil
	}
	return nil, l.noRegion(region)
}

// Logs serves LogsQL over all regions, or one; nil if there is no such region.
func (l *Lab) Logs(region string) http.Handler {
	f, err := l.federatorOf(region)
	if err != nil {
		return nil
	}
	return f.LogsHandler()
}

// Traces serves Jaeger's query API over all regions, or one.
func (l *Lab) Traces(region string) http.Handler {
	f, err := l.federatorOf(region)
	if err != nil {
		return nil
	}
	return f.TracesHandler()
}

// storeURL is where a store's listener answers.
func storeURL(s *store, listener topology.Listener) string {
	addr := s.region.Addresses()[listener.Name]
	if addr == "" {
		return ""
	}
	if listener.Name == region.VMAuth {
		return "https://" + addr
	}
	return listener.Scheme + "://" + addr
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
	transport, ok := transportOf(client)
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

// inMesh reports whether an address is a name that the mesh routes.
func (l *Lab) inMesh(addr string) bool {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, s := range l.stores {
		for _, h := range s.hosts {
			if h.name == name {
				return true
			}
		}
	}
	return false
}
