package clustertest

import (
	"k8s.io/apimachinery/pkg/api/resource"

	"koflab/sim/inventory"
)

// row is a workload of one container.
type row struct {
	namespace, name string
	kind            inventory.Kind
	label           string // app.kubernetes.io/name; the name when empty
	image           string
	container       string // the label when empty
	cpu, cpuLimit   int    // millicores
	mem, memLimit   int    // MiB
	port, volume    int    // volume in GiB
	replicas        int
	public          bool
	schedule        string
	hostNetwork     bool
}

const (
	deployment  = inventory.Deployment
	statefulSet = inventory.StatefulSet
	daemonSet   = inventory.DaemonSet
	otelcol     = "ghcr.io/k0rdent/kof/kof-opentelemetry-collector-contrib:v0.155.0"
)

// everywhere is what the charts of the seed stack put on every cluster, with
// images as charts write them: some without a registry.
var everywhere = []row{
	{namespace: "kube-system", name: "kube-proxy", kind: daemonSet, image: "registry.k8s.io/kube-proxy:v1.33.1", cpu: 30, mem: 48, hostNetwork: true},
	{namespace: "kube-system", name: "coredns", kind: deployment, image: "registry.k8s.io/coredns/coredns:v1.12.0", cpu: 100, mem: 70, memLimit: 170, port: 9153},
	{namespace: "cert-manager", name: "cert-manager", kind: deployment, image: "quay.io/jetstack/cert-manager-controller:v1.16.4", container: "cert-manager-controller", cpu: 10, mem: 32, port: 9402},
	{namespace: "cert-manager", name: "cert-manager-cainjector", kind: deployment, label: "cainjector", image: "quay.io/jetstack/cert-manager-cainjector:v1.16.4", cpu: 10, mem: 32},
	{namespace: "kof", name: "kof-operators-opentelemetry-operator", kind: deployment, label: "opentelemetry-operator", container: "manager", image: "ghcr.io/open-telemetry/opentelemetry-operator/opentelemetry-operator:0.120.0", cpu: 50, mem: 64, memLimit: 256, port: 8080},
	{namespace: "kof", name: "kof-collectors-node-exporter-collector", kind: daemonSet, image: otelcol, container: "otc-container", cpu: 100, cpuLimit: 1000, mem: 128, memLimit: 500, port: 8888, hostNetwork: true},
	{namespace: "kof", name: "kof-collectors-k8s-cluster-collector", kind: deployment, image: otelcol, container: "otc-container", cpu: 50, cpuLimit: 500, mem: 64, memLimit: 256, port: 8888},
	{namespace: "kof", name: "kof-collectors-kube-state-metrics", kind: deployment, label: "kube-state-metrics", image: "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.13.0", cpu: 10, mem: 32, memLimit: 256, port: 8080},
	{namespace: "kof", name: "kof-collectors-prometheus-node-exporter", kind: daemonSet, label: "prometheus-node-exporter", container: "node-exporter", image: "quay.io/prometheus/node-exporter:v1.8.2", cpu: 10, mem: 24, port: 9100, hostNetwork: true},
	{namespace: "kof", name: "kof-collectors-opencost", kind: deployment, label: "opencost", image: "ghcr.io/opencost/opencost:1.113.0", cpu: 50, cpuLimit: 999, mem: 64, memLimit: 1024, port: 9003},
}

