package federation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"koflab/sim/clock"
)

// session is one query over the groups: what was asked, what came back.
type session struct {
	signal      signal
	mode        ErrorMode
	concurrency int
	members     []*member // at the time the query began

	mu       sync.Mutex
	asked    []*asked // in the order of members
	warnings map[string]bool
	infos    map[string]bool
}

func (f *Federator) newSession(s signal, mode ErrorMode) (*session, error) {
	if err := f.answering(); err != nil {
		return nil, err
	}
	if mode == "" {
		mode = f.options.ErrorMode
	}
	if _, err := ParseErrorMode(string(mode)); err != nil {
		return nil, &QueryError{Type: "bad_data", Err: err}
	}
	return &session{
		signal:      s,
		mode:        mode,
		concurrency: f.options.GroupConcurrency,
		members:     serving(*f.members.Load(), s),
		warnings:    map[string]bool{},
		infos:       map[string]bool{},
	}, nil
}

// task is one thing to ask of one group.
type task struct {
	member *member
	run    func(ctx context.Context, a *asked) error
}

// reply is what one group answered.
type reply[T any] struct {
	member *member
	data   T
}

// collect asks each of the members and returns the answers of the groups that
// gave one, in order.
func collect[T any](ctx context.Context, s *session, members []*member, ask func(context.Context, *asked) (T, error)) ([]reply[T], error) {
	answers := make([]T, len(members))
	tasks := make([]task, len(members))
	for i, m := range members {
		tasks[i] = task{m, func(ctx context.Context, a *asked) (err error) {
			answers[i], err = ask(ctx, a)
			return err
		}}
	}
	if err := s.ask(ctx, tasks); err != nil {
		return nil, err
	}
	var replies []reply[T]
	for i, m := range members {
		if s.account(m).failure() == nil {
			replies = append(replies, reply[T]{m, answers[i]})
		}
	}
	return replies, nil
}

// errAbandoned is the fate of requests that another failure made pointless.
var errAbandoned = errors.New("not awaited: another group failed")

// account returns the record of a group, made when the group is first asked.
func (s *session) account(m *member) *asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if a.member == m {
			return a
		}
	}
	a := newAsked(m, s.signal)
	s.asked = append(s.asked, a)
	order := func(a *asked) int { return slices.Index(s.members, a.member) }
	slices.SortFunc(s.asked, func(a, b *asked) int { return order(a) - order(b) })
	return a
}

// ask runs all tasks at once and judges the outcome by the error mode. A group
// that fails one task is left out of the answer as a whole: half of its data
// would be neither its answer nor its absence.
func (s *session) ask(ctx context.Context, tasks []task) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	perGroup := map[*asked][]task{}
	for _, t := range tasks {
		a := s.account(t.member)
		perGroup[a] = append(perGroup[a], t)
	}
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		faulted error
	)
	for a, own := range perGroup {
		wg.Go(func() {
			err := a.run(ctx, own, s.concurrency)
			if err == nil {
				return
			}
			a.fail(err)
			if _, ok := errors.AsType[*QueryError](err); ok {
				mu.Lock()
				defer mu.Unlock()
				if faulted == nil {
					faulted = err
				}
				cancel(errAbandoned)
			} else if s.mode == Fail {
				cancel(errAbandoned)
			}
		})
	}
	wg.Wait()
	if faulted != nil {
		return faulted
	}
	return s.verdict()
}

// run does a group's tasks; the first failure ends the others.
func (a *asked) run(ctx context.Context, tasks []task, concurrency int) error {
	if a.failure() != nil {
		return nil // failed before: it stays out of the query
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for _, t := range tasks {
		g.Go(func() error { return t.run(gctx, a) })
	}
	return cause(ctx, g.Wait())
}

// cause explains an error by what ended its context.
func cause(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), errAbandoned):
		return errAbandoned
	case errors.Is(err, context.DeadlineExceeded) || ctx.Err() == context.DeadlineExceeded:
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	return err
}

// verdict applies the error mode to the groups that failed.
func (s *session) verdict() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failures []*asked
	for _, a := range s.asked {
		if a.failure() != nil {
			failures = append(failures, a)
		}
	}
	switch {
	case len(failures) == 0 || s.mode == Ignore:
		return nil
	case s.mode == Downgrade && len(failures) < len(s.asked):
		for _, a := range failures {
			s.warnings[fmt.Sprintf("server group %s: %v", a.member.Name, a.failure())] = true
		}
		return nil
	}
	failures = slices.DeleteFunc(failures, func(a *asked) bool { return errors.Is(a.failure(), errAbandoned) })
	kind := "execution"
	texts := make([]string, len(failures))
	for i, a := range failures {
		texts[i] = fmt.Sprintf("server group %s: %v", a.member.Name, a.failure())
		if errors.Is(a.failure(), context.DeadlineExceeded) {
			kind = "timeout"
		}
	}
	return &QueryError{Type: kind, Err: errors.New(strings.Join(texts, "; "))}
}

// note keeps annotations for the answer.
func (s *session) note(warnings, infos []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range warnings {
		s.warnings[w] = true
	}
	for _, i := range infos {
		s.infos[i] = true
	}
}

// withoutPositions cuts off the positions in a group's annotations: they are
// relative to what was pushed, not to the query.
func withoutPositions(list []string) []string {
	for i, text := range list {
		if at := strings.LastIndex(text, " ("); at > 0 && strings.HasSuffix(text, ")") && strings.Trim(text[at+2:len(text)-1], "0123456789:") == "" {
			list[i] = text[:at]
		}
	}
	return list
}

func (s *session) explain(expr string) Explain {
	s.mu.Lock()
	defer s.mu.Unlock()
	return newExplain(expr, s.asked)
}

// deadline bounds the wait for groups so that there is time left to answer from
// those that did.
func (f *Federator) deadline(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 || timeout > f.options.Timeout {
		timeout = f.options.Timeout
	}
	return clock.WithTimeout(ctx, clock.Wall(f.options.Clock), timeout*9/10)
}

// annotations returns the warnings and infos so far, sorted.
func (s *session) annotations() (warnings, infos []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.warnings)), slices.Sorted(maps.Keys(s.infos))
}
