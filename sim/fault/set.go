package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"koflab/sim/clock"
)

// Actuator breaks things. Apply does what a valid fault asks and returns how to
// undo exactly that; an error means that nothing has changed. A fault that strikes
// once has nothing to undo.
type Actuator interface {
	Apply(ctx context.Context, f Fault) (undo func(context.Context) error, err error)
}

// Moment is a point in the life of a fault.
type Moment string

// The moments that listeners are told of.
const (
	Injected   Moment = "injected"
	Healed     Moment = "healed"
	HealFailed Moment = "heal-failed" // it is still active
)

// Listener is told of a moment; err is set for HealFailed.
type Listener func(m Moment, a Active, err error)

// Options of a Set.
type Options struct {
	Clock    clock.Clock
	Actuator Actuator
	// Provider is that of the lab, one of the catalogue's.
	Provider string
	// Listen is called at every moment, one at a time, in order; nil for nobody. It
	// must not call the Set.
	Listen Listener
}

// Set is the faults that are active in one lab. Faults are injected and healed
// one at a time. It is safe for concurrent use.
type Set struct {
	opts Options

	change sync.Mutex // one injection or healing at a time

	mu     sync.Mutex
	active []*entry // in the order of injection
	closed bool
}

type entry struct {
	Active
	undo  func(context.Context) error
	timer clock.Timer // nil if it lasts until healed
}

// ErrClosed is what a closed Set answers.
var ErrClosed = errors.New("the lab is going down: nothing can be injected any more")

// NewSet returns a set without faults.
func NewSet(o Options) *Set {
	if o.Listen == nil {
		o.Listen = func(Moment, Active, error) {}
	}
	return &Set{opts: o}
}

// Active returns the active faults in the order of their injection.
func (s *Set) Active() []Active {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Active, 0, len(s.active))
	for _, e := range s.active {
		out = append(out, e.Active)
	}
	return out
}

// Inject does what a fault asks. The fault that is the same in name and target as
// an active one is refused, as is one whose As is taken. A fault that strikes once
// is not active afterwards: its End is its Start.
func (s *Set) Inject(ctx context.Context, f Fault) (Active, error) {
	if err := Validate(f); err != nil {
		return Active{}, err
	}
	spec, err := Lookup(f.Name)
	if err != nil {
		return Active{}, err
	}
	if !spec.On(s.opts.Provider) {
		return Active{}, fmt.Errorf("%s: provider %s cannot do this", f.Name, s.opts.Provider)
	}
	target, err := spec.Target(f)
	if err != nil {
		return Active{}, err
	}
	f.Target = target.String() // without the blanks people write
	s.change.Lock()
	defer s.change.Unlock()
	id, err := s.admit(f)
	if err != nil {
		return Active{}, err
	}
	undo, err := s.opts.Actuator.Apply(ctx, f)
	if err != nil {
		return Active{}, fmt.Errorf("%s: %w", f.Name, err)
	}
	now := s.opts.Clock.Now()
	e := &entry{Active: Active{Fault: f, ID: id, Start: now, Effect: spec.EffectOf(f)}, undo: undo}
	if spec.Once {
		e.End = now
		s.opts.Listen(Injected, e.Active, nil)
		return e.Active, nil
	}
	if f.For > 0 {
		e.End = now.Add(f.For)
		e.timer = clock.AfterFunc(s.opts.Clock, f.For, func() { s.expire(e) })
	}
	s.mu.Lock()
	s.active = append(s.active, e)
	s.mu.Unlock()
	s.opts.Listen(Injected, e.Active, nil)
	return e.Active, nil
}

// admit gives a fault its ID, unless it is active already.
func (s *Set) admit(f Fault) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", ErrClosed
	}
	taken := map[string]bool{}
	for _, e := range s.active {
		if e.Name == f.Name && e.Target == f.Target {
			return "", fmt.Errorf("%s: it is active at %s already, as %q; heal that first", f.Name, orManagement(f.Target), e.ID)
		}
		taken[e.ID] = true
	}
	id := f.As
	if id != "" {
		if taken[id] {
			return "", fmt.Errorf("%s: another fault is active as %q; heal that first, or choose another name", f.Name, id)
		}
		return id, nil
	}
	id = f.Name
	for n := 2; taken[id]; n++ {
		id = fmt.Sprintf("%s-%d", f.Name, n)
	}
	return id, nil
}

func orManagement(target string) string {
	if target == "" {
		return "management"
	}
	return target
}

// Heal undoes the fault of an ID.
func (s *Set) Heal(ctx context.Context, id string) error {
	s.change.Lock()
	defer s.change.Unlock()
	e, ids := s.find(id)
	switch {
	case e != nil:
		return s.heal(ctx, e)
	case len(ids) == 0:
		return Mistake("id", "no fault %q is active: none is", id)
	}
	return Mistake("id", "no fault %q is active, %s", id, Suggest(id, ids))
}

func (s *Set) find(id string) (*entry, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, e := range s.active {
		if e.ID == id {
			return e, nil
		}
		ids = append(ids, e.ID)
	}
	return nil, ids
}

// healAgain is how long, in lab time, a fault whose healing failed at its end stays.
const healAgain = 15 * time.Second

// expire ends a fault whose time has come, unless it was healed meanwhile or the lab
// goes down. What cannot be healed yet, as while another fault is in its way, is
// tried again.
func (s *Set) expire(e *entry) {
	s.change.Lock()
	defer s.change.Unlock()
	if !s.has(e) {
		return
	}
	if s.heal(context.Background(), e) != nil { // told to the listener
		e.timer = clock.AfterFunc(s.opts.Clock, healAgain, func() { s.expire(e) })
	}
}

// has reports whether a fault is still active and may end by itself.
func (s *Set) has(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && slices.Contains(s.active, e)
}

// heal undoes an active fault; one that cannot be undone stays active. The caller
// holds change.
func (s *Set) heal(ctx context.Context, e *entry) error {
	if err := e.undo(ctx); err != nil {
		err = fmt.Errorf("heal %s: %w", e.ID, err)
		s.opts.Listen(HealFailed, e.Active, err)
		return err
	}
	if e.timer != nil {
		e.timer.Stop()
	}
	s.mu.Lock()
	s.active = slices.DeleteFunc(s.active, func(o *entry) bool { return o == e })
	s.mu.Unlock()
	s.opts.Listen(Healed, e.Active, nil)
	return nil
}

// HealAll undoes all active faults, the newest first, whatever fails.
func (s *Set) HealAll(ctx context.Context) error {
	s.change.Lock()
	defer s.change.Unlock()
	return s.healAll(ctx)
}

func (s *Set) healAll(ctx context.Context) error {
	s.mu.Lock()
	all := slices.Clone(s.active)
	s.mu.Unlock()
	var errs []error
	for _, e := range slices.Backward(all) {
		errs = append(errs, s.heal(ctx, e))
	}
	return errors.Join(errs...)
}

// Close heals all faults and refuses new ones.
func (s *Set) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.change.Lock()
	defer s.change.Unlock()
	err := s.healAll(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.active {
		if e.timer != nil {
			e.timer.Stop()
		}
	}
	return err
}
