package scenarios

import (
	"fmt"
	"slices"
	"time"

	"koflab/sim/fault"
	"koflab/topology"
	"koflab/topology/document"
)

// injected is a fault of an earlier step.
type injected struct {
	id, name, target string
	step             int
	// until is when it ends by itself, in time since the start; 0 for never.
	until time.Duration
	// once says that it struck and was over.
	once bool
	// healed is the step that healed it, -1 before.
	healed int
}

// faults are those of the steps so far, in their order.
type faults []injected

// active reports whether the fault is certain to be active.
func (f injected) active() bool { return !f.once && f.healed < 0 && f.until == 0 }

func (v *validation) inject(path string, step int, in *Inject) {
	field := func(name string) string { return document.Join(path, name) }
	f := in.Request()
	for _, p := range fault.Problems(f) {
		v.f.Add(field(p.Field), "%s", p.Message)
	}
	if in.Intensity == 0 && v.f.Given(field("intensity")) {
		v.f.Add(field("intensity"), "intensity is 0, give above 0 to 1")
	}
	spec, err := fault.Lookup(f.Name)
	if err != nil {
		return
	}
	target, err := spec.Target(f)
	if err != nil {
		return
	}
	v.target(field("target"), spec, target)
	id := in.ID()
	for n := 2; slices.ContainsFunc(v.faults, func(o injected) bool { return o.id == id && o.active() }); n++ {
		if in.As != "" {
			v.f.Add(field("as"), "another fault is active as %q, heal that first or choose another name", document.Clip(id))
			return
		}
		id = fmt.Sprintf("%s-%d", in.Fault, n)
	}
	for _, o := range v.faults {
		if !v.f.Found(path) && o.name == f.Name && o.target == target.String() && o.active() {
			v.f.Add(field("fault"), "%s is active at %s since %s, heal it first", f.Name, target, orders(o.step))
		}
	}
	now := injected{id: id, name: f.Name, target: target.String(), step: step, once: spec.Once, healed: -1}
	if f.For > 0 {
		now.until = v.elapsed + f.For
	}
	v.faults = append(v.faults, now)
}

// target wants the clusters that a target names to be there, and to be what the
// fault strikes.
func (v *validation) target(path string, spec fault.Spec, t fault.Target) {
	switch {
	case t.Kind == fault.Link:
		for _, end := range []string{t.From, t.To} {
			if end != fault.Any {
				v.cluster(path, end)
			}
		}
		return
	case t.Cluster == "" || !v.cluster(path, t.Cluster):
		return
	}
	takes := func(c topology.Cluster) bool {
		return slices.ContainsFunc(spec.Targets, func(k fault.Kind) bool {
			switch k {
			case fault.Region:
				return stores(v.lab, c)
			case fault.Child:
				return c.Role == topology.RoleChild
			case fault.Management:
				return c.Role == topology.RoleManagement
			}
			return true
		})
	}
	var able []string
	for _, c := range v.lab.Clusters() {
		if takes(c) {
			able = append(able, c.ID)
		}
	}
	if !slices.Contains(able, t.Cluster) {
		v.f.Add(path, "%s is no %s, %s", t.Cluster, spec.Targets[0], document.OrOneOf(t.Cluster, able))
	}
}

func (v *validation) heal(path string, step int, id string) {
	if v.f.Found(path) {
		return
	}
	var ids []string
	for i := len(v.faults) - 1; i >= 0; i-- {
		f := &v.faults[i]
		if f.id != id {
			if !slices.Contains(ids, f.id) && !f.once {
				ids = append(ids, f.id)
			}
			continue
		}
		switch {
		case f.once:
			v.f.Add(path, "%s of %s strikes once and is over, remove this step", id, orders(f.step))
		case f.healed >= 0:
			v.f.Add(path, "%q is healed already by %s, remove one of the two", document.Clip(id), orders(f.healed))
		case f.until > 0 && v.elapsed >= f.until:
			v.f.Add(path, "%q of %s is over by now, remove this step or lengthen for:", document.Clip(id), orders(f.step))
		}
		f.healed = step
		return
	}
	if len(ids) == 0 {
		v.f.Add(path, "no fault is active that could be healed, inject one in a step before")
		return
	}
	v.f.Add(path, "no fault %q was injected before, %s", document.Clip(id), document.OrOneOf(id, ids))
}