var storage = []row{
	{namespace: "ingress-nginx", name: "ingress-nginx-controller", kind: deployment, label: "ingress-nginx", container: "controller", image: "registry.k8s.io/ingress-nginx/controller:v1.12.1", cpu: 100, mem: 90, port: 443, public: true},
	{namespace: "kof", name: "kof-storage-victoria-metrics-operator", kind: deployment, label: "victoria-metrics-operator", container: "operator", image: "victoriametrics/operator:v0.51.1", cpu: 50, mem: 64, port: 8080},
	{namespace: "kof", name: "vmauth-cluster", kind: deployment, label: "vmauth", image: "victoriametrics/vmauth:v1.105.0", cpu: 50, cpuLimit: 200, mem: 64, memLimit: 300, port: 8427},
	{namespace: "kof", name: "vminsert-cluster", kind: deployment, label: "vminsert", image: "victoriametrics/vminsert:v1.105.0-cluster", cpu: 50, cpuLimit: 1000, mem: 64, memLimit: 512, port: 8480},
	{namespace: "kof", name: "vmselect-cluster", kind: statefulSet, label: "vmselect", image: "victoriametrics/vmselect:v1.105.0-cluster", cpu: 50, cpuLimit: 2000, mem: 128, memLimit: 500, port: 8481},
	{namespace: "kof", name: "vmstorage-cluster", kind: statefulSet, label: "vmstorage", image: "victoriametrics/vmstorage:v1.105.0-cluster", cpu: 100, cpuLimit: 2000, mem: 256, memLimit: 2048, port: 8482, volume: 20},
	{namespace: "kof", name: "kof-storage-victoria-logs-single-server", kind: statefulSet, label: "victoria-logs-single", container: "vlogs", image: "docker.io/victoriametrics/victoria-logs:v1.15.0-victorialogs", cpu: 50, mem: 128, port: 9428, volume: 10},
	{namespace: "kof", name: "kof-storage-jaeger", kind: deployment, label: "jaeger", image: "jaegertracing/all-in-one:1.57.0", cpu: 50, mem: 128, port: 16686},
}

var management = []row{
	{namespace: "kcm-system", name: "kcm-controller-manager", kind: deployment, label: "kcm", container: "manager", image: "ghcr.io/k0rdent/kcm/controller:1.11.0", cpu: 50, cpuLimit: 500, mem: 128, memLimit: 512, port: 8080},
	{namespace: "projectsveltos", name: "addon-controller", kind: deployment, container: "controller", image: "projectsveltos/addon-controller:v1.1.1", cpu: 50, mem: 128, memLimit: 512, port: 8443},
	{namespace: "kof", name: "kof-mothership-kof-operator", kind: deployment, label: "kof-operator", image: "ghcr.io/k0rdent/kof/kof-operator-controller:v1.11.0", cpu: 100, cpuLimit: 500, mem: 128, memLimit: 512, port: 9090},
	{namespace: "kof", name: "kof-mothership-promxy", kind: deployment, label: "promxy", image: "quay.io/jacksontj/promxy:v0.0.95", cpu: 100, cpuLimit: 2000, mem: 256, memLimit: 2048, port: 8082},
	{namespace: "kof", name: "vmalertmanager-cluster", kind: statefulSet, label: "vmalertmanager", container: "alertmanager", image: "prom/alertmanager:v0.27.0", cpu: 30, cpuLimit: 100, mem: 56, memLimit: 256, port: 9093},
	{namespace: "kof", name: "grafana-vm-deployment", kind: deployment, label: "grafana", image: "grafana/grafana:10.4.7", cpu: 100, mem: 256, memLimit: 1024, port: 3000},
}

// rows are the workloads of a cluster: the platform's, then its applications.
func rows(s inventory.Spec) []row {
	all := append([]row(nil), everywhere...)
	if s.Stores {
		for _, r := range storage {
			r.replicas = max(1, s.Replicas)
			all = append(all, r)
		}
	}
	if s.Role == inventory.Management {
		all = append(all, management...)
	}
	for _, a := range inventory.Applications(s) {
		r := row{
			namespace: a.Namespace, name: a.Name, kind: a.Kind, image: a.Image, port: a.Port,
			volume: a.VolumeGiB, replicas: a.Replicas, public: a.Public, schedule: a.Schedule,
		}
		cpu, mem := resource.MustParse(a.CPU), resource.MustParse(a.Memory)
		r.cpu, r.mem = int(cpu.MilliValue()), int(mem.Value()>>20)
		r.cpuLimit, r.memLimit = 4*r.cpu, 2*r.mem
		all = append(all, r)
	}
	for i := range all {
		r := &all[i]
		r.replicas = max(1, r.replicas)
		if r.label == "" {
			r.label = r.name
		}
		if r.container == "" {
			r.container = r.label
		}
	}
	return all
}
