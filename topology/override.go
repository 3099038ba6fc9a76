package topology

import (
	"fmt"
	"strings"

	"koflab/topology/document"
)

// Overrides are what the command line says about a lab. They replace what the
// specification says, before defaults; a zero value replaces nothing. Problems
// with them name the flag.
type Overrides struct {
	// Name is --name.
	Name string
	// Seed is --seed; 0 keeps the specification's.
	Seed int64
	// Stack is --stack.
	Stack string
	// Network is --network.
	Network NetworkMode
	// ManagementData is --management-data.
	ManagementData ManagementData
	// Children is --children: keep so many, or add copies of those there are.
	// Nil keeps all.
	Children *int
	// Scrape is every --scrape, CLUSTER=URL: a real endpoint for the collector of
	// a cluster. CLUSTER is a name, or namespace/name where names are shared.
	Scrape []string
}

func (f *findings) override(lab *Lab, o Overrides) {
	override(f, &lab.Name, o.Name, "name", "--name")
	override(f, &lab.Seed, o.Seed, "seed", "--seed")
	override(f, &lab.Stack, o.Stack, "stack", "--stack")
	override(f, &lab.Network, o.Network, "network", "--network")
	override(f, &lab.ManagementData, o.ManagementData, "managementData", "--management-data")
	if o.Children != nil {
		f.resize(lab, *o.Children)
	}
	for _, s := range o.Scrape {
		f.addScrape(lab, s)
	}
}

func override[T comparable](f *findings, v *T, to T, path, flag string) {
	var zero T
	if to != zero {
		*v = to
		f.ByFlag(path, flag)
	}
}

// resize keeps the first n children, or goes on with copies of them in turn, so
// that a larger lab has the proportions of the smaller one.
func (f *findings) resize(lab *Lab, n int) {
	const flag, limit = "--children", 5000
	if n < 0 || n > limit {
		f.ByFlag("children", flag)
		f.Add("children", "%d is out of range, give 0 to %d", n, limit)
		return
	}
	had := len(lab.Children)
	if n <= had {
		lab.Children = lab.Children[:n]
		return
	}
	taken := map[string]bool{}
	for i := range lab.Children {
		taken[lab.Children[i].Name] = true
	}
	for next := had + 1; len(lab.Children) < n; next++ {
		name := fmt.Sprintf("child-%d", next)
		if taken[name] {
			continue
		}
		var child Child
		if had > 0 {
			child = lab.Children[len(lab.Children)%had]
		}
		child.Name, child.Scrape = name, nil
		f.ByFlag(document.Item("children", len(lab.Children)), flag)
		lab.Children = append(lab.Children, child)
	}
}

// addScrape parses CLUSTER=URL and gives the URL to the cluster's collector.
func (f *findings) addScrape(lab *Lab, s string) {
	const flag = "--scrape"
	f.ByFlag(flag, flag) // problems of the argument itself have no field
	cluster, url, ok := strings.Cut(s, "=")
	if !ok || cluster == "" || url == "" {
		f.Add(flag, "%q is not CLUSTER=URL, give one such as child-1=http://127.0.0.1:9100/metrics", document.Clip(s))
		return
	}
	targets := workloadsNamed(lab, cluster)
	switch len(targets) {
	case 0:
		f.Add(flag, "there is no cluster %q, %s", document.Clip(cluster), document.OrOneOf(cluster, clusterNames(lab)))
	case 1:
		w, path := targets[0].workload, document.Join(targets[0].path, "scrape")
		f.ByFlag(document.Item(path, len(w.Scrape)), flag)
		w.Scrape = append(w.Scrape, ScrapeTarget{URL: url})
	default:
		f.Add(flag, "there are %d clusters %q, write NAMESPACE/%s", len(targets), document.Clip(cluster), document.Clip(cluster))
	}
}

type namedWorkload struct {
	path     string
	workload *Workload
}

// workloadsNamed finds clusters by name or namespace/name in a lab that has no
// defaults yet.
func workloadsNamed(lab *Lab, name string) []namedWorkload {
	var found []namedWorkload
	add := func(own, otherwise, namespace, path string, w *Workload) {
		fill(&own, otherwise)
		fill(&namespace, DefaultNamespace)
		if name == own || name == namespace+"/"+own {
			found = append(found, namedWorkload{path, w})
		}
	}
	add(lab.Management.Name, DefaultManagement, lab.Management.Namespace, "management", &lab.Management.Workload)
	for i := range lab.Regions {
		r := &lab.Regions[i]
		add(r.Name, "", r.Namespace, document.Item("regions", i), &r.Workload)
	}
	for i := range lab.Children {
		c := &lab.Children[i]
		add(c.Name, "", c.Namespace, document.Item("children", i), &c.Workload)
	}
	return found
}

func clusterNames(lab *Lab) []string {
	name := lab.Management.Name
	fill(&name, DefaultManagement)
	names := []string{name}
	for i := range lab.Regions {
		names = append(names, lab.Regions[i].Name)
	}
	for i := range lab.Children {
		names = append(names, lab.Children[i].Name)
	}
	return names
}
