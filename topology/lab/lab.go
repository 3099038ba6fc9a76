// Package lab turns a specification into a running lab: storages and gateways
// of the regions, federation at management, collectors everywhere, the control
// API over all of it, and the way down again.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"koflab/embed/federation"
	"koflab/embed/gateway"
	"koflab/sim/clock"
	"koflab/sim/event"
	"koflab/sim/ledger"
	"koflab/sim/network"
	"koflab/topology"
	"koflab/topology/autoconfig"
	"koflab/topology/lab/backing"
	"koflab/topology/lab/control"
	"koflab/topology/lab/region"
	"koflab/topology/lab/state"
)

// Lab is a running lab.
type Lab struct {
	opts  Options
	stack *topology.Stack
	dir   *state.Dir

	clock     clock.Clock
	wall      clock.Clock // paces waits
	anchor    region.Clock
	events    *event.Log
	progress  func(control.Event) // until ready; under progressMu
	ledger    *ledger.Ledger
	network   *network.Network
	ca        *gateway.CA
	addresses *addresses

	// founding is true while clusters come into being at the start.
	founding     atomic.Bool
	managementID string
	provider     *provider
	autoconfig   *autoconfig.Controllers
	guards       *guards

	federation   *federation.Federator
	federationMu sync.Mutex // one change of groups at a time
	serverGroups []backing.ServerGroup
	connections  []backing.Connection
	servers      map[string]*gateway.Server // management's, by listener
	control      *gateway.Server
	faults       *faults
	rates        *rates
	journals     *journals // nil unless the oracle is wanted

	progressMu sync.Mutex // one event at a time
	changeMu   sync.Mutex // one change of the topology at a time

	mu       sync.RWMutex
	current  *topology.Lab // with what has come and gone since the start
	clusters map[string]*cluster
	order    []string                         // IDs of clusters
	stores   map[string]*store                // by cluster ID
	alone    map[string]*federation.Federator // one region each, by cluster ID
	phase    string
	ready    time.Duration

	downOnce sync.Once
	down     chan struct{}
	// closers undo what has been started, newest first.
	closers   []func(context.Context) error
	closeOnce sync.Once
	closeErr  error
}

// closeTimeout bounds each part's way down.
const closeTimeout = 10 * time.Second

// Start brings a lab up and returns when it is ready. Progress, if not nil, is
// called for each event until then. When it fails, or ctx ends first, everything
// is taken down again.
func Start(ctx context.Context, o Options, progress func(control.Event)) (*Lab, error) {
	o.setDefaults()
	if o.Clock != nil && o.Isolation != IsolationShared {
		return nil, errors.New("in virtual time all regions run in the lab's process: leave out --isolation process")
	}
	l := &Lab{
		opts: o, phase: control.Starting, progress: progress, down: make(chan struct{}),
		ledger: ledger.New(), alone: map[string]*federation.Federator{}, servers: map[string]*gateway.Server{},
		stores: map[string]*store{}, clusters: map[string]*cluster{},
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-l.down:
			cancel(errTakenDown)
		case <-ctx.Done():
		}
	}()
	err := l.start(ctx)
	if err == nil {
		return l, nil
	}
	if errors.Is(context.Cause(ctx), errTakenDown) {
		err = errTakenDown
	}
	if closeErr := l.Close(); closeErr != nil {
		err = fmt.Errorf("%w (and on the way down: %w)", err, closeErr)
	}
	return nil, err
}

var errTakenDown = errors.New("taken down while it was starting")

func (l *Lab) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		l.prepare, l.claim, l.openNetwork, l.found, l.openEngines, l.serveControl, l.fillHistory, l.proveReady, l.followClusters, l.openFaults,
	} {
		if err := l.align(ctx); err != nil {
			return err
		}
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	l.phase, l.ready = control.Ready, max(1, time.Since(l.opts.Started))
	l.mu.Unlock()
	l.emit(event.Normal, "Ready", "lab", fmt.Sprintf("ready after %.3f s", l.ready.Seconds()))
	l.progressMu.Lock()
	defer l.progressMu.Unlock()
	l.progress = nil
	go debug.FreeOSMemory() // what only the founding needed
	return nil
}

