package clock

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// A goroutine that the garbage collector makes help waits like one that has nothing to
// do. So while virtual time is driven garbage is collected between two instants, when
// nothing else happens. That is cheaper too.

// garbage collects when enough has been allocated since it last did.
type garbage struct {
	samples []metrics.Sample
	steps   int
	limit   uint64 // of the heap, in bytes
	percent int    // what it was before
}

const (
	// stepsBetween looks at the heap; a look costs as much as a small step.
	stepsBetween = 16
	// leastHeap is never collected, in bytes.
	leastHeap = 64 << 20
	// growth of the heap until the next collection.
	growth = 2
)

func newGarbage() *garbage {
	return &garbage{samples: []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}}
}

// begin takes over from the runtime, until end.
func (g *garbage) begin() (end func()) {
	g.percent = debug.SetGCPercent(-1)
	if g.limit == 0 {
		g.limit = max(leastHeap, growth*g.heap())
	}
	return func() { debug.SetGCPercent(g.percent) }
}

// step collects if it is time; the process is idle.
func (g *garbage) step() {
	if g.steps++; g.steps%stepsBetween != 0 || g.heap() < g.limit {
		return
	}
	runtime.GC()
	g.limit = max(leastHeap, growth*g.heap())
}

func (g *garbage) heap() uint64 {
	metrics.Read(g.samples)
	return g.samples[0].Value.Uint64()
}
