package cmd_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels of ClusterDeployments.
const (
	labelVersion = "k0rdent.mirantis.com/kof-version"
	labelRegion  = "k0rdent.mirantis.com/kof-regional-cluster-name"
)

// small is a lab of two regions with a child in each, of one node each.
const small = `
regions:
  - {name: r1, nodes: 1}
  - {name: r2, nodes: 1}
children:
  - {name: c1, region: r1, nodes: 1}
  - {name: c2, region: r2, nodes: 1}
`

// deployment is the manifest of a ClusterDeployment of a child in a docker cloud.
func deployment(name, template string, labels ...string) string {
	return `
apiVersion: k0rdent.mirantis.com/v1beta1
kind: ClusterDeployment
metadata:
  name: ` + name + `
  namespace: kcm-system
  labels:
    k0rdent.mirantis.com/kof-cluster-role: child
    ` + strings.Join(labels, "\n    ") + `
spec:
  template: ` + template + `
  credential: ` + strings.SplitN(template, "-", 2)[0] + `-credential
  config:
    workersNumber: 0
`
}

// observed waits until a cluster's nodes are in the federation's answer.
func (l *testLab) observed(cluster string, nodes float64) {
	l.Helper()
	l.eventually(soon, cluster+" is observed", func() error {
		if got := l.rows(`count by (cluster)(kube_node_info{cluster="` + cluster + `"})`)[cluster]; got != nodes {
			return fmt.Errorf("%v nodes, want %v", got, nodes)
		}
		return nil
	})
}

// TestComponentsOfTheSeed holds what runs where against the three diagrams of the
// document koflab started from: management, region and child, with ingress and
// with Istio.
func TestComponentsOfTheSeed(t *testing.T) {
	t.Parallel()
	management := []string{
		"grafana-operator", "victoria-metrics-operator", "cluster-api-visualizer", "sveltos-dashboard", "kof-operator",
		"cert-manager-service-template", "ingress-nginx-service-template", "promxy", "opentelemetry-operator", "prometheus-operator-crds", "cert-manager",
	}
	storage := []string{"grafana-operator", "victoria-metrics-operator", "victoria-logs-single", "jaeger-operator"}
	every := []string{"cert-manager", "opentelemetry-operator", "prometheus-operator-crds", "opencost", "kube-state-metrics", "prometheus-node-exporter"}
	for _, c := range []struct {
		name            string
		args            []string
		management      []string
		regional, child []string
		absent          []string
	}{
		{"ingress", nil, append([]string{"kof-regional-cluster", "kof-child-cluster", "opencost", "kube-state-metrics", "prometheus-node-exporter"}, management...),
			append(append([]string{"ingress-nginx", "external-dns"}, storage...), every...), every, []string{"istiod"}},
		{"istio", []string{"--network", "istio"}, append([]string{"istiod", "istio-base", "cert-manager-istio-csr"}, management...),
			append(append([]string{"istiod", "istio-base", "istio-eastwestgateway"}, storage...), every...), append([]string{"istiod"}, every...), []string{"ingress-nginx", "external-dns"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := startLab(t, append([]string{"--preset", "minimal", "--management-data", "m2m"}, c.args...)...)
			for _, cluster := range l.status().Clusters {
				want := map[string][]string{"management": c.management, "regional": c.regional, "child": c.child}[cluster.Role]
				var have []string
				for _, k := range cluster.Components {
					have = append(have, k.Name)
					assert.Contains(t, []string{"running", "simulated"}, k.State, "%s of %s: %s", k.Name, cluster.Name, k.Message)
					assert.NotEmpty(t, k.Chart, k.Name)
					assert.NotEmpty(t, k.BackedBy, k.Name)
				}
				for _, name := range want {
					assert.Contains(t, have, name, "components of %s", cluster.Name)
				}
				for _, name := range c.absent {
					assert.NotContains(t, have, name, "components of %s", cluster.Name)
				}
			}
		})
	}
}

