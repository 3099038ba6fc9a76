package telemetry

import (
	"math"

	"koflab/sim/inventory"
)

// waves is how many independent load curves a cluster has. Wave 0 is the traffic
// of its applications; the others belong to everything else.
const waves = 6

const trafficWave = 0

// wave is a smooth curve around zero, a sum of cosines whose amplitudes sum to less
// than one. A rate r·(1+wave) is therefore positive, and its integral is known in
// closed form: that is what makes counters pure functions of time.
type wave [4]cosine

type cosine struct{ amplitude, omega, phase float64 }

// shape is a day, about an hour, some minutes and about a minute, as people and
// batch jobs make load; together they reach at most peak.
var shape = [4]struct{ amplitude, period float64 }{
	{0.28, 86400}, {0.12, 3407}, {0.08, 413}, {0.05, 67},
}

// peak bounds |level| of every wave.
const peak = 0.28 + 0.12 + 0.08 + 0.05

func newWave(s inventory.Seed) wave {
	var w wave
	for i, c := range shape {
		period := c.period
		if i > 0 { // days have one length, the shorter cycles differ between waves
			period *= s.At(int64(2*i)).Between(0.8, 1.25)
		}
		w[i] = cosine{c.amplitude, 2 * math.Pi / period, s.At(int64(2*i+1)).Between(0, 2*math.Pi)}
	}
	return w
}

// at returns the wave's level and an antiderivative, in seconds, at sec seconds
// since the epoch.
func (w *wave) at(sec float64) (level, area float64) {
	for i := range w {
		sin, cos := math.Sincos(w[i].omega*sec + w[i].phase)
		level += w[i].amplitude * cos
		area += w[i].amplitude / w[i].omega * sin
	}
	return level, area
}

// amplitudeOfArea bounds |area|.
func (w *wave) amplitudeOfArea() float64 {
	var sum float64
	for i := range w {
		sum += w[i].amplitude / w[i].omega
	}
	return sum
}

// flow is a rate that follows one wave: rate·(1+wave) per second.
type flow struct {
	rate float64
	wave uint8
}

// mix is a sum of flows, kept as one coefficient per wave.
type mix struct {
	constant float64
	per      [waves]float64
}

func (x *mix) add(f flow) {
	x.constant += f.rate
	x.per[f.wave] += f.rate
}

// level is the mix's rate.
func (x *mix) level(m *moment) float64 {
	v := x.constant
	for i := range x.per {
		v += x.per[i] * m.level[i]
	}
	return v
}

// total is an antiderivative of level.
func (x *mix) total(m *moment) float64 {
	v := x.constant * m.sec
	for i := range x.per {
		v += x.per[i] * m.area[i]
	}
	return v
}
