package charts

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite golden files")

// setting is one way in which the stack installs a chart.
type setting struct {
	name, chart, namespace, values string
}

var settings = []setting{
	{"kcm", "kcm", "kcm-system", ""},
	{"cert-manager", "cert-manager", "cert-manager", ""},
	{"cert-manager-bare", "cert-manager", "cert-manager", "{webhook: {enabled: false}, cainjector: {enabled: false}}"},
	{"ingress-nginx", "ingress-nginx", "ingress-nginx", "controller: {service: {annotations: {a: b}}, config: {x: 'y'}}"},
	{"kof-operators", "kof-operators", "kof", ""},
	{"kof-mothership", "kof-mothership", "kof", ""},
	{"kof-mothership-rules", "kof-mothership", "kof", `
defaultAlertRules: {kubernetes-resources: {CPUThrottlingHigh: {expr: 'x{cluster!~"^c1$"} > 0.25'}}}
clusterAlertRules: {c1: {kubernetes-resources: {CPUThrottlingHigh: {expr: 'x{cluster="c1"} > 0.4', for: 5m}}}}
clusterRecordRules: {r1: {node.rules: [{record: a, expr: up}]}}
multilevelSelect: {logs: {storageNodes: ["vmauth.a:443/vls"]}}`},
	{"kof-mothership-bare", "kof-mothership", "kof", `
promxy: {enabled: false}
kof-operator: {enabled: false}
multilevelSelect: {logs: {enabled: false}, traces: {enabled: false}}
victoriametrics: {vmalert: {enabled: false, manager: {enabled: false}}}
grafana: {enabled: false}
defaultRules: {enabled: false}
grafana-operator: {enabled: false}
victoria-metrics-operator: {enabled: false}
cluster-api-visualizer: {enabled: false}
sveltos-dashboard: {enabled: false}
cert-manager-service-template: {enabled: false}
ingress-nginx-service-template: {enabled: false}`},
	{"kof-regional", "kof-regional", "kof", "storage: {values: {victoriametrics: {vmcluster: {spec: {retentionPeriod: 14d}}}}}"},
	{"kof-child", "kof-child", "kof", ""},
	{"kof-storage-ingress", "kof-storage", "kof", `
global: {storageClass: fast}
kof: {domain: r1.example.com, certEmail: admin@example.com}
cert-manager: {cluster-issuer: {provider: letsencrypt}}
vmrules: {groups: [{name: a, rules: [{record: x, expr: up}]}]}`},
	{"kof-storage-istio", "kof-storage", "kof", "{istio: {enabled: true, clusterName: r1}, cert-manager: {enabled: false}}"},
	{"kof-storage-bare", "kof-storage", "kof", "{victoriametrics: {enabled: false}, jaeger: {enabled: false}, victoria-logs-single: {enabled: false}, audit-logs: {enabled: false}, external-dns: {enabled: false}, grafana-operator: {enabled: false}, victoria-metrics-operator: {enabled: false}, jaeger-operator: {enabled: false}}"},
	{"kof-collectors", "kof-collectors", "kof", "kof: {clusterName: r1, clusterNamespace: kcm-system}"},
	{"kof-collectors-user", "kof-collectors", "kof", `
kof:
  clusterName: c1
  metrics: {endpoint: "https://vmauth.r1.example.com/vm/insert/0/prometheus/api/v1/write"}
  vmuser: {enabled: true, username: u, password: p, checksum: abc}
  tls: {insecureSkipVerify: true}`},
	{"kof-collectors-silent", "kof-collectors", "kof", `
collectors:
  node-exporter: {exporters: {metrics: {enabled: false}, logs: {enabled: false}, auditLogs: {enabled: false}, traces: {enabled: false}}}
  k8s-cluster: {exporters: {metrics: {enabled: false}, logs: {enabled: false}}}
prometheus-node-exporter: {enabled: false}
kube-state-metrics: {enabled: false}
opencost: {enabled: false}
instrumentation: {enabled: false}`},
	{"kof-istio", "kof-istio", "istio-system", ""},
	{"kof-istio-member", "kof-istio", "istio-system", "{role: member, cluster: {name: r1}}"},
	{"demo-shop", "demo-shop", "shop", ""},
	{"demo-shop-apps", "demo-shop", "shop", `
apps:
  - {name: frontend, namespace: shop, kind: Deployment, image: "ghcr.io/koflab-demo/frontend:1.4.8", replicas: 2, port: 8080, public: true, cpu: 100m, memory: 128Mi, volumeGiB: 0, schedule: ""}
  - {name: payment, namespace: payments, image: "ghcr.io/koflab-demo/payment:1.4.7", replicas: 2, port: 8080, cpu: 0.1, memory: 192Mi}
  - {name: postgres, namespace: shop, kind: StatefulSet, image: "docker.io/library/postgres:16.4", port: 5432, cpu: 100m, memory: 256Mi, volumeGiB: 10}
  - {name: report, namespace: shop, kind: CronJob, image: "ghcr.io/koflab-demo/report:1.0.3", cpu: 100m, memory: 1Gi}`},
}

