package network

import (
	"sync"
	"time"
)

// deadline is a point of real time that may be moved while someone waits for
// it, as the deadlines of net.Conn may.
type deadline struct {
	mu    sync.Mutex
	at    time.Time
	moved chan struct{} // closed when at changes; made by the first waiter
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = t
	if d.moved != nil {
		close(d.moved)
		d.moved = nil
	}
}

func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.at.IsZero() && !time.Now().Before(d.at)
}

// channels returns what to wait on, and a function to call when done. A nil
// deadline never comes.
func (d *deadline) channels() (expired <-chan time.Time, moved <-chan struct{}, stop func()) {
	if d == nil {
		return nil, nil, func() {}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved == nil {
		d.moved = make(chan struct{})
	}
	if d.at.IsZero() {
		return nil, d.moved, func() {}
	}
	t := time.NewTimer(time.Until(d.at))
	return t.C, d.moved, func() { t.Stop() }
}
