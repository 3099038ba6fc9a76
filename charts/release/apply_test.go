package release

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	helmdriver "helm.sh/helm/v3/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

func TestApplyInstallsUpgradesAndLeavesAlone(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, events := f.client(t, func(o *Options) { o.Now = func() time.Time { return epoch } })

	res, err := c.Apply(context.Background(), web(t, nil))
	require.NoError(t, err)
	require.Equal(t, Install, res.Action)
	require.Equal(t, 1, res.Revision)
	require.Equal(t, "Say hello.", res.Notes)
	require.Equal(t, 4, res.Created, "three objects and the namespace")
	require.Equal(t, "v1.34.1", text(f.object("configmaps", "shop/web-config"), "data", "kube"))
	require.Equal(t, "web", f.object("deployments", "shop/web").GetAnnotations()["meta.helm.sh/release-name"])
	require.Equal(t, Done, (*events)[len(*events)-1].Phase)
	f.writes()

	res, err = c.Apply(context.Background(), web(t, map[string]any{}))
	require.NoError(t, err)
	require.Equal(t, Unchanged, res.Action)
	require.Equal(t, 1, res.Revision)
	require.Empty(t, f.writes())

	res, err = c.Apply(context.Background(), web(t, map[string]any{"replicas": 3, "extra": true}))
	require.NoError(t, err)
	require.Equal(t, Upgrade, res.Action)
	require.Equal(t, 2, res.Revision)
	require.Equal(t, []string{"POST configmaps/shop/web-extra", "PATCH deployments/shop/web"}, f.writes())
	require.EqualValues(t, 3, number(f.object("deployments", "shop/web"), 0, "spec", "replicas"))

	res, err = c.Apply(context.Background(), web(t, nil))
	require.NoError(t, err)
	require.Equal(t, 3, res.Revision)
	require.Nil(t, f.object("configmaps", "shop/web-extra"), "an object that left the manifest is deleted")

	history, err := c.History(context.Background(), "shop", "web")
	require.NoError(t, err)
	require.Len(t, history, 3)
	require.Equal(t, []string{"superseded", "superseded", "deployed"}, []string{history[0].Status, history[1].Status, history[2].Status})
	require.Equal(t, epoch, history[2].Updated, "the lab's clock stamps")
}

func TestAChartServesManyReleases(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	parent := makeChart(t, "parent", "1.0.0", map[string]string{
		"Chart.yaml":                     "apiVersion: v2\nname: parent\nversion: 1.0.0\ndependencies:\n- {name: part, version: 1.0.0, alias: first, condition: first.enabled}\n- {name: part, version: 1.0.0, alias: second, condition: second.enabled}\n",
		"values.yaml":                    "first: {enabled: true}\nsecond: {enabled: false}\n",
		"charts/part/Chart.yaml":         "apiVersion: v2\nname: part\nversion: 1.0.0\n",
		"charts/part/templates/one.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}-{{ .Chart.Name }}\"}\n",
	})
	for i, values := range []map[string]any{nil, {"second": map[string]any{"enabled": true}}, nil} {
		r := Release{Name: []string{"a", "b", "c"}[i], Namespace: "default", Chart: parent, Values: values}
		_, err := c.Apply(context.Background(), r)
		require.NoError(t, err)
		require.Len(t, parent.Metadata.Dependencies, 2, "the chart is not changed")
	}
	require.NotNil(t, f.object("configmaps", "default/b-second"))
	require.NotNil(t, f.object("configmaps", "default/c-first"))
	require.Nil(t, f.object("configmaps", "default/c-second"))
}

func TestStockHelmReadsOurReleasesAndWeReadTheirs(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	_, err := c.Apply(context.Background(), web(t, map[string]any{"replicas": 2}))
	require.NoError(t, err)

	core, err := corev1.NewForConfig(f.jsonConfig())
	require.NoError(t, err)
	stock := helmdriver.NewSecrets(core.Secrets("shop"))
	rel, err := stock.Get("sh.helm.release.v1.web.v1")
	require.NoError(t, err)
	require.Equal(t, "web", rel.Chart.Name())
	require.EqualValues(t, 2, rel.Config["replicas"])

	// A record rewritten by stock Helm has the same content in other bytes, and
	// a stale digest would still be found on it.
	rel.Labels[labelDigest] = "stale"
	require.NoError(t, stock.Update("sh.helm.release.v1.web.v1", rel))
	res, err := c.Apply(context.Background(), web(t, map[string]any{"replicas": 2}))
	require.NoError(t, err)
	require.Equal(t, Unchanged, res.Action, "same content, whatever the label says")
	res, err = c.Apply(context.Background(), web(t, map[string]any{"replicas": 3}))
	require.NoError(t, err)
	require.Equal(t, Upgrade, res.Action)
}

