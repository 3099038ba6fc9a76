package telemetry

import (
	"math"

	"github.com/prometheus/prometheus/model/labels"
)

// series is one time series: its labels, built once, and the closed form of its
// value.
type series struct {
	labels labels.Labels
	formula
}

// formula is a value as a function of time. It is small and has no closure:
// a large lab holds hundreds of thousands. What a, b and sub mean is up to eval.
type formula struct {
	eval func(*moment, *formula) float64 // not rounded yet
	a, b float64
	// base is what a counter owes to the generator before this one (see stitch).
	base  float64
	of    int32 // the instance, served or machine that life speaks of
	sub   uint8
	round rounding
	life  life
	own   uint16 // which of the target's own labels the series carries, as bits
}

// rounding is how an exporter cuts a value. Stores compress such numbers several
// times better than noise in the last digits.
type rounding uint8

const (
	exact      rounding = iota
	whole               // events and bytes
	millis              // seconds, to thousandths
	ticks               // seconds, to the hundredths in which the kernel counts CPU time
	micros              // whole microseconds, shown in seconds
	kernelPage          // bytes, to pages
	nearest             // whole, up or down
	hundredth           // to the nearest hundredth
)

const page = 4096.0

func (r rounding) apply(v float64) float64 {
	switch r {
	case whole:
		return math.Floor(v)
	case millis:
		return math.Floor(v*1000) / 1000
	case ticks:
		return math.Floor(v*100) / 100
	case micros:
		return math.Floor(v) / 1e6
	case kernelPage:
		return math.Floor(v/page) * page
	case nearest:
		return math.Round(v)
	case hundredth:
		return math.Round(100*v) / 100
	default:
		return v
	}
}

// value is what a scrape at the moment finds.
func (f *formula) value(m *moment) float64 { return f.round.apply(f.unrounded(m)) }

func (f *formula) unrounded(m *moment) float64 {
	v := f.eval(m, f)
	if f.base != 0 && !m.g.renewed(f, m.nanos) {
		v = max(0, v+f.base)
	}
	return v
}

// constant is a value that does not change.
func constant(v float64) formula {
	return formula{eval: func(_ *moment, f *formula) float64 { return f.a }, a: v}
}

func boolean(v bool) formula {
	if v {
		return constant(1)
	}
	return constant(0)
}

// now is the time in Unix seconds.
func now() formula {
	return formula{eval: func(m *moment, _ *formula) float64 { return float64(m.nanos) / 1e9 }}
}

// total counts a flow of seconds from a start, in seconds since the epoch.
func (g *Generator) total(f flow, started float64) formula {
	_, area := g.waves[f.wave].at(started)
	return formula{a: f.rate, b: started + area, sub: f.wave, round: millis, life: unowned, eval: func(m *moment, f *formula) float64 {
		return max(0, f.a*(m.sec+m.area[f.sub]-f.b))
	}}
}

// count is total in whole numbers, for events and bytes.
func (g *Generator) count(f flow, started float64) formula {
	x := g.total(f, started)
	x.round = whole
	return x
}

// gauge swings around a mean by the given part of it, times the wave.
func gauge(mean, swing float64, wave uint8) formula {
	return formula{a: mean, b: swing, sub: wave, eval: func(m *moment, f *formula) float64 {
		return f.a * (1 + f.b*m.level[f.sub])
	}}
}

// level is gauge in whole numbers.
func level(mean, swing float64, wave uint8) formula {
	x := gauge(mean, swing, wave)
	x.round = nearest
	return x
}

// byteGauge is gauge in whole pages.
func byteGauge(mean, swing float64, wave uint8) formula {
	x := gauge(mean, swing, wave)
	x.round = kernelPage
	return x
}

// ofProcess counts a flow of an instance since its process began, in seconds or
// events.
func (g *Generator) ofProcess(i int32, f flow, round rounding) formula {
	x := g.total(f, g.instances[i].started)
	x.of, x.life, x.round = i, ofProcess, round
	if g.instances[i].restarts == nil {
		return x
	}
	x.eval = func(m *moment, f *formula) float64 {
		started := m.g.startedAt(f.of, m.nanos)
		_, area := m.g.waves[f.sub].at(started)
		return max(0, f.a*(m.sec+m.area[f.sub]-started-area))
	}
	return x
}

// startedAt is when the process of instance i that runs at nanos began, in seconds
// since the epoch.
func (g *Generator) startedAt(i int32, nanos int64) float64 {
	in := &g.instances[i]
	if in.restarts != nil {
		if at, ok := in.restarts.last(nanos); ok {
			return g.seconds(at)
		}
	}
	return in.started
}

// processStart is the Unix time in seconds at which the process began.
func (g *Generator) processStart(i int32) formula {
	return formula{of: i, eval: func(m *moment, f *formula) float64 {
		return float64(m.g.epoch)/1e9 + m.g.startedAt(f.of, m.nanos)
	}}
}

// restartCount is the number of restarts of instance i: those that Kubernetes
// counts, or else those of its imagined life.
func (g *Generator) restartCount(i int32) formula {
	in := &g.instances[i]
	if in.restarts == nil {
		return constant(float64(in.container.Restarts))
	}
	return formula{of: i, eval: func(m *moment, f *formula) float64 {
		return float64(m.g.instances[f.of].restarts.count(m.nanos))
	}}
}