// TestMissingVersion is scenario 11: without the label kof-version nothing selects
// a cluster, and nothing says so; with it the services come in their order.
func TestMissingVersion(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, small))
	l.apply("mothership", deployment("c3", "docker-hosted-cp-1-0-0", labelRegion+": r1"))
	l.eventually(soon, "c3 exists", func() error {
		for _, c := range l.status().Clusters {
			if c.Name == "c3" {
				return nil
			}
		}
		return errors.New("not yet")
	})
	time.Sleep(2 * time.Second)
	assert.NotContains(t, l.helm("c3", "list", "-A"), "kof-")
	assert.Empty(t, l.kubectl("c3", "get", "pods", "-n", "kof", "--ignore-not-found"))
	assert.Empty(t, l.rows(`kube_node_info{cluster="c3"}`))
	for _, e := range lines(l.output("events")) {
		if strings.Contains(e, "Warning") {
			assert.NotContains(t, e, "c3", "no error anywhere")
		}
	}
	l.relabel("c3", map[string]string{labelVersion: "0.3.0"})
	l.observed("c3", 1)
	created := strings.Fields(l.kubectl("c3", "get", "secrets", "-A", "-l", "owner=helm,name!=demo-shop",
		"--sort-by=.metadata.resourceVersion", "-o", "jsonpath={.items[*].metadata.labels.name}"))
	assert.Equal(t, []string{"cert-manager", "kof-operators", "kof-collectors"}, slices.Compact(created), "in dependsOn order")
}

// TestAdoptedChildWithoutRegion is scenario 13 on a running lab: adopted clusters
// never match by location, and the object says what to do.
func TestAdoptedChildWithoutRegion(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, small))
	l.apply("mothership", deployment("c3", "adopted-cluster-1-0-0", labelVersion+`: "0.3.0"`))
	message := ""
	l.eventually(soon, "the object tells", func() error {
		u, err := l.clusterDeployments("kcm-system").Get(t.Context(), "c3", metav1.GetOptions{})
		require.NoError(t, err)
		status := ""
		if status, message = condition(u, "RegionFound"); status != "False" {
			return fmt.Errorf("RegionFound is %q: %s", status, message)
		}
		return nil
	})
	assert.Contains(t, message, "cloud adopted never matches a region by location")
	assert.Contains(t, message, "add label "+labelRegion)
	assert.Empty(t, l.rows(`kube_node_info{cluster="c3"}`))
	l.relabel("c3", map[string]string{labelRegion: "r2"})
	l.observed("c3", 1)
	assert.Equal(t, map[string]float64{"c3/r2": 1}, l.rows(`count by (cluster, promxyCluster)(kube_node_info{cluster="c3"})`))
}

// TestChildMoves is scenario 15: a child that gets another region writes there from
// then on; what it wrote before stays where it is, and no instant has both.
func TestChildMoves(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, small), "--speed", "20x")
	l.passTime(time.Minute)
	l.relabel("c1", map[string]string{labelRegion: "r2"})
	l.eventually(soon, "c1 writes to r2", func() error {
		if got := l.rows(`count by (promxyCluster)(kube_node_info{cluster="c1"})`); got["r2"] != 1 {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
	l.passTime(6 * time.Minute) // after the look-back nothing old is current
	assert.Equal(t, map[string]float64{"r2": 1}, l.rows(`count by (promxyCluster)(kube_node_info{cluster="c1"})`))
	assert.Equal(t, map[string]float64{"r1": 1, "r2": 1}, l.rows(`count by (promxyCluster)(last_over_time(kube_node_info{cluster="c1"}[20m]))`), "the history is in both")
	seen := map[int64]string{}
	for _, s := range l.matrix(`up{cluster="c1",job="node-exporter"}[20m]`) {
		region := string(s.Metric["promxyCluster"])
		for _, p := range s.Values {
			at := int64(p.Timestamp)
			require.Contains(t, []string{"", region}, seen[at], "two regions have the instant %s", p.Timestamp.Time())
			seen[at] = region
		}
	}
	require.Equal(t, "r2", l.stored()["c1"])
}

// TestClusterAlertRules is scenario 23 as far as rules go: one cluster's threshold
// differs, and the default rule leaves that cluster out.
func TestClusterAlertRules(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, small))
	rules := func() string {
		return l.kubectl("mothership", "get", "configmaps", "-n", "kof", "-l", "k0rdent.mirantis.com/kof-generated=true", "-o", "yaml")
	}
	require.Contains(t, rules(), "CPUThrottlingHigh")
	require.NotContains(t, rules(), "0.4")
	dir := t.TempDir()
	out, errOut, code := l.home.run(t, "charts", "export", dir+"/charts")
	require.Zero(t, code, out+errOut)
	values := specFile(t, `
defaultAlertRules:
  kubernetes-resources:
    CPUThrottlingHigh:
      expr: |
        sum by (tenant, cluster, namespace, pod, container)(increase(container_cpu_cfs_throttled_periods_total{cluster!~"^c1$"}[5m]))
          / sum by (tenant, cluster, namespace, pod, container)(increase(container_cpu_cfs_periods_total[5m])) > 0.25
clusterAlertRules:
  c1:
    kubernetes-resources:
      CPUThrottlingHigh:
        expr: |
          sum by (tenant, cluster, namespace, pod, container)(increase(container_cpu_cfs_throttled_periods_total{cluster="c1"}[5m]))
            / sum by (tenant, cluster, namespace, pod, container)(increase(container_cpu_cfs_periods_total[5m])) > 0.4
`)
	l.helm("mothership", "upgrade", "kof-mothership", dir+"/charts/kof-mothership", "-n", "kof", "--reuse-values", "-f", values)
	l.eventually(soon, "the generated rules have both", func() error {
		text := rules()
		for _, want := range []string{"> 0.4", `cluster="c1"`, `cluster!~"^c1$"`, "__c1__kubernetes-resources"} {
			if !strings.Contains(text, want) {
				return fmt.Errorf("%s is missing in %s", want, text)
			}
		}
		return nil
	})
}