// align waits for a whole second of virtual time. What the start takes of it differs
// from run to run by some milliseconds; what begins now begins at the same instant in all.
func (l *Lab) align(ctx context.Context) error {
	if l.opts.Clock == nil {
		return nil
	}
	now := l.opts.Clock.Now()
	select {
	case <-l.opts.Clock.NewTimer(now.Truncate(time.Second).Add(time.Second).Sub(now)).C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// emit writes to the event log and, while starting, to whoever waits.
func (l *Lab) emit(level event.Level, reason, object, message string) {
	l.events.Add(level, reason, object, message)
	l.progressMu.Lock()
	defer l.progressMu.Unlock()
	if l.progress != nil {
		l.progress(control.Event{Time: l.clock.Now(), Level: level, Reason: reason, Object: object, Message: message})
	}
}

// onClose registers the undoing of a step.
func (l *Lab) onClose(f func(context.Context) error) { l.closers = append(l.closers, f) }

// prepare works out what the lab is, before anything is touched.
func (l *Lab) prepare(context.Context) error {
	var err error
	if l.stack, err = topology.Profile(l.opts.Spec.Stack); err != nil {
		return err
	}
	l.anchor = region.Clock{Origin: time.Now().UTC(), Start: time.Now(), Speed: l.opts.Speed}
	if v := l.opts.Clock; v != nil {
		l.anchor = region.Clock{Virtual: v}
	}
	l.clock = l.anchor.Open()
	l.wall = clock.Wall(l.clock)
	l.events = event.NewLog(l.clock.Now, 10_000)
	l.faults = newFaults(l)
	l.journals = newJournals(l.opts)
	l.current = l.opts.Spec
	l.dir, err = state.At(l.opts.Spec.Name)
	return err
}

// claim takes the lab's name on this machine and records what is started.
func (l *Lab) claim(context.Context) error {
	spec, err := topology.Marshal(l.opts.Spec)
	if err != nil {
		return err
	}
	if err := l.dir.Claim(); err != nil {
		return err
	}
	old, readErr := l.dir.Read()
	switch {
	case readErr == nil && old.Spec != string(spec):
		l.dir.Release()
		return fmt.Errorf("an earlier lab %s with another specification left its data in %s; continue it with its own specification, remove it with 'koflab down --name %s', or bring up another with --name", old.Name, l.dir.Path(), old.Name)
	case readErr != nil && !errors.Is(readErr, state.ErrNotFound):
		l.dir.Release()
		return readErr
	}
	continued := readErr == nil
	l.onClose(func(context.Context) error {
		// A start that fails takes with it what it made, not what it found.
		failed := l.ready == 0
		return l.dir.Remove(l.opts.KeepData || continued && failed)
	})
	if continued {
		l.emit(event.Warning, "Continued", "lab", "going on with the data of an earlier run, found in "+l.dir.Path())
	}
	if err := os.MkdirAll(l.dir.Data(), 0o700); err != nil {
		return fmt.Errorf("create the lab's data directory: %w", err)
	}
	return l.dir.Write(state.Record{
		Name: l.opts.Spec.Name, PID: os.Getpid(), Started: l.opts.Started, Socket: l.dir.NewSocket(),
		Spec: string(spec), Flags: l.opts.flags(), Detached: l.opts.Detached,
	})
}

// Wait serves until ctx ends or the lab is told to go down, then closes it.
func (l *Lab) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-l.down:
	}
	return l.Close()
}

// Down begins the shutdown; Wait does it.
func (l *Lab) Down() { l.downOnce.Do(func() { close(l.down) }) }

// Close takes the lab down: collectors hand over what they hold, stores are
// closed in order, and nothing is left on the machine. A second Close returns
// what the first did.
func (l *Lab) Close() error {
	l.closeOnce.Do(func() {
		l.mu.Lock()
		l.phase = control.Stopping
		l.mu.Unlock()
		l.events.Add(event.Normal, "Stopping", "lab", "going down")
		l.events.Close()
		var errs []error
		for i := len(l.closers) - 1; i >= 0; i-- {
			ctx, cancel := clock.WithTimeout(context.Background(), l.wall, closeTimeout)
			errs = append(errs, l.closers[i](ctx))
			cancel()
		}
		l.closeErr = errors.Join(errs...)
	})
	return l.closeErr
}
