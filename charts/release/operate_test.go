package release

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestUninstall(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	ctx := context.Background()
	_, err := c.Uninstall(ctx, "shop", "web", UninstallOptions{})
	require.ErrorIs(t, err, ErrNotFound)
	res, err := c.Uninstall(ctx, "shop", "web", UninstallOptions{IgnoreNotFound: true})
	require.NoError(t, err)
	require.Equal(t, Unchanged, res.Action)

	_, err = c.Apply(ctx, web(t, nil))
	require.NoError(t, err)
	res, err = c.Uninstall(ctx, "shop", "web", UninstallOptions{KeepHistory: true})
	require.NoError(t, err)
	require.Equal(t, 3, res.Deleted)
	list, err := c.List(ctx, "")
	require.NoError(t, err)
	require.Equal(t, "uninstalled", list[0].Status)
	require.Nil(t, f.object("deployments", "shop/web"))

	res, err = c.Apply(ctx, web(t, nil))
	require.NoError(t, err)
	require.Equal(t, Install, res.Action)
	require.Equal(t, 2, res.Revision)

	f.refuse = func(method, path string) *apierrors.StatusError {
		if method == "DELETE" && strings.HasSuffix(path, "/deployments/web") {
			return apierrors.NewForbidden(gvrOf("apps", "v1", "deployments").GroupResource(), "web", nil)
		}
		return nil
	}
	_, err = c.Uninstall(ctx, "shop", "web", UninstallOptions{})
	require.ErrorContains(t, err, `uninstall: deleting Deployment shop/web`, "Helm itself does not say why")
	f.refuse = nil
	_, err = c.Uninstall(ctx, "shop", "web", UninstallOptions{})
	require.NoError(t, err)
	list, err = c.List(ctx, "")
	require.NoError(t, err)
	require.Empty(t, list)
	require.Len(t, f.objects, 2, "only the namespaces are left")
}

func TestUninstallSaysWhatHoldsAnObject(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	_, err := c.Apply(context.Background(), web(t, nil))
	require.NoError(t, err)
	f.refuse = func(method, path string) *apierrors.StatusError {
		if method == "DELETE" && strings.HasSuffix(path, "/configmaps/web-config") {
			u := f.objects["configmaps/shop/web-config"]
			u.SetFinalizers([]string{"lab.example/hold"})
			now := u.GetCreationTimestamp()
			u.SetDeletionTimestamp(&now)
			return apierrors.NewNotFound(gvrOf("", "v1", "configmaps").GroupResource(), "web-config")
		}
		return nil
	}
	_, err = c.Uninstall(context.Background(), "shop", "web", UninstallOptions{Timeout: 30 * time.Millisecond})
	require.ErrorContains(t, err, "waiting for ConfigMap shop/web-config: it is being deleted, held by finalizers lab.example/hold")
}

func TestRollback(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	ctx := context.Background()
	_, err := c.Rollback(ctx, "shop", "web", RollbackOptions{})
	require.ErrorIs(t, err, ErrNotFound)
	for _, greeting := range []string{"one", "two", "three"} {
		_, err := c.Apply(ctx, web(t, map[string]any{"greeting": greeting, "extra": greeting == "three"}))
		require.NoError(t, err)
	}
	res, err := c.Rollback(ctx, "shop", "web", RollbackOptions{})
	require.NoError(t, err)
	require.Equal(t, 4, res.Revision)
	require.Equal(t, "two", text(f.object("configmaps", "shop/web-config"), "data", "greeting"))
	require.Nil(t, f.object("configmaps", "shop/web-extra"))
	_, err = c.Rollback(ctx, "shop", "web", RollbackOptions{Revision: 9})
	require.ErrorContains(t, err, "there is no revision 9: it has 1 (superseded), 2 (superseded), 3 (superseded), 4 (deployed)")
	_, err = c.Rollback(ctx, "shop", "web", RollbackOptions{Revision: 1})
	require.NoError(t, err)
	values, err := c.Values(ctx, "shop", "web")
	require.NoError(t, err)
	require.Equal(t, "one", values["greeting"])

	// The rolled back revision carries revision 1's label; it is recognized by
	// its content all the same.
	res, err = c.Apply(ctx, web(t, map[string]any{"greeting": "one", "extra": false}))
	require.NoError(t, err)
	require.Equal(t, Unchanged, res.Action)
}

