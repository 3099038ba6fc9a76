package release

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/charts"
	"koflab/embed/kube"
	"koflab/embed/kube/controllers"
)

// embedded is a cluster of the lab: the API server, its controllers and nodes.
func embedded(t testing.TB) (*kube.Server, *Client, *[]Event) {
	t.Helper()
	s := kube.New(kube.Options{Name: "east", Seed: 1, Now: func() time.Time { return epoch }})
	for i := range 3 {
		all := corev1.ResourceList{"cpu": resource.MustParse("16"), "memory": resource.MustParse("64Gi"), "pods": resource.MustParse("110")}
		_, err := s.Create(schema.GroupResource{Resource: "nodes"}, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("east-%d", i)},
			Status: corev1.NodeStatus{Capacity: all, Allocatable: all,
				Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
		})
		require.NoError(t, err)
	}
	run := controllers.Run(context.Background(), s, controllers.Options{Now: func() time.Time { return epoch }, Seed: 1, Delays: controllers.Immediate, Events: true})
	events := &[]Event{}
	c, err := New(Options{Config: s.RESTConfig(), Cluster: "east", Now: func() time.Time { return epoch }, Progress: func(e Event) { *events = append(*events, e) }})
	require.NoError(t, err)
	t.Cleanup(func() {
		run.Close()
		require.NoError(t, s.Close(context.Background()))
	})
	return s, c, events
}

// The charts of a child are installed on an embedded cluster until all is
// ready, changed, repaired and taken away.
func TestChildOnAnEmbeddedCluster(t *testing.T) {
	s, c, events := embedded(t)
	ctx := context.Background()
	var list []Release
	for _, name := range []string{"cert-manager", "kof-operators", "kof-collectors"} {
		ch, err := charts.Load(name)
		require.NoError(t, err)
		r := Release{Name: name, Namespace: "kof", Chart: ch, CreateNamespace: true, Timeout: 20 * time.Second}
		if name == "cert-manager" {
			r.Namespace = "cert-manager"
		}
		if n := len(list); n > 0 {
			r.DependsOn = []string{list[n-1].Name}
		}
		list = append(list, r)
	}
	results, err := c.ApplyAll(ctx, list)
	require.NoError(t, err, "%v", *events)
	for _, r := range results {
		require.Equal(t, Install, r.Action)
		state, err := c.Status(ctx, r.Namespace, r.Name)
		require.NoError(t, err)
		require.True(t, state.Ready(), "%+v", state)
	}
	results, err = c.ApplyAll(ctx, list)
	require.NoError(t, err)
	require.Equal(t, []Action{Unchanged, Unchanged, Unchanged}, actions(results))
	for _, r := range list {
		drift, err := c.Drift(ctx, r.Namespace, r.Name)
		require.NoError(t, err)
		require.Empty(t, drift, "what was just installed is as it should be")
	}

	deployments := schema.GroupResource{Group: "apps", Resource: "deployments"}
	require.NoError(t, s.Delete(deployments, "cert-manager", "cert-manager", metav1.DeleteOptions{}))
	drift, err := c.Repair(ctx, "cert-manager", "cert-manager")
	require.NoError(t, err)
	require.Equal(t, []Drift{{Object: "Deployment cert-manager/cert-manager", Missing: true}}, drift)

	list[2].Values = map[string]any{"prometheus-node-exporter": map[string]any{"enabled": false}}
	results, err = c.ApplyAll(ctx, list)
	require.NoError(t, err)
	require.Equal(t, Upgrade, results[2].Action)
	_, err = s.Get(schema.GroupResource{Group: "apps", Resource: "daemonsets"}, "kof", "kof-collectors-prometheus-node-exporter")
	require.Error(t, err)
	_, err = c.Rollback(ctx, "kof", "kof-collectors", RollbackOptions{Timeout: 20 * time.Second})
	require.NoError(t, err)
	_, err = s.Get(schema.GroupResource{Group: "apps", Resource: "daemonsets"}, "kof", "kof-collectors-prometheus-node-exporter")
	require.NoError(t, err)

	for i := range list {
		r := list[len(list)-1-i]
		_, err := c.Uninstall(ctx, r.Namespace, r.Name, UninstallOptions{Timeout: 20 * time.Second})
		require.NoError(t, err)
	}
	left, err := c.List(ctx, "")
	require.NoError(t, err)
	require.Empty(t, left)
	require.Empty(t, s.List(deployments, "kof", nil))
}

// What keeps a pod from running on an embedded cluster is in the error.
func TestBlockedOnAnEmbeddedCluster(t *testing.T) {
	_, c, _ := embedded(t)
	pod := func(annotations, resources string) Release {
		return Release{Name: "web", Namespace: "default", Timeout: 300 * time.Millisecond, Atomic: true, Chart: makeChart(t, "web", "1.0.0", map[string]string{
			"templates/web.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}, annotations: {" + annotations +
				"}}\n    spec: {containers: [{name: web, image: web, resources: {" + resources + "}}]}\n"})}
	}
	for name, tc := range map[string]struct {
		r    Release
		want string
	}{
		"no image":       {pod("koflab.dev/fault: image-pull-error", ""), "container web: "},
		"crashes":        {pod("koflab.dev/fault: crash-loop", ""), "container web: "},
		"does not fit":   {pod("", "requests: {cpu: 100}"), "Unschedulable: 0/3 nodes are available"},
		"never is ready": {pod("koflab.dev/fault: not-ready", ""), "container web is running but not ready"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Apply(context.Background(), tc.r)
			var timeout *TimeoutError
			require.ErrorAs(t, err, &timeout)
			require.Equal(t, "Deployment default/web", timeout.Object)
			require.Contains(t, timeout.State, tc.want)
			require.Contains(t, timeout.Advice, "kubectl describe pod web-")
			require.True(t, TakenBack(err))
			t.Log(err)
		})
	}
}

// BenchmarkChildOnAnEmbeddedCluster is what a child costs with API server and
// controllers.
func BenchmarkChildOnAnEmbeddedCluster(b *testing.B) {
	var list []Release
	for _, name := range []string{"cert-manager", "kof-operators", "kof-collectors", "demo-shop"} {
		ch, err := charts.Load(name)
		require.NoError(b, err)
		list = append(list, Release{Name: name, Namespace: "kof", Chart: ch, CreateNamespace: true, Timeout: 20 * time.Second})
	}
	b.ReportAllocs()
	for b.Loop() {
		_, c, _ := embedded(b)
		for _, r := range list {
			_, err := c.Apply(context.Background(), r)
			require.NoError(b, err)
		}
	}
}
