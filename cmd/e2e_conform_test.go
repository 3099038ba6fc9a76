package cmd_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"koflab/scenarios/conform"
)

// conform runs `koflab conform` and returns its report and exit code.
func (l *testLab) conform(args ...string) (conform.Report, int) {
	l.Helper()
	out, errOut, code := l.home.run(l.T, append([]string{"conform", "-o", "json"}, args...)...)
	var r conform.Report
	require.NoError(l, json.Unmarshal([]byte(out), &r), "%s%s", out, errOut)
	return r, code
}

// names waits until exactly one check fails, that of the id, and names the subjects.
func (l *testLab) names(within time.Duration, id string, subjects ...string) {
	l.Helper()
	var last conform.Report
	l.eventually(within, "conform names "+id+" and nothing else", func() error {
		r, code := l.conform("--name", l.name)
		last = r
		f := r.Failures()
		if code != 1 || len(f) != 1 || f[0].ID != id {
			return fmt.Errorf("exit code %d, failed: %+v", code, f)
		}
		if !slices.Equal(f[0].Subjects, subjects) {
			return fmt.Errorf("subjects %v: %v", f[0].Subjects, f[0].Evidence)
		}
		return nil
	})
	f := last.Failures()[0]
	assert.NotEmpty(l, f.Evidence, id)
	assert.NotEmpty(l, f.Fix, id)
}

// green waits until no check fails.
func (l *testLab) green(within time.Duration) {
	l.Helper()
	l.eventually(within, "conform is green", func() error {
		r, code := l.conform("--name", l.name)
		if code != 0 {
			return fmt.Errorf("failed: %+v", r.Failures())
		}
		return nil
	})
}

// TestConformGreen looks at labs that other processes run: by name, by nothing but
// promxy's URL, and by all URLs and files that a stranger would be given.
func TestConformGreen(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "two-regions", "--history", "10m")
	l.green(60 * time.Second)
	looked := []string{"kof-version", "child-region", "region-coverage", "labels", "cluster-silent", "tenant", "pod-owners", "cost-sum", "cost-join", "send-failed", "logs-fresh", "log-message", "traces-fresh", "cluster-summaries"}
	var r conform.Report
	l.eventually(60*time.Second, "all is looked at", func() error { // collectors' own counters are the last to come
		r, _ = l.conform("--name", l.name)
		passed := map[string]bool{}
		for _, x := range r.Results {
			passed[x.ID] = x.Outcome == conform.Pass
		}
		for _, id := range looked {
			if !passed[id] {
				return fmt.Errorf("%s does not pass", id)
			}
		}
		return nil
	})
	assert.Equal(t, []string{"child-1", "child-2", "child-3", "child-4", "region-1", "region-2"}, r.Clusters)
	assert.Equal(t, []string{"region-1", "region-2"}, r.Regions)

	promxy := l.url("mothership", "promxy")
	r, code := l.conform("--target", promxy)
	assert.Zero(t, code, "%+v", r.Failures())
	assert.Len(t, r.Clusters, 6)

	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, []byte(l.access().CA), 0o600))
	user := l.user(admin, "region-1")
	args := []string{"--target", promxy, "--logs", l.url("mothership", "logs-multilevel-select"), "--traces", l.url("mothership", "multilevel-select"),
		"--kubeconfig", l.kubeconfig(), "--context", l.name + "-mothership", "--ca", ca,
		"--region", "region-1=https://" + user.Username + ":" + user.Password + "@" + l.url("region-1", "vmauth")[len("https://"):]}
	r, code = l.conform(args...)
	assert.Zero(t, code, "%+v", r.Failures())

	// One region's storage alone is a target too.
	r, code = l.conform("--target", l.url("region-1", "vmselect")+"/select/0/prometheus")
	assert.Zero(t, code, "%+v", r.Failures())
	assert.Equal(t, []string{"child-1", "child-2", "region-1"}, r.Clusters)

	out, _, code := l.home.run(t, append([]string{"conform", "-o", "junit"}, args...)...)
	require.Zero(t, code)
	require.NoError(t, xml.Unmarshal([]byte(out), new(any)))
	assert.NotContains(t, out, user.Password)
}

// conformLab is two regions, each with children of one node.
const conformLab = `
regions: [{name: r1, nodes: 1}, {name: r2, nodes: 1}]
children:
  - {name: c1, region: r1, nodes: 1}
  - {name: c2, region: r1, nodes: 1}
  - {name: c3, region: r2, nodes: 1}
`

// inject breaks something and returns what heals it.
func (l *testLab) inject(args ...string) func() {
	l.Helper()
	l.output(append([]string{"fault", "inject", "--as", "planted"}, args...)...)
	return func() { l.output("fault", "clear", "planted") }
}

