package conform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Defaults of Options.
const (
	defaultSince   = 15 * time.Minute
	defaultTimeout = 30 * time.Second
)

// cause is what hides an aspect of a subject.
type cause struct {
	subject string
	aspect  aspect
}

// Run looks at an installation and reports. The error is ErrNoKOF when there is
// nothing to report on, or says what in t cannot be used.
func Run(ctx context.Context, t Target, o Options) (Report, error) {
	if o.Since <= 0 {
		o.Since = defaultSince
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Wait == nil {
		o.Wait = pass
	}
	a, err := connect(ctx, t, o)
	if err != nil {
		return Report{}, err
	}
	defer a.close()
	s, err := look(ctx, a, t, o)
	if err != nil {
		return Report{}, err
	}
	r := Report{Target: hidePassword(t.URL), Kind: a.kind, Now: s.now, Regions: cleanAll(s.regionNames()), Clusters: cleanAll(s.clusterNames())}
	all := checks()
	for i := range all {
		v := &verdict{check: &all[i], survey: s, excused: map[string]string{}, judged: map[string]bool{}}
		all[i].run(ctx, s, v)
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		s.blame(v)
		result := v.result()
		switch result.Outcome {
		case Pass:
			r.Passed++
		case Fail:
			r.Failed++
		case Skip:
			r.Skipped++
		}
		r.Results = append(r.Results, result)
	}
	return r, nil
}

// blame remembers what a check has found, for those after it.
func (s *survey) blame(v *verdict) {
	for _, f := range v.findings {
		subjects := []string{f.subject}
		if slices.Contains(v.check.hides, everything) {
			subjects = append(subjects, s.storedIn(f.subject)...)
		}
		for _, subject := range subjects {
			for _, a := range v.check.hides {
				key := cause{subject, a}
				if _, known := s.causes[key]; !known {
					s.causes[key] = clean(f.subject) + " " + v.check.because + " (" + v.check.id + ")"
				}
			}
		}
	}
}

// storedIn are the clusters whose telemetry a region keeps; none for a cluster that
// is no region.
func (s *survey) storedIn(region string) []string {
	if s.regions[region] == nil || s.regions[region].trouble == troubleNone {
		return nil
	}
	var out []string
	for _, name := range s.clusterNames() {
		if s.clusters[name].region == region {
			out = append(out, name)
		}
	}
	return out
}

func (s *survey) clusterNames() []string { return slices.Sorted(maps.Keys(s.clusters)) }
func (s *survey) regionNames() []string  { return slices.Sorted(maps.Keys(s.regions)) }

func cleanAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = clean(n)
	}
	return out
}

func pass(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// promDuration writes a duration for PromQL and LogsQL.
func promDuration(d time.Duration) string {
	return fmt.Sprintf("%ds", int64(max(d, time.Second)/time.Second))
}
