package inventory_test

import (
	"bytes"
	"path"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"koflab/charts"
	"koflab/sim/inventory"
	"koflab/topology"
)

// documents renders a chart.
func documents(t *testing.T, name string, values map[string]any) []map[string]any {
	t.Helper()
	c, err := charts.Load(name)
	require.NoError(t, err)
	require.NoError(t, chartutil.ProcessDependenciesWithMerge(c, values))
	vals, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: name, Namespace: "kof", Revision: 1, IsInstall: true}, nil)
	require.NoError(t, err, name)
	files, err := engine.Render(c, vals)
	require.NoError(t, err, name)
	var out []map[string]any
	for file, text := range files {
		if path.Ext(file) != ".yaml" {
			continue
		}
		for _, part := range bytes.Split([]byte(text), []byte("\n---")) {
			var o map[string]any
			require.NoError(t, yaml.Unmarshal(part, &o), file)
			if o["kind"] != nil {
				out = append(out, o)
			}
		}
	}
	return out
}

// requests sums up what an object asks for, wherever in it that stands.
func requests(v any) (r inventory.Resources) {
	add := func(o inventory.Resources) { r.CPU += o.CPU; r.Memory += o.Memory }
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			add(requests(e))
		}
	case map[string]any:
		if ask, ok := v["requests"].(map[string]any); ok && ask["memory"] != nil {
			cpu, _ := ask["cpu"].(string)
			mem, _ := ask["memory"].(string)
			c, err := resource.ParseQuantity(cpu)
			m, err2 := resource.ParseQuantity(mem)
			if err == nil && err2 == nil {
				return inventory.Resources{CPU: c.AsApproximateFloat64(), Memory: m.Value()}
			}
		}
		for _, e := range v {
			add(requests(e))
		}
	}
	return r
}

// TestAllowanceCoversTheCharts: what machines are sized for is at least what the
// charts of a cluster's role ask for.
func TestAllowanceCoversTheCharts(t *testing.T) {
	f := func(role topology.Role, names ...string) {
		t.Helper()
		var once, perNode inventory.Resources
		add := func(o map[string]any) {
			r := requests(o)
			spec, _ := o["spec"].(map[string]any)
			to := &once
			if o["kind"] == "DaemonSet" || spec["mode"] == "daemonset" {
				to = &perNode
			}
			n := 1.0
			if replicas, ok := spec["replicas"].(float64); ok {
				n = replicas
			}
			to.CPU += n * r.CPU
			to.Memory += int64(n) * r.Memory
		}
		for _, name := range append(names, "cert-manager", "kof-operators", "kof-collectors") {
			values := map[string]any{"kof": map[string]any{"domain": "r.example.com", "clusterName": "r"}}
			if name == "cert-manager" || name == "kcm" || name == "ingress-nginx" {
				values = map[string]any{}
			}
			for _, o := range documents(t, name, values) {
				add(o)
			}
		}
		proxies, dns, _ := inventory.System()
		proxy, core := proxies[0].Spec.Template.Spec.Containers[0].Resources.Requests, dns[0].Spec.Template.Spec.Containers[0].Resources.Requests
		perNode.CPU += proxy.Cpu().AsApproximateFloat64()
		perNode.Memory += proxy.Memory().Value()
		once.CPU += core.Cpu().AsApproximateFloat64()
		once.Memory += core.Memory().Value()

		got, node := inventory.Allowance(inventory.SpecOf(topology.Cluster{Name: "c", Role: role}, 1))
		t.Logf("%s: once %.2f cores %d MiB of %.2f, %d; per node %.2f cores %d MiB of %.2f, %d", role,
			once.CPU, once.Memory>>20, got.CPU, got.Memory>>20, perNode.CPU, perNode.Memory>>20, node.CPU, node.Memory>>20)
		require.LessOrEqual(t, once.CPU, got.CPU)
		require.LessOrEqual(t, once.Memory, got.Memory)
		require.LessOrEqual(t, perNode.CPU, node.CPU)
		require.LessOrEqual(t, perNode.Memory, node.Memory)
	}
	f(topology.RoleManagement, "kcm", "kof-mothership", "kof-regional", "kof-child")
	f(topology.RoleRegion, "ingress-nginx", "kof-storage")
	f(topology.RoleChild)
}

// TestShopValuesAreTheChartsValues: the chart takes them and makes what they say.
func TestShopValuesAreTheChartsValues(t *testing.T) {
	s := child(topology.Workload{Workloads: 14})
	kinds := map[any]int{}
	for _, o := range documents(t, "demo-shop", inventory.ShopValues(s)) {
		kinds[o["kind"]]++
	}
	require.Equal(t, 14, kinds["Deployment"])
	require.Equal(t, 1, kinds["StatefulSet"])
	require.Equal(t, 1, kinds["CronJob"])
	require.Equal(t, 1, kinds["HorizontalPodAutoscaler"])
	require.Equal(t, 4, kinds["ResourceQuota"], "a namespace each for shop, payments, logistics and shop-2")
}