// parts are settings for the charts that are only parts of others.
func parts() []setting {
	var out []setting
	used := map[string]bool{}
	for _, s := range settings {
		used[s.chart] = true
	}
	for _, name := range Names() {
		if !used[name] {
			out = append(out, setting{name, name, "kof", ""})
		}
	}
	return append(out, setting{"victoria-logs-single-ephemeral", "victoria-logs-single", "kof", "server: {persistentVolume: {enabled: false}, extraArgs: {maxDiskSpaceUsageBytes: 1}}"},
		setting{"opencost-prices", "opencost", "kof", "opencost: {customPricing: {enabled: true}, prometheus: {existingSecretName: s}}"})
}

// render gives a chart's manifests by template, as helm template would.
func render(c *chart.Chart, namespace string, values map[string]any) (map[string]string, error) {
	if err := chartutil.ProcessDependenciesWithMerge(c, values); err != nil {
		return nil, err
	}
	vals, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: c.Name(), Namespace: namespace, Revision: 1, IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, vals)
}

func (s setting) render(t testing.TB) map[string]string {
	t.Helper()
	c, err := Load(s.chart)
	require.NoError(t, err)
	out, err := render(c, s.namespace, parse(t, s.values))
	require.NoError(t, err)
	return out
}

func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	m := map[string]any{}
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &m))
	return m
}

// documents splits rendered templates into objects, by template and place.
func documents(t testing.TB, rendered map[string]string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	files := make([]string, 0, len(rendered))
	for f := range rendered {
		files = append(files, f)
	}
	sort.Strings(files)
	for _, f := range files {
		if filepath.Ext(f) != ".yaml" {
			continue
		}
		r := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(rendered[f])))
		for {
			doc, err := r.Read()
			if err == io.EOF {
				break
			}
			require.NoError(t, err, f)
			m := map[string]any{}
			require.NoError(t, yaml.UnmarshalStrict(doc, &m), "%s:\n%s", f, doc)
			if len(m) > 0 {
				out = append(out, &unstructured.Unstructured{Object: m})
			}
		}
	}
	return out
}

// kinds are the custom kinds of all charts.
func kinds(t testing.TB) map[schema.GroupVersionKind]*apiextensions.JSONSchemaProps {
	t.Helper()
	out := map[schema.GroupVersionKind]*apiextensions.JSONSchemaProps{}
	for _, name := range Names() {
		c, err := Load(name)
		require.NoError(t, err)
		for _, f := range c.CRDs() {
			var crd apiextensionsv1.CustomResourceDefinition
			require.NoError(t, yaml.UnmarshalStrict(f.Data, &crd), "%s %s", name, f.Name)
			for _, v := range crd.Spec.Versions {
				internal := new(apiextensions.JSONSchemaProps)
				require.NoError(t, apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, internal, nil))
				out[schema.GroupVersionKind{Group: crd.Spec.Group, Version: v.Name, Kind: crd.Spec.Names.Kind}] = internal
			}
		}
	}
	return out
}