func TestHistoryIsBounded(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t, func(o *Options) { o.MaxHistory = 3 })
	for i := range 5 {
		_, err := c.Apply(context.Background(), web(t, map[string]any{"replicas": i}))
		require.NoError(t, err)
	}
	history, err := c.History(context.Background(), "shop", "web")
	require.NoError(t, err)
	require.Len(t, history, 3)
	require.Equal(t, 5, history[2].Revision)
}

func TestRepair(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	ctx := context.Background()
	_, err := c.Apply(ctx, web(t, nil))
	require.NoError(t, err)
	drift, err := c.Repair(ctx, "shop", "web")
	require.NoError(t, err)
	require.Empty(t, drift)

	f.remove("configmaps", "shop/web-config")
	d := f.object("deployments", "shop/web")
	require.NoError(t, unstructured.SetNestedField(d.Object, int64(7), "spec", "replicas"))
	d.SetLabels(map[string]string{"mine": "stays"})
	f.writes()
	drift, err = c.Drift(ctx, "shop", "web")
	require.NoError(t, err)
	require.Equal(t, []string{"ConfigMap shop/web-config", "Deployment shop/web"}, []string{drift[0].Object, drift[1].Object})
	require.True(t, drift[0].Missing)
	require.Contains(t, drift[1].Patch, `"replicas":1`)
	require.Empty(t, f.writes(), "Drift only looks")

	_, err = c.Repair(ctx, "shop", "web")
	require.NoError(t, err)
	require.NotNil(t, f.object("configmaps", "shop/web-config"))
	require.EqualValues(t, 1, number(f.object("deployments", "shop/web"), 0, "spec", "replicas"))
	require.Equal(t, map[string]string{"mine": "stays", "app": "web", "app.kubernetes.io/managed-by": "Helm"}, f.object("deployments", "shop/web").GetLabels())
	drift, err = c.Drift(ctx, "shop", "web")
	require.NoError(t, err)
	require.Empty(t, drift)
	history, err := c.History(ctx, "shop", "web")
	require.NoError(t, err)
	require.Len(t, history, 1, "repair makes no revision")
	_, err = c.Drift(ctx, "shop", "other")
	require.ErrorIs(t, err, ErrNotFound)
}

// A patch the server makes nothing of is no drift, though it looks like one.
func TestRepairLeavesEquivalentFormsAlone(t *testing.T) {
	f := newFakeAPI()
	c, _ := f.client(t)
	r := Release{Name: "x", Namespace: "default", Chart: makeChart(t, "x", "1.0.0", map[string]string{
		"templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, creationTimestamp: null}\ndata: null\n"})}
	_, err := c.Apply(context.Background(), r)
	require.NoError(t, err)
	drift, err := c.Repair(context.Background(), "default", "x")
	require.NoError(t, err)
	require.Empty(t, drift)
}

