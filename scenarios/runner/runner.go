// Package runner plays scenarios: it brings a lab up in virtual time, does what
// the steps say, looks at what must be true, and writes down all of it.
package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"koflab/scenarios"
	"koflab/scenarios/report"
	"koflab/sim/clock"
	"koflab/topology"
	"koflab/topology/lab"
)

// lead is how long before a scenario's start its lab is brought up, in lab time. The
// start itself takes less, and what it takes differs from machine to machine.
const lead = time.Minute

// Options say how a scenario is played.
type Options struct {
	// Seed replaces the scenario's; 0 keeps it.
	Seed int64
	// Name is the lab's, by default the scenario's.
	Name string
	// Defect changes how the lab is started; nil for nothing. Tests see by it whether a
	// lab with a defect is found out.
	Defect func(*lab.Options)
	// Started and Ended are told of each step; nil for nobody.
	Started, Ended func(report.Step)
	// Keep is given the result and the lab as the last step has left it, faults included.
	// It returns when the lab may go.
	Keep func(ctx context.Context, run report.Run, l *lab.Lab, v *clock.Virtual)
}

// Run plays a valid scenario. Nothing else may happen in the process meanwhile: the
// lab's time passes when the process has nothing to do. What goes wrong is in the
// result.
func Run(ctx context.Context, s *scenarios.Scenario, o Options) report.Run {
	// One processor: nothing is gained by more where all wait for the same clock, and
	// goroutines that are handed from one to another are.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	copied := *s
	if o.Seed != 0 {
		copied.Seed = o.Seed
	}
	p := &player{scenario: &copied, options: o, began: copied.Clock.Start}
	p.run = report.Run{
		Scenario: s.Name, Title: s.Title, Number: s.Number, Teaches: s.Teaches, Tags: s.Tags, Seed: copied.Seed,
		Start: p.began, Reproduce: reproduce(s.Name, copied.Seed),
	}
	for _, pin := range s.Pins {
		p.run.Pins = append(p.run.Pins, report.Pin{Behaviour: pin.Behaviour, Source: pin.Source})
	}
	if err := p.play(ctx); err != nil {
		p.run.Outcome, p.run.Error = report.Errored, p.clean(err.Error())
	}
	return p.run
}

// player is a scenario being played.
type player struct {
	scenario *scenarios.Scenario
	options  Options
	began    time.Time // lab time of the first step

	clock *clock.Virtual
	lab   *lab.Lab
	env   *env
	flow  flow
	spans []*span
	since int64 // events before the first step
	run   report.Run
}

func (p *player) play(ctx context.Context) (err error) {
	spec, err := p.scenario.Topology(topology.Overrides{})
	if err != nil {
		return err
	}
	spec.Name = p.options.Name
	if spec.Name == "" {
		spec.Name = p.scenario.Name
	}
	p.clock = clock.NewVirtual(p.began.Add(-lead))
	defer p.clock.Close()
	if err := p.up(ctx, spec); err != nil {
		return fmt.Errorf("the lab did not come up: %w", err)
	}
	defer func() {
		closed := p.clock.While(context.WithoutCancel(ctx), func(context.Context) error { return p.lab.Close() })
		if err == nil && closed != nil {
			err = fmt.Errorf("the lab did not go down: %w", closed)
		}
	}()
	p.steps(ctx)
	p.observe()
	if p.options.Keep != nil && ctx.Err() == nil {
		p.options.Keep(ctx, p.run, p.lab, p.clock)
	}
	return context.Cause(ctx)
}

// up brings the lab up and lets time pass until the scenario begins.
func (p *player) up(ctx context.Context, spec *topology.Lab) error {
	l := p.scenario.Lab
	o := lab.Options{
		Spec: spec, Clock: p.clock, Journal: true, History: time.Duration(l.History), Semantics: l.Semantics, ErrorMode: l.ErrorMode,
	}
	if p.options.Defect != nil {
		p.options.Defect(&o)
	}
	err := p.clock.While(ctx, func(ctx context.Context) (err error) {
		p.lab, err = lab.Start(ctx, o, nil)
		return err
	})
	if err != nil {
		return err
	}
	if err := p.begin(ctx); err != nil {
		return errors.Join(err, p.clock.While(context.WithoutCancel(ctx), func(context.Context) error { return p.lab.Close() }))
	}
	p.env = newEnv(p)
	if events := p.lab.EventsSince(0); len(events) > 0 {
		p.since = events[len(events)-1].Seq
	}
	return nil
}

