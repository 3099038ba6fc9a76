package conform

import (
	"context"
	"math"
	"slices"
	"time"
)

var costChecks = []check{
	{
		id: "cost-present", title: "Every cluster has costs", area: "costs", severity: Error,
		does:    "kof-collectors runs OpenCost on every cluster. It reads the cluster's metrics back from the region with the cluster's credentials, and exposes prices and allocations on port 9003, scraped every 30 s.",
		source:  "kof-collectors chart, opencost; kof-facts 3.3 and 5",
		fix:     "Switch opencost on again in kof-collectors' values (opencost.enabled), see that its pod in namespace kof runs, and that it may read the region (its log says 401 when not).",
		needs:   []aspect{nodes, costs, settled},
		hides:   []aspect{costs},
		because: "has no costs",
		run:     checkCostPresent,
	},
	{
		id: "cost-sum", title: "A node costs what its cores and memory cost", area: "costs", severity: Error,
		does:   "node_total_hourly_cost is cores x node_cpu_hourly_cost + GiB x node_ram_hourly_cost + GPUs x node_gpu_hourly_cost.",
		source: "OpenCost, cost model; kof-facts 5 and 7 (scenario 46)",
		fix:    "See OpenCost's price configuration (customPricing for OpenStack and on-premises), and that kube_node_status_capacity is of the same nodes: duplicates and relabelling spoil the sum.",
		needs:  []aspect{nodes, costs, joins},
		run:    checkCostSum,
	},
	{
		id: "cost-join", title: "Costs of namespaces can be computed", area: "costs", severity: Error,
		does:   "Costs of namespaces and containers join container_cpu_allocation with prices on(cluster, node).",
		source: "OpenCost dashboards of kof-dashboards; kof-facts 5 and 7.1, cost per namespace",
		fix:    "See that OpenCost is scraped with honorLabels (its namespace, pod, node and instance are the containers', not its own), once, and that it can read the cluster's metrics back from the region: without it there are prices and no allocations.",
		needs:  []aspect{nodes, costs, joins, settled},
		run:    checkCostJoin,
	},
}

func checkCostPresent(ctx context.Context, s *survey, v *verdict) {
	rows, err := s.metrics.query(ctx, "max by (cluster) (timestamp(node_total_hourly_cost))")
	if err != nil {
		v.cannot("query node_total_hourly_cost", err)
		return
	}
	last := map[string]float64{}
	for _, x := range rows {
		last[x.of("cluster")] = x.value
	}
	for _, name := range s.clusterNames() {
		if !v.judge(name) {
			continue
		}
		if last[name] == 0 {
			v.wrong(name, "no node_total_hourly_cost")
		} else if age := s.now.Sub(instant(last[name])); age > silentAfter {
			v.wrong(name, "node_total_hourly_cost is %s old, other metrics are not", age.Round(time.Second))
		}
	}
}

// byNode reads a value per node.
func (s *survey) byNode(ctx context.Context, expr string) (map[[2]string]float64, error) {
	rows, err := s.metrics.query(ctx, "max by (cluster, node) ("+expr+")")
	if err != nil {
		return nil, err
	}
	out := map[[2]string]float64{}
	for _, x := range rows {
		out[[2]string{x.of("cluster"), x.of("node")}] = x.value
	}
	return out, nil
}

func checkCostSum(ctx context.Context, s *survey, v *verdict) {
	var values []map[[2]string]float64
	for _, expr := range []string{
		"node_total_hourly_cost", "node_cpu_hourly_cost", "node_ram_hourly_cost", "node_gpu_hourly_cost", "node_gpu_count",
		`kube_node_status_capacity{resource="cpu"}`, `kube_node_status_capacity{resource="memory"}`,
	} {
		m, err := s.byNode(ctx, expr)
		if err != nil {
			v.cannot("query "+expr, err)
			return
		}
		values = append(values, m)
	}
	totals, cpu, ram, gpu, gpus, cores, memory := values[0], values[1], values[2], values[3], values[4], values[5], values[6]
	keys := make([][2]string, 0, len(totals))
	for key := range totals {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	right := 0
	v.judgeClusters()
	for _, key := range keys {
		if key[0] == "" || cores[key] == 0 || !v.judge(key[0]) {
			continue
		}
		want := cores[key]*cpu[key] + memory[key]/(1<<30)*ram[key] + gpus[key]*gpu[key]
		if math.Abs(totals[key]-want) > 0.01*math.Max(want, totals[key]) {
			v.wrong(key[0], "node %s costs %.5g an hour; %.4g cores at %.5g and %.4g GiB at %.5g are %.5g", key[1], totals[key], cores[key], cpu[key], memory[key]/(1<<30), ram[key], want)
			continue
		}
		right++
	}
	v.note("right for %d nodes", right)
}

func checkCostJoin(ctx context.Context, s *survey, v *verdict) {
	rows, err := s.metrics.query(ctx, "sum by (cluster) (container_cpu_allocation * on (cluster, node) group_left () max by (cluster, node) (node_cpu_hourly_cost))")
	if isManyToMany(err) {
		for _, name := range s.clusterNames() {
			v.wrong(name, "the join fails: %s", describe(err))
		}
		return
	}
	if err != nil {
		v.cannot("query of the join", err)
		return
	}
	sums := map[string]float64{}
	for _, x := range rows {
		sums[x.of("cluster")] = x.value
	}
	for _, name := range s.clusterNames() {
		if v.judge(name) && !(sums[name] > 0) {
			v.wrong(name, "container_cpu_allocation joined with node_cpu_hourly_cost gives nothing")
		}
	}
}
