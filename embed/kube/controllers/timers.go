package controllers

import (
	"container/heap"
	"time"
)

// alarms are the times at which tasks want to be looked at again: the earliest
// one for each task.
type alarms struct {
	at   map[task]time.Time
	heap alarmHeap
	made int64
}

type alarm struct {
	task task
	at   time.Time
	seq  int64 // order of making, for equal times
}

// set asks for t at the given time, unless an earlier alarm is set already.
func (a *alarms) set(t task, at time.Time) {
	if have, ok := a.at[t]; ok && !at.Before(have) {
		return
	}
	if a.at == nil {
		a.at = map[task]time.Time{}
	}
	a.at[t] = at
	a.made++
	heap.Push(&a.heap, alarm{t, at, a.made})
}

// next returns the earliest alarm.
func (a *alarms) next() (alarm, bool) {
	for len(a.heap) > 0 {
		first := a.heap[0]
		if at, ok := a.at[first.task]; ok && at.Equal(first.at) {
			return first, true
		}
		heap.Pop(&a.heap) // replaced by an earlier one, which has rung
	}
	a.heap, a.at = nil, nil
	return alarm{}, false
}

// due takes the earliest alarm if it is not after now.
func (a *alarms) due(now time.Time) (alarm, bool) {
	first, ok := a.next()
	if !ok || first.at.After(now) {
		return alarm{}, false
	}
	heap.Pop(&a.heap)
	delete(a.at, first.task)
	return first, true
}

// drop forgets the alarm of t.
func (a *alarms) drop(t task) { delete(a.at, t) }

type alarmHeap []alarm

func (h alarmHeap) Len() int { return len(h) }
func (h alarmHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].seq < h[j].seq
}
func (h alarmHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *alarmHeap) Push(x any)   { *h = append(*h, x.(alarm)) }
func (h *alarmHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