// label changes a label of a ClusterDeployment ("" takes it off) and returns what
// puts it back.
func (l *testLab) label(cluster, name, value string) func() {
	l.Helper()
	api := l.clusterDeployments("kcm-system")
	u, err := api.Get(l.Context(), cluster, metav1.GetOptions{})
	require.NoError(l, err)
	set := func(v any) {
		b, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{name: v}}})
		require.NoError(l, err)
		_, err = api.Patch(l.Context(), cluster, types.MergePatchType, b, metav1.PatchOptions{})
		require.NoError(l, err)
	}
	old := u.GetLabels()[name]
	if value == "" {
		set(nil)
	} else {
		set(value)
	}
	return func() { set(old) }
}

// collectorsValues merges values into a cluster's kof-collectors, and returns what
// puts the old ones back.
func (l *testLab) collectorsValues(cluster, values string) func() {
	l.Helper()
	api := l.clusterDeployments("kcm-system")
	path := []string{"spec", "config", "clusterAnnotations", "k0rdent.mirantis.com/kof-collectors-values"}
	u, err := api.Get(l.Context(), cluster, metav1.GetOptions{})
	require.NoError(l, err)
	old, _, err := unstructured.NestedString(u.Object, path...)
	require.NoError(l, err)
	have, more := map[string]any{}, map[string]any{}
	if old != "" {
		require.NoError(l, json.Unmarshal([]byte(old), &have))
	}
	require.NoError(l, json.Unmarshal([]byte(values), &more))
	merge(have, more)
	merged, err := json.Marshal(have)
	require.NoError(l, err)
	set := func(text string) {
		patch := map[string]any{}
		require.NoError(l, unstructured.SetNestedField(patch, text, path...))
		b, err := json.Marshal(patch)
		require.NoError(l, err)
		_, err = api.Patch(l.Context(), cluster, types.MergePatchType, b, metav1.PatchOptions{})
		require.NoError(l, err)
	}
	set(string(merged))
	return func() { set(old) }
}

func merge(into, from map[string]any) {
	for k, v := range from {
		a, ok1 := into[k].(map[string]any)
		b, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			merge(a, b)
		} else {
			into[k] = v
		}
	}
}

// write puts one sample past the gateway into r1's storage, as no part of KOF does.
func (l *testLab) write(pairs ...string) {
	l.Helper()
	l.post(l.url("r1", "vminsert")+"/insert/0/prometheus/api/v1/write", protobuf, l.remoteWrite(l.now(), 1, pairs...))
}

// planted is a misconfiguration and the one check that must name it.
type planted struct {
	name     string
	plant    func(l *testLab) (heal func())
	want     string
	subjects []string
}

// each plants one after the other; what was planted is healed before the next.
func (l *testLab) each(table []planted) {
	for _, p := range table {
		start := time.Now()
		heal := p.plant(l)
		l.names(120*time.Second, p.want, p.subjects...)
		if heal != nil {
			heal()
		}
		l.Logf("%s: %s after %s", p.name, p.want, time.Since(start).Round(100*time.Millisecond))
	}
}

func nothing(plant func(l *testLab)) func(l *testLab) func() {
	return func(l *testLab) func() {
		plant(l)
		return nil
	}
}

func faulty(args ...string) func(l *testLab) func() {
	return func(l *testLab) func() { return l.inject(args...) }
}

func valued(cluster, values string) func(l *testLab) func() {
	return func(l *testLab) func() { return l.collectorsValues(cluster, values) }
}

// TestConformPlanted plants misconfigurations that show at once, in a lab that runs in
// real time.
func TestConformPlanted(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, conformLab))
	l.green(60 * time.Second)
	l.each([]planted{
		{"region down", faulty("region-down", "--target", "r2"), "region-reachable", []string{"r2"}},
		{"certificate of another CA", faulty("certificate-wrong-ca", "--target", "r2"), "region-certificate", []string{"r2"}},
		{"expired certificate", faulty("certificate-expired", "--target", "r1"), "region-certificate", []string{"r1"}},
		{"name not in DNS", faulty("dns-missing", "--target", "r2"), "region-name", []string{"r2"}},
		{"no kof-version", func(l *testLab) func() { return l.label("c1", labelVersion, "") }, "kof-version", []string{"c1"}},
		{"kof-version of no service", func(l *testLab) func() { return l.label("c1", labelVersion, "0.1.0") }, "kof-version", []string{"c1"}},
		{"region that is absent", func(l *testLab) func() { return l.label("c2", labelRegion, "r9") }, "child-region", []string{"c2"}},
	})
	l.green(60 * time.Second)
	l.each([]planted{ // for two minutes what was sent under the other name is current, so this is last
		{"cluster that calls itself another", faulty("duplicate-cluster-name", "--target", "c3", "--set", "other=c1"), "cluster-names", []string{"c1", "c3"}},
	})
}

