package network

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"koflab/sim/clock"
)

// Directions of a link, seen from the dialing side.
const (
	outbound = iota
	inbound
)

// link is what all connections from one cluster to another share.
type link struct {
	ends  ends
	clock clock.Clock
	seed  uint64
	// fault is nil while the link is sound, which is all a healthy connection
	// ever looks at.
	fault atomic.Pointer[Fault]

	dials, failures, sent, received atomic.Int64

	mu      sync.Mutex
	changed chan struct{} // closed when fault changes
	free    [2]time.Time  // when each direction's bandwidth is free
	conns   map[*conn]struct{}
}

func newLink(c clock.Clock, e ends, seed int64) *link {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %q %q", seed, e.from, e.to)
	return &link{ends: e, clock: c, seed: h.Sum64(), changed: make(chan struct{}), conns: map[*conn]struct{}{}}
}

// random returns the source of the choices for what enters a direction of the link
// now. They follow from the seed and the lab's time, and not from who of several
// connections comes first, which is not the same in every run.
func (l *link) random(direction int) *rand.Rand {
	return rand.New(rand.NewPCG(l.seed, uint64(l.clock.Now().UnixNano())<<1|uint64(direction)))
}

// state returns the present fault, nil for none, and a channel that is closed
// when it changes.
func (l *link) state() (*Fault, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault.Load(), l.changed
}

func (l *link) setFault(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.fault.Load()
	if old == nil && f == (Fault{}) || old != nil && *old == f {
		return
	}
	if f == (Fault{}) {
		l.fault.Store(nil)
	} else {
		l.fault.Store(&f)
	}
	l.free = [2]time.Time{}
	close(l.changed)
	l.changed = make(chan struct{})
}

// enforceReset cuts the connections if the present fault says so.
func (l *link) enforceReset() {
	if f := l.fault.Load(); f == nil || !f.Reset {
		return
	}
	for _, c := range l.connections() {
		c.reset()
	}
}

func (l *link) connections() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		out = append(out, c)
	}
	return out
}

func (l *link) add(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = struct{}{}
}

func (l *link) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// reserve books n bytes in a direction and returns when the last of them will
// have passed.
func (l *link) reserve(f *Fault, direction, n int) time.Time {
	now := l.clock.Now()
	if f.BandwidthBytesPerSecond == 0 {
		return now
	}
	took := time.Duration(float64(n) / float64(f.BandwidthBytesPerSecond) * float64(time.Second))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free[direction].Before(now) {
		l.free[direction] = now
	}
	l.free[direction] = l.free[direction].Add(took)
	return l.free[direction]
}

// burst is how many bytes pass a link at once: a tenth of a second's worth, so
// that a narrow link drips.
func (f *Fault) burst() int {
	if f == nil || f.BandwidthBytesPerSecond == 0 {
		return maxBurst
	}
	return int(min(max(f.BandwidthBytesPerSecond/10, minBurst), maxBurst))
}

const (
	minBurst = 64
	maxBurst = 32 << 10
)