// TestMesh is scenario 36: in the mesh clusters write to http://REGION-vmauth without
// credentials, and without the east-west gateway nothing arrives.
func TestMesh(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, "network: istio\n"+small), "--speed", "10x")
	config := l.kubectl("c1", "get", "configmap", "-n", "kof", "kof-collectors-node-exporter-collector", "-o", "yaml")
	for _, path := range []string{"/vm/insert/0/prometheus/api/v1/write", "/vli/insert/opentelemetry/v1/logs", "/vti/insert/opentelemetry/v1/traces"} {
		assert.Contains(t, config, "http://r1-vmauth:8427"+path)
	}
	assert.NotContains(t, config, "basicauth")
	promxy := l.kubectl("mothership", "get", "secret", "-n", "kof", "kof-mothership-promxy-config", "-o", `go-template={{index .data "config.yaml" | base64decode}}`)
	assert.Contains(t, promxy, "r1-vmauth:8427")
	assert.NotContains(t, promxy, "basic_auth")
	assert.Empty(t, l.kubectl("c1", "get", "daemonsets", "-n", "kof", "kof-collectors-controller-k0s-daemon-collector", "--ignore-not-found"))

	l.kubectl("r1", "scale", "deployment", "-n", "istio-system", "istio-eastwestgateway", "--replicas=0")
	l.eventually(soon, "all three signals stop", func() error {
		before := map[string]int64{}
		for _, signal := range []string{"metrics", "logs", "traces"} {
			before[signal] = l.flow("c1", "r1", signal).Acknowledged
		}
		l.passTime(30 * time.Second)
		for _, signal := range []string{"metrics", "logs", "traces"} {
			if f := l.flow("c1", "r1", signal); f.Acknowledged != before[signal] {
				return fmt.Errorf("%s: %+v", signal, f)
			}
		}
		return nil
	})
	l.kubectl("r1", "scale", "deployment", "-n", "istio-system", "istio-eastwestgateway", "--replicas=1")
	at := l.flow("c1", "r1", "metrics").Acknowledged
	l.eventually(soon, "and go on", func() error {
		if f := l.flow("c1", "r1", "metrics"); f.Acknowledged <= at {
			return fmt.Errorf("%+v", f)
		}
		return nil
	})
}

// TestRegionComesAndGoes is scenario 40: the federation follows the server groups
// that kof-operator makes and unmakes, without a restart.
func TestRegionComesAndGoes(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, small))
	groups := func() []string {
		var names []string
		for _, g := range l.query("vector(1)+count(up)").Explain.Groups {
			names = append(names, g.Name)
		}
		slices.Sort(names)
		return names
	}
	require.Equal(t, []string{"r1", "r2"}, groups())
	assert.Contains(t, l.output("topology", "add", "region", "r3", "--nodes", "1"), "regional r3 is in the lab, stored in r3")
	assert.Contains(t, l.output("topology", "add", "child", "c3", "--region", "r3", "--nodes", "1"), "child c3 is in the lab, stored in r3")
	require.Equal(t, []string{"r1", "r2", "r3"}, groups())
	assert.Equal(t, map[string]float64{"c3/r3": 1}, l.rows(`count by (cluster, promxyCluster)(kube_node_info{cluster="c3"})`))

	_, errOut, code := l.run("topology", "remove", "r3")
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "r3 stores the telemetry of c3; remove or move that first")
	l.output("topology", "remove", "c3")
	l.output("topology", "remove", "r3")
	require.Equal(t, []string{"r1", "r2"}, groups())
	assert.Empty(t, l.rows(`last_over_time(kube_node_info{cluster=~"c3|r3"}[1h])`), "its history cannot be reached")
	for _, kind := range []string{"promxyservergroups", "vmstorageconnections", "configmaps", "secrets", "clustersummaries", "sveltosclusters"} {
		out := l.kubectl("mothership", "get", kind, "-A", "-o", "name")
		assert.NotRegexp(t, `[/-](r3|c3)(-|\n|$)`, out, kind)
	}
	assert.Len(t, lines(l.kubectl("mothership", "get", "promxyservergroups", "-A", "-o", "name")), 2)
}