func TestCustomKindsAreValid(t *testing.T) {
	count := 0
	for _, name := range Names() {
		c, err := Load(name)
		require.NoError(t, err)
		for _, f := range c.Files {
			if !strings.HasPrefix(f.Name, "crds/") {
				continue
			}
			count++
			var crd apiextensionsv1.CustomResourceDefinition
			require.NoError(t, yaml.UnmarshalStrict(f.Data, &crd), f.Name)
			apiextensionsv1.SetDefaults_CustomResourceDefinition(&crd)
			apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
			internal := new(apiextensions.CustomResourceDefinition)
			require.NoError(t, apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&crd, internal, nil))
			internal.Status.StoredVersions = []string{crd.Spec.Versions[0].Name}
			errs := crdvalidation.ValidateCustomResourceDefinition(context.Background(), internal)
			require.Empty(t, errs, "%s %s", name, f.Name)
		}
	}
	require.Greater(t, count, 60)
}

// What charts render decodes strictly into its builtin type, or fits the schema
// of its kind without a field that the API server would drop.
func TestManifestsAreValid(t *testing.T) {
	custom := kinds(t)
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Strict: true})
	for _, s := range append(settings, parts()...) {
		t.Run(s.name, func(t *testing.T) {
			seen := map[string]bool{}
			for _, u := range documents(t, s.render(t)) {
				id := u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
				require.NotEmpty(t, u.GetName(), u.Object)
				require.False(t, seen[u.GetAPIVersion()+id], "%s is there twice", id)
				seen[u.GetAPIVersion()+id] = true
				gvk := u.GroupVersionKind()
				props, ok := custom[gvk]
				if !ok {
					data, err := u.MarshalJSON()
					require.NoError(t, err)
					_, _, err = strict.Decode(data, nil, nil)
					require.NoError(t, err, id)
					continue
				}
				validator, _, err := validation.NewSchemaValidator(props)
				require.NoError(t, err)
				require.Empty(t, validation.ValidateCustomResource(nil, u.Object, validator), id)
				structural, err := structuralschema.NewStructural(props)
				require.NoError(t, err)
				dropped := pruning.PruneWithOptions(u.DeepCopy().Object, structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
				require.Empty(t, dropped, id)
			}
		})
	}
}

func TestEveryPartCanBeSwitchedOff(t *testing.T) {
	for name, most := range map[string]int{"kof-mothership-bare": 8, "kof-storage-bare": 0} {
		for _, s := range settings {
			if s.name == name {
				require.LessOrEqual(t, len(documents(t, s.render(t))), most, name)
			}
		}
	}
}

// Golden renderings show what the two network modes differ in.
func TestGolden(t *testing.T) {
	for _, g := range []struct{ setting, template string }{
		{"kof-regional", "kof-regional/templates/regional-cluster.yaml"},
		{"kof-child", "kof-child/templates/child-cluster.yaml"},
		{"kof-storage-ingress", "kof-storage/templates/vmauth.yaml"},
		{"kof-storage-ingress", "kof-storage/templates/certificate.yaml"},
		{"kof-storage-istio", "kof-storage/templates/vmauth.yaml"},
		{"kof-istio", "kof-istio/templates/profile-network.yaml"},
		{"kof-istio", "kof-istio/templates/profile-child.yaml"},
		{"kof-collectors-user", "kof-collectors/templates/node-exporter.yaml"},
	} {
		t.Run(g.setting+"/"+filepath.Base(g.template), func(t *testing.T) {
			for _, s := range settings {
				if s.name != g.setting {
					continue
				}
				got, ok := s.render(t)[g.template]
				require.True(t, ok)
				file := filepath.Join("testdata", g.setting+"_"+filepath.Base(g.template))
				if *update {
					require.NoError(t, os.MkdirAll("testdata", 0o755))
					require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, string(bytes.TrimSpace(want)), strings.TrimSpace(got))
			}
		})
	}
}
