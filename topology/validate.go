package topology

import (
	"time"

	"koflab/topology/document"
)

// relations checks what one field's rule cannot see: names, references and
// combinations, on a lab with its defaults.
func (f *findings) relations(lab *Lab) {
	if stack, err := Profile(lab.Stack); err != nil {
		f.Add("stack", "%v", err)
	} else if !stack.Tenants.Enabled {
		f.noTenants(lab)
	}
	f.names(lab)
	f.domains(lab)
	f.managementData(lab)
	f.placements(lab)
}

// names: management and regions share their name with no other cluster; two
// children may, in different namespaces.
func (f *findings) names(lab *Lab) {
	taken := map[string]string{lab.Management.Name: "management.name"} // value -> path
	for i := range lab.Regions {
		f.unique(taken, lab.Regions[i].Name, document.Join(document.Item("regions", i), "name"), "rename one")
	}
	children := map[string]string{}
	for i := range lab.Children {
		c, at := &lab.Children[i], document.Join(document.Item("children", i), "name")
		if _, ok := taken[c.Name]; ok {
			f.unique(taken, c.Name, at, "rename one")
		} else if c.Name != "" {
			f.unique(children, c.Namespace+"/"+c.Name, at, "rename one or put it into another namespace")
		}
	}
}

// unique records a value of the field at path, or a problem when another
// cluster has it. Taken holds the paths of values.
func (f *findings) unique(taken map[string]string, value, path, fix string) {
	if other, ok := taken[value]; ok && value != "" {
		f.Add(path, "%s %q is taken by the cluster %s, %s", f.Label(path), document.Clip(value), f.Where(document.Parent(other)), fix)
		return
	}
	taken[value] = path
}

// noTenants: a tenant that nothing enforces would be a promise broken.
func (f *findings) noTenants(lab *Lab) {
	for i := range lab.Children {
		if tenant := lab.Children[i].Tenant; tenant != "" {
			f.Add(document.Join(document.Item("children", i), "tenant"),
				"stack %s has no tenants, remove tenant: %s or choose another stack", lab.Stack, document.Clip(tenant))
		}
	}
}

// domains: two stores of one domain would be one host to their clients.
func (f *findings) domains(lab *Lab) {
	taken := map[string]string{}
	if lab.ManagementData.Stores() {
		f.unique(taken, lab.Management.Domain, "management.domain", "give each its own")
	}
	for i := range lab.Regions {
		f.unique(taken, lab.Regions[i].Domain, document.Join(document.Item("regions", i), "domain"), "give each its own")
	}
}

// managementData: KOF's chart fails when more than one of its modes is on.
func (f *findings) managementData(lab *Lab) {
	regions := len(lab.Regions)
	switch data := lab.ManagementData; {
	case data == ManagementDataRegionless && regions > 0:
		f.Add("managementData", "regionless makes management the only region, but the lab has others, remove regions: or choose m2m")
	case data != ManagementDataRegionless && regions == 0 && !f.Found("regions"):
		f.Add("regions", "the lab has no region to store telemetry, add one or set managementData: regionless")
	case data == ManagementDataM2R && lab.region(lab.Management.Region) == nil && !f.Found("regions"):
		f.Add("management.region", "region %q does not exist, %s", document.Clip(lab.Management.Region), document.OrOneOf(lab.Management.Region, lab.storeNames()))
	}
}

// placements: every child has a region unless it may go without.
func (f *findings) placements(lab *Lab) {
	for i := range lab.Children {
		if c := &lab.Children[i]; c.RegionNamespace != "" && !lab.CrossNamespace {
			f.Add(document.Join(document.Item("children", i), "regionNamespace"),
				"regionNamespace is read only across namespaces, remove it or set crossNamespace: true")
		}
	}
	// A mistake in the regions would be repeated by each of their children.
	if f.Found("regions") || f.Found("managementData") || f.Found("crossNamespace") {
		return
	}
	for i, p := range ResolveRegions(lab, nil) {
		if c := &lab.Children[i]; p.Err != nil && !c.AllowUnresolved {
			at := document.Item("children", i)
			if c.Region != "" {
				at = document.Join(at, "region")
			}
			f.Add(at, "%s, %s, or set allowUnresolved: true to run without", p.Err.Reason, p.Err.Fix)
		}
	}
}

// durations checks the ranges of durations, before defaults: a zero that was
// given is out of range, one that was not stands for the default.
func (f *findings) durations(lab *Lab) {
	f.retention(lab.Management.Retention, "management.retention")
	f.workloadDurations(&lab.Management.Workload, "management")
	for i := range lab.Regions {
		at := document.Item("regions", i)
		f.retention(lab.Regions[i].Retention, document.Join(at, "retention"))
		f.workloadDurations(&lab.Regions[i].Workload, at)
	}
	for i := range lab.Children {
		f.workloadDurations(&lab.Children[i].Workload, document.Item("children", i))
	}
}

// retention: VictoriaMetrics and VictoriaLogs keep data for a day at least and
// a century at most.
func (f *findings) retention(r Retention, path string) {
	f.between(document.Join(path, "metrics"), r.Metrics, day, 100*year)
	f.between(document.Join(path, "logs"), r.Logs, day, 100*year)
	f.between(document.Join(path, "traces"), r.Traces, day, 100*year)
	f.between(document.Join(path, "audit"), r.Audit, day, 100*year)
}

func (f *findings) workloadDurations(w *Workload, path string) {
	second, minute := Duration(time.Second), Duration(time.Minute)
	f.between(document.Join(path, "scrapeInterval"), w.ScrapeInterval, second, 5*minute)
	f.between(document.Join(path, "collector.retryMaxElapsed"), w.Collector.RetryMaxElapsed, second, 7*day)
}

func (f *findings) between(path string, d, least, most Duration) {
	if (d != 0 || f.Given(path)) && (d < least || d > most) {
		f.Add(path, "%s is %s, give %s to %s", f.Label(path), d, least, most)
	}
}
