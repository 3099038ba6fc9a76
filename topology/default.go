package topology

import "net/url"

// Names a lab has unless its specification says otherwise.
const (
	DefaultName       = "koflab"
	DefaultStack      = "seed"
	DefaultManagement = "mothership"
	// DefaultNamespace is where KCM keeps ClusterDeployments.
	DefaultNamespace = "kcm-system"
	// DefaultDomain ends the domain of a cluster that gives none.
	DefaultDomain = "kof.example.com"
)

// usual is what a cluster of each role observes unless told otherwise: enough
// for every dashboard to show something, little enough to run in the background.
var usual = map[Role]Workload{
	RoleManagement: {Nodes: 1, Workloads: 2, LogRate: rate(1), TraceRate: rate(0), ScrapeInterval: Duration(15e9)},
	RoleRegion:     {Nodes: 2, Workloads: 2, LogRate: rate(1), TraceRate: rate(0), ScrapeInterval: Duration(15e9)},
	RoleChild:      {Nodes: 2, Workloads: 4, LogRate: rate(5), TraceRate: rate(1), ScrapeInterval: Duration(15e9)},
}

func rate(perSecond float64) *float64 { return &perSecond }

// Default fills in what a specification leaves out. A second call changes
// nothing. An unknown stack has no defaults of its own; Validate reports it.
func Default(lab *Lab) {
	fill(&lab.APIVersion, APIVersion)
	fill(&lab.Kind, Kind)
	fill(&lab.Name, DefaultName)
	fill(&lab.Seed, 1)
	fill(&lab.Stack, DefaultStack)
	fill(&lab.Network, NetworkIngress)
	fill(&lab.ManagementData, ManagementDataNone)
	stack, err := Profile(lab.Stack)
	if err != nil {
		stack = &Stack{}
	}
	lab.defaultManagement(stack)
	for i := range lab.Regions {
		r := &lab.Regions[i]
		fill(&r.Namespace, DefaultNamespace)
		fill(&r.Cloud, cloudDocker)
		fill(&r.Domain, r.Name+"."+DefaultDomain)
		fill(&r.Replicas, 1)
		r.Retention.fill(stack.Retention)
		r.Workload.fill(RoleRegion)
	}
	for i := range lab.Children {
		c := &lab.Children[i]
		fill(&c.Namespace, DefaultNamespace)
		if r := lab.region(c.Region); r != nil && c.Cloud == "" {
			c.Cloud = r.Cloud
			fill(&c.Location, r.Location)
		}
		fill(&c.Cloud, cloudDocker)
		fill(&c.Tenant, stack.Tenants.Default)
		c.Workload.fill(RoleChild)
	}
}

func (lab *Lab) defaultManagement(stack *Stack) {
	m := &lab.Management
	fill(&m.Name, DefaultManagement)
	fill(&m.Namespace, DefaultNamespace)
	if lab.ManagementData.Stores() {
		fill(&m.Domain, m.Name+"."+DefaultDomain)
		m.Retention.fill(stack.Retention)
	}
	if lab.ManagementData == ManagementDataM2R && len(lab.Regions) > 0 {
		fill(&m.Region, lab.Regions[0].Name)
	}
	m.Workload.fill(RoleManagement)
}

func (r *Retention) fill(from Retention) {
	fill(&r.Metrics, from.Metrics)
	fill(&r.Logs, from.Logs)
	fill(&r.Traces, from.Traces)
	fill(&r.Audit, from.Audit)
}

func (w *Workload) fill(role Role) {
	from := usual[role]
	fill(&w.Nodes, from.Nodes)
	fill(&w.Workloads, from.Workloads)
	fill(&w.ScrapeInterval, from.ScrapeInterval)
	if w.LogRate == nil {
		w.LogRate = rate(*from.LogRate)
	}
	if w.TraceRate == nil {
		w.TraceRate = rate(*from.TraceRate)
	}
	for i := range w.Scrape {
		if u, err := url.Parse(w.Scrape[i].URL); err == nil {
			fill(&w.Scrape[i].Job, u.Host)
		}
	}
}

// fill sets a value that was not given.
func fill[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}
