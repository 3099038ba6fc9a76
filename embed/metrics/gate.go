package metrics

import (
	"errors"
	"sync"
)

// ErrClosed is returned by every operation on a store that was closed.
var ErrClosed = errors.New("metrics store is closed")

// gate counts the operations under way, so that the storage is never closed
// under one of them: lib/storage panics when it is used after its close. Unlike
// a read lock it may be entered again by an operation already inside.
type gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	empty  chan struct{} // closed when the last operation has left a closed gate
}

func newGate() *gate { return &gate{empty: make(chan struct{})} }

// enter admits an operation, which must leave; it fails once the gate is closed.
func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// close lets nobody in any more; the channel it returns is closed when all have left.
func (g *gate) close() (<-chan struct{}, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, ErrClosed
	}
	g.closed = true
	if g.inside == 0 {
		close(g.empty)
	}
	return g.empty, nil
}