// begin lets time pass until the scenario begins, with a look at the flow before.
func (p *player) begin(ctx context.Context) error {
	p.flow = newFlow(p.scenario)
	for _, t := range []time.Time{p.began.Add(-leastInterval), p.began} {
		left := t.Sub(p.clock.Now())
		if left < 0 {
			return fmt.Errorf("that took until %s of lab time, after the scenario's start: the machine is overloaded, try again with --parallel 1", p.clock.Now().Format(time.RFC3339))
		}
		if err := p.clock.Run(ctx, left); err != nil {
			return err
		}
		p.flow.sample(p)
	}
	return nil
}

// steps takes one step after the other. After one that went wrong the others are
// left out: what they find would mean nothing.
func (p *player) steps(ctx context.Context) {
	var outcomes []report.Outcome
	for i, s := range p.scenario.Steps {
		r := report.Step{Index: i + 1, Title: s.Title, Action: describe(s), At: p.at(p.clock.Now()), Outcome: report.Skipped}
		if !report.Worst(outcomes...).Bad() && ctx.Err() == nil {
			tell(p.options.Started, r)
			p.step(ctx, i, s, &r)
			r.Duration = p.at(p.clock.Now()) - r.At
			tell(p.options.Ended, r)
		}
		outcomes = append(outcomes, r.Outcome)
		p.run.Steps = append(p.run.Steps, r)
	}
	p.run.Outcome = report.Worst(outcomes...)
}

func tell(f func(report.Step), s report.Step) {
	if f != nil {
		f(s)
	}
}

// step takes one step within what is left of the scenario's time.
func (p *player) step(ctx context.Context, i int, s scenarios.Step, r *report.Step) {
	limit := time.Duration(p.scenario.Timeout)
	left := limit - p.clock.Now().Sub(p.began)
	over := fmt.Errorf("the scenario's timeout of %s of lab time is over here: shorten the steps before or raise timeout", report.Duration(limit))
	err := over
	if left > 0 && (s.Action() != scenarios.ActionRun || time.Duration(s.Run) <= left) {
		ctx, cancel := clock.WithTimeout(ctx, p.clock, left)
		defer cancel()
		if err = p.act(ctx, i, s, r); errors.Is(err, context.DeadlineExceeded) && !p.clock.Now().Before(p.began.Add(limit)) {
			err = over
		}
	}
	switch {
	case err != nil:
		r.Outcome, r.Error = report.Errored, p.clean(err.Error())
	case r.Checks == nil:
		r.Outcome = report.Passed
	default:
		var all []report.Outcome
		for _, c := range r.Checks {
			all = append(all, c.Outcome)
		}
		r.Outcome = report.Worst(all...)
	}
}

func (p *player) act(ctx context.Context, i int, s scenarios.Step, r *report.Step) error {
	switch s.Action() {
	case scenarios.ActionRun:
		return p.pass(ctx, time.Duration(s.Run))
	case scenarios.ActionCheck:
		return p.look(ctx, s.Check, r)
	}
	return p.clock.While(ctx, func(ctx context.Context) error {
		switch s.Action() {
		case scenarios.ActionInject:
			return p.inject(ctx, *s.Inject)
		case scenarios.ActionHeal:
			return p.heal(ctx, s.Heal)
		case scenarios.ActionChange:
			return p.change(ctx, *s.Change)
		}
		return p.send(ctx, i, s.Send)
	})
}

// pass lets lab time pass, and takes samples of the flow meanwhile.
func (p *player) pass(ctx context.Context, d time.Duration) error {
	for end := p.clock.Now().Add(d); ; {
		next := p.flow.next()
		if !next.Before(end) {
			return p.clock.Run(ctx, end.Sub(p.clock.Now()))
		}
		if err := p.clock.Run(ctx, next.Sub(p.clock.Now())); err != nil {
			return err
		}
		p.flow.sample(p)
	}
}

// at is a time since the scenario's start.
func (p *player) at(t time.Time) report.Duration { return report.Duration(t.Sub(p.began)) }
