package charts

import (
	"slices"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"koflab/topology"
)

// Every chart and component of the seed profile is here, in a version that the
// profile allows: a part of a chart, or an object that it makes or has made.
func TestChartsCoverTheSeedProfile(t *testing.T) {
	stack, err := topology.Profile("seed")
	require.NoError(t, err)
	for _, chart := range stack.Charts {
		d, err := Describe(chart.Name)
		require.NoError(t, err)
		allows(t, chart.Version, d.Version, chart.Name)
		var names []string
		for _, s := range settings {
			if s.chart != chart.Name {
				continue
			}
			for _, u := range documents(t, s.render(t)) {
				names = append(names, u.GetName())
				// Operators name what they make after the kind.
				switch u.GetKind() {
				case "VMCluster":
					names = append(names, "vminsert-"+u.GetName(), "vmselect-"+u.GetName(), "vmstorage-"+u.GetName())
				case "VMAuth", "VMAlert", "VMAlertmanager", "OpenTelemetryCollector":
					names = append(names, strings.ToLower(u.GetKind())+"-"+u.GetName(), u.GetName()+"-collector")
				}
			}
		}
		for _, component := range chart.Components {
			part := slices.IndexFunc(d.Dependencies, func(p Dependency) bool { return p.Name == component.Name || p.Alias == component.Name })
			if part >= 0 {
				if component.Version != "" {
					allows(t, component.Version, d.Dependencies[part].Version, component.Name)
				}
				continue
			}
			require.True(t, slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, component.Name) }), "%s: %s is nowhere", chart.Name, component.Name)
		}
	}
}

func allows(t *testing.T, constraint, version, of string) {
	t.Helper()
	c, err := semver.NewConstraint(constraint)
	require.NoError(t, err, of)
	require.True(t, c.Check(semver.MustParse(version)), "%s is %s, the profile wants %s", of, version, constraint)
}

// What a cluster's charts ask for, by the roles of the lab.
func TestRequestsFitALab(t *testing.T) {
	for _, c := range []struct {
		role     string
		settings []string
		nodes    int64
		limit    string
	}{
		{"management", []string{"kcm", "cert-manager", "kof-operators", "kof-mothership", "kof-regional", "kof-child", "kof-collectors"}, 2, "2Gi"},
		{"management in a mesh", []string{"kcm", "cert-manager", "kof-operators", "kof-mothership", "kof-istio", "kof-collectors"}, 1, "2Gi"},
		{"storage of a region", []string{"kof-storage-ingress"}, 1, "1280Mi"},
		{"child", []string{"cert-manager", "kof-operators", "kof-collectors-user"}, 1, "520Mi"},
	} {
		var sum resource.Quantity
		for _, name := range c.settings {
			for _, s := range settings {
				if s.name != name {
					continue
				}
				for _, u := range documents(t, s.render(t)) {
					addRequests(t, u.Object, times(u, c.nodes), &sum)
				}
			}
		}
		require.LessOrEqual(t, sum.Value(), ptr(resource.MustParse(c.limit)).Value(), "%s asks for %s", c.role, sum.String())
		require.Greater(t, sum.Value(), int64(200<<20), c.role)
		t.Logf("%s: %d MiB", c.role, sum.Value()>>20)
	}
}

func ptr[T any](v T) *T { return &v }

// times is how many pods an object makes; parts of a VMCluster make one each.
func times(u *unstructured.Unstructured, nodes int64) int64 {
	mode, _, _ := unstructured.NestedString(u.Object, "spec", "mode")
	if u.GetKind() == "DaemonSet" || mode == "daemonset" {
		return nodes
	}
	if n, ok, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "replicas"); ok {
		if f, ok := n.(float64); ok {
			return int64(f)
		}
		if i, ok := n.(int64); ok {
			return i
		}
	}
	return 1
}

// addRequests adds memory requests, wherever in an object they stand.
func addRequests(t *testing.T, v any, times int64, sum *resource.Quantity) {
	switch v := v.(type) {
	case map[string]any:
		if r, ok := v["requests"].(map[string]any); ok {
			if memory, ok := r["memory"].(string); ok {
				q, err := resource.ParseQuantity(memory)
				require.NoError(t, err)
				for range times {
					sum.Add(q)
				}
			}
			return
		}
		for _, e := range v {
			addRequests(t, e, times, sum)
		}
	case []any:
		for _, e := range v {
			addRequests(t, e, times, sum)
		}
	}
}
