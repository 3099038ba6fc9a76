package check

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"koflab/embed/kube"
)

func TestObjects(t *testing.T) {
	server := kube.New(kube.Options{Name: "child-1"})
	for _, name := range []string{"shop", "kof"} {
		_, err := server.Create(schema.GroupResource{Resource: "namespaces"}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		require.NoError(t, err)
	}
	for _, o := range []struct{ namespace, name, app string }{{"shop", "cart", "a"}, {"shop", "web", "b"}, {"kof", "cart", "a"}} {
		_, err := server.Create(schema.GroupResource{Resource: "configmaps"}, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: o.name, Labels: map[string]string{"app": o.app}},
			Data:       map[string]string{"k": "v"},
		})
		require.NoError(t, err)
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	env := &fakeEnv{kube: map[string]*rest.Config{"child-1": server.RESTConfig(), "away": {Host: closed.URL}}}
	for _, c := range []struct {
		name    string
		objects Objects
		rows    []string
		text    string
	}{
		{"of a namespace", Objects{Namespace: "shop"}, []string{`{name="cart", namespace="shop"} 1`, `{name="web", namespace="shop"} 1`}, "2 objects: shop/cart, shop/web"},
		{"by name everywhere", Objects{Name: "cart"}, []string{`{name="cart", namespace="kof"} 1`, `{name="cart", namespace="shop"} 1`}, "2 objects: kof/cart, shop/cart"},
		{"by name", Objects{Namespace: "shop", Name: "cart"}, []string{`{name="cart", namespace="shop"} 1`}, "1 object: shop/cart"},
		{"by labels", Objects{Selector: "app in (b)"}, []string{`{name="web", namespace="shop"} 1`}, "1 object: shop/web"},
		{"none", Objects{Namespace: "shop", Name: "gone"}, []string{}, "no configmaps"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.objects.Cluster, c.objects.Resource = "child-1", "configmaps"
			r := evaluate(t, Check{Objects: &c.objects}, env)
			require.Empty(t, r.Error)
			require.Equal(t, c.rows, rows(r))
			require.Equal(t, c.text, r.Text)
		})
	}
	r := evaluate(t, Check{Objects: &Objects{Cluster: "child-1", Resource: "configmaps", Name: "web"}}, env)
	ok, why := Expect{CEL: `rows[0].fields.data.k == "v" && size(body.items) == 1 && body.items[0].metadata.labels.app == "b" && !has(rows[0].fields.metadata.managedFields)`}.Holds(r)
	require.True(t, ok, why)
	require.Equal(t, "no deployments.apps", evaluate(t, Check{Objects: &Objects{Cluster: "child-1", Resource: "deployments.apps"}}, env).Text)

	for objects, want := range map[Objects]string{
		{Cluster: "child-1", Resource: "configmap"}: "", // kubectl takes the singular too
		{Cluster: "child-1", Resource: "confimaps"}: `child-1 has no resource "confimaps", did you mean "configmaps"?`,
		{Cluster: "child-1", Resource: "xyzzy"}:     `child-1 has no resource "xyzzy"`,
		{Cluster: "child-9", Resource: "pods"}:      `there is no cluster "child-9"`,
		{Cluster: "away", Resource: "pods"}:         "dial tcp client: connect: connection refused",
	} {
		require.Equal(t, want, evaluate(t, Check{Objects: &objects}, env).Error)
	}
}

func TestEvaluateEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Check{PromQL: "up"}.Evaluate(ctx, &fakeEnv{failure: context.Canceled})
	require.ErrorIs(t, err, context.Canceled)
	_, err = Check{}.Evaluate(t.Context(), &fakeEnv{})
	require.EqualError(t, err, "the check has no query")
	_, err = Check{Oracle: &Oracle{}}.Evaluate(t.Context(), &fakeEnv{failure: context.DeadlineExceeded})
	require.EqualError(t, err, "oracle: context deadline exceeded")
}
