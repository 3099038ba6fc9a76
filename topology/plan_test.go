package topology

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func planOf(t *testing.T, text string) *Plan {
	t.Helper()
	lab, err := decodeText(header + text)
	require.NoError(t, err)
	plan, err := NewPlan(lab)
	require.NoError(t, err)
	return plan
}

func componentNames(c PlannedCluster) []string {
	var names []string
	for _, component := range c.Components {
		names = append(names, component.Name)
	}
	return names
}

func listenerNames(c PlannedCluster) []string {
	var names []string
	for _, l := range c.Listeners {
		names = append(names, l.Name)
	}
	return names
}

func TestPlanGolden(t *testing.T) {
	for _, stack := range ProfileNames() {
		lab, err := Preset("minimal", Overrides{Stack: stack})
		require.NoError(t, err)
		plan, err := NewPlan(lab)
		require.NoError(t, err)
		b, err := json.MarshalIndent(plan, "", "  ")
		require.NoError(t, err)
		golden(t, "testdata/plan/"+stack+".json", append(b, '\n'))
	}
}

// The three ways to keep management's own telemetry, and not keeping it.
func TestPlanOfManagementData(t *testing.T) {
	const region = "regions: [{name: r1}]\n"
	f := func(text, store string, stores, collects bool) {
		t.Helper()
		m := planOf(t, text).Clusters[0]
		require.Equal(t, store, m.Region, text)
		require.Equal(t, stores, slices.Contains(listenerNames(m), "vmauth"), text)
		require.Equal(t, stores, len(m.URLs) > 0, text)
		require.Equal(t, collects, slices.Contains(listenerNames(m), "otlp-grpc"), text)
		require.Equal(t, collects, slices.Contains(componentNames(m), "kube-state-metrics"), text)
		require.Contains(t, listenerNames(m), "promxy")
	}
	f(region, "", false, false)
	f(region+"managementData: m2m", "mothership", true, true)
	f(region+"managementData: m2r", "r1", false, true)
	f("managementData: regionless", "mothership", true, true)
}

func TestPlanOfAChildWithoutRegion(t *testing.T) {
	plan := planOf(t, "regions: [{name: r1, cloud: aws}]\nchildren: [{name: c1, cloud: adopted, allowUnresolved: true}, {name: c2, region: r1}]")
	lost, found := plan.Clusters[2], plan.Clusters[3]
	require.Empty(t, lost.Region)
	require.Empty(t, lost.Components)
	require.Empty(t, lost.Listeners)
	require.Contains(t, lost.Unresolved, "kof-regional-cluster-name")
	require.Equal(t, "r1", found.Region)
	require.Equal(t, PlacedByLabel, found.PlacedBy)
	require.NotEmpty(t, found.Components)
	require.Empty(t, found.Unresolved)
}

func TestPlanFollowsTheNetwork(t *testing.T) {
	const text = "regions: [{name: r1}]\n"
	ingress := planOf(t, text).Clusters[1]
	istio := planOf(t, text+"network: istio").Clusters[1]
	require.Contains(t, componentNames(ingress), "ingress-nginx")
	require.NotContains(t, componentNames(ingress), "istiod")
	require.Contains(t, componentNames(istio), "istiod")
	require.NotContains(t, componentNames(istio), "ingress-nginx")
	require.Equal(t, "http://r1-vmauth:8427/vls", istio.URLs["logs"].Read)
}

func TestPlanOfAnUnknownStack(t *testing.T) {
	_, err := NewPlan(&Lab{Stack: "none"})
	require.ErrorContains(t, err, `there is no stack profile "none"`)
}
