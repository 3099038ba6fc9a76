package telemetry

import (
	"math"
	"time"

	"koflab/sim/inventory"
)

// plans is the length of the cycle of requests: request k follows plan k mod plans.
// A plan fixes route, callees, pods, latencies and errors; identifiers and times are
// the request's own. The cycle is what lets a counter of any route, code or latency
// be known at any time without replaying requests, and be equal to the number of
// spans that were made.
const plans = 512

// fallbackRate is the rate of requests where no traces are wanted: applications
// are busy all the same.
const fallbackRate = 1.0

// netDelay is the time a request or response spends between two pods.
const netDelay = 300 * time.Microsecond

// slowQuery is how long a query may take before the service logs it.
const slowQuery = 12 * time.Millisecond

type callKind uint8

const (
	serverCall callKind = iota
	clientCall
	databaseCall
)

// call is one span of a plan.
type call struct {
	kind     callKind
	op       *inventory.Operation // served, called, or the one that queries
	instance int32                // where the span is made
	parent   int32                // index in the plan; -1 for the root
	start    time.Duration        // since the root's start
	length   time.Duration
	code     int // HTTP status; 0 for databases
	failed   bool
	cause    cause // why a server call failed by itself
	// logFrom is the share of requests logged from which this call is one of them.
	logFrom float64
}

// cause is why a request failed.
type cause uint8

const (
	noCause cause = iota
	causeTimeout
	causePool
	causeUpstream
	causeBug
	causeNotFound
)

// planner expands plans.
type planner struct {
	seed    inventory.Seed
	entries []*inventory.Operation
	weight  int
	// pods lists the instances of each service that take requests.
	pods map[*inventory.Workload][]int32
}

func newPlanner(seed inventory.Seed, c *inventory.Cluster, instances []instance) *planner {
	p := &planner{seed: seed, entries: c.Entries, pods: map[*inventory.Workload][]int32{}}
	for _, e := range c.Entries {
		p.weight += e.Weight
	}
	for i := range instances {
		if w := instances[i].pod.Workload; w.App && instances[i].first && instances[i].pod.Serves() {
			p.pods[w] = append(p.pods[w], int32(i))
		}
	}
	return p
}

// entry spreads the operations over the plans in proportion to their weights.
func (p *planner) entry(i int) *inventory.Operation {
	at := p.seed.Of("entry").At(int64(i)).Below(p.weight)
	for _, e := range p.entries {
		if at -= e.Weight; at < 0 {
			return e
		}
	}
	return p.entries[len(p.entries)-1]
}

// expand appends the calls of plan i to buf; the root is the first.
func (p *planner) expand(i int, buf []call) []call {
	x := expansion{planner: p, seed: p.seed.At(int64(i)), calls: buf}
	x.serve(p.entry(i), -1, 0)
	return x.calls
}

type expansion struct {
	*planner
	seed  inventory.Seed
	draws int64
	calls []call
}

func (x *expansion) draw() inventory.Seed {
	x.draws++
	return x.seed.At(x.draws)
}

// latency draws from a log-normal distribution, cut at one in a thousand, in whole
// microseconds.
func (x *expansion) latency(median time.Duration, sigma float64) time.Duration {
	u := x.draw().Between(0.001, 0.999)
	length := float64(median) * math.Exp(sigma*math.Sqrt2*math.Erfinv(2*u-1))
	return time.Duration(length).Truncate(time.Microsecond)
}

// serve adds the server span of op and everything below it; it returns its index.
func (x *expansion) serve(op *inventory.Operation, parent int32, start time.Duration) int32 {
	pods := x.pods[op.Service]
	self := int32(len(x.calls))
	x.calls = append(x.calls, call{
		kind: serverCall, op: op, parent: parent, start: start, code: 200,
		instance: pods[x.draw().Below(len(pods))],
	})
	own := x.latency(op.Median, 0.5)
	before := (own * 3 / 10).Truncate(time.Microsecond)
	now := start + before
	code, why := x.outcome(op)
	if why == noCause {
		now, code, why = x.delegate(op, self, now)
	}
	if why == causeTimeout {
		now += time.Second
	}
	c := &x.calls[self]
	c.length = now + own - before - start
	c.code, c.cause = code, why
	c.failed = code >= 500
	c.logFrom = x.draw().Unit()
	if c.failed {
		c.logFrom /= 10 // errors are what logs are for
	}
	return self
}

// outcome decides whether op fails by its own fault.
func (x *expansion) outcome(op *inventory.Operation) (int, cause) {
	u := x.draw().Unit()
	switch {
	case u < op.ErrorRatio*0.3:
		return 504, causeTimeout
	case u < op.ErrorRatio*0.6:
		return 503, causePool
	case u < op.ErrorRatio:
		return 500, causeBug
	case op.Method == "GET" && op.Weight > 0 && u > 0.99:
		return 404, causeNotFound
	default:
		return 200, noCause
	}
}

// delegate queries the database and calls other services. A failing callee that
// is not optional ends the request.
func (x *expansion) delegate(op *inventory.Operation, self int32, now time.Duration) (time.Duration, int, cause) {
	at := x.calls[self].instance
	if op.Store != nil {
		length := x.latency(1500*time.Microsecond, 0.9)
		x.calls = append(x.calls, call{
			kind: databaseCall, op: op, instance: at, parent: self, start: now, length: length,
			logFrom: 1,
		})
		if length > slowQuery {
			x.calls[len(x.calls)-1].logFrom = 0
		}
		now += length
	}
	for _, to := range op.Calls {
		client := int32(len(x.calls))
		x.calls = append(x.calls, call{kind: clientCall, op: to, instance: at, parent: self, start: now, logFrom: 1})
		server := x.serve(to, client, now+netDelay)
		code := x.calls[server].code
		c := &x.calls[client]
		c.length = x.calls[server].length + 2*netDelay
		c.code, c.failed = code, code >= 400
		now += c.length
		if code >= 500 && !to.Optional {
			return now, 502, causeUpstream
		}
	}
	code := 200
	if op.Method == "POST" {
		code = 201
	}
	return now, code, noCause
}
