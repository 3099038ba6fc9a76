package inventory

import (
	"strings"
	"time"
)

// Operation is a kind of request that a service answers.
type Operation struct {
	Service       *Workload
	Method, Route string
	// Weight is the operation's share of the cluster's traces it is the root of.
	Weight int
	// Median is the median time spent in the service itself, calls excluded.
	Median time.Duration
	// ErrorRatio is the ratio of requests that fail by the service's own fault.
	ErrorRatio float64
	// Optional operations may fail without failing their caller.
	Optional bool
	// Statement is the SQL run on Store; empty for none.
	Statement string
	Store     *Workload
	// Calls are made one after another, in this order. The graph has no cycle.
	Calls []*Operation
}

// Name is the operation's span name: method and route.
func (o *Operation) Name() string { return o.Method + " " + o.Route }

// addCalls links operations of each shop to those services of the same shop that
// have a pod to serve them, and collects the roots.
func (c *Cluster) addCalls() {
	stores := map[string]*Workload{} // by shop suffix
	byName := map[string]*Operation{}
	specs := map[*Operation]*opSpec{}
	var order []*Operation
	for _, w := range c.Workloads {
		if !w.App || len(w.Containers) == 0 || w.Serving() == 0 {
			continue
		}
		base, suffix := splitSuffix(w.Name)
		if w.Containers[0].Image.Base() == "postgres" && base == "postgres" {
			stores[suffix] = w
			continue
		}
		for i := range shop {
			if w.Containers[0].Image.Repository != shopImages+shop[i].name || shop[i].name != base {
				continue
			}
			for j := range shop[i].operations {
				s := &shop[i].operations[j]
				o := &Operation{
					Service: w, Method: s.method, Route: s.route, Weight: s.weight,
					Median: s.median, ErrorRatio: s.errors, Optional: s.optional,
				}
				w.Operations = append(w.Operations, o)
				byName[w.Name+" "+o.Name()] = o
				specs[o] = s
				order = append(order, o)
			}
		}
	}
	for _, o := range order {
		s := specs[o]
		_, suffix := splitSuffix(o.Service.Name)
		for _, callee := range s.calls {
			service, name, _ := strings.Cut(callee, " ")
			if to := byName[service+suffix+" "+name]; to != nil {
				o.Calls = append(o.Calls, to)
			}
		}
		if store := stores[suffix]; store != nil && s.statement != "" {
			o.Statement, o.Store = s.statement, store
		}
		if o.Weight > 0 {
			c.Entries = append(c.Entries, o)
		}
	}
}

// splitSuffix splits "cart-2" into "cart" and "-2".
func splitSuffix(name string) (base, suffix string) {
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		return name[:i], name[i:]
	}
	return name, ""
}
