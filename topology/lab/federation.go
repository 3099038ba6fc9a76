package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"koflab/embed/federation"
	"koflab/embed/gateway"
	"koflab/sim/event"
	"koflab/topology"
	"koflab/topology/lab/control"
	"koflab/topology/lab/region"
)

// Management's read services, as the stack profiles name their listeners.
const (
	listenPromxy = "promxy"
	listenLogs   = "logs-multilevel-select"
	listenTraces = "multilevel-select"
)

// openFederation gives management a server group per storing cluster, reached
// over the network as the administrator, and opens its read services.
func (l *Lab) openFederation(context.Context) error {
	var groups []federation.Group
	for _, id := range l.ids() {
		s := l.stores[id]
		if s == nil {
			continue
		}
		g, err := l.group(s)
		if err != nil {
			return err
		}
		groups = append(groups, g)
		if l.alone[id], err = l.newFederator(g); err != nil {
			return err
		}
	}
	var err error
	if l.federation, err = l.newFederator(groups...); err != nil {
		return err
	}
	l.onClose(func(context.Context) error {
		errs := []error{l.federation.Close()}
		for _, f := range l.alone {
			errs = append(errs, f.Close())
		}
		for _, g := range groups {
			g.Client.CloseIdleConnections()
		}
		return errors.Join(errs...)
	})
	handlers := map[string]http.Handler{
		listenPromxy: l.federation.MetricsHandler(), listenLogs: l.federation.LogsHandler(), listenTraces: l.federation.TracesHandler(),
	}
	l.onClose(func(ctx context.Context) error {
		var errs []error
		for _, s := range l.servers {
			errs = append(errs, s.Stop(ctx))
		}
		return errors.Join(errs...)
	})
	h := l.addresses.management()
	for _, listener := range l.plan.Clusters[0].Listeners {
		handler, ok := handlers[listener.Name]
		if !ok {
			continue
		}
		s := gateway.NewServer(handler, gateway.ServerOptions{})
		if err := s.Listen(l.managementAddress(h, listener)); err != nil {
			return fmt.Errorf("%s of %s: %w", listener.Name, l.plan.Clusters[0].ID, err)
		}
		l.servers[listener.Name] = s
	}
	l.emit(event.Normal, "FederationOpen", l.plan.Clusters[0].ID, fmt.Sprintf("%d server groups, %s when one fails", len(groups), l.opts.ErrorMode))
	return nil
}

// managementAddress avoids a port that management's own store listens on: in
// KOF the two are Services of one name each, here they share an address.
func (l *Lab) managementAddress(h host, listener topology.Listener) string {
	for _, other := range l.plan.Clusters[0].Listeners {
		if other.Port == listener.Port && other.Name != listener.Name {
			return net.JoinHostPort(h.ip, strconv.Itoa(listener.Port+multilevelOffset))
		}
	}
	return h.listen(listener.Port)
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

func (l *Lab) group(s *store) (federation.Group, error) {
	network, spec := l.opts.Spec.Network, l.specOf(s.ID)
	admin := s.userOf("")
	g := federation.Group{
		Name:       s.ID,
		Labels:     map[string]string{l.stack.Labels.Group: s.Name},
		MetricsURL: l.stack.Signals.Metrics.For(network).At(spec, "").Read,
		LogsURL:    l.stack.Signals.Logs.For(network).At(spec, "").Read,
		TracesURL:  l.stack.Signals.Traces.For(network).At(spec, "").Read,
	}
	if name := l.stack.Labels.GroupNamespace; name != "" {
		g.Labels[name] = s.Namespace
	}
	if network != topology.NetworkIstio {
		g.Username, g.Password = admin.Name, admin.Password
	}
	var err error
	g.Client, err = l.client(l.plan.Clusters[0].ID, admin.Name)
	return g, err
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
	if f := l.alone[region]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("there is no region %q; see 'koflab status --name %s'", region, l.opts.Spec.Name)
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
