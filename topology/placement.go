package topology

import (
	"fmt"
	"slices"
	"strings"

	"koflab/topology/document"
)

// The clouds whose clusters have no location to compare: docker always matches,
// the others never do.
const (
	cloudDocker  = "docker"
	cloudAdopted = "adopted"
	cloudRemote  = "remote"
	cloudGCP     = "gcp"
)

// Labels of ClusterDeployments that say where a child's telemetry goes.
const (
	LabelRegion          = "k0rdent.mirantis.com/kof-regional-cluster-name"
	LabelRegionNamespace = "k0rdent.mirantis.com/kof-regional-cluster-namespace"
)

// PlacedBy is how a child's region was found.
type PlacedBy string

// The ways of kof-operator, strongest first.
const (
	// PlacedByLabel: the child names its region.
	PlacedByLabel PlacedBy = "label"
	// PlacedByRegionless: management is the only region.
	PlacedByRegionless PlacedBy = "regionless"
	// PlacedByChoice: the region chosen earlier still matches, and is kept.
	PlacedByChoice PlacedBy = "earlier choice"
	// PlacedByLocation: the first region of the same cloud and location.
	PlacedByLocation PlacedBy = "location"
)

// Placement says which cluster stores a child's telemetry.
type Placement struct {
	// Child is the child's ID.
	Child string
	// Region is the ID of the storing cluster; empty when Err is set.
	Region string
	By     PlacedBy
	// Err says why no region was found; the child then gets no collectors.
	Err *UnresolvedError
}

// UnresolvedError is why kof-operator finds no region for a child.
type UnresolvedError struct {
	// Child is the child's ID.
	Child string
	// Reason is what is wrong, Fix what to do, in KOF's terms.
	Reason, Fix string
}

func (e *UnresolvedError) Error() string {
	return fmt.Sprintf("child %s: %s", e.Child, e.Text())
}

// Text is what is wrong and what to do, without the child's name.
func (e *UnresolvedError) Text() string { return e.Reason + ", " + e.Fix }

// ResolveRegions finds the region of every child, in the order of the children,
// as kof-operator does: an explicit label wins; else, regionless, management;
// else the first region of the child's namespace (of any, with crossNamespace)
// with the same cloud and location. Chosen holds the regions found for children
// (by ID) before: such a choice is kept as long as it matches. It may be nil.
func ResolveRegions(lab *Lab, chosen map[string]string) []Placement {
	ids := lab.childIDs()
	placements := make([]Placement, len(ids))
	for i, id := range ids {
		p := lab.place(&lab.Children[i], chosen[id])
		p.Child = id
		if p.Err != nil {
			p.Err.Child = id
		}
		placements[i] = p
	}
	return placements
}

func (lab *Lab) place(c *Child, chosen string) Placement {
	switch {
	case c.Region != "":
		return lab.placeByLabel(c)
	case lab.ManagementData == ManagementDataRegionless:
		return Placement{Region: lab.Management.Name, By: PlacedByRegionless}
	}
	return lab.placeByLocation(c, chosen)
}

// placeByLabel does as the operator, which gets a ConfigMap by name in one
// namespace: the child's, or with crossNamespace the one given by a second label.
func (lab *Lab) placeByLabel(c *Child) Placement {
	namespace := c.Namespace
	if lab.CrossNamespace {
		namespace = c.RegionNamespace
	}
	name, found := "", ""
	if m := &lab.Management; lab.ManagementData == ManagementDataRegionless && c.Region == m.Name {
		name, found = m.Name, m.Namespace
	} else if r := lab.region(c.Region); r != nil {
		name, found = r.Name, r.Namespace
	}
	switch {
	case name == "":
		return unresolved(
			fmt.Sprintf("region %q does not exist", c.Region),
			fmt.Sprintf("%s (in KOF: change label %s)", document.OrOneOf(c.Region, lab.storeNames()), LabelRegion))
	case namespace == "":
		return unresolved(
			"region without regionNamespace although crossNamespace is on",
			fmt.Sprintf("set regionNamespace: %s (in KOF: add label %s)", found, LabelRegionNamespace))
	case namespace != found:
		return unresolved(
			fmt.Sprintf("region %q is in namespace %s and is looked for in %s", name, found, namespace),
			fmt.Sprintf("set crossNamespace: true and regionNamespace: %s (in KOF: add label %s)", found, LabelRegionNamespace))
	}
	return Placement{Region: name, By: PlacedByLabel}
}

func (lab *Lab) placeByLocation(c *Child, chosen string) Placement {
	byLabel := fmt.Sprintf("set region: (in KOF: add label %s)", LabelRegion)
	if slices.Contains([]string{cloudAdopted, cloudRemote, cloudGCP}, c.Cloud) {
		return unresolved(fmt.Sprintf("cloud %s never matches a region by location", c.Cloud), byLabel)
	}
	var matching []string
	for i := range lab.Regions {
		r := &lab.Regions[i]
		if (lab.CrossNamespace || r.Namespace == c.Namespace) && r.Cloud == c.Cloud &&
			(r.Location == c.Location || c.Cloud == cloudDocker) {
			matching = append(matching, r.Name)
		}
	}
	switch {
	case chosen != "" && slices.Contains(matching, chosen):
		return Placement{Region: chosen, By: PlacedByChoice}
	case chosen != "":
		// The operator does not move a child on its own.
		return unresolved(fmt.Sprintf("region %q, chosen earlier, is no longer in the same place", chosen), byLabel)
	case len(matching) > 0:
		return Placement{Region: matching[0], By: PlacedByLocation}
	}
	place := strings.TrimSpace(c.Cloud + " " + c.Location)
	if !lab.CrossNamespace {
		place += " (namespace " + c.Namespace + ")"
	}
	return unresolved("there is no region in "+place, "add one there or "+byLabel)
}

func unresolved(reason, fix string) Placement {
	return Placement{Err: &UnresolvedError{Reason: reason, Fix: fix}}
}

// storeNames lists the clusters that store children's telemetry.
func (lab *Lab) storeNames() []string {
	if lab.ManagementData == ManagementDataRegionless {
		return []string{lab.Management.Name}
	}
	var names []string
	for i := range lab.Regions {
		names = append(names, lab.Regions[i].Name)
	}
	return names
}
