package runner

import (
	"context"

	"koflab/scenarios"
	"koflab/scenarios/report"
	"koflab/sim/fault"
)

// span is a fault that has been injected.
type span struct {
	fault.Active
	healed report.Duration // 0 while it is not
}

func (p *player) inject(ctx context.Context, i scenarios.Inject) error {
	from := p.clock.Now()
	active, err := p.lab.Inject(ctx, i.Request())
	if err != nil {
		return err
	}
	if active.Start.IsZero() {
		active.Start = from // one that struck once
	}
	p.spans = append(p.spans, &span{Active: active})
	return nil
}

func (p *player) heal(ctx context.Context, id string) error {
	if err := p.lab.Heal(ctx, id); err != nil {
		return err
	}
	for _, s := range p.spans {
		if s.ID == id && s.healed == 0 {
			s.healed = p.at(p.clock.Now())
		}
	}
	return nil
}

// faults are the spans as the report has them.
func (p *player) faults() (out []report.FaultSpan) {
	now := p.at(p.clock.Now())
	for _, s := range p.spans {
		r := report.FaultSpan{Name: s.ID, Fault: s.Name, Target: s.Target, From: p.at(s.Start), To: now, Effect: s.Effect}
		switch {
		case s.healed > 0:
			r.To = s.healed
		case !s.End.IsZero():
			r.To = min(now, p.at(s.End))
		}
		if spec, err := fault.Lookup(s.Name); err == nil && spec.Once {
			r.To = r.From
		}
		out = append(out, r)
	}
	return out
}
