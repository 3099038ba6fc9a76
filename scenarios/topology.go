package scenarios

import (
	"bytes"
	"errors"

	"go.yaml.in/yaml/v3"

	"koflab/topology"
	"koflab/topology/document"
)

// Topology is the scenario's lab, complete and valid, with the scenario's seed;
// overrides replace what it says. The error is a *topology.SpecError.
func (s *Scenario) Topology(overrides ...topology.Overrides) (*topology.Lab, error) {
	overrides = append([]topology.Overrides{{Seed: s.Seed}}, overrides...)
	if s.Lab.Spec == nil {
		return topology.Preset(s.Lab.Preset, overrides...)
	}
	lab := *s.Lab.Spec
	lab.APIVersion, lab.Kind = topology.APIVersion, topology.Kind
	b, err := topology.Marshal(&lab)
	if err != nil {
		return nil, err
	}
	return topology.Decode("lab", bytes.NewReader(b), overrides...)
}

// topology completes the lab and adds what is wrong with it; then it is nil.
func (v *validation) topology() *topology.Lab {
	l := v.Lab
	switch {
	case l.Spec != nil && l.Preset != "":
		v.f.Add("lab.preset", "preset stands beside spec, keep one of them")
		return nil
	case l.Spec == nil:
		return v.preset(l.Preset)
	}
	lab, err := copyOf(l.Spec)
	if err != nil {
		v.f.Add("lab.spec", "%v, write it as 'koflab topology show' does", err)
		return nil
	}
	topology.FinishIn(v.f.Under("lab.spec"), lab)
	if v.f.Found("lab") {
		return nil
	}
	return lab
}

func (v *validation) preset(name string) *topology.Lab {
	var names []string
	for _, p := range topology.Presets() {
		if p.Name == name {
			lab, err := topology.Preset(name)
			if err != nil {
				v.f.Add("lab.preset", "%v, choose another", err)
			}
			return lab
		}
		names = append(names, p.Name)
	}
	v.f.Add("lab.preset", "there is no preset %q, %s", document.Clip(name), document.OrOneOf(name, names))
	return nil
}

// copyOf copies a specification as it was written, without defaults.
func copyOf(spec *topology.Lab) (*topology.Lab, error) {
	b, err := yaml.Marshal(spec)
	if err != nil {
		return nil, err
	}
	lab := &topology.Lab{}
	err = yaml.Unmarshal(b, lab)
	lab.APIVersion, lab.Kind = topology.APIVersion, topology.Kind
	return lab, err
}

// extend puts a region or a child into the lab; what is wrong with it is told of
// the step's field.
func (v *validation) extend(path string, regions []topology.Region, children []topology.Child) {
	if v.lab == nil || v.f.Found(path) {
		return
	}
	added := document.Item("children", len(v.lab.Children))
	if len(regions) > 0 {
		added = document.Item("regions", len(v.lab.Regions))
	}
	lab, err := topology.Extend(v.lab, regions, children)
	var spec *topology.SpecError
	if errors.As(err, &spec) {
		for _, p := range spec.Problems {
			if field, ok := document.Below(p.Path, added); ok {
				v.f.Add(document.Join(path, field), "%s", p.Message)
			}
		}
	}
	v.lab = lab // nil after a problem: what follows would be guesses
	v.know()
}

// remove takes a region or a child out of the lab.
func (v *validation) remove(path, id string) {
	if !v.cluster(path, id) {
		return
	}
	c, _ := v.lab.Cluster(id)
	if c.Role == topology.RoleManagement {
		v.f.Add(path, "%s is the management cluster, give a region or a child", id)
		return
	}
	lab, err := topology.Without(v.lab, c.Namespace, c.Name)
	if err != nil {
		v.f.Add(path, "%v, give a region or a child of the lab", err)
	}
	v.lab = lab
}

// know adds the lab's clusters to those that there have been.
func (v *validation) know() {
	if v.lab == nil {
		return
	}
	for _, c := range v.lab.Clusters() {
		if !v.known[c.ID] {
			v.known[c.ID] = true
			v.clusters = append(v.clusters, c.ID)
			if stores(v.lab, c) {
				v.regions = append(v.regions, c.ID)
			}
		}
	}
}

// stores reports whether a cluster stores telemetry.
func stores(lab *topology.Lab, c topology.Cluster) bool {
	return c.Role == topology.RoleRegion || c.Role == topology.RoleManagement && lab.ManagementData.Stores()
}

// cluster wants a cluster of the lab as it is at this step. It is false where
// nothing more can be said of the cluster.
func (v *validation) cluster(path, id string) bool {
	if v.lab == nil || id == "" {
		return false
	}
	if _, ok := v.lab.Cluster(id); ok {
		return true
	}
	var ids []string
	for _, c := range v.lab.Clusters() {
		ids = append(ids, c.ID)
	}
	if v.known[id] {
		v.f.Add(path, "cluster %q has been removed, choose one of those left: %s", id, document.Names(ids))
	} else {
		v.f.Add(path, "there is no cluster %q, %s", document.Clip(id), document.OrOneOf(id, ids))
	}
	return false
}

// charts are those of a cluster, by name.
func (v *validation) charts(id string) []string {
	plan, err := topology.NewPlan(v.lab)
	if err != nil {
		return nil
	}
	var names []string
	for _, c := range plan.Clusters {
		for _, k := range c.Components {
			if c.ID == id && (len(names) == 0 || names[len(names)-1] != k.Chart) {
				names = append(names, k.Chart)
			}
		}
	}
	return names
}

// unresolved reports whether a cluster has no collectors.
func (v *validation) unresolved(id string) bool {
	plan, err := topology.NewPlan(v.lab)
	if err != nil {
		return false
	}
	for _, c := range plan.Clusters {
		if c.ID == id {
			return c.Region == ""
		}
	}
	return false
}
