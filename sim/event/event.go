// Package event is the lab's one event log: install steps, drops, faults and
// queries as typed events with the lab's time. Progress output, the terminal
// UI and reports are views of it.
package event

import (
	"sync"
	"time"
)

// Level says how much an event deserves attention.
type Level string

// Levels, as in Kubernetes events with an addition for failures.
const (
	Normal  Level = "Normal"
	Warning Level = "Warning"
	Error   Level = "Error"
)

// Event is one thing that happened.
type Event struct {
	Seq  int64     `json:"seq"`
	Time time.Time `json:"time"`
	// Level is Normal, Warning or Error.
	Level Level `json:"level"`
	// Reason is a CamelCase word, stable enough to script against.
	Reason string `json:"reason"`
	// Object is what the event is about, such as "region-1/vmauth".
	Object  string `json:"object"`
	Message string `json:"message"`
}

// Log keeps the newest events and hands them to subscribers. It is safe for
// concurrent use; a nil *Log discards.
type Log struct {
	mu   sync.Mutex
	now  func() time.Time
	ring []Event // event n stands at (n-1) modulo size
	seq  int64
	size int64
	subs map[chan Event]struct{}
	// closed logs take events, but nobody waits for them.
	closed bool
}

// NewLog returns a log that stamps with now and keeps the newest size events,
// at least one.
func NewLog(now func() time.Time, size int) *Log {
	return &Log{now: now, size: int64(max(size, 1)), subs: map[chan Event]struct{}{}}
}

// Add appends an event. It never blocks: a subscriber that does not keep up
// misses events and can see so from the sequence numbers.
func (l *Log) Add(level Level, reason, object, message string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := Event{Seq: l.seq + 1, Time: l.now(), Level: level, Reason: reason, Object: object, Message: message}
	if l.seq < l.size {
		l.ring = append(l.ring, e)
	} else {
		l.ring[l.seq%l.size] = e
	}
	l.seq++
	for c := range l.subs {
		select {
		case c <- e:
		default:
		}
	}
}

// Since returns the kept events with a sequence number above seq, oldest first.
func (l *Log) Since(seq int64) []Event {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	seq = max(seq, l.seq-l.size, 0)
	if seq >= l.seq {
		return nil
	}
	out := make([]Event, 0, l.seq-seq)
	for ; seq < l.seq; seq++ {
		out = append(out, l.ring[seq%l.size])
	}
	return out
}

// Subscribe returns a channel of the events to come, buffered for 256 of them,
// and a function that ends the subscription and closes the channel.
func (l *Log) Subscribe() (<-chan Event, func()) {
	c := make(chan Event, 256)
	if l == nil {
		var once sync.Once
		return c, func() { once.Do(func() { close(c) }) }
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subs[c] = struct{}{}
	if l.closed {
		l.end(c)
	}
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.end(c)
	}
}

// Close ends all subscriptions, and those to come at once.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.subs {
		l.end(c)
	}
}

// end closes a subscription that has not ended yet. The caller holds mu.
func (l *Log) end(c chan Event) {
	if _, ok := l.subs[c]; ok {
		delete(l.subs, c)
		close(c)
	}
}
