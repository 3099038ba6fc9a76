package fault

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"koflab/sim/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an Actuator that remembers, and what its Set has told.
type world struct {
	*Set
	clock *clock.Virtual

	mu     sync.Mutex
	broken []string
	told   []string
	fail   error // of the next steps
	heard  chan struct{}
}

func newWorld(t *testing.T) *world {
	w := &world{clock: clock.NewVirtual(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)), heard: make(chan struct{}, 100)}
	w.Set = NewSet(Options{Clock: w.clock, Actuator: w, Provider: Embedded, Listen: func(m Moment, a Active, err error) {
		w.mu.Lock()
		w.told = append(w.told, string(m)+" "+a.ID)
		w.mu.Unlock()
		w.heard <- struct{}{}
	}})
	t.Cleanup(func() {
		w.failing(nil)
		require.NoError(t, w.Close(context.Background()))
		w.clock.Close()
	})
	return w
}

func (w *world) failing(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = err
}

func (w *world) Apply(_ context.Context, f Fault) (func(context.Context) error, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return nil, w.fail
	}
	what := f.Name + " " + f.Target
	w.broken = append(w.broken, what)
	return func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.fail != nil {
			return w.fail
		}
		w.broken = slices.DeleteFunc(w.broken, func(s string) bool { return s == what })
		return nil
	}, nil
}

// hear waits for the next thing that is told.
func (w *world) hear() { <-w.heard }

func (w *world) log() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.told)
}

func (w *world) wrong() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.broken)
}

func down(target string) Fault { return Fault{Name: "region-down", Target: target} }

func ids(active []Active) (out []string) {
	for _, a := range active {
		out = append(out, a.ID)
	}
	return out
}

func TestInjectAndHeal(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	require.NotNil(t, w.Active())
	a, err := w.Inject(ctx, Fault{Name: "latency", Target: "c -> r", With: map[string]string{"latency": "1s"}})
	require.NoError(t, err)
	require.Equal(t, "latency", a.ID)
	require.Equal(t, "c->r", a.Target)
	require.Equal(t, w.clock.Now(), a.Start)
	require.True(t, a.End.IsZero())
	require.Contains(t, a.Effect, "takes 1s longer")
	require.Equal(t, []Active{a}, w.Active())
	require.Equal(t, []string{"latency c->r"}, w.wrong())
	require.NoError(t, w.Heal(ctx, "latency"))
	require.Empty(t, w.Active())
	require.Empty(t, w.wrong())
	require.Equal(t, []string{"injected latency", "healed latency"}, w.log())
}

func TestIDs(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	inject := func(f Fault) string {
		a, err := w.Inject(ctx, f)
		require.NoError(t, err)
		return a.ID
	}
	require.Equal(t, "region-down", inject(down("r1")))
	require.Equal(t, "region-down-2", inject(down("r2")))
	named := down("r3")
	named.As = "outage"
	require.Equal(t, "outage", inject(named))

	_, err := w.Inject(ctx, down("r2"))
	require.EqualError(t, err, `region-down: it is active at r2 already, as "region-down-2"; heal that first`)
	again := Fault{Name: "disk-full", Target: "r1", As: "outage"}
	_, err = w.Inject(ctx, again)
	require.EqualError(t, err, `disk-full: another fault is active as "outage"; heal that first, or choose another name`)
	require.Equal(t, []string{"region-down", "region-down-2", "outage"}, ids(w.Active()))

	require.Equal(t, Mistake("id", `no fault "outge" is active, did you mean "outage"?`), w.Heal(ctx, "outge"))
	require.NoError(t, w.Heal(ctx, "region-down"))
	require.Equal(t, "region-down", inject(down("r4")), "a healed fault's name is free")
	require.NoError(t, w.HealAll(ctx))
	require.Equal(t, []string{"healed region-down", "healed outage", "healed region-down-2"}, w.log()[5:], "the newest first")
	require.Equal(t, Mistake("id", `no fault "x" is active: none is`), w.Heal(ctx, "x"))
}