func TestCRDsComeFirstAndAreKnownAtOnce(t *testing.T) {
	f := newFakeAPI()
	c, _ := f.client(t)
	ring := makeChart(t, "ring", "1.0.0", map[string]string{
		"crds/ring.yaml":      ringCRD,
		"templates/ring.yaml": "{{- if .Capabilities.APIVersions.Has \"lab.example/v1/Ring\" }}\napiVersion: lab.example/v1\nkind: Ring\nmetadata: {name: one}\nspec: {gold: true}\n{{- end }}\n",
	})
	_, err := c.Apply(context.Background(), Release{Name: "ring", Namespace: "default", Chart: ring})
	require.NoError(t, err)
	require.NotNil(t, f.object("rings", "default/one"))

	// An upgrade to a chart with a new kind brings that kind too.
	_, err = c.Apply(context.Background(), Release{Name: "web", Namespace: "default", Chart: webChart(t), SkipWait: true})
	require.NoError(t, err)
	f.remove("customresourcedefinitions", "rings.lab.example")
	other, _ := f.client(t)
	delete(f.kinds, gvrOf("lab.example", "v1", "rings"))
	grown := webChart(t)
	grown.Files = append(grown.Files, ring.Files...)
	grown.Metadata.Version = "1.1.0"
	res, err := other.Apply(context.Background(), Release{Name: "web", Namespace: "default", Chart: grown, SkipWait: true})
	require.NoError(t, err)
	require.Equal(t, Upgrade, res.Action)
	require.NotNil(t, f.object("customresourcedefinitions", "rings.lab.example"))
}

func TestFaultsSayWhatAndWhere(t *testing.T) {
	template := func(text string) *chart.Chart {
		return makeChart(t, "bad", "0.1.0", map[string]string{"templates/x.yaml": text})
	}
	cases := []struct {
		name string
		r    Release
		want []string
	}{
		{"schema", web(t, map[string]any{"replicas": "many", "greeting": 7}),
			[]string{"cluster east: release shop/web (chart web 1.0.0): install: values: 2 faults", "web: '/replicas': got string, want integer", "web: '/greeting': got number, want string"}},
		{"no chart", Release{Name: "x", Namespace: "default"}, []string{"no chart given"}},
		{"name", Release{Name: "X_", Namespace: "default", Chart: webChart(t)}, []string{`release name "X_"`, "invalid"}},
		{"render", Release{Name: "x", Namespace: "default", Chart: template(`a: {{ required "domain must be set" .Values.domain }}`)},
			[]string{"bad/templates/x.yaml:1:", "domain must be set"}},
		{"parse", Release{Name: "x", Namespace: "default", Chart: template(`a: {{ if }}`)}, []string{"parse error at (bad/templates/x.yaml:1)"}},
		{"yaml", Release{Name: "x", Namespace: "default", Chart: template("kind: ConfigMap\n  a: b")}, []string{"bad/templates/x.yaml", "mapping values are not allowed"}},
		{"unknown kinds", Release{Name: "x", Namespace: "default", Chart: template("apiVersion: a/v1\nkind: A\nmetadata: {name: a}\n---\napiVersion: b/v1\nkind: B\nmetadata: {name: b}\n")},
			[]string{`no matches for kind "A" in version "a/v1"`, `no matches for kind "B" in version "b/v1"`, "install the chart that brings its CRD", "bad/templates/x.yaml"}},
		{"nameless", Release{Name: "x", Namespace: "default", Chart: template("apiVersion: v1\nkind: ConfigMap\n")}, []string{"ConfigMap has no metadata.name"}},
		{"no namespace", Release{Name: "web", Namespace: "gone", Chart: webChart(t)}, []string{`namespaces "gone" not found`}},
		{"library", Release{Name: "x", Namespace: "default", Chart: libraryChart(t)}, []string{"type library"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			f := newFakeAPI()
			f.stored = running
			c, _ := f.client(t)
			_, err := c.Apply(context.Background(), tc.r)
			for _, w := range tc.want {
				require.ErrorContains(t, err, w)
			}
			var fault *Error
			require.ErrorAs(t, err, &fault)
			for key := range f.objects {
				require.Equal(t, "namespaces/default", key, "nothing is left behind")
			}
		})
	}
}

