package topology

import "slices"

// Plan is what a lab would consist of, before anything is started.
type Plan struct {
	Name           string           `json:"name"`
	Stack          string           `json:"stack"`
	Network        NetworkMode      `json:"network"`
	ManagementData ManagementData   `json:"managementData"`
	Seed           int64            `json:"seed"`
	Clusters       []PlannedCluster `json:"clusters"`
}

// PlannedCluster is one cluster of a plan.
type PlannedCluster struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Role      Role   `json:"role"`
	Cloud     string `json:"cloud,omitempty"`
	Location  string `json:"location,omitempty"`
	Tenant    string `json:"tenant,omitempty"`
	Nodes     int    `json:"nodes"`
	// Region is the ID of the cluster that stores this one's telemetry: its own
	// for a region, empty when nothing does.
	Region string `json:"region,omitempty"`
	// PlacedBy is how a child's region was found.
	PlacedBy PlacedBy `json:"placedBy,omitempty"`
	// Unresolved is why a child has no region and therefore no components.
	Unresolved string `json:"unresolved,omitempty"`
	// URLs are those of the cluster's stores by signal, for other clusters.
	URLs       map[string]Endpoint `json:"urls,omitempty"`
	Listeners  []Listener          `json:"listeners,omitempty"`
	Components []Component         `json:"components,omitempty"`
}

// Component is a part of the stack on one cluster.
type Component struct {
	Name      string `json:"name"`
	Chart     string `json:"chart"`
	Version   string `json:"version"`
	Namespace string `json:"namespace"`
	Image     string `json:"image,omitempty"`
	// Objects are what it consists of in its cluster (ChartComponent.Objects).
	Objects []string `json:"objects,omitempty"`
}

// NewPlan says what a valid lab consists of. It fails when the lab's stack
// profile does not exist.
func NewPlan(lab *Lab) (*Plan, error) {
	stack, err := Profile(lab.Stack)
	if err != nil {
		return nil, err
	}
	placements := map[string]Placement{}
	for _, p := range ResolveRegions(lab, nil) {
		placements[p.Child] = p
	}
	plan := &Plan{
		Name: lab.Name, Stack: lab.Stack, Network: lab.Network,
		ManagementData: lab.ManagementData, Seed: lab.Seed,
	}
	for _, c := range lab.Clusters() {
		placement := placements[c.ID]
		region := placement.Region
		switch c.Role {
		case RoleManagement:
			region = lab.ManagementStore()
		case RoleRegion:
			region = c.ID
		}
		p := PlanCluster(stack, lab.Network, c, region)
		p.PlacedBy = placement.By
		if placement.Err != nil {
			p.Unresolved = placement.Err.Text()
		}
		plan.Clusters = append(plan.Clusters, p)
	}
	return plan, nil
}

// PlanCluster says what one cluster consists of when the cluster with ID region
// stores its telemetry; empty for none.
func PlanCluster(stack *Stack, network NetworkMode, c Cluster, region string) PlannedCluster {
	p := PlannedCluster{
		ID: c.ID, Name: c.Name, Namespace: c.Namespace, Role: c.Role, Region: region,
		Cloud: c.Cloud, Location: c.Location, Tenant: c.Tenant, Nodes: c.Workload.Nodes,
	}
	p.equip(stack, network, c)
	return p
}

// ManagementStore is the ID of the cluster that stores management's telemetry;
// empty for none.
func (lab *Lab) ManagementStore() string {
	switch {
	case lab.ManagementData.Stores():
		return lab.Management.Name
	case lab.ManagementData == ManagementDataM2R:
		return lab.Management.Region
	}
	return ""
}

// equip gives the cluster what the stack has for its traits.
func (p *PlannedCluster) equip(stack *Stack, network NetworkMode, c Cluster) {
	traits := p.traits()
	if slices.Contains(traits, TraitStorage) {
		p.URLs = map[string]Endpoint{}
		for name, signal := range stack.Signals.byName() {
			if e := signal.For(network); e != (Endpoint{}) {
				p.URLs[name] = e.At(c, "")
			}
		}
	}
	for _, l := range stack.Listeners {
		if slices.Contains(traits, l.On) {
			p.Listeners = append(p.Listeners, l)
		}
	}
	for _, chart := range stack.Installed() {
		if !slices.Contains(traits, chart.On) || chart.Network != "" && chart.Network != network {
			continue
		}
		for _, part := range chart.Components {
			if part.Network != "" && part.Network != network {
				continue
			}
			if slices.ContainsFunc(p.Components, func(k Component) bool { return k.Name == part.Name }) {
				continue // the chart's own is off where another brought it
			}
			fill(&part.Version, chart.Version)
			p.Components = append(p.Components, Component{
				Name: part.Name, Chart: chart.Name, Version: part.Version,
				Namespace: chart.Namespace, Image: part.Image, Objects: part.Objects,
			})
		}
	}
}

// traits of a cluster. A child without a region has none: its services wait for
// the ConfigMap that names the region.
func (p *PlannedCluster) traits() []Trait {
	if p.Role == RoleChild && p.Region == "" {
		return nil
	}
	traits := []Trait{TraitEvery, Trait(p.Role)}
	if p.Region != "" {
		traits = append(traits, TraitObserved)
	}
	if p.Region == p.ID {
		traits = append(traits, TraitStorage)
	}
	return traits
}

func (s Signals) byName() map[string]Signal {
	return map[string]Signal{"metrics": s.Metrics, "logs": s.Logs, "audit": s.Audit, "traces": s.Traces}
}
