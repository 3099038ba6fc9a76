package autoconfig

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"koflab/embed/gateway"
	"koflab/topology"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func seedStack(t testing.TB) *topology.Stack {
	t.Helper()
	s, err := topology.Profile("seed")
	require.NoError(t, err)
	return s
}

func fromYAML(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{Object: map[string]any{}}
	require.NoError(t, yaml.Unmarshal([]byte(text), &u.Object))
	return u
}

func toYAML(t testing.TB, v any) string {
	t.Helper()
	b, err := yaml.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestNamesAreThoseOfTheGateway(t *testing.T) {
	require.Equal(t, gateway.AdminUser("r1", "kcm-system"), AdminUser("r1", "kcm-system"))
	require.Equal(t, gateway.ChildUser("c1", "kcm-system"), ChildUser("c1", "kcm-system"))
	require.Equal(t, gateway.SecretName("x"), CredentialsSecret("x"))
	require.Equal(t, gateway.VMUserName("x"), vmUserName("x"))
	require.Regexp(t, "^promxy-server-group-[0-9a-f]{8}$", serverGroupName("r1", "kcm-system"))
	require.NotEqual(t, fnvHash("a", "b/c"), fnvHash("b", "a/c"))
}

func TestCloudAndLocation(t *testing.T) {
	f := func(template, config, cloud, location string) {
		t.Helper()
		cd := fromYAML(t, "metadata: {name: c, namespace: ns}\nspec: {template: "+template+", config: "+config+"}")
		d, err := readDeployment(cd)
		require.NoError(t, err)
		require.Equal(t, []string{cloud, location}, []string{d.Cloud, d.Location})
	}
	f("aws-standalone-cp-1-0-0", "{region: us-east-2}", "aws", "us-east-2")
	f("azure-standalone-cp-1-0-0", "{location: westeurope, region: no}", "azure", "westeurope")
	f("openstack-standalone-cp-1-0-0", "{identityRef: {region: RegionOne}, region: no}", "openstack", "RegionOne")
	f("vsphere-standalone-cp-1-0-0", "{datacenter: dc}", "vsphere", "dc")
	f("docker-hosted-cp-1-0-0", "{}", "docker", "")
	f("adopted-cluster-1-0-0", "{}", "adopted", "")
	f("", "{}", "", "")
}

func TestClusterAnnotations(t *testing.T) {
	f := func(annotations, problem string) {
		t.Helper()
		d, err := readDeployment(fromYAML(t, "metadata: {name: c, namespace: ns}\nspec: {template: aws-x, config: {clusterAnnotations: "+annotations+"}}"))
		require.NotNil(t, d)
		if problem == "" {
			require.NoError(t, err)
			return
		}
		require.EqualError(t, err, problem)
	}
	f("{a: b}", "")
	f("null", "")
	f("[]", "spec.config.clusterAnnotations: want a map of texts, not a list")
	f("{a: {b: c}}", "spec.config.clusterAnnotations.a: want text, not a map: write it as a block, with | after the colon")
	f("{a: 1}", "spec.config.clusterAnnotations.a: want text, not a number: write it as a block, with | after the colon")
}

func TestRegionData(t *testing.T) {
	stack := seedStack(t)
	d := &deployment{
		NamespacedName: types.NamespacedName{Namespace: "kcm-system", Name: "r1"}, Cloud: "aws", Location: "us-east-2",
		Annotations: map[string]string{
			AnnotationDomain: "r1.example.com", AnnotationHTTP: `{"dial_timeout":"1s","tls_config":{"insecure_skip_verify":true}}`,
			Prefix + "kof-write-audit-logs-endpoint": "https://elsewhere/audit",
		},
	}
	data, err := regionData(d, stack)
	require.NoError(t, err)
	golden(t, "region.yaml", toYAML(t, data))

	d.Labels = map[string]string{LabelIstioRole: "member"}
	d.Annotations = map[string]string{}
	data, err = regionData(d, stack)
	require.NoError(t, err)
	require.Equal(t, "http://r1-vmauth:8427/vm/select/0/prometheus", data["read_metrics_endpoint"])
	require.Equal(t, "member", data["istio_role"])

	d.Labels = nil
	_, err = regionData(d, stack)
	require.ErrorContains(t, err, AnnotationDomain)
	d.Annotations = map[string]string{AnnotationDomain: "d", AnnotationHTTP: "{"}
	_, err = regionData(d, stack)
	require.ErrorContains(t, err, "want JSON such as")
	d.Annotations[AnnotationHTTP] = `{"dial_timeout":"soon"}`
	_, err = regionData(d, stack)
	require.ErrorContains(t, err, `dial_timeout "soon" is no duration`)
}

// regionAt makes a region as a ConfigMap has it.
func regionAt(namespace, name, cloud, location string, age time.Duration) *region {
	return &region{
		ConfigMap: types.NamespacedName{Namespace: namespace, Name: RegionConfigMap(name)},
		Name:      name, Namespace: namespace, Cloud: cloud, Location: location, Created: time.Unix(1e9, 0).Add(-age),
	}
}

func TestPlace(t *testing.T) {
	r1, r2 := regionAt("kcm-system", "r1", "aws", "us-east-2", time.Hour), regionAt("kcm-system", "r2", "aws", "us-east-2", time.Minute)
	azure := regionAt("kcm-system", "az", "azure", "westeurope", time.Hour)
	other := regionAt("team-a", "r1", "aws", "us-east-2", 2*time.Hour)
	foreign := &region{ConfigMap: types.NamespacedName{Namespace: "kcm-system", Name: "third-party"}, Name: "store", Namespace: "kcm-system", Cloud: "gcp", Foreign: true}
	home := &region{ConfigMap: types.NamespacedName{Namespace: "kcm-system", Name: "kof-mothership"}, Name: "mothership", Namespace: "kcm-system", Management: true}
	normal := placing{Management: "mothership", ManagementNamespace: "kcm-system", Data: topology.ManagementDataNone}
	cross, regionless := normal, normal
	cross.CrossNamespace = true
	regionless.Data = topology.ManagementDataRegionless
	child := func(cloud, location, label, namespace string) *deployment {
		d := &deployment{
			NamespacedName: types.NamespacedName{Namespace: "kcm-system", Name: "c1"}, Cloud: cloud, Location: location, Labels: map[string]string{},
		}
		put(d.Labels, topology.LabelRegion, label)
		put(d.Labels, topology.LabelRegionNamespace, namespace)
		return d
	}
	const byLabel = "(in KOF: add label k0rdent.mirantis.com/kof-regional-cluster-name)"
	f := func(name string, p placing, c *deployment, regions []*region, chosen *region, want *region, how string) {
		t.Run(name, func(t *testing.T) {
			sortRegions(regions)
			got, placement := p.place(c, regions, chosen)
			if want == nil {
				require.NotNil(t, placement.Err)
				require.Equal(t, how, placement.Err.Text())
				require.Nil(t, got)
				return
			}
			require.Nil(t, placement.Err)
			require.Same(t, want, got)
			require.Equal(t, how, string(placement.By))
		})
	}
	all := []*region{r1, r2, azure}
	f("label", normal, child("azure", "westeurope", "r2", ""), all, nil, r2, "label")
	f("location", normal, child("azure", "westeurope", "", ""), all, nil, azure, "location")
	f("the oldest of two", normal, child("aws", "us-east-2", "", ""), []*region{r2, r1}, nil, r1, "location")
	f("sticky", normal, child("aws", "us-east-2", "", ""), all, r2, r2, "earlier choice")
	f("label moves", normal, child("aws", "us-east-2", "r1", ""), all, r2, r1, "label")
	f("chosen is gone", normal, child("aws", "us-east-2", "", ""), []*region{r1}, r2, nil,
		`region "r2", chosen earlier, is no longer in the same place, set region: `+byLabel)
	f("absent", normal, child("aws", "us-east-2", "r9", ""), all, nil, nil,
		`region "r9" does not exist, choose one of az, r1, r2 (in KOF: change label k0rdent.mirantis.com/kof-regional-cluster-name)`)
	f("adopted", normal, child("adopted", "", "", ""), all, nil, nil,
		"cloud adopted never matches a region by location, set region: "+byLabel)
	f("adopted with label", normal, child("adopted", "", "r1", ""), all, nil, r1, "label")
	f("other namespace", normal, child("aws", "us-east-2", "", ""), []*region{other}, nil, nil,
		"there is no region in aws us-east-2 (namespace kcm-system), add one there or set region: "+byLabel)
	f("same name in two namespaces", normal, child("aws", "us-east-2", "r1", ""), []*region{other, r1}, nil, r1, "label")
	f("label across namespaces", cross, child("aws", "us-east-2", "r1", "team-a"), []*region{r1, other}, nil, other, "label")
	f("label across namespaces without namespace", cross, child("aws", "us-east-2", "r1", ""), []*region{r1}, nil, nil,
		"region without regionNamespace although crossNamespace is on, set regionNamespace: kcm-system (in KOF: add label k0rdent.mirantis.com/kof-regional-cluster-namespace)")
	f("location across namespaces", cross, child("aws", "us-east-2", "", ""), []*region{other}, nil, other, "location")
	f("sticky across namespaces", cross, child("aws", "us-east-2", "", ""), []*region{other, r1}, r1, r1, "earlier choice")
	f("regionless", regionless, child("adopted", "", "", ""), []*region{home}, nil, home, "regionless")
	f("regionless before its ConfigMap", regionless, child("adopted", "", "", ""), nil, nil, nil,
		"ConfigMap kcm-system/kof-mothership is missing, wait for it or see the region's events")
	f("management stores only its own", normal, child("docker", "", "", ""), []*region{home}, nil, nil,
		"there is no region in docker (namespace kcm-system), add one there or set region: "+byLabel)
	f("a user's ConfigMap without the prefix", normal, child("aws", "x", "store", ""), []*region{foreign}, nil, nil,
		`region "store" is described by ConfigMap kcm-system/third-party, and the operator looks for kof-store, rename the ConfigMap to kof-store`)
}

func TestPassword(t *testing.T) {
	a, err := password("seed", "u1")
	require.NoError(t, err)
	require.Regexp(t, "^[A-Za-z0-9]{16}$", a)
	again, _ := password("seed", "u1")
	require.Equal(t, a, again)
	for _, other := range [][2]string{{"seed", "u2"}, {"seed2", "u1"}, {"", "u1"}} {
		b, err := password(other[0], other[1])
		require.NoError(t, err)
		require.NotEqual(t, a, b)
	}
	b, _ := password("", "u1")
	c, _ := password("", "u1")
	require.NotEqual(t, b, c)
}

func TestVMUser(t *testing.T) {
	golden(t, "vmuser-child.yaml", toYAML(t, vmUser("123", `te"nant`, seedStack(t)).Object))
	admin := vmUser("admin-1", "", seedStack(t))
	require.Len(t, list(admin.Object, "spec", "targetRefs"), 8)
	require.NotContains(t, toYAML(t, admin.Object), "query_args")
}

func TestRegionObjects(t *testing.T) {
	stack := seedStack(t)
	d := &deployment{NamespacedName: types.NamespacedName{Namespace: "kcm-system", Name: "r1"}, Annotations: map[string]string{AnnotationDomain: "r1.example.com"}}
	data, err := regionData(d, stack)
	require.NoError(t, err)
	cm := configMap("kcm-system", "kof-r1", data)
	own(cm, fromYAML(t, "apiVersion: k0rdent.mirantis.com/v1beta1\nkind: ClusterDeployment\nmetadata: {name: r1, namespace: kcm-system, uid: u}"))
	r, err := readRegion(cm)
	require.NoError(t, err)
	require.False(t, r.Foreign)
	var all []any
	group, err := r.serverGroup()
	require.NoError(t, err)
	all = append(all, group.Object)
	connections, err := r.connections()
	require.NoError(t, err)
	for _, u := range connections {
		all = append(all, u.Object)
	}
	sources, err := r.datasources()
	require.NoError(t, err)
	for _, u := range sources {
		all = append(all, u.Object)
	}
	golden(t, "region-objects.yaml", toYAML(t, all))

	// Scenario 41: storage that KOF did not make.
	foreign, err := readRegion(configMap("kcm-system", "kof-store", map[string]string{
		keyRegion: "store", keyReadMetrics: "http://prometheus.example.com:9090/base/",
	}))
	require.NoError(t, err)
	require.True(t, foreign.Foreign)
	group, err = foreign.serverGroup()
	require.NoError(t, err)
	g, err := readGroup(group, func(string, string) (map[string][]byte, bool) { return nil, false })
	require.NoError(t, err)
	require.Equal(t, promxyGroup{
		Cluster: "store", Namespace: "kcm-system", Targets: []string{"prometheus.example.com:9090"},
		PathPrefix: "/base", Scheme: "http", DialTimeout: "5s",
	}, g)
	connections, err = foreign.connections()
	require.NoError(t, err)
	require.Empty(t, connections)

	foreign.Data[keyReadMetrics] = "prometheus:9090"
	_, err = foreign.serverGroup()
	require.ErrorContains(t, err, "is no http or https URL")
	_, err = readRegion(configMap("n", "kof-x", nil))
	require.ErrorContains(t, err, "key regional_cluster_name is missing")
}

func TestPromxyConfig(t *testing.T) {
	stack := seedStack(t)
	text, err := promxyConfig([]promxyGroup{
		{Cluster: "r1", Namespace: "kcm-system", Targets: []string{"vmauth.r1:443"}, PathPrefix: "/vm/select/0/prometheus", Scheme: "https", DialTimeout: "5s", TLS: true, BasicAuth: true, Username: "admin-1", Password: "p: '\"x"},
		{Cluster: "r2", Namespace: "kcm-system", Targets: []string{"r2-vmauth:8427"}, Scheme: "http", DialTimeout: "1s"},
	}, stack.Labels, true)
	require.NoError(t, err)
	golden(t, "promxy.yaml", text)
	empty, err := promxyConfig(nil, stack.Labels, false)
	require.NoError(t, err)
	require.Contains(t, empty, "server_groups: []")
	require.NotContains(t, empty, "rule_files")
}

func TestAlertRules(t *testing.T) {
	base := readAlerts([]*unstructured.Unstructured{fromYAML(t, `
spec:
  groups:
  - name: kubernetes-resources
    interval: 3m
    rules:
    - {alert: CPUThrottlingHigh, expr: throttled > 0.25, for: 15m, keep_firing_for: 5m, labels: {severity: info}, annotations: {summary: slow}}
    - {alert: KubePersistentVolumeFillingUp, expr: "1", labels: {severity: critical}}
    - {alert: KubePersistentVolumeFillingUp, expr: "2", labels: {severity: warning}}
    - {record: "a:b", expr: sum(x)}
  - name: general.rules
    rules:
    - {alert: Watchdog, expr: vector(1), labels: {severity: none}}`)})
	defaults, problems := readPatches(configMap("kof", "d", map[string]string{
		"kubernetes-resources": `CPUThrottlingHigh: {expr: 'throttled{cluster!~"c1"} > 0.25'}`,
		"docker-containers":    `ContainerHighMemoryUsage: {expr: usage > 80, for: 2m}`,
	}))
	require.Empty(t, problems)
	c1, problems := readPatches(configMap("kof", "c", map[string]string{
		"kubernetes-resources": `CPUThrottlingHigh: {expr: 'throttled{cluster="c1"} > 0.4', annotations: {runbook: here}}`,
		"general.rules":        `Nothing: {for: 1m}`,
	}))
	require.Empty(t, problems)
	files, problems := ruleFiles(base, defaults, map[string]patches{"c1": c1})
	require.Equal(t, []string{"alert Nothing of group general.rules (cluster c1) has no expr: it patches a rule that does not exist"}, problems)
	text := ""
	for _, name := range sortedKeys(files) {
		text += "# " + name + "\n" + files[name]
	}
	golden(t, "rules.yaml", text)

	_, problems = readPatches(configMap("kof", "d", map[string]string{"g": "- no", "h": "A: {keep_firing_for: 1m, expr: x}"}))
	require.Len(t, problems, 2)
}

func TestRecordRules(t *testing.T) {
	base := []*unstructured.Unstructured{fromYAML(t, `
spec:
  groups:
  - {name: b, rules: [{record: x, expr: "1"}, {alert: A, expr: "1"}]}
  - {name: a, rules: [{record: yy, expr: "1"}, {record: yy, expr: "2"}]}`)}
	groups, problems := recordRules(base, nil, configMap("kof", "r1", map[string]string{"b": "- {record: z, expr: '3'}", "c": "x"}))
	require.Len(t, problems, 1)
	text, err := recordValues(groups)
	require.NoError(t, err)
	require.Equal(t, `vmrules:
  groups:
  - name: a
    rules:
    - expr: "1"
      record: yy
    - expr: "2"
      record: yy
  - name: b
    rules:
    - expr: "3"
      record: z
`, text)
}

func TestTemplating(t *testing.T) {
	tmpl := templating{
		cluster: map[string]any{"metadata": map[string]any{"name": "c1", "namespace": "kcm-system", "annotations": map[string]any{"a": "b: 1"}}},
		resources: map[string]map[string]any{
			"ChildConfig": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "x", "uid": "u", "labels": map[string]any{"l": "v"}}, "data": map[string]any{"url": "https://r"}},
			"Absent":      nil,
		},
	}
	f := func(text, want, problem string) {
		t.Helper()
		got, err := tmpl.expand("values", text)
		if problem != "" {
			require.EqualError(t, err, problem)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	f("a: 1", "a: 1", "")
	f("{{ .Cluster.metadata.name }}", "c1", "")
	f(`{{ (getResource "ChildConfig").data.url }}`, "https://r", "")
	f(`{{ getField "ChildConfig" "data.url" }}`, "https://r", "")
	f(`{{ (index .Cluster.metadata.annotations "a" | fromYaml).b }}`, "1", "")
	f(`{{ dig "metadata" "labels" (dict) .Cluster | toYaml }}`, "{}", "")
	f(`{{ if getResource "Absent" }}yes{{ else }}no{{ end }}`, "no", "")
	f(`{{ copy "ChildConfig" }}`, "apiVersion: v1\ndata:\n  url: https://r\nkind: ConfigMap\nmetadata:\n  labels:\n    l: v\n  name: x\n", "")
	f("\n{{ .Cluster.metadata.region }}", "", `values, line 2: {{ .Cluster.metadata.region }}: map has no entry for key "region"`)
	f(`{{ getResource "Other" }}`, "", `values, line 1: {{ getResource "Other" }}: no resource has the identifier "Other": there are Absent, ChildConfig: add it to templateResourceRefs`)
	f(`{{ getField "ChildConfig" "data.no" }}`, "", `values, line 1: {{ getField "ChildConfig" "data.no" }}: resource ChildConfig has no field "data.no" (no "no")`)
	f(`{{ env "HOME" }}`, "", `values, line 1: function "env" not defined`)
	f(`{{ if }}`, "", "values, line 1: missing value for if")
	_, err := tmpl.values("values of release x", "- a")
	require.ErrorContains(t, err, "want a map of values")
}

func TestOverlay(t *testing.T) {
	under := map[string]any{"a": map[string]any{"x": 1, "y": 1}, "b": []any{1}, "c": 1}
	over := map[string]any{"a": map[string]any{"y": 2}, "b": []any{2}, "d": nil}
	require.Equal(t, map[string]any{"a": map[string]any{"x": 1, "y": 2}, "b": []any{2}, "c": 1, "d": nil}, overlay(under, over))
	require.Equal(t, map[string]any{"x": 1, "y": 1}, under["a"])
}

func TestClusterDeploymentsSayWhatTheLabSays(t *testing.T) {
	for _, preset := range []string{"two-regions", "three-clouds", "regionless"} {
		lab, err := topology.Preset(preset)
		require.NoError(t, err)
		stack := seedStack(t)
		byName := map[string]topology.Cluster{}
		for _, u := range ClusterDeployments(lab, stack) {
			if u.GetKind() != clusterDeployments.Kind {
				continue
			}
			c, err := ClusterOf(u, stack)
			require.NoError(t, err)
			byName[c.Name] = c
		}
		for _, want := range lab.Clusters() {
			if want.Role == topology.RoleManagement {
				continue
			}
			require.Equal(t, want, byName[want.Name])
		}
		require.Len(t, byName, len(lab.Clusters())-1)
	}
}

func TestClusterDeployments(t *testing.T) {
	lab := &topology.Lab{
		Network: topology.NetworkIstio,
		Regions: []topology.Region{{Name: "r1", Cloud: "openstack", Location: "RegionOne", Replicas: 2, Retention: topology.Retention{Metrics: topology.Duration(60 * 24 * time.Hour), Traces: topology.Duration(36 * time.Hour)}}},
		Children: []topology.Child{{Name: "c1", Namespace: "team-a", Region: "r1", Tenant: "a", Workload: topology.Workload{
			Nodes: 3, ScrapeInterval: topology.Duration(30 * time.Second), Collector: topology.Collector{QueueSize: 10, RetryMaxElapsed: topology.Duration(time.Minute), Password: "wrong"},
		}}},
	}
	topology.Default(lab)
	var all []any
	for _, u := range ClusterDeployments(lab, seedStack(t)) {
		b, err := u.MarshalJSON()
		require.NoError(t, err)
		require.True(t, json.Valid(b))
		all = append(all, u.Object)
		u.DeepCopy() // all values are such as JSON has
	}
	golden(t, "clusterdeployments.yaml", toYAML(t, all))
	stack := seedStack(t)
	for _, u := range ClusterDeployments(lab, stack) {
		if want, ok := lab.Cluster(u.GetName()); ok {
			got, err := ClusterOf(u, stack)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
}

func TestContains(t *testing.T) {
	require.True(t, contains(map[string]any{"a": int64(1), "b": []any{map[string]any{"x": 1.0, "y": 2}}}, map[string]any{"b": []any{map[string]any{"x": int64(1)}}}))
	require.False(t, contains(map[string]any{"b": []any{1, 2}}, map[string]any{"b": []any{1}}))
	require.False(t, contains(map[string]any{}, map[string]any{"b": nil}))
}
