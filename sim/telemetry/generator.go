// Package telemetry derives a cluster's metrics, logs and traces from its inventory.
// Everything is a pure function of the seed and of time: any sample, log record or
// span can be computed again, so every answer of a lab can be checked. Counters are
// integrals in closed form and never go back except when a container restarts; the
// sum of the containers on a node fits the node at every instant; requests counted
// by applications are the spans that were made.
package telemetry

import (
	"math"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"koflab/sim/inventory"
)

// Options tune a generator. The zero value means what the inventory says.
type Options struct {
	// Series overrides the cluster's number of series aimed at: generated series
	// and the collector's own together. Negative means no target.
	Series int
	// PerTarget and Fixed are the series that the collector adds per target (up
	// and its like) and once; they count towards the target.
	PerTarget, Fixed int
	// LogRate and TraceRate override the cluster's rates, per second.
	LogRate, TraceRate *float64
	// Continue is the generator that this one takes over from at the time At: one
	// of the same cluster before it changed. Counters go on from where they were;
	// logs and traces up to At are the older one's, from then on the new one's. The
	// older one is not kept.
	Continue *Generator
	At       time.Time
}

// Generator makes the telemetry of one cluster. It is safe for concurrent use.
type Generator struct {
	cluster   *inventory.Cluster
	seed      inventory.Seed
	ids       inventory.Seed // of what numbered arrivals are called
	epoch     int64          // Unix nanoseconds
	from      int64          // when it took over, Unix nanoseconds
	waves     [waves]wave
	instances []instance
	ofState   map[*inventory.State]int32
	machines  []machine
	planner   *planner
	served    []served
	longest   time.Duration // of any trace
	logShare  float64       // of ordinary requests that are logged
	traffic   arrivals
	traced    bool // requests leave traces
	logs      *logStreams
	targets   []*Target
	series    int
	minimum   int
	moments   sync.Pool

	oracleOnce sync.Once
	oracle     map[uint64][]*series
}

// New returns the generator of a cluster. Seed distinguishes runs over one
// inventory; the lab's own seed is already part of the cluster's.
func New(cluster *inventory.Cluster, seed int64, opts Options) *Generator {
	g := &Generator{
		cluster: cluster, seed: cluster.Seed.Of("telemetry").At(seed),
		epoch: cluster.Epoch.UnixNano(), from: math.MinInt64, ofState: map[*inventory.State]int32{},
	}
	for i := range g.waves {
		g.waves[i] = newWave(g.seed.Of("wave").At(int64(i)))
	}
	g.addInstances()
	logRate, traceRate := cluster.LogRate, cluster.TraceRate
	if opts.LogRate != nil {
		logRate = *opts.LogRate
	}
	if opts.TraceRate != nil {
		traceRate = *opts.TraceRate
	}
	old := opts.Continue
	if old != nil && (old.cluster.ID != cluster.ID || old.epoch != g.epoch) {
		old = nil // of another cluster: there is nothing to continue
	}
	g.ids = g.seed
	g.addTraffic(logRate, traceRate)
	if old != nil {
		g.from = opts.At.UnixNano()
		g.ids = old.ids
		if !g.keepsTime(old) {
			g.ids = g.seed.Of("ids").At(g.from)
		}
	}
	want := cluster.Series
	if opts.Series != 0 {
		want = max(0, opts.Series)
	}
	g.addTargets(want, opts)
	if old != nil {
		g.stitch(old)
	}
	return g
}

func (g *Generator) addInstances() {
	index := map[*inventory.Node]int32{}
	for i, n := range g.cluster.Nodes {
		index[n] = int32(i)
		g.machines = append(g.machines, newMachine(g, n))
	}
	for _, p := range g.cluster.Pods {
		if !p.Runs() {
			continue
		}
		node := index[p.Node]
		g.machines[node].running++
		first := true
		for i := range p.Containers {
			c := &p.Containers[i]
			if !c.Running {
				continue
			}
			g.ofState[c] = int32(len(g.instances))
			in := newInstance(g, p, c, node)
			in.first, first = first, false
			g.instances = append(g.instances, in)
			g.machines[node].carry(&in)
		}
	}
	for i := range g.machines {
		g.machines[i].settle(g)
	}
}

