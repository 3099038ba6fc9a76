package clock

import (
	"container/heap"
	"sync"
	"time"
)

// Virtual is a clock that moves only when told, by Advance, Run or While. Timers
// fire in order of their time, then of their making.
type Virtual struct {
	mu   sync.Mutex
	now  time.Time
	next int64
	heap timerHeap

	sockets *sockets
	wires   *wires
	idle    *idleness
	driving sync.Mutex // one Run or While at a time
	garbage *garbage
	closed  chan struct{}
}

// NewVirtual returns a virtual clock standing at origin. Close it when it is no
// longer used.
func NewVirtual(origin time.Time) *Virtual {
	v := &Virtual{now: origin.UTC().Round(0), sockets: newSockets(), wires: &wires{ends: map[[2]string]*wire{}}, garbage: newGarbage(), closed: make(chan struct{})}
	v.idle = newIdleness(func() bool { return v.sockets.ready() || v.wires.busy() })
	return v
}

// Close gives back what watching sockets takes, and gives up what waits for AfterFunc.
func (v *Virtual) Close() {
	v.sockets.close()
	v.idle.close()
	close(v.closed)
}

// Now implements Clock.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Mode implements Clock.
func (v *Virtual) Mode() string { return "virtual" }

// Speed implements Clock.
func (v *Virtual) Speed() float64 { return 0 }

// NewTimer implements Clock.
func (v *Virtual) NewTimer(d time.Duration) Timer { return v.schedule(d, 0) }

// NewTicker implements Clock.
func (v *Virtual) NewTicker(d time.Duration) Ticker {
	d = max(d, 1)
	return virtualTicker{v.schedule(d, d)}
}

// Advance moves the clock forward by d, firing what falls due on the way at its
// own time. Time never goes back: a negative d moves nothing.
func (v *Virtual) Advance(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	end := v.now.Add(max(d, 0))
	for v.fire(end) {
	}
	v.now = end
}

// fire fires the earliest timer if it is due by end, at its own time. The caller
// holds mu.
func (v *Virtual) fire(end time.Time) bool {
	if len(v.heap) == 0 || v.heap[0].at.After(end) {
		return false
	}
	t := heap.Pop(&v.heap).(*virtualTimer)
	v.now = t.at
	select {
	case t.c <- t.at:
	default: // a slow receiver misses ticks, as with time.Ticker
	}
	if t.every > 0 {
		t.at = t.at.Add(t.every)
		heap.Push(&v.heap, t)
	}
	return true
}

// Next returns the time of the earliest pending timer, if any.
func (v *Virtual) Next() (time.Time, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.heap) == 0 {
		return time.Time{}, false
	}
	return v.heap[0].at, true
}

func (v *Virtual) schedule(d, every time.Duration) *virtualTimer {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := &virtualTimer{clock: v, c: make(chan time.Time, 1), at: v.now.Add(max(d, 0)), seq: v.next, every: every}
	v.next++
	if d <= 0 && every == 0 {
		t.index = -1
		t.c <- v.now
		return t
	}
	heap.Push(&v.heap, t)
	return t
}

type virtualTimer struct {
	clock *Virtual
	c     chan time.Time
	at    time.Time
	seq   int64
	every time.Duration
	index int
}

func (t *virtualTimer) C() <-chan time.Time { return t.c }

func (t *virtualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.clock.heap, t.index)
	return true
}

type virtualTicker struct{ t *virtualTimer }

func (t virtualTicker) C() <-chan time.Time { return t.t.c }
func (t virtualTicker) Stop()               { t.t.Stop() }

type timerHeap []*virtualTimer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*virtualTimer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
