package autoconfig

import (
	"cmp"
	"fmt"
	"slices"

	"koflab/topology"
)

// placing is what a lab has decided about the finding of regions.
type placing struct {
	Management          string
	ManagementNamespace string
	Data                topology.ManagementData
	CrossNamespace      bool
}

// sortRegions puts regions into the order in which they are tried: the oldest
// first.
func sortRegions(all []*region) {
	slices.SortFunc(all, func(a, b *region) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ConfigMap.Namespace, b.ConfigMap.Namespace),
			cmp.Compare(a.ConfigMap.Name, b.ConfigMap.Name))
	})
}

// place finds the region of a child among those there are, which must be
// sorted. Chosen is the region that the child's ConfigMap names, if it has one.
//
// The rules are topology's: the objects are turned into a specification with
// this one child, and that is asked.
func (p placing) place(child *deployment, regions []*region, chosen *region) (*region, topology.Placement) {
	label, labelNamespace := child.Labels[topology.LabelRegion], child.Labels[topology.LabelRegionNamespace]
	wanted := child.Namespace
	if p.CrossNamespace {
		wanted = or(labelNamespace, child.Namespace)
	}
	if label != "" {
		// Of two regions that it may mean, the one in the right namespace.
		regions = slices.Clone(regions)
		slices.SortStableFunc(regions, func(a, b *region) int {
			return cmp.Compare(boolInt(a.ConfigMap.Namespace != wanted), boolInt(b.ConfigMap.Namespace != wanted))
		})
	}
	lab := &topology.Lab{
		CrossNamespace: p.CrossNamespace, ManagementData: p.Data,
		Management: topology.Management{Name: p.Management, Namespace: p.ManagementNamespace},
		Children: []topology.Child{{
			Name: child.Name, Namespace: child.Namespace, Region: label, RegionNamespace: labelNamespace,
			Cloud: child.Cloud, Location: child.Location,
		}},
	}
	byName, names := map[string]*region{}, map[*region]string{}
	var management *region
	for _, r := range regions {
		if r.Management {
			management = r
			continue
		}
		name := r.label()
		if name == "" || byName[name] != nil {
			// Still to be found by its location.
			name = r.ConfigMap.String()
		}
		byName[name], names[r] = r, name
		lab.Regions = append(lab.Regions, topology.Region{
			Name: name, Namespace: r.ConfigMap.Namespace, Cloud: r.Cloud, Location: r.Location,
		})
	}
	var earlier map[string]string
	if chosen != nil && !chosen.Management {
		earlier = map[string]string{child.Name: chosen.Name}
		for r, name := range names {
			if r.Name == chosen.Name && r.Namespace == chosen.Namespace {
				earlier[child.Name] = name
			}
		}
	}
	found := topology.ResolveRegions(lab, earlier)[0]
	if found.Err != nil {
		found.Err = p.explain(found.Err, label, regions)
		return nil, found
	}
	r := byName[found.Region]
	if r == nil && found.Region == p.Management {
		r = management
	}
	if r == nil {
		found.Err = &topology.UnresolvedError{
			Child:  child.Name,
			Reason: fmt.Sprintf("ConfigMap %s/%s is missing", or(wanted, p.ManagementNamespace), RegionConfigMap(found.Region)),
			Fix:    "wait for it or see the region's events",
		}
		return nil, found
	}
	found.Region = r.Name
	return r, found
}

// explain says more of a label that means a ConfigMap which has not the name
// that the operator looks for.
func (p placing) explain(err *topology.UnresolvedError, label string, regions []*region) *topology.UnresolvedError {
	for _, r := range regions {
		if label != "" && (r.ConfigMap.Name == label || r.Name == label) && r.label() != label {
			return &topology.UnresolvedError{
				Child:  err.Child,
				Reason: fmt.Sprintf("region %q is described by ConfigMap %s, and the operator looks for %s", label, r.ConfigMap, RegionConfigMap(label)),
				Fix:    "rename the ConfigMap to " + RegionConfigMap(label),
			}
		}
	}
	return err
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