func TestForeignObjectsAreNotTakenOver(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	f.put("configmaps", "default/web-config", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web-config","namespace":"default"}}`)
	c, _ := f.client(t)
	r := Release{Name: "web", Namespace: "default", Chart: webChart(t)}
	_, err := c.Apply(context.Background(), r)
	require.ErrorContains(t, err, `ConfigMap "web-config" in namespace "default" exists and cannot be imported into the current release`)
	r.TakeOwnership = true
	_, err = c.Apply(context.Background(), r)
	require.NoError(t, err)
	require.Equal(t, "hello", text(f.object("configmaps", "default/web-config"), "data", "greeting"))
}

func TestTimeoutNamesTheBlockingObject(t *testing.T) {
	f := newFakeAPI()
	f.stored = func(u *unstructured.Unstructured) {
		if u.GetKind() == "Deployment" {
			u.Object["status"] = map[string]any{"updatedReplicas": int64(1), "replicas": int64(1)}
		}
	}
	f.put("pods", "shop/web-abc", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-abc","namespace":"shop","labels":{"app":"web"}},
	  "status":{"phase":"Pending","containerStatuses":[{"name":"web","state":{"waiting":{"reason":"ImagePullBackOff","message":"Back-off pulling image \"web:1\""}}}]}}`)
	f.put("events", "shop/e1", `{"apiVersion":"v1","kind":"Event","metadata":{"name":"e1","namespace":"shop"},"involvedObject":{"name":"web-abc"},"reason":"Failed","message":"Error: ImagePullBackOff"}`)
	f.put("namespaces", "shop", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`)
	c, events := f.client(t)
	r := web(t, nil)
	r.Timeout, r.Atomic = 50*time.Millisecond, true
	res, err := c.Apply(context.Background(), r)
	var timeout *TimeoutError
	require.ErrorAs(t, err, &timeout)
	require.Equal(t, "Deployment shop/web", timeout.Object)
	require.Equal(t, "0 of 1 replicas are available; pod web-abc: container web: ImagePullBackOff: Back-off pulling image \"web:1\"; last event: Failed: Error: ImagePullBackOff", timeout.State)
	require.Equal(t, "`kubectl describe pod web-abc -n shop`", timeout.Advice)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.True(t, TakenBack(err), "a failed first revision is uninstalled")
	require.Equal(t, Install, res.Action)
	require.Nil(t, f.object("deployments", "shop/web"))
	require.Nil(t, f.object("secrets", "shop/sh.helm.release.v1.web.v1"))
	var said bool
	for _, e := range *events {
		said = said || e.Phase == Waiting && e.Object == "Deployment shop/web" && e.Message != ""
	}
	require.True(t, said)
}

func TestAtomicUpgradeGoesBack(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	_, err := c.Apply(context.Background(), web(t, nil))
	require.NoError(t, err)

	f.refuse = func(method, path string) *apierrors.StatusError {
		if method == "POST" && path == "/api/v1/namespaces/shop/configmaps" {
			return apierrors.NewForbidden(gvrOf("", "v1", "configmaps").GroupResource(), "web-extra", errors.New("quota is used up"))
		}
		return nil
	}
	r := web(t, map[string]any{"extra": true, "greeting": "bye"})
	r.Atomic = true
	_, err = c.Apply(context.Background(), r)
	require.ErrorContains(t, err, "creating ConfigMap shop/web-extra (web/templates/web.yaml)")
	require.ErrorContains(t, err, "quota is used up; the release was rolled back to revision 1")
	require.True(t, TakenBack(err))
	require.Equal(t, "hello", text(f.object("configmaps", "shop/web-config"), "data", "greeting"))
	history, err := c.History(context.Background(), "shop", "web")
	require.NoError(t, err)
	require.Equal(t, "superseded failed deployed", history[0].Status+" "+history[1].Status+" "+history[2].Status)

	// Not atomic: the failed revision stays, and the next one builds on it.
	r.Atomic = false
	_, err = c.Apply(context.Background(), r)
	require.Error(t, err)
	require.False(t, TakenBack(err))
	f.refuse = nil
	res, err := c.Apply(context.Background(), r)
	require.NoError(t, err)
	require.Equal(t, Upgrade, res.Action)
	require.Equal(t, 5, res.Revision)
}

func TestCancelledApplyStopsAndIsTakenUpAgain(t *testing.T) {
	f := newFakeAPI()
	c, _ := f.client(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := c.Apply(ctx, web(t, nil))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "waiting for Deployment shop/web")
	history, err := c.History(context.Background(), "shop", "web")
	require.NoError(t, err)
	require.Equal(t, "failed", history[0].Status)

	f.stored = running
	res, err := c.Apply(context.Background(), web(t, map[string]any{"replicas": 2}))
	require.NoError(t, err)
	require.Equal(t, Upgrade, res.Action)
}

func TestWarningsAreReported(t *testing.T) {
	f := newFakeAPI()
	f.stored, f.warn = running, "unknown field \"spec.x\""
	c, events := f.client(t)
	res, err := c.Apply(context.Background(), web(t, nil))
	require.NoError(t, err)
	require.Equal(t, []string{`unknown field "spec.x"`}, res.Warnings)
	var n int
	for _, e := range *events {
		if e.Phase == Warning {
			n++
		}
	}
	require.Equal(t, 1, n)
}
