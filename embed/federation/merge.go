package federation

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// merger unites series of several groups. Series with equal labels are taken
// for copies of one, as promxy does: the first group's samples count, and those
// of the others fill its gaps.
type merger struct {
	antiAffinity int64 // milliseconds
	exact        bool  // all series have a sample at each of the same instants
	exclusive    bool  // two groups must not have a value of one series at once
	collided     bool
	series       []series
	index        map[uint64][]int
}

func (m *merger) add(list []series) {
	if m.index == nil {
		m.index = make(map[uint64][]int, len(list))
	}
	for _, s := range list {
		h := s.labels.Hash()
		i := m.find(h, s.labels)
		switch {
		case i < 0:
			m.index[h] = append(m.index[h], len(m.series))
			m.series = append(m.series, s)
		case m.exact:
			m.collided = fill(m.series[i].samples, s.samples) && m.exclusive || m.collided
		default:
			m.series[i].samples = interleave(m.series[i].samples, s.samples, m.antiAffinity)
		}
	}
}

func (m *merger) find(h uint64, l labels.Labels) int {
	for _, i := range m.index[h] {
		if labels.Equal(m.series[i].labels, l) {
			return i
		}
	}
	return -1
}

// fill takes from other the values that are missing, and reports whether both
// had one somewhere.
func fill(s, other samples) (both bool) {
	for i := range s {
		if value.IsStaleNaN(s[i].v) {
			s[i].v = other[i].v
		} else if !value.IsStaleNaN(other[i].v) {
			both = true
		}
	}
	return both
}

// interleave adds to a the samples of b that are further than the anti-affinity
// from every sample of a: nearer ones are the same sample as seen by a replica.
func interleave(a, b samples, antiAffinity int64) samples {
	merged := make(samples, 0, len(a)+len(b))
	i := 0
	for _, s := range b {
		for i < len(a) && a[i].t <= s.t {
			merged = append(merged, a[i])
			i++
		}
		near := i > 0 && s.t-a[i-1].t <= antiAffinity || i < len(a) && a[i].t-s.t <= antiAffinity
		if !near {
			merged = append(merged, s)
		}
	}
	return append(merged, a[i:]...)
}
