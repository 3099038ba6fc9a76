package cmd

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"koflab/topology"
)

// printPlan draws the clusters of a lab as a tree: management on top, below it
// the regions it reads, below each the children it stores.
func printPlan(w io.Writer, lab *topology.Lab) error {
	plan, err := topology.NewPlan(lab)
	if err != nil {
		return err
	}
	below := map[string][]topology.PlannedCluster{} // by parent
	for _, c := range plan.Clusters[1:] {
		switch {
		case c.Role == topology.RoleRegion:
			below[plan.Clusters[0].ID] = append(below[plan.Clusters[0].ID], c)
		default:
			below[c.Region] = append(below[c.Region], c)
		}
	}
	t := tree{}
	t.add("", "", plan.Clusters[0], below)
	if lost := below[""]; len(lost) > 0 {
		t.rows = append(t.rows, treeRow{"(no region)", ""})
		t.addAll("", lost, below)
	}
	if _, err := fmt.Fprintf(w, "lab %s: %s\nstack %s, network %s, management data %s, seed %d\n\n",
		plan.Name, census(lab), plan.Stack, plan.Network, plan.ManagementData, plan.Seed); err != nil {
		return err
	}
	return t.print(w)
}

type treeRow struct{ name, details string }

type tree struct{ rows []treeRow }

// add draws a cluster and what is below it. Branch leads to the cluster itself,
// trunk to the lines below.
func (t *tree) add(branch, trunk string, c topology.PlannedCluster, below map[string][]topology.PlannedCluster) {
	t.rows = append(t.rows, treeRow{branch + c.ID, planDetails(c)})
	t.addAll(trunk, below[c.ID], below)
}

func (t *tree) addAll(trunk string, clusters []topology.PlannedCluster, below map[string][]topology.PlannedCluster) {
	for i, c := range clusters {
		if i == len(clusters)-1 {
			t.add(trunk+"└─ ", trunk+"   ", c, below)
		} else {
			t.add(trunk+"├─ ", trunk+"│  ", c, below)
		}
	}
}

func (t *tree) print(w io.Writer) error {
	width := 0
	for _, r := range t.rows {
		width = max(width, utf8.RuneCountInString(r.name))
	}
	var b strings.Builder
	for _, r := range t.rows {
		b.WriteString(strings.TrimRight(r.name+strings.Repeat(" ", width-utf8.RuneCountInString(r.name)+2)+r.details, " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// planDetails is what is worth knowing of a cluster on one line.
func planDetails(c topology.PlannedCluster) string {
	details := []string{string(c.Role)}
	if place := strings.TrimSpace(c.Cloud + " " + c.Location); place != "" {
		details = append(details, place)
	}
	details = append(details, count(c.Nodes, "node", "nodes"))
	if c.Tenant != "" {
		details = append(details, "tenant "+c.Tenant)
	}
	if c.PlacedBy != "" {
		details = append(details, "region by "+string(c.PlacedBy))
	}
	if c.Role == topology.RoleManagement && c.Region != c.ID {
		details = append(details, storedWhere(c.Region))
	}
	if url := c.URLs["metrics"].Write; url != "" {
		scheme, rest, _ := strings.Cut(url, "://")
		host, _, _ := strings.Cut(rest, "/")
		details = append(details, scheme+"://"+host)
	}
	if n := len(c.Components); n > 0 {
		details = append(details, count(n, "component", "components"))
	}
	if c.Unresolved != "" {
		details = append(details, "no collectors: "+c.Unresolved)
	}
	return strings.Join(details, ", ")
}

func storedWhere(region string) string {
	if region == "" {
		return "stores no telemetry of its own"
	}
	return "its telemetry goes to " + region
}