// TestConformPlantedData plants data that no collector of KOF writes. A sample counts
// as current for two minutes of lab time.
func TestConformPlantedData(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, conformLab), "--speed", "10x")
	l.green(60 * time.Second)
	l.each([]planted{
		{"series past the gateway", nothing(func(l *testLab) {
			l.write("__name__", "up", "cluster", "c1", "clusterNamespace", "kcm-system", "job", "stranger", "instance", "10.9.9.9:80")
		}), "tenant", []string{"c1"}},
		{"node of a name that another cluster has", nothing(func(l *testLab) {
			var node, state string
			for _, s := range l.vector("kube_node_info") {
				switch s.Metric["cluster"] {
				case "c1":
					node = string(s.Metric["node"])
				case "c2":
					state = string(s.Metric["instance"])
				}
			}
			c2 := []string{"cluster", "c2", "clusterNamespace", "kcm-system", "tenant", "PLATFORM"}
			l.write(append(c2, "__name__", "node_uname_info", "job", "node-exporter", "instance", "10.9.9.9:9100")...)
			l.write(append(c2, "__name__", "kube_node_info", "job", "kube-state-metrics", "instance", state, "node", node)...)
		}), "node-names", []string{"c1", "c2"}},
		{"event without a message", nothing(func(l *testLab) {
			l.post(l.url("c1", "otlp-http")+"/v1/logs", protobuf, l.logRecord(l.now(), "", pcommon.TraceID{}, "event.reason", "Pulled", "event.regarding.kind", "Pod"))
		}), "log-message", []string{"c1"}},
	})
}

// TestConformPlantedParts plants parts of KOF that are missing, in a lab on a fast
// clock: what is gone is an answer for up to five minutes.
func TestConformPlantedParts(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, conformLab), "--speed", "30x")
	l.green(60 * time.Second)
	l.each([]planted{
		{"no opencost", valued("c1", `{"opencost":{"enabled":false}}`), "cost-present", []string{"c1"}},
		{"no node-exporter", valued("c2", `{"prometheus-node-exporter":{"enabled":false}}`), "node-exporter", []string{"c2"}},
		{"no kube-state-metrics", valued("c3", `{"kube-state-metrics":{"enabled":false}}`), "kube-state-metrics", []string{"c3"}},
		{"no logs", valued("c1", `{"collectors":{"node-exporter":{"exporters":{"logs":{"enabled":false}}},"k8s-cluster":{"exporters":{"logs":{"enabled":false}}}}}`), "logs-fresh", []string{"c1"}},
		{"no traces", valued("c2", `{"collectors":{"node-exporter":{"exporters":{"traces":{"enabled":false}}}}}`), "traces-fresh", []string{"c2"}},
	})
}

// TestConformPlantedTime plants what shows when time has passed. Counters of drops
// count for 15 minutes, so that one is last.
func TestConformPlantedTime(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, conformLab), "--speed", "30x")
	l.green(60 * time.Second)
	l.each([]planted{
		{"wrong credentials", faulty("wrong-credentials", "--target", "c1"), "child-credentials", []string{"c1"}},
		{"duplicate scrape", faulty("duplicate-scrape", "--target", "c2"), "duplicate-scrape", []string{"c2"}},
		{"clock behind", faulty("clock-skew", "--target", "c3"), "clock-skew", []string{"c3"}},
		{"child away", faulty("child-down", "--target", "c2"), "cluster-silent", []string{"c2"}},
		{"queue too small", func(l *testLab) func() {
			heal := l.inject("queue-too-small", "--target", "c3")
			l.output("fault", "inject", "region-down", "--target", "r2", "--as", "outage")
			l.passTime(2 * time.Minute)
			l.output("fault", "clear", "outage")
			return heal
		}, "queue-full", []string{"c3"}},
	})
}

// TestConformNames: two clusters of one name in two namespaces.
func TestConformNames(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, `
crossNamespace: true
regions: [{name: r1, nodes: 1}]
children:
  - {name: c1, namespace: team-a, region: r1, regionNamespace: kcm-system, nodes: 1}
  - {name: c1, namespace: team-b, region: r1, regionNamespace: kcm-system, nodes: 1}
`))
	l.names(60*time.Second, "cluster-names", "c1")
}