func TestStatusAndList(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	ctx := context.Background()
	_, err := c.Apply(ctx, web(t, map[string]any{"replicas": 2}))
	require.NoError(t, err)
	f.object("deployments", "shop/web").Object["status"] = map[string]any{"replicas": int64(2), "updatedReplicas": int64(2), "availableReplicas": int64(1)}
	f.remove("secrets", "shop/web-secret")
	s, err := c.Status(ctx, "shop", "web")
	require.NoError(t, err)
	require.False(t, s.Ready())
	require.Equal(t, "deployed", s.Status)
	require.Equal(t, []ObjectState{
		{APIVersion: "v1", Kind: "Secret", Namespace: "shop", Name: "web-secret", Message: "missing"},
		{APIVersion: "v1", Kind: "ConfigMap", Namespace: "shop", Name: "web-config", Ready: true},
		{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", Message: "1 of 2 replicas are available"},
	}, s.Objects)

	f.object("secrets", "shop/sh.helm.release.v1.web.v1").Object["data"] = map[string]any{"release": "bm90IGEgcmVsZWFzZQ=="}
	list, err := c.List(ctx, "")
	require.NoError(t, err)
	require.Contains(t, list[0].Description, "its Secret cannot be read")
	_, err = c.Apply(ctx, web(t, map[string]any{"replicas": 3}))
	require.ErrorContains(t, err, "release shop/web, revision 1: its Secret cannot be read")
}

func TestApplyAll(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	one := func(name string, needs ...string) Release {
		return Release{Name: name, Namespace: "default", DependsOn: needs, Chart: makeChart(t, name, "1.0.0", map[string]string{
			"templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n"})}
	}
	list := []Release{one("c", "a", "b"), one("a"), one("b", "default/a"), one("d", "bad"), one("bad"), one("e", "d")}
	f.refuse = func(method, path string) *apierrors.StatusError { return nil }
	list[4].Values = map[string]any{"x": "y"}
	list[4].Chart = makeChart(t, "bad", "1.0.0", map[string]string{"templates/x.yaml": "{{ fail \"no\" }}"})
	results, err := c.ApplyAll(context.Background(), list)
	require.ErrorContains(t, err, "release default/bad (chart bad 1.0.0)")
	require.ErrorContains(t, err, "release default/d (chart d 1.0.0): skipped: it depends on default/bad, which is not there")
	require.ErrorContains(t, err, "it depends on default/d")
	var skipped *DependencyError
	require.ErrorAs(t, results[5].Err, &skipped)
	require.Equal(t, []Action{Install, Install, Install, Skipped, Install, Skipped}, actions(results))
	require.NoError(t, results[0].Err)
	var order []string
	for _, w := range f.writes() {
		if strings.HasPrefix(w, "POST configmaps/") {
			order = append(order, strings.TrimPrefix(w, "POST configmaps/default/"))
		}
	}
	require.Equal(t, []string{"a", "b", "c"}, order)

	for name, tc := range map[string]struct {
		list []Release
		want string
	}{
		"circle":    {[]Release{one("a", "c"), one("b", "a"), one("c", "b")}, "circle: default/a -> default/c -> default/b -> default/a"},
		"itself":    {[]Release{one("a", "a")}, "circle: default/a -> default/a"},
		"unknown":   {[]Release{one("a", "z")}, `release default/a depends on "z": there is no such release among default/a`},
		"twice":     {[]Release{one("a"), one("a")}, "release default/a is given twice"},
		"ambiguous": {[]Release{one("a"), {Name: "a", Namespace: "other"}, one("b", "a")}, "write namespace/a"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.ApplyAll(context.Background(), tc.list)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func actions(results []Result) (list []Action) {
	for _, r := range results {
		list = append(list, r.Action)
	}
	return list
}

func TestApplyAllIsBounded(t *testing.T) {
	f := newFakeAPI()
	var mu sync.Mutex
	working, most := 0, 0
	c, _ := f.client(t, func(o *Options) {
		o.Parallel = 2
		o.Progress = func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			switch e.Phase {
			case Rendering:
				working++
				most = max(most, working)
			case Done:
				working--
			}
		}
	})
	var list []Release
	for i := range 8 {
		list = append(list, Release{Name: "r" + itoa(i), Namespace: "default", Chart: makeChart(t, "x", "1.0.0", map[string]string{
			"templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\n"})})
	}
	_, err := c.ApplyAll(context.Background(), list)
	require.NoError(t, err)
	require.LessOrEqual(t, most, 2)
}
