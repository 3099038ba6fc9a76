package telemetry

import (
	"math"

	"github.com/prometheus/common/model"
)

// A cluster changes, and with it its generator. In one that continues another no
// counter may go back, but those that count more than one pod, such as the CPU time
// of a node or the requests of a service, have another closed form when a pod comes
// or goes. So a counter that both have gets as base what it had when the new
// generator took over, less what the new closed form says for that time.

// life is whose beginning a counter begins with.
type life uint8

const (
	// absolute counters say what the inventory says, and get no base.
	absolute life = iota
	// unowned ones get the life that the builder is at.
	unowned
	ofNode    // since the node booted
	ofMachine // likewise, but counted by the machine, which has resumed itself
	ofPod     // of an instance
	ofProcess // of an instance
	ofServed  // the process of a served
)

// lineage finds what of an older generator is still there.
type lineage struct {
	*Generator
	instances, machines map[string]int32
}

func lineageOf(old *Generator) lineage {
	l := lineage{old, map[string]int32{}, map[string]int32{}}
	for i := range old.instances {
		l.instances[old.instances[i].key()] = int32(i)
	}
	for i := range old.machines {
		l.machines[old.machines[i].node.UID] = int32(i)
	}
	return l
}

// continues reports whether what f counts was there before, with nothing in it
// begun anew.
func (l *lineage) continues(g *Generator, f *formula) bool {
	i := f.of
	switch f.life {
	case ofNode, ofMachine:
		_, ok := l.machines[g.machines[i].node.UID]
		return ok
	case ofServed:
		i = g.served[i].instance
	}
	before, ok := l.instances[g.instances[i].key()]
	if !ok || f.life == ofPod {
		return ok
	}
	return g.startedAt(i, g.from) <= l.startedAt(before, g.from)
}

// stitch makes g continue old from g.from on.
func (g *Generator) stitch(old *Generator) {
	l := lineageOf(old)
	was, is := old.moment(g.from), g.moment(g.from)
	defer old.release(was)
	defer g.release(is)
	for i := range g.machines {
		if before, ok := l.machines[g.machines[i].node.UID]; ok {
			g.machines[i].resume(is, &old.machines[before], was)
		}
	}
	for _, t := range g.targets {
		for i := range t.series {
			s := &t.series[i]
			before := old.find(s.labels)
			if before != nil {
				s.labels = before.labels // one copy in memory, and quick to compare
			}
			if s.life == absolute || !isCounter(s) || !l.continues(g, &s.formula) {
				continue
			}
			if before != nil {
				s.resume(is, before.unrounded(was))
			} else if s.life != ofMachine {
				s.base = -s.eval(is, &s.formula) // new of an old process: nothing counted yet
			}
		}
	}
}

func isCounter(s *series) bool {
	return Describe(s.labels.Get(model.MetricNameLabel)).Type != "gauge"
}

// resume makes the formula yield want, or the next number above, at a moment.
func (f *formula) resume(m *moment, want float64) {
	have := f.eval(m, f)
	f.base = want - have
	step := math.Nextafter(math.Max(math.Abs(have), math.Abs(want)), math.Inf(1)) - math.Max(math.Abs(have), math.Abs(want))
	for f.round.apply(max(0, have+f.base)) < f.round.apply(want) {
		f.base += step
		step *= 2
	}
}

// renewed reports whether what f counts began anew after g took over, so that the
// base is no longer its own.
func (g *Generator) renewed(f *formula, nanos int64) bool {
	i := f.of
	switch f.life {
	case ofServed:
		i = g.served[i].instance
	case ofProcess:
	default:
		return false
	}
	r := g.instances[i].restarts
	if r == nil {
		return false
	}
	at, ok := r.last(nanos)
	return ok && at > g.from
}

// resume makes the machine's counters go on where those of old were.
func (m *machine) resume(is *moment, old *machine, was *moment) {
	m.cpuAtBoot = m.cpu.total(is) - (old.cpu.total(was) - old.cpuAtBoot)
	m.atBoot.receive = m.receive.total(is) - (old.receive.total(was) - old.atBoot.receive)
	m.atBoot.transmit = m.transmit.total(is) - (old.transmit.total(was) - old.atBoot.transmit)
	m.atBoot.read = m.read.total(is) - (old.read.total(was) - old.atBoot.read)
	m.atBoot.write = m.write.total(is) - (old.write.total(was) - old.atBoot.write)
}
