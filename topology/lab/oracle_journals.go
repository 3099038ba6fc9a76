package lab

import (
	"fmt"
	"slices"
	"sync"

	"koflab/embed/gateway"
	"koflab/sim/collector"
	"koflab/sim/inventory"
	"koflab/sim/telemetry"
	"koflab/topology"
)

// journals keep, for the oracle, what the collectors of every cluster offered, and
// the inventories from which that can be made again. A nil one keeps nothing.
type journals struct {
	asking sync.Mutex // one verdict at a time

	mu    sync.Mutex
	byID  map[string]*journal
	order []string
}

// journal is that of one cluster. It outlives the cluster: what a removed one sent
// is still stored.
type journal struct {
	cluster topology.Cluster
	offers  *collector.OfferJournal
	history *history
}

// newJournals returns the journals of a lab that keeps some, else nil.
func newJournals(o Options) *journals {
	if !o.Journal {
		return nil
	}
	return &journals{byID: map[string]*journal{}}
}

// of returns where a cluster's collectors write what they offer.
func (j *journals) of(c *cluster) *collector.OfferJournal {
	if j == nil {
		return nil
	}
	return j.journal(c).offers
}

// observed notes that a cluster has another inventory, with a generator made with
// these options.
func (j *journals) observed(c *cluster, inv *inventory.Cluster, g *telemetry.Generator, o telemetry.Options) {
	if j != nil {
		j.journal(c).history.add(inv, g, o)
	}
}

func (j *journals) journal(c *cluster) *journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	known := j.byID[c.ID]
	if known == nil {
		h := &history{}
		known = &journal{history: h, offers: collector.NewOfferJournal(collector.Again{
			Target: h.target,
			Logs:   sourceAgain[collector.LogSource](h),
			Traces: sourceAgain[collector.TraceSource](h),
		})}
		j.byID[c.ID] = known
		j.order = append(j.order, c.ID)
	}
	known.cluster = c.Cluster
	return known
}

// all returns the journals in the order in which their clusters came.
func (j *journals) all() []*journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]*journal, 0, len(j.order))
	for _, id := range j.order {
		out = append(out, j.byID[id])
	}
	return out
}

// tenant is the label that a region's gateway puts on what the cluster sends; empty
// for none.
func (l *Lab) tenant(j *journal, to *store, users []string) string {
	if to.cluster.ID == j.cluster.ID {
		return "" // past the gateway
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.opts.Spec.Network == topology.NetworkIstio && len(to.users) == 0 {
		return ""
	}
	users = append(slices.Clone(users), gateway.ChildUser(j.cluster.Name, j.cluster.Namespace))
	for _, name := range users {
		for _, u := range to.users {
			if u.Name == name {
				return u.Tenant
			}
		}
	}
	return j.cluster.Tenant // its user went with it
}

// history is the inventories that a cluster has had. Generators are made again from
// them, never kept.
type history struct {
	mu       sync.Mutex
	versions []version
	recent   []generation // as they were made for the collectors, newest last
	again    []generation // made again, newest last
}

// version is what one generator was made from.
type version struct {
	inventory *inventory.Cluster
	options   telemetry.Options // without what it continues
	continues int               // the version, or none
}

const none = -1

// generation is a generator with its version.
type generation struct {
	*telemetry.Generator
	version int
}

// How many generators are remembered: those that a collector may still read, and
// those made again.
const (
	recentGenerators = 8
	againGenerators  = 3
)

func (h *history) add(inv *inventory.Cluster, g *telemetry.Generator, o telemetry.Options) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := version{inventory: inv, options: o, continues: none}
	if o.Continue != nil {
		v.continues = h.versionOf(o.Continue)
		v.options.Continue = nil
	}
	h.versions = append(h.versions, v)
	h.recent = remember(h.recent, generation{g, len(h.versions) - 1}, recentGenerators)
}

func remember(in []generation, g generation, most int) []generation {
	in = append(in, g)
	return slices.Delete(in, 0, max(0, len(in)-most))
}

func (h *history) versionOf(g *telemetry.Generator) int {
	for _, r := range h.recent {
		if r.Generator == g {
			return r.version
		}
	}
	return none
}

// make makes the generator of a version again.
func (h *history) make(v int) (*telemetry.Generator, error) {
	if v < 0 || v >= len(h.versions) {
		return nil, fmt.Errorf("the inventory of which a generator was made is not known any more")
	}
	for _, g := range h.again {
		if g.version == v {
			return g.Generator, nil
		}
	}
	options := h.versions[v].options
	if before := h.versions[v].continues; before != none {
		var err error
		if options.Continue, err = h.make(before); err != nil {
			return nil, err
		}
	}
	g := telemetry.New(h.versions[v].inventory, 0, options)
	h.again = remember(h.again, generation{g, v}, againGenerators)
	return g, nil
}

// forget lets go of what was made again.
func (h *history) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.again = nil
}

// target returns what makes a target again: its place in its generator. What faults
// add is made from a generator's target or depends on nothing but time.
func (h *history) target(t collector.Target) func() (collector.Target, error) {
	switch t := t.(type) {
	case *secondScrape:
		first := h.target(t.Target)
		return func() (collector.Target, error) {
			target, err := first()
			return &secondScrape{Target: target, job: t.job}, err
		}
	case *telemetry.Target:
		v, place := h.find(t)
		return func() (collector.Target, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			g, err := h.make(v)
			if err != nil {
				return nil, err
			}
			if place >= len(g.Targets()) {
				return nil, fmt.Errorf("%s made again has %d targets, not %d", g.Cluster().ID, len(g.Targets()), place+1)
			}
			return g.Targets()[place], nil
		}
	}
	return func() (collector.Target, error) { return t, nil }
}

// find returns the version of a target's generator and its place there.
func (h *history) find(t *telemetry.Target) (v, place int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range slices.Backward(h.recent) {
		if place := slices.Index(g.Targets(), t); place >= 0 {
			return g.version, place
		}
	}
	return none, 0
}

// sourceAgain returns what makes a source of logs or traces again.
func sourceAgain[T any](h *history) func(T) func() (T, error) {
	return func(source T) func() (T, error) {
		g, ok := any(source).(*telemetry.Generator)
		if !ok {
			return func() (T, error) { return source, nil }
		}
		h.mu.Lock()
		v := h.versionOf(g)
		h.mu.Unlock()
		return func() (T, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			g, err := h.make(v)
			if err != nil {
				var zero T
				return zero, err
			}
			return any(g).(T), nil
		}
	}
}
