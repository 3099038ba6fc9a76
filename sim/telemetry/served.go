package telemetry

import (
	"slices"
	"sort"
	"time"

	"koflab/sim/inventory"
)

// latencyBounds are the bucket bounds of http_server_request_duration_seconds: the
// ones OpenTelemetry's semantic conventions advise, in seconds.
var latencyBounds = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}

const (
	maxBins  = 15 // latencyBounds and +Inf
	maxCodes = 8
)

// served is what one pod answers for one operation in a cycle of plans.
type served struct {
	op       *inventory.Operation
	instance int32
	codes    []int // that occur, ascending; at most maxCodes
	requests []request
	total    tally // of a whole cycle
	first    int64 // requests before its process began
}

// request is one request of the cycle.
type request struct {
	plan   uint16
	bin    uint8  // latency bucket
	code   uint8  // index in codes
	micros uint32 // latency
}

// tally counts requests.
type tally struct {
	bins   [maxBins]int64 // not cumulative
	codes  [maxCodes]int64
	count  int64
	micros int64 // sum of latencies; whole numbers, so that it never goes back
}

func (t *tally) add(r request, sign int64) {
	t.bins[r.bin] += sign
	t.codes[r.code] += sign
	t.count += sign
	t.micros += sign * int64(r.micros)
}

// addTo adds to t, with the given sign, what the first n requests of the cluster
// brought.
func (s *served) addTo(t *tally, n int64, sign int64) {
	cycles, rest := n/plans, uint16(n%plans)
	for i := range t.bins {
		t.bins[i] += sign * cycles * s.total.bins[i]
	}
	for i := range t.codes {
		t.codes[i] += sign * cycles * s.total.codes[i]
	}
	t.count += sign * cycles * s.total.count
	t.micros += sign * cycles * s.total.micros
	for _, r := range s.requests {
		if r.plan >= rest {
			return
		}
		t.add(r, sign)
	}
}

// survey runs through a whole cycle of plans once.
type survey struct {
	served  []served
	longest time.Duration // of any trace
	logFrom []float64     // of the calls that may be logged
	calls   int           // server calls
}

// logged counts the calls of a cycle that are logged at a share of requests.
func (s *survey) logged(share float64) int {
	n := 0
	for _, from := range s.logFrom {
		if from < share {
			n++
		}
	}
	return n
}

func newSurvey(p *planner) survey {
	var out survey
	if len(p.entries) == 0 {
		return out
	}
	type key struct {
		op       *inventory.Operation
		instance int32
	}
	index := map[key]int{}
	codes := map[int][]int{} // status by request, in step with requests
	var buf []call
	for i := range plans {
		buf = p.expand(i, buf[:0])
		out.longest = max(out.longest, buf[0].length)
		for _, c := range buf {
			if c.logFrom < 1 {
				out.logFrom = append(out.logFrom, c.logFrom)
			}
			if c.kind != serverCall {
				continue
			}
			out.calls++
			k := key{c.op, c.instance}
			at, ok := index[k]
			if !ok {
				at = len(out.served)
				index[k] = at
				out.served = append(out.served, served{op: c.op, instance: c.instance})
			}
			s := &out.served[at]
			s.requests = append(s.requests, request{
				plan: uint16(i), bin: uint8(sort.SearchFloat64s(latencyBounds, c.length.Seconds())),
				micros: uint32(c.length.Microseconds()),
			})
			codes[at] = append(codes[at], c.code)
		}
	}
	for at := range out.served {
		out.served[at].finish(codes[at])
	}
	slices.SortStableFunc(out.served, func(a, b served) int { return int(a.instance) - int(b.instance) })
	return out
}

// finish numbers the codes and sums up the cycle.
func (s *served) finish(codes []int) {
	s.codes = slices.Compact(slices.Sorted(slices.Values(codes)))
	s.requests = slices.Clip(s.requests)
	for i := range s.requests {
		s.requests[i].code = uint8(slices.Index(s.codes, codes[i]))
		s.total.add(s.requests[i], 1)
	}
}
