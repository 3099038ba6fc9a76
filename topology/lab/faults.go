package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"koflab/sim/event"
	"koflab/sim/fault"
	"koflab/topology"
)

// faults are what is broken in the lab on purpose.
type faults struct {
	lab *Lab
	set *fault.Set

	mu sync.Mutex
	// open says that faults can be injected, closing that the lab goes down: what is
	// undone then is not waited for.
	open, closing bool
	links         []linkFault
	regions       map[string]*regionFaults
	held          map[string]string // what a fault has changed, by a name for it
}

func newFaults(l *Lab) *faults {
	x := &faults{lab: l, regions: map[string]*regionFaults{}, held: map[string]string{}}
	x.set = fault.NewSet(fault.Options{Clock: l.clock, Actuator: x, Provider: fault.Embedded, Listen: x.tell})
	return x
}

// openFaults lets faults be injected, until the lab closes: then all are healed
// before anything else, so that the lab goes down in order.
func (l *Lab) openFaults(context.Context) error {
	l.faults.mu.Lock()
	l.faults.open = true
	l.faults.mu.Unlock()
	l.onClose(func(ctx context.Context) error {
		l.faults.mu.Lock()
		l.faults.closing = true
		l.faults.mu.Unlock()
		return l.faults.set.Close(ctx)
	})
	return nil
}

// Faults returns the faults that are active, in the order of their injection.
func (l *Lab) Faults() []fault.Active { return l.faults.set.Active() }

// Inject breaks something, as a fault of the catalogue (sim/fault) says. It returns
// when the fault is in force; what follows from it takes its time.
//
// A mistake of who asks is a fault.Problem.
func (l *Lab) Inject(ctx context.Context, f fault.Fault) (fault.Active, error) {
	if spec, err := fault.Lookup(f.Name); err == nil && f.Target == "" && slices.Equal(spec.Targets, []fault.Kind{fault.Management}) {
		f.Target = l.managementID
	}
	return l.faults.set.Inject(ctx, f)
}

// Heal undoes an active fault.
func (l *Lab) Heal(ctx context.Context, id string) error { return l.faults.set.Heal(ctx, id) }

// tell writes the moments of faults to the event log.
func (x *faults) tell(m fault.Moment, a fault.Active, err error) {
	switch m {
	case fault.Injected:
		x.lab.events.Add(event.Warning, "FaultInjected", a.Target, a.ID+": "+a.Effect)
	case fault.Healed:
		x.lab.events.Add(event.Normal, "FaultHealed", a.Target, a.ID+" is healed")
	case fault.HealFailed:
		x.lab.events.Add(event.Warning, "FaultHealFailed", a.Target, err.Error())
	}
}

// undo takes an action back.
type undo = func(context.Context) error

// injection is a fault that is about to be done, with what it names found.
type injection struct {
	fault.Fault
	target   fault.Target
	values   fault.Values
	strength float64
	// cluster is the one the target names or lies in; nil for a link.
	cluster *cluster
}

// actions do the faults of the catalogue.
var actions = map[string]func(*faults, context.Context, injection) (undo, error){
	"partition":              (*faults).linkFault,
	"latency":                (*faults).linkFault,
	"loss":                   (*faults).linkFault,
	"bandwidth":              (*faults).linkFault,
	"slow-drip":              (*faults).linkFault,
	"reset":                  (*faults).linkFault,
	"dns-missing":            (*faults).dnsMissing,
	"certificate-expired":    (*faults).certificate,
	"certificate-wrong-ca":   (*faults).certificate,
	"wrong-credentials":      (*faults).wrongCredentials,
	"rotated-credentials":    (*faults).rotatedCredentials,
	"region-down":            (*faults).regionDown,
	"region-crash":           (*faults).regionCrash,
	"management-down":        (*faults).managementDown,
	"child-down":             (*faults).childDown,
	"storage-replica-lost":   (*faults).replicaLost,
	"disk-full":              (*faults).diskFull,
	"collector-killed":       (*faults).collectorKilled,
	"queue-too-small":        (*faults).queueTooSmall,
	"clock-skew":             (*faults).clockSkew,
	"cardinality-explosion":  (*faults).extraTargets,
	"churn-storm":            (*faults).extraTargets,
	"label-collision":        (*faults).extraTargets,
	"duplicate-scrape":       (*faults).duplicateScrape,
	"duplicate-cluster-name": (*faults).duplicateName,
	"component-oom":          (*faults).componentOOM,
	"pod-crash-loop":         (*faults).podCrashLoop,
	"node-not-ready":         (*faults).nodeNotReady,
	"quota-exceeded":         (*faults).quotaExceeded,
	"config-drift":           (*faults).configDrift,
}

