package topology

// Role is what a cluster is for.
type Role string

// The layers of KOF's architecture.
const (
	RoleManagement Role = "management"
	RoleRegion     Role = "region"
	RoleChild      Role = "child"
)

// Cluster is what the lab's clusters have in common, whatever their role.
type Cluster struct {
	// ID names the cluster in the lab: its name, or namespace/name for children
	// that share theirs.
	ID        string
	Name      string
	Namespace string
	Role      Role
	// Cloud and Location are empty for management.
	Cloud    string
	Location string
	// Domain is empty unless the cluster stores telemetry.
	Domain string
	// Tenant is empty unless the cluster is a child.
	Tenant string
	// Retention is zero unless the cluster stores telemetry.
	Retention Retention
	// Replicas of the storage components; zero unless the cluster is a region.
	Replicas int
	Workload Workload
}

// Stores reports whether management stores telemetry itself.
func (m ManagementData) Stores() bool {
	return m == ManagementDataRegionless || m == ManagementDataM2M
}

// Clusters lists management, the regions and the children, in the order of the
// specification.
func (lab *Lab) Clusters() []Cluster {
	clusters := make([]Cluster, 0, 1+len(lab.Regions)+len(lab.Children))
	m := &lab.Management
	management := Cluster{ID: m.Name, Name: m.Name, Namespace: m.Namespace, Role: RoleManagement, Workload: m.Workload}
	if lab.ManagementData.Stores() {
		management.Domain, management.Retention = m.Domain, m.Retention
	}
	clusters = append(clusters, management)
	for i := range lab.Regions {
		r := &lab.Regions[i]
		clusters = append(clusters, Cluster{
			ID: r.Name, Name: r.Name, Namespace: r.Namespace, Role: RoleRegion,
			Cloud: r.Cloud, Location: r.Location, Domain: r.Domain, Retention: r.Retention,
			Replicas: r.Replicas, Workload: r.Workload,
		})
	}
	for i, id := range lab.childIDs() {
		c := &lab.Children[i]
		clusters = append(clusters, Cluster{
			ID: id, Name: c.Name, Namespace: c.Namespace, Role: RoleChild,
			Cloud: c.Cloud, Location: c.Location, Tenant: c.Tenant, Workload: c.Workload,
		})
	}
	return clusters
}

// Cluster finds a cluster by its ID.
func (lab *Lab) Cluster(id string) (Cluster, bool) {
	for _, c := range lab.Clusters() {
		if c.ID == id {
			return c, true
		}
	}
	return Cluster{}, false
}

// childIDs are the IDs of lab.Children, index by index.
func (lab *Lab) childIDs() []string {
	sharing := map[string]int{}
	for i := range lab.Children {
		sharing[lab.Children[i].Name]++
	}
	ids := make([]string, len(lab.Children))
	for i := range lab.Children {
		c := &lab.Children[i]
		ids[i] = c.Name
		if sharing[c.Name] > 1 {
			ids[i] = c.Namespace + "/" + c.Name
		}
	}
	return ids
}

// region finds a region by name, which is unique; nil when there is none.
func (lab *Lab) region(name string) *Region {
	for i := range lab.Regions {
		if lab.Regions[i].Name == name {
			return &lab.Regions[i]
		}
	}
	return nil
}

// Complete fills in what a cluster that was not part of a specification leaves to
// defaults, and checks it as one of a specification is checked.
func Complete(c Cluster) (Cluster, error) {
	lab := newLab()
	switch c.Role {
	case RoleRegion:
		lab.Regions = []Region{{
			Name: c.Name, Namespace: c.Namespace, Cloud: c.Cloud, Location: c.Location, Domain: c.Domain,
			Retention: c.Retention, Workload: c.Workload,
		}}
	default:
		lab.Regions = []Region{{Name: c.Name + "-region"}} // a lab has one; which stores the child is not asked here
		lab.Children = []Child{{
			Name: c.Name, Namespace: c.Namespace, Cloud: c.Cloud, Location: c.Location, Tenant: c.Tenant,
			Workload: c.Workload, AllowUnresolved: true,
		}}
	}
	lab, err := newFindings("").finish(lab, nil)
	if err != nil {
		return c, err
	}
	clusters := lab.Clusters()
	complete := clusters[len(clusters)-1]
	complete.ID = c.ID
	return complete, nil
}
