package telemetry

import (
	"math"

	"github.com/prometheus/prometheus/model/labels"
)

// series is one time series: its labels, built once, and the closed form of its
// value. What a, b, of and sub mean is up to eval.
type series struct {
	labels labels.Labels
	formula
}

// formula is a value as a function of time. It is small and has no closure:
// a large lab holds hundreds of thousands.
type formula struct {
	eval func(*moment, *formula) float64
	a, b float64
	of   int32
	sub  uint8
	own  uint16 // which of the target's own labels the series carries, as bits
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

// total counts a flow from a start, in seconds since the epoch: fractional.
func (g *Generator) total(f flow, started float64) formula {
	_, area := g.waves[f.wave].at(started)
	return formula{eval: evalTotal, a: f.rate, b: started + area, sub: f.wave}
}

func evalTotal(m *moment, f *formula) float64 {
	return max(0, f.a*(m.sec+m.area[f.sub]-f.b))
}

// count is total in whole numbers, for events.
func (g *Generator) count(f flow, started float64) formula {
	x := g.total(f, started)
	x.eval = evalCount
	return x
}

func evalCount(m *moment, f *formula) float64 { return math.Floor(evalTotal(m, f)) }

// gauge swings around a mean by the given part of it.
func gauge(mean, swing float64, wave uint8) formula {
	return formula{eval: evalGauge, a: mean, b: swing, sub: wave}
}

func evalGauge(m *moment, f *formula) float64 { return f.a * (1 + f.b*m.level[f.sub]) }

// level is gauge in whole numbers.
func level(mean, swing float64, wave uint8) formula {
	return formula{eval: func(m *moment, f *formula) float64 { return math.Round(evalGauge(m, f)) }, a: mean, b: swing, sub: wave}
}

// ofProcess counts a flow of an instance since its last restart.
func (g *Generator) ofProcess(i int32, f flow, whole bool) formula {
	in := &g.instances[i]
	if in.restarts == nil {
		if whole {
			return g.count(f, in.started)
		}
		return g.total(f, in.started)
	}
	x := formula{eval: evalProcess, a: f.rate, of: i, sub: f.wave}
	if whole {
		x.eval = func(m *moment, f *formula) float64 { return math.Floor(evalProcess(m, f)) }
	}
	return x
}

func evalProcess(m *moment, f *formula) float64 {
	started := m.g.startedAt(f.of, m.nanos)
	_, area := m.g.waves[f.sub].at(started)
	return max(0, f.a*(m.sec+m.area[f.sub]-started-area))
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

// restartCount is the number of restarts of instance i.
func (g *Generator) restartCount(i int32) formula {
	if g.instances[i].restarts == nil {
		return constant(0)
	}
	return formula{of: i, eval: func(m *moment, f *formula) float64 {
		return float64(m.g.instances[f.of].restarts.count(m.nanos))
	}}
}