// Apply implements fault.Actuator.
func (x *faults) Apply(ctx context.Context, f fault.Fault) (func(context.Context) error, error) {
	x.mu.Lock()
	open := x.open
	x.mu.Unlock()
	if !open {
		return nil, errors.New("the lab is still starting")
	}
	act, ok := actions[f.Name]
	if !ok {
		return nil, errors.New("the embedded lab cannot do this")
	}
	i, err := x.find(f)
	if err != nil {
		return nil, err
	}
	return act(x, ctx, i)
}

// find looks up what a fault names.
func (x *faults) find(f fault.Fault) (injection, error) {
	spec, err := fault.Lookup(f.Name)
	if err != nil {
		return injection{}, err
	}
	i := injection{Fault: f, values: spec.Values(f), strength: f.Strength()}
	if i.target, err = spec.Target(f); err != nil {
		return i, err
	}
	if i.target.Kind == fault.Link {
		for _, end := range []string{i.target.From, i.target.To} {
			if end == fault.Any {
				continue
			}
			if _, err := x.clusterNamed(end); err != nil {
				return i, err
			}
		}
		return i, nil
	}
	if i.cluster, err = x.clusterNamed(i.target.Cluster); err != nil {
		return i, err
	}
	return i, x.fits(i)
}

// clusterNamed finds a cluster, or says which is the nearest.
func (x *faults) clusterNamed(name string) (*cluster, error) {
	if c := x.lab.cluster(name); c != nil {
		return c, nil
	}
	var names []string
	for _, c := range x.lab.all() {
		names = append(names, c.ID)
	}
	return nil, fault.Mistake("target", "there is no cluster %q, %s", name, fault.Suggest(name, names))
}

// fits reports whether a cluster is of the kind that its name should stand for.
func (x *faults) fits(i injection) error {
	spec, err := fault.Lookup(i.Name)
	if err != nil || x.takes(spec, i.cluster) {
		return err
	}
	var able []string
	for _, c := range x.lab.all() {
		if x.takes(spec, c) {
			able = append(able, c.ID)
		}
	}
	what := map[fault.Kind]string{
		fault.Region: "stores no telemetry", fault.Child: "is no child", fault.Management: "is not the management cluster",
	}[spec.Targets[0]]
	if len(able) == 0 {
		return fault.Mistake("target", "%s %s, and no other cluster of this lab does", i.cluster, what)
	}
	return fault.Mistake("target", "%s %s, %s", i.cluster, what, fault.Suggest(i.cluster.ID, able))
}

// takes reports whether a fault can strike a cluster, or something in it.
func (x *faults) takes(spec fault.Spec, c *cluster) bool {
	return slices.ContainsFunc(spec.Targets, func(k fault.Kind) bool {
		switch k {
		case fault.Region:
			return x.lab.store(c.ID) != nil
		case fault.Child:
			return c.Role == topology.RoleChild
		case fault.Management:
			return c.ID == x.lab.managementID
		}
		return true
	})
}

// hold reserves something for a fault that changes it; another fault cannot, until
// it is released.
func (x *faults) hold(what string, i injection) (release func(), err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if by := x.held[what]; by != "" {
		return nil, fmt.Errorf("%s is in the hands of fault %s; heal that first", what, by)
	}
	x.held[what] = i.Name
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.held, what)
	}, nil
}

// each is an undo of several steps: all are tried, and what has succeeded is not done
// again.
func each(steps ...undo) undo {
	done := make([]bool, len(steps))
	return func(ctx context.Context) error {
		var errs []error
		for i, step := range steps {
			if done[i] {
				continue
			}
			err := step(ctx)
			done[i] = err == nil
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
}

// releasing is an undo that releases what was held for the fault, once it succeeds.
func releasing(release func(), back undo) undo {
	return func(ctx context.Context) error {
		err := back(ctx)
		if err == nil {
			release()
		}
		return err
	}
}

// await waits until f has no complaint, unless the lab is going down.
func (x *faults) await(ctx context.Context, what string, f func() error) error {
	return x.lab.await(ctx, what, func() error {
		x.mu.Lock()
		closing := x.closing
		x.mu.Unlock()
		if closing {
			return nil
		}
		return f()
	})
}

// gone reports whether a cluster has been removed meanwhile: then there is nothing
// to undo.
func (x *faults) gone(c *cluster) bool { return x.lab.cluster(c.ID) != c }