// TestForeignRegion is scenario 41: a ConfigMap written by hand makes any server
// that speaks Prometheus' API a group of the federation.
func TestForeignRegion(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, small))
	// What r1 has, read past its gateway, stands for a storage of a third party.
	l.apply("mothership", `
apiVersion: v1
kind: ConfigMap
metadata:
  name: kof-foreign
  namespace: kcm-system
  labels: {k0rdent.mirantis.com/kof-cluster-role: regional}
data:
  regional_cluster_name: foreign
  regional_cluster_namespace: kcm-system
  regional_cluster_cloud: remote
  read_metrics_endpoint: `+l.url("r1", "vmselect")+`/select/0/prometheus
`)
	l.eventually(soon, "the foreign storage answers", func() error {
		got := l.rows(`count by (promxyCluster)(kube_node_info{cluster="c1"})`)
		if got["foreign"] != 1 || got["r1"] != 1 {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
	assert.NotContains(t, l.kubectl("mothership", "get", "promxyservergroups", "-A", "-o", "yaml"), "kof-vmuser-creds-admin-foreign")
	l.kubectl("mothership", "delete", "configmap", "-n", "kcm-system", "kof-foreign")
	l.eventually(soon, "it is gone", func() error {
		if got := l.rows(`count by (promxyCluster)(kube_node_info{cluster="c1"})`); got["foreign"] != 0 {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
}

// TestUpgradeOfOneCluster is scenario 48: a new version of KOF on management changes
// nothing on clusters until one of them asks for it.
func TestUpgradeOfOneCluster(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, small))
	versions := func(cluster string) string {
		return l.helm(cluster, "list", "-n", "kof", "-f", "kof-collectors")
	}
	now := l.now()
	before := l.rows("count by (cluster)(kube_node_info)", "--at", epoch(now))
	for _, chart := range []string{"kof-mothership", "kof-regional", "kof-child"} {
		l.output("charts", "install", chart, "--cluster", "mothership", "--version", "0.3.1", "--reuse-values")
	}
	time.Sleep(2 * time.Second)
	for _, cluster := range []string{"c1", "c2", "r1"} {
		require.Contains(t, versions(cluster), "kof-collectors-0.3.0", cluster)
	}
	l.relabel("c1", map[string]string{labelVersion: "0.3.1"})
	l.eventually(soon, "c1 is upgraded", func() error {
		if v := versions("c1"); !strings.Contains(v, "kof-collectors-0.3.1") {
			return errors.New(v)
		}
		return nil
	})
	assert.Contains(t, versions("c2"), "kof-collectors-0.3.0")
	assert.Equal(t, before, l.rows("count by (cluster)(kube_node_info)", "--at", epoch(now)), "what was written before is there")
	l.observed("c1", 1)
	l.observed("c2", 1)
}

// TestUninstall is scenario 53: children first, then regions, then management, and
// nothing of KOF is left, no finalizer holds anything.
func TestUninstall(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, small))
	for _, cluster := range []string{"c1", "c2", "r1", "r2"} {
		require.Equal(t, cluster+" is gone\n", l.output("topology", "remove", cluster))
	}
	for _, kind := range []string{"clusterdeployments", "promxyservergroups", "vmstorageconnections", "clustersummaries", "sveltosclusters"} {
		assert.Empty(t, l.kubectl("mothership", "get", kind, "-A", "-o", "name"), kind)
	}
	for _, release := range []string{"kof-child", "kof-regional", "kof-mothership", "kof-operators"} {
		l.helm("mothership", "uninstall", release, "-n", "kof", "--wait")
	}
	l.kubectl("mothership", "delete", "namespace", "kof", "--wait", "--timeout=60s")
	assert.NotContains(t, l.kubectl("mothership", "get", "pods,deployments,statefulsets,configmaps,secrets,services,persistentvolumeclaims", "-A", "-o", "name"), "kof-")
	assert.Equal(t, "0", fmt.Sprint(len(l.rows("up"))))
}
