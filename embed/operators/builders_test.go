package operators

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write golden files anew")

// read decodes an example as strictly as a CRD would: a field that is misspelt
// here would be tested as absent.
func read[T any](t *testing.T, name string) *T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".in.yaml"))
	require.NoError(t, err)
	out := new(T)
	require.NoError(t, yaml.Unmarshal(text, out))
	return out
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run with -update")
	require.Equal(t, string(want), string(got))
}

func render(t *testing.T, children []child) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, c := range children {
		gr, err := resourceOf(c)
		require.NoError(t, err)
		text, err := yaml.Marshal(c)
		require.NoError(t, err)
		out.WriteString("--- # " + gr.String() + "\n")
		out.Write(text)
	}
	return out.Bytes()
}

func TestBuilders(t *testing.T) {
	users, err := (&VMAuthConfig{Users: []VMAuthUser{{Username: "u", Password: "p", URLPrefix: []string{"http://x"}}}}).Marshal()
	require.NoError(t, err)
	for name, build := range map[string]func() ([]child, error){
		"vmcluster": func() ([]child, error) { return buildVMCluster(read[vmCluster](t, "vmcluster")) },
		"vmauth":    func() ([]child, error) { return buildVMAuth(read[vmAuth](t, "vmauth"), users) },
		"vmalert": func() ([]child, error) {
			return buildVMAlert(read[vmAlert](t, "vmalert"), map[string]string{"kof-rules.yaml": "groups: []\n"})
		},
		"vmalertmanager":       func() ([]child, error) { return buildVMAlertmanager(read[vmAlertmanager](t, "vmalertmanager"), nil) },
		"collector-deployment": func() ([]child, error) { return buildCollector(read[collector](t, "collector-deployment")) },
		"collector-daemonset":  func() ([]child, error) { return buildCollector(read[collector](t, "collector-daemonset")) },
		"jaeger":               func() ([]child, error) { return buildJaeger(read[jaeger](t, "jaeger")) },
		"grafana": func() ([]child, error) {
			return buildGrafana(read[grafana](t, "grafana"), []grafanaPlugin{{"victoriametrics-logs-datasource", "0.21.0"}}, "secret")
		},
	} {
		t.Run(name, func(t *testing.T) {
			children, err := build()
			require.NoError(t, err)
			got := render(t, children)
			golden(t, name+".golden.yaml", got)
			again, err := build()
			require.NoError(t, err)
			require.Equal(t, string(got), string(render(t, again)), "built twice")
		})
	}
}

func TestBuildersRefuse(t *testing.T) {
	cluster := func(change func(*vmCluster)) func() ([]child, error) {
		return func() ([]child, error) {
			cr := read[vmCluster](t, "vmcluster")
			change(cr)
			return buildVMCluster(cr)
		}
	}
	collect := func(change func(*collector)) func() ([]child, error) {
		return func() ([]child, error) {
			cr := read[collector](t, "collector-deployment")
			change(cr)
			return buildCollector(cr)
		}
	}
	for want, build := range map[string]func() ([]child, error){
		`vmstorage: replicaCount -1: want 0 to 1000`:                                 cluster(func(c *vmCluster) { c.Spec.Storage.ReplicaCount = ptr[int32](-1) }),
		`vminsert: port "http": want a number from 1 to 65535`:                       cluster(func(c *vmCluster) { c.Spec.Insert.Port = "http" }),
		`vmselect: replicaCount 2000000000: want 0 to 1000`:                          cluster(func(c *vmCluster) { c.Spec.Select.ReplicaCount = ptr[int32](2000000000) }),
		`spec.config is empty`:                                                       collect(func(c *collector) { c.Spec.Config = nil }),
		`spec.config needs receivers and exporters`:                                  collect(func(c *collector) { c.Spec.Config = []byte(`{"receivers":{"otlp":{}}}`) }),
		`spec.mode "replicaset": want deployment, daemonset, statefulset or sidecar`: collect(func(c *collector) { c.Spec.Mode = "replicaset" }),
		`service.pipelines.metrics.exporters: "otlp" is not defined in config.exporters`: collect(func(c *collector) {
			c.Spec.Config = []byte(`{"receivers":{"otlp":{}},"exporters":{"nop":{}},"service":{"pipelines":{"metrics":{"receivers":["otlp"],"exporters":["otlp"]}}}}`)
		}),
		`config.receivers.otlp: endpoint "0.0.0.0:http": "http" is no port`: collect(func(c *collector) {
			c.Spec.Config = []byte(`{"receivers":{"otlp":{"protocols":{"grpc":{"endpoint":"0.0.0.0:http"}}}},"exporters":{"nop":{}},"service":{"pipelines":{"metrics":{"receivers":["otlp"],"exporters":["nop"]}}}}`)
		}),
		`targetAllocator: spec.mode "deployment": a target allocator needs statefulset or daemonset`: collect(func(c *collector) { c.Spec.TargetAllocator.Enabled = true }),
		`spec.storage.type "elasticsearch" is not supported: want memory or badger`: func() ([]child, error) {
			cr := read[jaeger](t, "jaeger")
			cr.Spec.Storage.Type = "elasticsearch"
			return buildJaeger(cr)
		},
		`option badger.ephemeral: want text, a number or true/false`: func() ([]child, error) {
			cr := read[jaeger](t, "jaeger")
			cr.Spec.Storage.Options = jaegerOptions{"badger": map[string]any{"ephemeral": []any{}}}
			return buildJaeger(cr)
		},
		`alertmanager.yaml: route and receivers are required`: func() ([]child, error) {
			return buildVMAlertmanager(&vmAlertmanager{}, []byte("global: {}"))
		},
		`spec.datasource.url is empty`: func() ([]child, error) { return buildVMAlert(&vmAlert{}, nil) },
		`ingress: no host: give host, tlsHosts or extraRules`: func() ([]child, error) {
			return buildVMAuth(&vmAuth{Spec: vmAuthSpec{Ingress: &embeddedIngress{}}}, nil)
		},
	} {
		t.Run(want, func(t *testing.T) {
			_, err := build()
			require.EqualError(t, err, want)
		})
	}
}
