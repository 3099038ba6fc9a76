package report

import (
	"cmp"
	"math"
	"slices"
)

// hop is the flow of one signal from one cluster to another during a run.
type hop struct {
	From, To, Signal string
	Samples          []FlowSample // by time
	PeakRate         float64
	PeakQueued       float64
	Dropped          map[string]int64
}

// lost is how many records the hop dropped for any reason.
func (h hop) lost() (n int64) {
	for _, v := range h.Dropped {
		n += v
	}
	return n
}

// hops sorts samples into hops, which are ordered by name.
func hops(flow []FlowSample) []hop {
	type key struct{ from, to, signal string }
	byKey := map[key]*hop{}
	for _, s := range flow {
		k := key{s.From, s.To, s.Signal}
		h := byKey[k]
		if h == nil {
			h = &hop{From: s.From, To: s.To, Signal: s.Signal, Dropped: map[string]int64{}}
			byKey[k] = h
		}
		// What is no number cannot be drawn.
		s.Rate, s.Queued = drawable(s.Rate), drawable(s.Queued)
		h.Samples = append(h.Samples, s)
		h.PeakRate, h.PeakQueued = max(h.PeakRate, s.Rate), max(h.PeakQueued, s.Queued)
		for reason, n := range s.Dropped {
			h.Dropped[reason] += n
		}
	}
	all := make([]hop, 0, len(byKey))
	for _, h := range byKey {
		slices.SortStableFunc(h.Samples, func(a, b FlowSample) int { return cmp.Compare(a.At, b.At) })
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b hop) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Signal, b.Signal))
	})
	return all
}

func drawable(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return max(0, v)
}

// thin reduces the samples of one hop to a number of points, each for an equal
// share of them: the mean rate, the fullest queue, all drops.
func thin(samples []FlowSample, limit int) []FlowSample {
	if len(samples) <= limit {
		return samples
	}
	out := make([]FlowSample, 0, limit)
	for i := range limit {
		share := samples[i*len(samples)/limit : (i+1)*len(samples)/limit]
		s := share[len(share)-1]
		s.Rate, s.Queued, s.Dropped = 0, 0, map[string]int64{}
		for _, one := range share {
			s.Rate += one.Rate / float64(len(share))
			s.Queued = max(s.Queued, one.Queued)
			for reason, n := range one.Dropped {
				s.Dropped[reason] += n
			}
		}
		out = append(out, s)
	}
	return out
}

// mostTelling keeps so many hops: first those that lost records, then those that
// queued most; in the order they had.
func mostTelling(all []hop, limit int) []hop {
	if len(all) <= limit {
		return all
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(all[b].lost(), all[a].lost()), cmp.Compare(all[b].PeakQueued, all[a].PeakQueued))
	})
	kept := slices.Sorted(slices.Values(order[:limit]))
	out := make([]hop, limit)
	for i, at := range kept {
		out[i] = all[at]
	}
	return out
}