func TestFaultsEndByTheClock(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	short, long := down("r1"), down("r2")
	short.For, long.For = time.Minute, time.Hour
	a, err := w.Inject(ctx, short)
	require.NoError(t, err)
	require.Equal(t, w.clock.Now().Add(time.Minute), a.End)
	_, err = w.Inject(ctx, long)
	require.NoError(t, err)
	w.hear()
	w.hear()
	w.clock.Advance(time.Minute - 1)
	require.Len(t, w.Active(), 2)
	w.clock.Advance(1)
	w.hear()
	require.Equal(t, []string{"region-down-2"}, ids(w.Active()))

	// One that was healed before its time does not end what took its name.
	require.NoError(t, w.Heal(ctx, "region-down-2"))
	_, err = w.Inject(ctx, down("r2"))
	require.NoError(t, err)
	w.clock.Advance(2 * time.Hour)
	require.Len(t, w.Active(), 1)
	_, pending := w.clock.Next()
	require.False(t, pending)
}

func TestWhatCannotBeHealedStaysAndIsTriedAgain(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	f := down("r1")
	f.For = time.Minute
	_, err := w.Inject(ctx, f)
	require.NoError(t, err)
	w.hear()
	w.failing(errors.New("management is away"))
	require.EqualError(t, w.Heal(ctx, "region-down"), "heal region-down: management is away")
	w.hear()
	require.Len(t, w.Active(), 1)
	w.clock.Advance(time.Minute)
	w.hear()
	require.Len(t, w.Active(), 1)
	require.Equal(t, []string{"injected region-down", "heal-failed region-down", "heal-failed region-down"}, w.log())
	w.failing(nil)
	require.Eventually(t, func() bool { _, pending := w.clock.Next(); return pending }, time.Second, time.Millisecond)
	w.clock.Advance(healAgain)
	w.hear()
	require.Empty(t, w.Active())
}

func TestWhatCannotBeInjected(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	_, err := w.Inject(ctx, Fault{Name: "region-dwn"})
	require.ErrorContains(t, err, `did you mean "region-down"?`)
	w.failing(Mistake("target", "there is no cluster"))
	_, err = w.Inject(ctx, down("r1"))
	require.EqualError(t, err, "region-down: there is no cluster")
	var p Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, "target", p.Field)
	require.Empty(t, w.Active())
	require.Empty(t, w.log())

	other := NewSet(Options{Clock: w.clock, Actuator: w, Provider: "kind"})
	_, err = other.Inject(ctx, down("r1"))
	require.EqualError(t, err, "region-down: provider kind cannot do this")
}

func TestAFaultThatStrikesOnceIsNeverActive(t *testing.T) {
	w := newWorld(t)
	a, err := w.Inject(t.Context(), Fault{Name: "collector-killed", Target: "c"})
	require.NoError(t, err)
	require.Equal(t, a.Start, a.End)
	require.Empty(t, w.Active())
	require.Equal(t, []string{"injected collector-killed"}, w.log())
}

func TestClose(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	for _, r := range []string{"r1", "r2"} {
		f := down(r)
		f.For = time.Minute
		_, err := w.Inject(ctx, f)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close(ctx))
	require.Empty(t, w.Active())
	require.Empty(t, w.wrong())
	_, err := w.Inject(ctx, down("r1"))
	require.ErrorIs(t, err, ErrClosed)
	told := w.log()
	w.clock.Advance(time.Hour)
	require.Equal(t, told, w.log(), "nothing ends late")
	require.NoError(t, w.Close(ctx))

	// What cannot be healed at the end is told, and left alone.
	w = newWorld(t)
	f := down("r1")
	f.For = time.Minute
	_, err = w.Inject(ctx, f)
	require.NoError(t, err)
	w.failing(errors.New("no"))
	require.EqualError(t, w.Close(ctx), "heal region-down: no")
	_, pending := w.clock.Next()
	require.False(t, pending)
}

// Whatever is injected and healed at once, what is broken is what is active.
func TestConcurrentUse(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	heard := w.heard
	go func() {
		for range heard {
		}
	}()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			f := down("r" + string(rune('0'+i%4)))
			for range 50 {
				if a, err := w.Inject(ctx, f); err == nil {
					require.NoError(t, w.Heal(ctx, a.ID))
				}
				w.Active()
			}
		})
	}
	wg.Wait()
	require.Empty(t, w.Active())
	require.Empty(t, w.wrong())
	close(heard)
}