// addTraffic sets up requests. The share of requests that are logged follows from
// the rates, so that the records of all streams together make up logRate.
func (g *Generator) addTraffic(logRate, traceRate float64) {
	g.planner = newPlanner(g.seed.Of("plan"), g.cluster, g.instances)
	requests := traceRate
	if requests < minRate {
		requests = fallbackRate
	}
	if len(g.planner.entries) == 0 {
		requests = 0
	}
	g.traced = traceRate >= minRate && requests > 0
	g.traffic = newArrivals(g.seed.Of("requests"), requests, &g.waves[trafficWave], g.epoch)
	cycle := newSurvey(g.planner)
	g.served, g.longest = cycle.served, cycle.longest
	for i := range g.served {
		g.served[i].first = g.traffic.count(g.instances[g.served[i].instance].began)
	}
	if calls := float64(cycle.calls) / plans * requests; calls > 0 {
		g.logShare = math.Min(1, requestLogShare*logRate/calls)
	}
	g.logs = newLogStreams(g, logRate, float64(cycle.logged(g.logShare))/plans*requests)
}

// keepsTime reports whether arrival number k comes at the same time as in an older
// generator. If not, numbers come twice, and what is named by them needs new names.
func (g *Generator) keepsTime(old *Generator) bool {
	return g.traffic.rate == old.traffic.rate && g.logs.audit.rate == old.logs.audit.rate
}

// addTargets builds the series: a first pass counts, the second builds what is
// wanted.
func (g *Generator) addTargets(want int, opts Options) {
	first := builder{g: g, counting: true, at: -1}
	first.families(0)
	added := opts.Fixed + opts.PerTarget*len(first.targets)
	for _, u := range first.units {
		if u.tier == core {
			g.minimum += u.size
		}
	}
	g.minimum += added
	extra := 0
	if want > 0 {
		want = max(1, want-added)
	}
	keep, n := choose(first.units, want)
	if want > 0 {
		extra = max(0, want-n)
	}
	second := builder{g: g, keep: keep, at: -1, scratch: labels.NewScratchBuilder(24)}
	second.families(extra)
	g.targets = second.targets
	for _, t := range g.targets {
		t.series = append(make([]series, 0, len(t.series)), t.series...)
		g.series += len(t.series)
	}
}

// families adds every target with its families; extra is the number of additional
// application series.
func (b *builder) families(extra int) {
	for i := range b.g.machines {
		b.nodeExporter(int32(i))
		b.kubelet(int32(i))
		b.cadvisor(int32(i))
	}
	b.stateMetrics()
	b.apiServer()
	b.controlPlane()
	b.coreDNS()
	b.openCost()
	b.storageComponents()
	b.applications()
	b.extras(extra)
}

// Cluster is what the generator speaks for.
func (g *Generator) Cluster() *inventory.Cluster { return g.cluster }

// Targets returns one target per scrape endpoint, always in the same order.
func (g *Generator) Targets() []*Target { return g.targets }

// Series is the number of series of all targets.
func (g *Generator) Series() int { return g.series }

// MinSeries is the smallest number of series the cluster can have, the collector's
// own included: the families that joins, costs and the overview of a cluster need.
// A lower target yields this many.
func (g *Generator) MinSeries() int { return g.minimum }

// Value computes the value of a series at a time: what a scrape at that time
// emitted. ls must be the labels as emitted, without what collectors and gateways
// add (cluster, clusterNamespace, tenant). It reports false for a series that the
// cluster does not have.
func (g *Generator) Value(ls labels.Labels, at time.Time) (float64, bool) {
	s := g.find(ls)
	if s == nil {
		return 0, false
	}
	m := g.moment(at.UnixNano())
	defer g.release(m)
	return s.value(m), true
}

// find returns the series of these labels; nil for none.
func (g *Generator) find(ls labels.Labels) *series {
	g.oracleOnce.Do(func() {
		g.oracle = make(map[uint64][]*series, g.series)
		for _, t := range g.targets {
			for i := range t.series {
				h := t.series[i].labels.Hash()
				g.oracle[h] = append(g.oracle[h], &t.series[i])
			}
		}
	})
	for _, s := range g.oracle[ls.Hash()] {
		if labels.Equal(s.labels, ls) {
			return s
		}
	}
	return nil
}
