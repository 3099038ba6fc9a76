package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"koflab/sim/collector"
	"koflab/sim/fault"
	"koflab/sim/telemetry"
)

// clockSkew puts the clock of a cluster's nodes off.
func (x *faults) clockSkew(_ context.Context, i injection) (undo, error) {
	set := func(d time.Duration) {
		c := i.cluster
		c.damage(func(b *brokenCluster) { b.skew = d })
		if v := c.view(); v.collector != nil {
			v.collector.SetSkew(d)
		}
	}
	set(time.Duration(float64(i.values.Duration("skew")) * i.strength))
	return func(context.Context) error {
		set(0)
		return nil
	}, nil
}

// extraTargets adds a target that the fault's name describes.
func (x *faults) extraTargets(_ context.Context, i injection) (undo, error) {
	t := &madeTarget{
		name: i.Name, instance: i.cluster.Name + ".koflab.invalid:8080", seed: uint64(x.lab.opts.Spec.Seed), since: x.lab.clock.Now(),
		cluster: x.lab.stack.Labels.Cluster, values: i.values, series: max(1, int(float64(i.values.Int("series"))*i.strength)),
	}
	return x.addTargets(i.cluster, func(*telemetry.Generator) []collector.Target { return []collector.Target{t} })
}

// duplicateScrape scrapes the targets of a job a second time.
func (x *faults) duplicateScrape(_ context.Context, i injection) (undo, error) {
	g := i.cluster.view().generator
	if g == nil {
		return nil, fmt.Errorf("%s is not observed at present", i.cluster)
	}
	job, second := i.values["job"], i.values["second"]
	var jobs []string
	for _, t := range g.Targets() {
		jobs = append(jobs, t.Job())
	}
	slices.Sort(jobs)
	jobs = slices.Compact(jobs)
	switch {
	case !slices.Contains(jobs, job):
		return nil, fault.Mistake("with.job", "%s has no job %q, %s", i.cluster, job, fault.Suggest(job, jobs))
	case slices.Contains(jobs, second):
		return nil, fault.Mistake("with.second", "%s has a job %q of its own", i.cluster, second)
	}
	return x.addTargets(i.cluster, func(g *telemetry.Generator) []collector.Target {
		var out []collector.Target
		for _, t := range g.Targets() {
			if t.Job() == job {
				out = append(out, &secondScrape{Target: t, job: second})
			}
		}
		return out
	})
}

// addTargets has a cluster's collectors scrape more, from now on and after each
// restart.
func (x *faults) addTargets(c *cluster, targets func(*telemetry.Generator) []collector.Target) (undo, error) {
	if c.view().collector == nil {
		return nil, fmt.Errorf("no collectors of %s run at present", c)
	}
	e := &extraTargets{targets}
	change := func(f func(*brokenCluster)) error {
		c.syncMu.Lock()
		defer c.syncMu.Unlock()
		c.damage(f)
		if v := c.view(); v.collector != nil {
			v.collector.SetTargets(x.lab.sources(c, v.generator).Targets)
		}
		return nil
	}
	err := change(func(b *brokenCluster) { b.extra = append(b.extra, e) })
	return func(context.Context) error {
		return change(func(b *brokenCluster) {
			b.extra = slices.DeleteFunc(b.extra, func(o *extraTargets) bool { return o == e })
		})
	}, err
}
