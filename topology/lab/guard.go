package lab

import (
	"context"
	"fmt"
	"sync"
	"time"

	"koflab/sim/event"
)

// guards start regions again whose processes end unasked, as a kubelet restarts
// containers.
type guards struct {
	lab    *Lab
	ctx    context.Context
	cancel context.CancelFunc
	opened chan struct{} // closed when all regions have been opened
	wg     sync.WaitGroup
}

// How long a process that does not start is left alone before the next attempt,
// in real time.
const (
	firstRestartWait = time.Second
	maxRestartWait   = time.Minute
)

func newGuards(l *Lab) *guards {
	g := &guards{lab: l, opened: make(chan struct{})}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// of returns what a region's process is to call when it has ended unasked.
func (g *guards) of(s *store) func(error) {
	return func(err error) {
		g.wg.Go(func() {
			select {
			case <-g.opened:
				g.restart(s, err)
			case <-g.ctx.Done():
			}
		})
	}
}

func (g *guards) restart(s *store, cause error) {
	message := fmt.Sprintf("its process has ended (%v)", cause)
	g.lab.setDown(s, message)
	g.lab.events.Add(event.Warning, "RegionEnded", s.cluster.ID, message)
	for wait := firstRestartWait; ; wait = min(2*wait, maxRestartWait) {
		err := g.lab.startAgain(s)
		if err == nil {
			g.lab.events.Add(event.Normal, "RegionStarted", s.cluster.ID, "started again, with what its stores had on disk")
			return
		}
		g.lab.events.Add(event.Warning, "RegionNotStarted", s.cluster.ID, err.Error())
		select {
		case <-time.After(wait):
		case <-g.ctx.Done():
			return
		}
	}
}

// begin says that all regions are open; before that a lab that fails to start
// needs no restarts.
func (g *guards) begin() { close(g.opened) }

// stop ends the watch; nothing is started afterwards.
func (g *guards) stop() {
	g.cancel()
	g.wg.Wait()
}

// startAgain ends a region as kill -9 does, if it has not ended, and starts it. What
// is off the network stays so.
func (l *Lab) startAgain(s *store) error {
	if err := s.region.Crash(); err != nil {
		return err
	}
	l.reportUnclean(s)
	if err := l.publish(s); err != nil { // the system may have picked other ports
		return err
	}
	down := ""
	if s.region.Cut() {
		if _, down = l.faults.brokenRegion(s.cluster.ID); down == "" {
			down = offNetwork
		}
	}
	l.setDown(s, down)
	return nil
}

// setDown notes why a region does not listen; "" says that it does.
func (l *Lab) setDown(s *store, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.down = why
}
