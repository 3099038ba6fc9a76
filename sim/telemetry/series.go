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

// Values are rounded as exporters round them, to milliseconds, whole events and
// kernel pages. Stores compress such numbers several times better than noise in the
// last digits.
const (
	perSecond = 1000.0
	page      = 4096.0
)

// total counts a flow of seconds from a start, in seconds since the epoch.
func (g *Generator) total(f flow, started float64) formula {
	_, area := g.waves[f.wave].at(started)
	return formula{a: f.rate, b: started + area, sub: f.wave, eval: func(m *moment, f *formula) float64 {
		return math.Floor(perSecond*f.integral(m)) / perSecond
	}}
}

// count is total in whole numbers, for events and bytes.
func (g *Generator) count(f flow, started float64) formula {
	x := g.total(f, started)
	x.eval = func(m *moment, f *formula) float64 { return math.Floor(f.integral(m)) }
	return x
}

func (f *formula) integral(m *moment) float64 {
	return max(0, f.a*(m.sec+m.area[f.sub]-f.b))
}

// gauge swings around a mean by the given part of it, times the wave.
func gauge(mean, swing float64, wave uint8) formula {
	return formula{a: mean, b: swing, sub: wave, eval: func(m *moment, f *formula) float64 { return f.swung(m) }}
}

func (f *formula) swung(m *moment) float64 { return f.a * (1 + f.b*m.level[f.sub]) }

// level is gauge in whole numbers.
func level(mean, swing float64, wave uint8) formula {
	x := gauge(mean, swing, wave)
	x.eval = func(m *moment, f *formula) float64 { return math.Round(f.swung(m)) }
	return x
}

// byteGauge is gauge in whole pages.
func byteGauge(mean, swing float64, wave uint8) formula {
	x := gauge(mean, swing, wave)
	x.eval = func(m *moment, f *formula) float64 { return pages(f.swung(m)) }
	return x
}

func pages(v float64) float64 { return math.Floor(v/page) * page }

// ofProcess counts a flow of an instance since its last restart: seconds, or whole
// events.
func (g *Generator) ofProcess(i int32, f flow, whole bool) formula {
	in := &g.instances[i]
	if in.restarts == nil {
		if whole {
			return g.count(f, in.started)
		}
		return g.total(f, in.started)
	}
	x := formula{a: f.rate, of: i, sub: f.wave, eval: func(m *moment, f *formula) float64 {
		return math.Floor(perSecond*sinceRestart(m, f)) / perSecond
	}}
	if whole {
		x.eval = func(m *moment, f *formula) float64 { return math.Floor(sinceRestart(m, f)) }
	}
	return x
}

func sinceRestart(m *moment, f *formula) float64 {
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
