package telemetry

import (
	"math"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// tier says how early series are given up when a cluster may have only so many.
type tier uint8

const (
	// core is what joins, cost sums and the cluster overview need.
	core tier = iota
	// standard is what KOF's dashboards and rules read beside that.
	standard
	// application is what applications report about their requests.
	application
	// detail is only there when a cluster should have more series than it
	// naturally has.
	detail
	tiers
)

// builder collects the series of a generator. It runs through all families twice:
// first counting units (series that stay or go together, such as the buckets of a
// histogram), then building the labels of those that were chosen.
type builder struct {
	g       *Generator
	targets []*Target
	target  *Target
	// life and of are those of the counters that are added.
	life    life
	of      int32
	scratch labels.ScratchBuilder

	counting bool
	units    []unit
	keep     []bool
	at       int // current unit
}

type unit struct {
	tier tier
	size int
}

// to begins a target; pairs are its own labels beside job and instance. Its
// counters are nobody's until lives says so.
func (b *builder) to(job, instance string, interval time.Duration, pairs ...string) {
	b.target = &Target{gen: b.g, job: job, instance: instance, interval: interval}
	b.targets = append(b.targets, b.target)
	b.lives(absolute, 0)
	if b.counting {
		return
	}
	b.scratch.Reset()
	b.scratch.Add("job", job)
	b.scratch.Add("instance", instance)
	for i := 0; i < len(pairs); i += 2 {
		b.scratch.Add(pairs[i], pairs[i+1])
	}
	b.scratch.Sort()
	b.target.labels = b.scratch.Labels()
	b.target.labels.Range(func(l labels.Label) { b.target.own = append(b.target.own, l) })
}

// lives sets whose the counters are that are added next.
func (b *builder) lives(l life, of int32) { b.life, b.of = l, of }

// unit begins a unit.
func (b *builder) unit(t tier) {
	b.at++
	if b.counting {
		b.units = append(b.units, unit{tier: t})
	}
}

// add adds a series to the current unit. The labels in pairs win over the target's
// own, as with honor_labels.
func (b *builder) add(name string, f formula, pairs ...string) {
	if b.counting {
		b.units[b.at].size++
		return
	}
	if !b.keep[b.at] {
		return
	}
	if f.life == unowned {
		f.life, f.of = b.life, b.of
	}
	b.scratch.Reset()
	b.scratch.Add(model.MetricNameLabel, name)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			b.scratch.Add(pairs[i], pairs[i+1])
		}
	}
own:
	for i, l := range b.target.own {
		for j := 0; j < len(pairs); j += 2 {
			if pairs[j] == l.Name && pairs[j+1] != "" {
				continue own
			}
		}
		f.own |= 1 << i
		b.scratch.Add(l.Name, l.Value)
	}
	b.scratch.Sort()
	b.target.series = append(b.target.series, series{b.scratch.Labels(), f})
}

// one adds a unit of a single series.
func (b *builder) one(t tier, name string, f formula, pairs ...string) {
	b.unit(t)
	b.add(name, f, pairs...)
}

// distribution is a log-normal distribution of durations or sizes.
type distribution struct {
	median, sigma float64
	bounds        []float64
}

func (d *distribution) below(x float64) float64 {
	return 0.5 * math.Erfc(-math.Log(x/d.median)/(d.sigma*math.Sqrt2))
}

func (d *distribution) mean() float64 { return d.median * math.Exp(d.sigma*d.sigma/2) }

// histogram adds a unit: buckets, sum and count of a flow of observations. All
// buckets are parts of one integral, so they are monotone in le and in time, and
// the last equals the count.
func (b *builder) histogram(t tier, name string, f flow, started float64, d *distribution, pairs ...string) {
	b.unit(t)
	at := len(pairs)
	with := append(append(make([]string, 0, at+2), pairs...), "le", "")
	for _, bound := range d.bounds {
		with[at+1] = boundText(bound)
		b.add(name+"_bucket", b.g.count(flow{f.rate * d.below(bound), f.wave}, started), with...)
	}
	with[at+1] = "+Inf"
	b.add(name+"_bucket", b.g.count(f, started), with...)
	b.add(name+"_sum", b.g.total(flow{f.rate * d.mean(), f.wave}, started), pairs...)
	b.add(name+"_count", b.g.count(f, started), pairs...)
}

func boundText(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// choose decides which units a cluster keeps: all but details when target is 0,
// else the core and then, tier by tier, whatever still fits. It returns the number
// of series chosen.
func choose(units []unit, target int) (keep []bool, n int) {
	keep = make([]bool, len(units))
	for i, u := range units {
		if u.tier == core || target == 0 && u.tier != detail {
			keep[i] = true
			n += u.size
		}
	}
	if target == 0 {
		return keep, n
	}
	for t := core + 1; t < tiers; t++ {
		for i, u := range units {
			if u.tier == t && n+u.size <= target {
				keep[i] = true
				n += u.size
			}
		}
	}
	return keep, n
}
