package backing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube"
)

func TestEngine(t *testing.T) {
	f := func(image, want string, args ...string) {
		t.Helper()
		require.Equal(t, want, Engine(&corev1.Container{Image: image, Args: args}), image)
	}
	f("victoriametrics/vmstorage:v1.105.0-cluster", Metrics)
	f("docker.io/victoriametrics/vmstorage@sha256:0123", Metrics)
	f("registry.local:5000/victoriametrics/vmauth", Gateway)
	f("docker.io/victoriametrics/victoria-logs:v1.50.0", Logs, "-retentionPeriod=7d")
	f("docker.io/victoriametrics/victoria-logs:v1.50.0", Federation, "-storageNode=vmauth.r1.example.com/vls")
	f("quay.io/jacksontj/promxy:latest", Federation)
	f("quay.io/prometheus/node-exporter:v1.9.1", Telemetry)
	f("docker.io/grafana/grafana:10.4.7", "")
	f("nginx", "")
	f("", "")
}

func TestRetention(t *testing.T) {
	f := func(arg string, want time.Duration, problem string) {
		t.Helper()
		got, err := retention(&corev1.Container{Name: "c", Args: []string{"--other=1", arg}}, "retentionPeriod")
		if problem != "" {
			require.ErrorContains(t, err, problem)
			return
		}
		require.NoError(t, err, arg)
		require.Equal(t, want, got, arg)
	}
	const day = 24 * time.Hour
	f("--retentionPeriod=30d", 30*day, "")
	f("-retentionPeriod=365d", 365*day, "")
	f("-retentionPeriod=1", 31*day, "") // the trap of KOF 1.0: a month
	f("--retentionPeriod=168h0m0s", 168*time.Hour, "")
	f("--storageDataPath=/data", 0, "")
	f("--retentionPeriod=soon", 0, "want a duration such as 30d")
	f("--retentionPeriod=99999999", 0, "want at most 1200 months")
}

// cluster is a Kubernetes API to read from.
type cluster struct {
	*testing.T
	*kube.Server
}

func newCluster(t *testing.T) cluster {
	c := cluster{t, kube.New(kube.Options{Name: "test"})}
	c.create(schema.GroupResource{Resource: "namespaces"}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}})
	return c
}

func (c cluster) create(gr schema.GroupResource, o any) {
	c.Helper()
	_, err := c.Create(gr, o)
	require.NoError(c, err)
}

// run creates a pod that is ready.
func (c cluster) run(name string, spec corev1.Container, change ...func(*corev1.Pod)) {
	c.Helper()
	spec.Name = "main"
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name}, Spec: corev1.PodSpec{Containers: []corev1.Container{spec}}}
	for _, f := range change {
		f(p)
	}
	c.create(pods, p)
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	_, err := c.Update(pods, p, "status")
	require.NoError(c, err)
}

func (c cluster) secret(name, key, value string) {
	c.Helper()
	c.create(secrets, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name}, StringData: map[string]string{key: value}})
}

func TestStorageOf(t *testing.T) {
	c := newCluster(t)
	s, err := StorageOf(c)
	require.NoError(t, err)
	require.Nil(t, s, "a cluster without storage")

	c.run("vmstorage-cluster-0", corev1.Container{Image: "victoriametrics/vmstorage:v1", Args: []string{"--retentionPeriod=90d"}})
	c.run("vminsert-cluster-x", corev1.Container{Image: "victoriametrics/vminsert:v1"})
	c.run("audit", corev1.Container{Image: "victoriametrics/victoria-logs:v1", Args: []string{"-retentionPeriod=365d"}},
		func(p *corev1.Pod) { p.Labels = map[string]string{"app.kubernetes.io/name": "audit-logs"} })
	c.run("multi", corev1.Container{Image: "victoriametrics/victoria-logs:v1", Args: []string{"-storageNode=x"}})
	c.run("vmauth", corev1.Container{Image: "victoriametrics/vmauth:v1"})
	c.secret(vmauthConfig, vmauthConfigKey, `
users:
  - username: "2"
    password: two
    url_map:
      - {src_paths: ["/vm/insert/.*"], url_prefix: "http://vminsert-cluster:8480/?extra_label=tenant%3Dretail"}
  - {username: admin-1, password: one, url_prefix: ["http://a", "http://b"]}
`)
	s, err = StorageOf(c)
	require.NoError(t, err)
	const day = 24 * time.Hour
	require.Equal(t, &Storage{
		Services: []string{"vlinsert-audit-logs", "vlselect-audit-logs", "vmauth", "vminsert"},
		Metrics:  90 * day, Audit: 365 * day,
		Users: []User{{"2", "two", "retail"}, {"admin-1", "one", ""}},
	}, s)

	// A name leads to the gateway when a controller serves it and DNS has it.
	host := func(name, service string) *networkingv1.Ingress {
		prefix := networkingv1.PathTypePrefix
		return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name}, Spec: networkingv1.IngressSpec{
			Rules: []networkingv1.IngressRule{{Host: name + ".example.com", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
					Name: service, Port: networkingv1.ServiceBackendPort{Number: 8427}}}}},
			}}}},
		}}
	}
	served := host("vmauth", vmauthService)
	c.create(ingresses, served)
	c.create(ingresses, host("other", "other"))
	c.run("nginx", corev1.Container{Image: "registry.k8s.io/ingress-nginx/controller:v1"})
	c.run("dns", corev1.Container{Image: "registry.k8s.io/external-dns/external-dns:v1"})
	s, err = StorageOf(c)
	require.NoError(t, err)
	require.Empty(t, s.Hosts, "no controller has taken it")
	served.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "203.0.113.1"}}
	_, err = c.Update(ingresses, served, "status")
	require.NoError(t, err)
	s, err = StorageOf(c)
	require.NoError(t, err)
	require.Equal(t, []string{"vmauth.example.com"}, s.Hosts)
}

