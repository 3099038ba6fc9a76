package explore

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"koflab/scenarios"
	"koflab/topology"
)

// What the generators of random numbers are for: each lab and each run has its own.
const (
	forLabs = iota
	forRuns
)

// drawLab draws a lab: it follows from the seed and the lab's number alone.
func drawLab(seed int64, number int) (int64, scenarios.Lab) {
	r := rand.New(rand.NewPCG(uint64(seed), uint64(2*number+forLabs)))
	spec := &topology.Lab{}
	spec.Management.Workload = small(0.1, 0)
	if r.IntN(5) == 0 {
		spec.Network = topology.NetworkIstio
	}
	spec.ManagementData = pick(r, "", "", "", "", "", topology.ManagementDataM2M, topology.ManagementDataM2R, topology.ManagementDataRegionless)
	count := 1 + r.IntN(2)
	if spec.ManagementData == topology.ManagementDataRegionless {
		count = 0
	}
	for i := range count {
		spec.Regions = append(spec.Regions, topology.Region{Name: fmt.Sprintf("r%d", i+1), Replicas: 1 + r.IntN(2), Workload: small(0.1, 0)})
	}
	for i := range 1 + r.IntN(2) {
		c := topology.Child{Name: fmt.Sprintf("c%d", i+1), Tenant: pick(r, "", "", "tenant-a", "tenant-b"), Workload: small(0.2, 0.1)}
		if count > 0 {
			c.Region = fmt.Sprintf("r%d", 1+r.IntN(count))
		}
		if r.IntN(3) == 0 {
			c.Collector = topology.Collector{QueueSize: pick(r, 0, 3, 20), RetryMaxElapsed: pick(r, 0, topology.Duration(time.Minute))}
		}
		spec.Children = append(spec.Children, c)
	}
	return 1 + r.Int64N(1_000_000), scenarios.Lab{Spec: spec}
}

// small is the least that a cluster can observe.
func small(logs, traces float64) topology.Workload {
	return topology.Workload{Nodes: 1, Workloads: 1, Series: 1, LogRate: &logs, TraceRate: &traces, ScrapeInterval: topology.Duration(time.Minute)}
}

// Bounds of what is drawn for a run.
const (
	latest   = 3 * time.Minute
	shortest = 30 * time.Second
	usual    = 3 * time.Minute
	longest  = 7 * time.Minute // beyond the 5m for which collectors retry
	tries    = 50
)

// drawRun draws a run in a lab: it follows from the seed, the run's number and the lab.
func drawRun(seed int64, number int, lab *topology.Lab, o Options) Run {
	r := rand.New(rand.NewPCG(uint64(seed), uint64(2*number+forRuns)))
	run := Run{Number: number}
	names := slices.Sorted(maps.Keys(traits))
	if len(o.Faults) > 0 {
		names = slices.Sorted(slices.Values(o.Faults))
	}
	want := 1 + r.IntN(o.MaxFaults)
	for try := 0; try < tries && len(run.Strikes) < want; try++ {
		s, ok := drawStrike(r, pick(r, names...), lab)
		if !ok || slices.ContainsFunc(run.Strikes, func(o Strike) bool { return clash(s, o) || clash(o, s) }) {
			continue
		}
		run.Strikes = append(run.Strikes, s)
	}
	slices.SortStableFunc(run.Strikes, func(a, b Strike) int { return cmp.Compare(a.At, b.At) })
	run.begin()
	for range r.IntN(3) {
		run.Looks = append(run.Looks, step+time.Duration(r.Int64N(int64(run.end()/step)+1))*step)
	}
	slices.Sort(run.Looks)
	run.Looks = slices.Compact(run.Looks)
	run.name()
	return run
}

// step is what times of a run are multiples of.
const step = 15 * time.Second

func drawStrike(r *rand.Rand, fault string, lab *topology.Lab) (s Strike, ok bool) {
	t := traits[fault]
	targets := t.targets(lab)
	if len(targets) == 0 {
		return s, false
	}
	s.Fault, s.Target = fault, pick(r, targets...)
	s.At = time.Duration(r.Int64N(int64(latest/step))) * step
	if !t.once {
		most := pick(r, usual, usual, usual, longest)
		s.For = topology.Duration(shortest + time.Duration(r.Int64N(int64((most-shortest)/step)+1))*step)
	}
	if t.with != nil {
		s.With = t.with(r, lab, s.Target)
	}
	if t.intensity {
		s.Intensity = pick(r, 0, 0.25, 0.5)
	}
	return s, true
}

// recovery is how long after a fault's end what it broke may still be missing.
const recovery = 3 * time.Minute

// clash reports whether a fault cannot be injected or healed because of another.
func clash(s, by Strike) bool {
	mine, theirs := traits[s.Fault], traits[by.Fault]
	meets := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
	}
	// Injections before may delay this one, so that times are not exact.
	same := s.Fault == by.Fault && s.Target == by.Target || meets(noted(mine.holds, s.Target), noted(theirs.holds, by.Target))
	if same && s.At <= by.end()+recovery && by.At <= s.end()+recovery {
		return true
	}
	if !meets(noted(mine.needs, s.Target), noted(theirs.breaks, by.Target)) {
		return false
	}
	missing := func(at time.Duration) bool { return at >= by.At-time.Minute && at <= by.end()+recovery }
	return missing(s.At) || missing(s.end())
}

// begin lets the first fault begin the run.
func (r *Run) begin() {
	if len(r.Strikes) == 0 {
		return
	}
	first := r.Strikes[0].At
	for i := range r.Strikes {
		r.Strikes[i].At -= first
	}
}

// end is when the last fault is over.
func (r Run) end() time.Duration {
	end := time.Duration(0)
	for _, s := range r.Strikes {
		end = max(end, s.end())
	}
	return end
}

// name gives each fault a name of its own in the lab, where there are several.
func (r *Run) name() {
	for i := range r.Strikes {
		if !traits[r.Strikes[i].Fault].once {
			r.Strikes[i].As = fmt.Sprintf("run-%d-%d", r.Number, i+1)
		}
	}
}
