package operators

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

func TestOperatorOfAnImage(t *testing.T) {
	f := func(image string, want int) {
		t.Helper()
		got := operatorOf([]byte(`{"spec":{"containers":[{"image":"` + image + `"}]}}`))
		if got >= 0 && !operatorTable[got].runs(image) {
			got = -1
		}
		require.Equal(t, want, got, image)
	}
	f("victoriametrics/operator:v0.50.0", victoriaOperator)
	f("docker.io/victoriametrics/operator@sha256:00", victoriaOperator)
	f("victoriametrics/operator:config-reloader-v0.50.0", -1)
	f("victoriametrics/vmauth:v1.105.0", -1)
	f("ghcr.io/open-telemetry/opentelemetry-operator/opentelemetry-operator:0.120.0", telemetryOperator)
	f("ghcr.io/open-telemetry/opentelemetry-operator/target-allocator:0.120.0", -1)
	f("quay.io/jetstack/cert-manager-controller:v1.16.4", certManager)
	f("quay.io/jetstack/cert-manager-webhook:v1.16.4", -1)
	f("quay.io/jetstack/cert-manager-istio-csr:v0.14.0", istioCSR)
	f("registry.k8s.io/ingress-nginx/controller:v1.12.1", ingressNginx)
	f("my-ingress-nginx/controller:v1", -1)
	f("registry.k8s.io/external-dns/external-dns:v0.15.0", externalDNS)
	f("docker.io/istio/pilot:1.24.3", istiod)
	f("ghcr.io/grafana/grafana-operator:v5.15.1", grafanaOperator)
	f("localhost:5000/jaegertracing/jaeger-operator:1.52.0", jaegerOperator)
}

func TestInstanceFlags(t *testing.T) {
	i := instance{namespace: "dns", args: []string{"/bin/x", "--source=service", "-source=ingress", "source=none", "--publish-service=$(POD_NAMESPACE)/c"}}
	require.Equal(t, []string{"service", "ingress"}, i.flag("source"))
	require.Equal(t, []string{"dns/c"}, i.flag("publish-service"))
	require.Nil(t, i.flag("policy"))
}

func TestMergeConditions(t *testing.T) {
	first := mergeConditions(nil, []condition{{"Ready", false, "Waiting", "for x"}}, 1, noon)
	other := append(first, map[string]any{"type": "Other", "status": "True"})
	same := mergeConditions(other, []condition{{"Ready", false, "Waiting", "for y"}}, 2, noon.Add(time.Hour))
	require.Equal(t, []any{
		map[string]any{"type": "Ready", "status": "False", "reason": "Waiting", "message": "for y", "observedGeneration": int64(2), "lastTransitionTime": "2026-01-01T12:00:00Z"},
		map[string]any{"type": "Other", "status": "True"},
	}, same)
	turned := mergeConditions(same, []condition{{"Ready", true, "Ready", ""}}, 2, noon.Add(time.Hour))
	require.Equal(t, "2026-01-01T13:00:00Z", turned[0].(map[string]any)["lastTransitionTime"])
}

func TestLaidOver(t *testing.T) {
	f := func(kind, have, want, expect string) {
		t.Helper()
		out, err := laidOver(&store.Object{GVK: schema.GroupVersionKind{Kind: kind}, JSON: []byte(have)}, []byte(want))
		require.NoError(t, err)
		got, err := out.MarshalJSON()
		require.NoError(t, err)
		require.JSONEq(t, expect, string(got))
	}
	f("Service",
		`{"kind":"Service","metadata":{"name":"s","labels":{"theirs":"x","mine":"old"}},"spec":{"clusterIP":"10.0.0.1","type":"NodePort","ports":[{"port":1}]},"status":{"loadBalancer":{}}}`,
		`{"metadata":{"name":"s","labels":{"mine":"new"}},"spec":{"type":"ClusterIP","ports":[{"port":2}]},"status":{}}`,
		`{"kind":"Service","metadata":{"name":"s","labels":{"theirs":"x","mine":"new"}},"spec":{"clusterIP":"10.0.0.1","type":"ClusterIP","ports":[{"port":2}]},"status":{"loadBalancer":{}}}`)
	f("Deployment",
		`{"kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":9,"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now","x":"y"}}}}}`,
		`{"metadata":{"name":"d"},"spec":{"replicas":1,"template":{"metadata":{}}}}`,
		`{"kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":1,"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`)
	f("Secret",
		`{"kind":"Secret","metadata":{"name":"s"},"type":"Opaque","data":{"a":"eA==","b":"eA=="}}`,
		`{"metadata":{"name":"s"},"type":"Opaque","data":{"a":"eQ=="}}`,
		`{"kind":"Secret","metadata":{"name":"s"},"type":"Opaque","data":{"a":"eQ=="}}`)
	f("ConfigMap", `{"kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1"}}`, `{"metadata":{"name":"c"}}`, `{"kind":"ConfigMap","metadata":{"name":"c"}}`)
}

func TestGrafanaContent(t *testing.T) {
	none := func(string, string) (string, error) { return "", nil }
	f := func(kind string, s grafanaContentSpec, uid, problem string) {
		t.Helper()
		got, err := s.check(kind, "object-uid", none)
		if problem != "" {
			require.ErrorContains(t, err, problem)
			return
		}
		require.NoError(t, err)
		require.Equal(t, uid, got)
	}
	f("GrafanaDashboard", grafanaContentSpec{JSON: `{"uid":"u","title":"T"}`}, "u", "")
	f("GrafanaDashboard", grafanaContentSpec{JSON: `{"title":"T"}`}, "object-uid", "")
	f("GrafanaDashboard", grafanaContentSpec{JSON: `{"title":"T"}`, UID: "mine"}, "mine", "")
	f("GrafanaDashboard", grafanaContentSpec{JSON: `{"uid":"u"}`}, "", "has no title")
	f("GrafanaDashboard", grafanaContentSpec{JSON: `{`}, "", "the dashboard's JSON: unexpected end")
	f("GrafanaDashboard", grafanaContentSpec{}, "", "0 sources of the dashboard")
	f("GrafanaDashboard", grafanaContentSpec{JSON: `{}`, URL: "http://x"}, "", "2 sources of the dashboard")
	f("GrafanaDatasource", grafanaContentSpec{}, "", "spec.datasource is empty")
}

func TestCheckRules(t *testing.T) {
	f := func(groups, problem string) {
		t.Helper()
		r := &vmRule{}
		r.Spec.Groups = append(r.Spec.Groups, []byte(groups))
		err := checkRules(r)
		if problem == "" {
			require.NoError(t, err)
			return
		}
		require.EqualError(t, err, problem)
	}
	f(`{"name":"g","rules":[{"record":"a:b","expr":"sum(up)"},{"alert":"A","expr":1}]}`, "")
	f(`{"rules":[]}`, "groups[0]: name is empty")
	f(`{"name":"g","rules":[{"expr":"up"}]}`, `group "g", rules[0]: want either alert or record`)
	f(`{"name":"g","rules":[{"alert":"A"}]}`, `group "g", rules[0]: expr is empty`)
}