func TestCollectorsOf(t *testing.T) {
	c := newCluster(t)
	out, err := CollectorsOf(c)
	require.NoError(t, err)
	require.Nil(t, out)

	c.secret("storage-vmuser-credentials", "password", "secret")
	c.create(configMaps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: daemonCollector}, Data: map[string]string{"collector.yaml": `
receivers: {prometheus: {config: {global: {scrape_interval: 5s}}}}
exporters:
  prometheusremotewrite:
    endpoint: https://vmauth.r1/vm/insert/0/prometheus/api/v1/write
    auth: {authenticator: basicauth/metrics}
    external_labels: {cluster: c1, clusterNamespace: kcm-system}
    retry_on_failure: {max_elapsed_time: 1m}
  otlphttp/logs: {logs_endpoint: https://vmauth.r1/vli/insert/opentelemetry/v1/logs, sending_queue: {queue_size: 7}}
  otlphttp/traces: {endpoint: https://vmauth.r1/vti/insert/opentelemetry}
extensions: {basicauth/metrics: {client_auth: {username: "${env:KOF_VM_USER}", password: "${env:KOF_VM_PASSWORD}"}}}
service:
  pipelines:
    metrics: {exporters: [prometheusremotewrite]}
    traces: {exporters: [otlphttp/traces]}
`}})
	spec := corev1.Container{Image: "docker.io/otel/opentelemetry-collector-contrib:0.120.0", Env: []corev1.EnvVar{
		{Name: "KOF_VM_USER", Value: "2"},
		{Name: "KOF_VM_PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "storage-vmuser-credentials"}, Key: "password"}}},
	}}
	c.run(daemonCollector+"-abcde", spec)
	out, err = CollectorsOf(c)
	require.NoError(t, err)
	require.Len(t, out.Pods, 1)
	before := *out
	out.Pods = nil
	require.Equal(t, &Collectors{
		Metrics:        Exporter{"https://vmauth.r1/vm/insert/0/prometheus/api/v1/write", "2", "secret"},
		Traces:         Exporter{URL: "https://vmauth.r1/vti/insert/opentelemetry/v1/traces"},
		ScrapeInterval: 5 * time.Second, RetryMaxElapsed: time.Minute,
		ExternalLabels: map[string]string{"cluster": "c1", "clusterNamespace": "kcm-system"},
	}, out, "an exporter that no pipeline has sends nothing")
	require.True(t, out.Same(&before))
	require.True(t, out.Successor(&before), "none of the pods is left")
	require.False(t, before.Successor(&before))
}

func TestPromxyOf(t *testing.T) {
	c := newCluster(t)
	p, err := PromxyOf(c)
	require.NoError(t, err)
	require.Equal(t, Promxy{}, p)
	c.run("promxy", corev1.Container{Image: "quay.io/jacksontj/promxy:latest"})
	c.secret(promxyConfig, promxyConfigKey, `
promxy:
  server_groups:
    - static_configs: [{targets: ["vmauth.r1.example.com:443"]}]
      scheme: https
      path_prefix: /vm/select/0/prometheus
      labels: {promxyCluster: r1}
      ignore_error: true
      http_client:
        basic_auth: {username: admin-1, password: one}
        tls_config: {insecure_skip_verify: true}
`)
	p, err = PromxyOf(c)
	require.NoError(t, err)
	require.Equal(t, Promxy{Running: true, Groups: []ServerGroup{{
		Scheme: "https", Target: "vmauth.r1.example.com:443", PathPrefix: "/vm/select/0/prometheus", Labels: map[string]string{"promxyCluster": "r1"},
		Username: "admin-1", Password: "one", InsecureSkipVerify: true, IgnoreError: true,
	}}}, p)
	require.Equal(t, "https://vmauth.r1.example.com:443/vm/select/0/prometheus", p.Groups[0].URL())
}

// FuzzCollectors gives the parser any configuration: it may refuse it, not fail.
func FuzzCollectors(f *testing.F) {
	f.Add("exporters: {prometheusremotewrite: {endpoint: x}}\nservice: {pipelines: {m: {exporters: [prometheusremotewrite]}}}")
	f.Add("receivers: []")
	f.Add("${env:X}")
	f.Fuzz(func(t *testing.T, text string) {
		_ = (&Collectors{}).parse(text, map[string]string{"X": "exporters: {}"})
	})
}
