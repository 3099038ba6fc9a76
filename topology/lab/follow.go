package lab

import (
	"context"
	"strings"
	"sync"
	"time"

	kubestore "koflab/embed/kube/store"
	"koflab/sim/clock"
	"koflab/topology/embeddedcluster"
)

// changes are the resources of a cluster that have changed, as resource.group.
type changes map[string]bool

// everything stands for a change of all resources.
var everything = changes{"*": true}

func (c changes) any(resources ...string) bool {
	if c["*"] {
		return true
	}
	for _, r := range resources {
		if c[r] {
			return true
		}
	}
	return false
}

// settleTime is how long, in real time, changes of a cluster's objects are
// gathered before the engines follow them: a roll-out changes many at once. It is no
// round number, so that in virtual time it never ends at the same instant as a wait of
// the controllers: which of two comes first would be chance.
const settleTime = 50*time.Millisecond + 137*time.Microsecond

// follower calls back after objects of a cluster have changed.
type follower struct {
	mu      sync.Mutex
	changed changes
	dirty   chan struct{}
	cancel  func()
	end     context.CancelFunc
	done    chan struct{}
	started bool
	wall    clock.Clock
	f       func(context.Context, changes)
}

// ignored resources change all the time and configure nothing.
var ignored = map[string]bool{"events": true, "events.events.k8s.io": true, "leases.coordination.k8s.io": true}

func follow(c *embeddedcluster.Cluster, wall clock.Clock, f func(context.Context, changes)) *follower {
	w := &follower{changed: changes{}, dirty: make(chan struct{}, 1), done: make(chan struct{}), wall: wall, f: f}
	w.cancel = c.Subscribe(func(ch kubestore.Change) {
		gr := ch.Object.GVR.GroupResource().String()
		// Helm's records of releases are Secrets that configure nothing.
		if ignored[gr] || gr == "secrets" && strings.HasPrefix(ch.Object.Name, "sh.helm.release.") {
			return
		}
		w.mark(gr)
	})
	return w
}

// mark notes a change.
func (w *follower) mark(resource string) {
	w.mu.Lock()
	w.changed[resource] = true
	w.mu.Unlock()
	select {
	case w.dirty <- struct{}{}:
	default:
	}
}

// start begins to call back.
func (w *follower) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started {
		cancel()
		return
	}
	w.started, w.end = true, cancel
	go w.run(ctx)
}

func (w *follower) run(ctx context.Context) {
	defer close(w.done)
	for {
		select {
		case <-w.dirty:
		case <-ctx.Done():
			return
		}
		select {
		case <-w.wall.NewTimer(settleTime).C():
		case <-ctx.Done():
			return
		}
		if changed := w.take(); len(changed) > 0 {
			w.f(ctx, changed)
		}
	}
}

// take returns what has changed and forgets it.
func (w *follower) take() changes {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.changed
	w.changed = changes{}
	return c
}

// stop ends the calls and waits for one under way.
func (w *follower) stop() {
	w.cancel()
	w.mu.Lock()
	started, end := w.started, w.end
	w.started = true // it cannot be started any more
	w.mu.Unlock()
	if started && end != nil {
		end()
		<-w.done
	}
}
