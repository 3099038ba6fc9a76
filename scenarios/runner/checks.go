package runner

import (
	"context"
	"time"

	"koflab/scenarios"
	"koflab/scenarios/check"
	"koflab/scenarios/report"
)

// watched is a check that is not decided yet.
type watched struct {
	check.Check
	mode   string
	since  time.Time
	length time.Duration
	result *report.CheckResult
	next   time.Time // of the next look; zero when decided
}

// look looks at the checks of a step side by side until all are decided.
func (p *player) look(ctx context.Context, checks scenarios.Checks, step *report.Step) error {
	step.Checks = make([]report.CheckResult, len(checks))
	all := make([]*watched, len(checks))
	for i, c := range checks {
		w := &watched{Check: c, since: p.clock.Now(), next: p.clock.Now(), result: &step.Checks[i]}
		w.mode, w.length = c.Window()
		*w.result = report.CheckResult{
			Name: c.Title(), Kind: c.Kind(), Query: c.Query(), Mode: c.Mode(), Expected: expected(c.Expect), At: p.at(w.since), Outcome: report.Skipped,
		}
		all[i] = w
	}
	for {
		var next time.Time
		for _, w := range all {
			if !w.next.IsZero() && !w.next.After(p.clock.Now()) {
				if err := p.lookOnce(ctx, w); err != nil {
					return err
				}
			}
			if !w.next.IsZero() && (next.IsZero() || w.next.Before(next)) {
				next = w.next
			}
		}
		if next.IsZero() {
			return nil
		}
		if err := p.pass(ctx, next.Sub(p.clock.Now())); err != nil {
			return err
		}
	}
}

// lookOnce looks at a check now. It is decided when its answer can change no more.
func (p *player) lookOnce(ctx context.Context, w *watched) error {
	var seen check.Result
	err := p.clock.While(ctx, func(ctx context.Context) (err error) {
		seen, err = w.Evaluate(ctx, p.env)
		return err
	})
	if err != nil {
		return err
	}
	holds, why := w.Expect.Holds(seen)
	now := p.clock.Now()
	r := w.result
	r.Attempts++
	r.Observed, r.Took = p.clean(seen.Text), report.Duration(now.Sub(w.since))
	over := !now.Before(w.since.Add(w.length))
	switch {
	case w.mode == check.ModeNever && holds:
		r.Outcome, r.Message = report.Failed, "it was so after all"
	case w.mode == check.ModeAlways && !holds || w.mode != check.ModeNever && over && !holds:
		r.Outcome, r.Message = report.Failed, p.clean(why)
	case over || w.mode == check.ModeEventually && holds:
		r.Outcome = report.Passed
	default:
		w.next = now.Add(w.Interval())
		if end := w.since.Add(w.length); w.next.After(end) {
			w.next = end
		}
		return nil
	}
	w.next = time.Time{}
	return nil
}
