package autoconfig

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"koflab/charts/release"
	"koflab/sim/clock"
	"koflab/topology"
)

// offline are controllers with a cache and nothing else.
func offline(t *testing.T) *Controllers {
	t.Helper()
	c := &Controllers{Options: Options{Stack: seedStack(t)}, reads: map[reference]map[types.NamespacedName]bool{}, told: map[string]string{}}
	c.cache = newCache(nil, clock.Real(), func(resource, *unstructured.Unstructured, *unstructured.Unstructured) {}, func(resource) {})
	return c
}

// manifests renders one of our charts.
func manifests(t *testing.T, c *Controllers, name, namespace string) []*unstructured.Unstructured {
	t.Helper()
	loaded, err := c.chartOf(name, "")
	require.NoError(t, err)
	text, err := release.Template(release.Release{Name: name, Namespace: namespace, Chart: loaded}, release.TemplateOptions{})
	require.NoError(t, err)
	objects, err := readManifests(text)
	require.NoError(t, err)
	return objects
}

// TestChartsOfAllProfilesRender takes the services that KOF's charts bring, and
// renders each for a cluster as Sveltos would.
func TestChartsOfAllProfilesRender(t *testing.T) {
	c := offline(t)
	for _, u := range manifests(t, c, "kof-mothership", "kof") {
		if u.GetKind() == serviceTemplates.Kind {
			c.cache.put(serviceTemplates, u)
		}
	}
	render := func(name string, spec map[string]any, cluster *unstructured.Unstructured) map[string]map[string]any {
		t.Helper()
		p, err := readProfile(spec)
		require.NoError(t, err)
		r := &rendering{c: c, cluster: cluster, reads: map[reference]bool{}}
		out, err := r.render(context.Background(), p)
		require.NoError(t, err, name)
		values := map[string]map[string]any{}
		for _, h := range out.charts {
			require.NoError(t, h.err, h.key())
			_, err := release.Template(h.release, release.TemplateOptions{IncludeCRDs: true})
			require.NoError(t, err, h.key())
			values[h.ReleaseName] = h.release.Values
		}
		return values
	}
	lab := &topology.Lab{
		Regions:  []topology.Region{{Name: "r1", Retention: topology.Retention{Metrics: topology.Duration(10 * 24 * 3600e9)}}},
		Children: []topology.Child{{Name: "c1", Region: "r1", Workload: topology.Workload{Collector: topology.Collector{QueueSize: 7, Password: "wrong"}}}},
	}
	topology.Default(lab)
	clusters := map[string]*unstructured.Unstructured{}
	for _, u := range ClusterDeployments(lab, c.Stack) {
		d, err := readDeployment(u)
		require.NoError(t, err)
		s := object(sveltosClusters, d.Namespace, d.Name, nil)
		s.SetLabels(d.Labels)
		s.SetAnnotations(d.Annotations)
		clusters[d.Name] = s
		if d.Role == RoleRegional {
			data, err := regionData(d, c.Stack)
			require.NoError(t, err)
			c.cache.put(configMaps, label(configMap(d.Namespace, ChildConfigMap("c1"), childData(data, "sum")), LabelRole, RoleChild))
		}
	}
	for chart, cluster := range map[string]string{"kof-regional": "r1", "kof-child": "c1"} {
		for _, u := range manifests(t, c, chart, "kof") {
			spec, problem := c.profileSpec(dictionary(u.Object, "spec", "serviceSpec"), SystemNamespace)
			require.Empty(t, problem)
			values := render(chart, spec, clusters[cluster])
			golden(t, "values-"+cluster+".yaml", toYAML(t, values))
		}
	}
	for _, data := range []topology.ManagementData{topology.ManagementDataM2M, topology.ManagementDataM2R} {
		c.ManagementData = data
		c.Management = topology.Management{Name: "c1", Namespace: SystemNamespace, Domain: "d.example.com"}
		spec, err := c.managementSpec()
		require.NoError(t, err)
		golden(t, "values-management-"+string(data)+".yaml", toYAML(t, render("management", spec, clusters["c1"])))
	}
}

// An object may come while a cluster is being looked at that has just missed it.
func TestWhatWasMissedIsNoticed(t *testing.T) {
	c := offline(t)
	c.targets = newQueue(clock.Real())
	cluster := object(sveltosClusters, SystemNamespace, "c1", nil)
	r := &rendering{c: c, cluster: cluster, reads: map[reference]bool{}}
	_, err := r.read(context.Background(), "v1", "ConfigMap", "", "x")
	require.EqualError(t, err, "waiting for ConfigMap kcm-system/x")
	c.routeReaders(configMaps, SystemNamespace, "x")
	require.True(t, c.targets.working())
	c.dropReads(keyOf(cluster), r.reads, nil)
	require.Empty(t, c.reads)
}
