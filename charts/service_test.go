package charts

import (
	"bytes"
	"errors"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// evaluate does what Sveltos does with the values of a service.
func evaluate(text string, cluster map[string]any, resources map[string]any) (map[string]any, error) {
	funcs := sprig.TxtFuncMap()
	funcs["getResource"] = func(id string) (any, error) {
		if r, ok := resources[id]; ok {
			return r, nil
		}
		return nil, errors.New("no resource " + id)
	}
	funcs["toYaml"] = func(v any) (string, error) { out, err := yaml.Marshal(v); return string(out), err }
	read := func(s string) (map[string]any, error) {
		m := map[string]any{}
		err := yaml.Unmarshal([]byte(s), &m)
		return m, err
	}
	funcs["fromYaml"], funcs["fromJson"] = read, read
	tmpl, err := template.New("values").Option("missingkey=error").Funcs(funcs).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := tmpl.Execute(&out, map[string]any{"Cluster": cluster}); err != nil {
		return nil, err
	}
	return read(out.String())
}

// service finds the values text that a chart of services has for one of them.
func service(t *testing.T, chart, kind, object, name, values string) string {
	t.Helper()
	for _, u := range documents(t, setting{chart: chart, namespace: "kof", values: values}.render(t)) {
		if u.GetKind() != kind || u.GetName() != object {
			continue
		}
		at, key := []string{"spec", "serviceSpec", "services"}, "name"
		if kind == "ClusterProfile" {
			at, key = []string{"spec", "helmCharts"}, "releaseName"
		}
		list, _, err := unstructured.NestedSlice(u.Object, at...)
		require.NoError(t, err)
		for _, s := range list {
			if m := s.(map[string]any); m[key] == name {
				return m["values"].(string)
			}
		}
	}
	require.Fail(t, "no service "+name)
	return ""
}

func cluster(name string, annotations map[string]any) map[string]any {
	return map[string]any{"metadata": map[string]any{"name": name, "namespace": "kcm-system", "annotations": annotations}}
}

var childConfig = map[string]any{"ChildConfig": map[string]any{"data": map[string]any{
	"regional_cluster_name": "r1", "vmuser_checksum": "abc", "kof_http_config": `{"tls_config": {"insecure_skip_verify": true}}`,
	"write_metrics_endpoint": "https://vmauth.r1/vm/insert/0/prometheus/api/v1/write", "read_metrics_endpoint": "https://vmauth.r1/vm/select/0/prometheus",
	"write_logs_endpoint": "https://vmauth.r1/vli/insert/opentelemetry/v1/logs", "write_audit_logs_endpoint": "https://vmauth.r1/vlai/insert/opentelemetry/v1/logs",
	"write_traces_endpoint": "https://vmauth.r1/vti/insert/opentelemetry/v1/traces",
}}}

func TestChildValues(t *testing.T) {
	text := service(t, "kof-child", "MultiClusterService", "kof-child-cluster", "kof-collectors", "")
	got, err := evaluate(text, cluster("c1", nil), childConfig)
	require.NoError(t, err)
	kof := got["kof"].(map[string]any)
	require.Equal(t, "c1", kof["clusterName"])
	require.Equal(t, map[string]any{"endpoint": "https://vmauth.r1/vlai/insert/opentelemetry/v1/logs"}, kof["auditLogs"])
	require.Equal(t, map[string]any{"enabled": true, "secretName": "storage-vmuser-credentials", "checksum": "abc"}, kof["vmuser"])
	require.Equal(t, map[string]any{"insecureSkipVerify": true}, kof["tls"])

	c, err := Load("kof-collectors")
	require.NoError(t, err)
	out, err := render(c, "kof", got)
	require.NoError(t, err)
	require.Contains(t, out["kof-collectors/templates/node-exporter.yaml"], `endpoint: "https://vmauth.r1/vm/insert/0/prometheus/api/v1/write"`)
	require.Contains(t, out["kof-collectors/charts/opencost/templates/deployment.yaml"], "name: storage-vmuser-credentials")

	_, err = evaluate(text, cluster("c1", nil), nil)
	require.ErrorContains(t, err, "no resource ChildConfig")

	// In a mesh a child has no user.
	text = service(t, "kof-istio", "ClusterProfile", "kof-istio-child", "kof-collectors", "")
	got, err = evaluate(text, cluster("c1", nil), childConfig)
	require.NoError(t, err)
	require.NotContains(t, got["kof"], "vmuser")
	require.NotContains(t, got["kof"], "tls")
}

func TestMergeOrder(t *testing.T) {
	values := `
global: {values: {jaeger: {ttl: 1h}, victoriametrics: {vmcluster: {spec: {retentionPeriod: 1d, replicationFactor: 3}}}, kof: {domain: default}}}
storage: {values: {victoriametrics: {vmcluster: {spec: {retentionPeriod: 2d}}}, external-dns: {txtOwnerId: "quoted \"and\" <odd> ` + "`ticks`" + `"}}}`
	text := service(t, "kof-regional", "MultiClusterService", "kof-regional-cluster", "kof-storage", values)
	at := func(m map[string]any, path ...string) any {
		v, _, _ := unstructured.NestedFieldNoCopy(m, path...)
		return v
	}
	got, err := evaluate(text, cluster("r1", map[string]any{"k0rdent.mirantis.com/kof-regional-domain": "r1.example.com"}), nil)
	require.NoError(t, err)
	require.Equal(t, "1h", at(got, "jaeger", "ttl"), "global defaults are there")
	require.Equal(t, "r1.example.com", at(got, "kof", "domain"), "what the cluster says wins over them")
	require.Equal(t, "2d", at(got, "victoriametrics", "vmcluster", "spec", "retentionPeriod"), "values of the chart win over both")
	require.Equal(t, "quoted \"and\" <odd> `ticks`", at(got, "external-dns", "txtOwnerId"))
	require.EqualValues(t, 3, at(got, "victoriametrics", "vmcluster", "spec", "replicationFactor"))
	require.Equal(t, "selfsigned", at(got, "cert-manager", "cluster-issuer", "provider"))

	got, err = evaluate(text, cluster("r1", map[string]any{
		"k0rdent.mirantis.com/kof-regional-domain": "r1.example.com", "k0rdent.mirantis.com/kof-cert-email": "a@b.c", "k0rdent.mirantis.com/kof-storage-class": "fast",
		"k0rdent.mirantis.com/kof-storage-values": "{\"victoriametrics\": {\"vmcluster\": {\"spec\": {\"retentionPeriod\": \"3d\"}}}}",
	}), nil)
	require.NoError(t, err)
	require.Equal(t, "3d", at(got, "victoriametrics", "vmcluster", "spec", "retentionPeriod"), "the annotation wins over all")
	require.Equal(t, "letsencrypt", at(got, "cert-manager", "cluster-issuer", "provider"))
	require.Equal(t, "fast", at(got, "global", "storageClass"))
	c, err := Load("kof-storage")
	require.NoError(t, err)
	_, err = render(c, "kof", got)
	require.NoError(t, err)

	_, err = evaluate(text, cluster("r1", map[string]any{}), nil)
	require.ErrorContains(t, err, "cluster kcm-system/r1 has no annotation k0rdent.mirantis.com/kof-regional-domain: add it to spec.config.clusterAnnotations")
}

// All other values can be evaluated and are what their charts take.
func TestEveryServiceRenders(t *testing.T) {
	annotations := map[string]any{"k0rdent.mirantis.com/kof-regional-domain": "r1.example.com", "k0rdent.mirantis.com/kof-operators-values": "opentelemetry-operator: {replicaCount: 2}"}
	for _, s := range []struct{ chart, kind, object string }{
		{"kof-regional", "MultiClusterService", "kof-regional-cluster"},
		{"kof-child", "MultiClusterService", "kof-child-cluster"},
		{"kof-istio", "ClusterProfile", "kof-istio-network"},
		{"kof-istio", "ClusterProfile", "kof-istio-regional"},
		{"kof-istio", "ClusterProfile", "kof-istio-child"},
	} {
		for _, name := range []string{"cert-manager", "ingress-nginx", "kof-operators", "kof-storage", "kof-collectors", "kof-istio"} {
			if !serves(t, s.chart, s.kind, s.object, name) {
				continue
			}
			values, err := evaluate(service(t, s.chart, s.kind, s.object, name, ""), cluster("x1", annotations), childConfig)
			require.NoError(t, err, "%s %s", s.object, name)
			c, err := Load(name)
			require.NoError(t, err)
			_, err = render(c, "kof", values)
			require.NoError(t, err, "%s %s", s.object, name)
		}
	}
}

func serves(t *testing.T, chart, kind, object, name string) bool {
	t.Helper()
	for _, u := range documents(t, setting{chart: chart, namespace: "kof"}.render(t)) {
		if u.GetKind() == kind && u.GetName() == object {
			for at, key := range map[string]string{"serviceSpec": "name", "": "releaseName"} {
				path := []string{"spec", "helmCharts"}
				if at != "" {
					path = []string{"spec", at, "services"}
				}
				list, _, err := unstructured.NestedSlice(u.Object, path...)
				require.NoError(t, err)
				for _, e := range list {
					if e.(map[string]any)[key] == name {
						return true
					}
				}
			}
		}
	}
	return false
}
