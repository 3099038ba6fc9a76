package inventory

import "strings"

// component is a workload that Kubernetes or KOF puts on clusters, with the
// requests and limits of KOF's charts cut to what a lab's nodes carry.
type component struct {
	namespace, name string
	kind            Kind
	label           string // app.kubernetes.io/name; the name when empty
	image           string
	container       string // the label when empty
	cpu, cpuLimit   int    // millicores
	mem, memLimit   int    // MiB
	port            int
	volume          int // GiB
	on              where
	stacks          string // stack profiles that have it; empty means all
	public          bool
}

// where selects the clusters that carry a component.
type where uint8

const (
	everywhere     where = iota
	withStorage          // regions, and management when it stores data
	withReplicas         // the same, scaled to the region's replicas
	onlyManagement       // the management cluster
	notManagement        // regions and children
)

func (d *component) runsOn(s spec) bool {
	stack := s.stack
	if stack == "" {
		stack = "current"
	}
	if d.stacks != "" && !strings.Contains(" "+d.stacks+" ", " "+stack+" ") {
		return false
	}
	switch d.on {
	case withStorage, withReplicas:
		return s.storage
	case onlyManagement:
		return s.role == Management
	case notManagement:
		return s.role != Management
	default:
		return true
	}
}

func (d *component) workload(s spec) *Workload {
	label, container := d.label, d.container
	if label == "" {
		label = d.name
	}
	if container == "" {
		container = label
	}
	replicas := 1
	if d.on == withReplicas {
		replicas = s.replicas
	}
	return &Workload{
		Namespace: d.namespace, Name: d.name, Kind: d.kind, Label: label, Replicas: replicas,
		Port: d.port, Public: d.public, VolumeBytes: int64(d.volume) << 30,
		Containers: []Container{{
			Name: container, Image: d.image,
			Requests: Resources{float64(d.cpu) / 1000, int64(d.mem) << 20},
			Limits:   Resources{float64(d.cpuLimit) / 1000, int64(d.memLimit) << 20},
		}},
	}
}

const (
	otelcolImage = "ghcr.io/k0rdent/kof/kof-opentelemetry-collector-contrib:v0.155.0"
	vmVersion    = ":v1.105.0-cluster"
	vlImage      = "docker.io/victoriametrics/victoria-logs:v1.50.0"
	vtImage      = "docker.io/victoriametrics/victoria-traces:v0.8.1"
)

// components lists them in the order in which KOF installs them (kof-facts
// sections 1 and 2.5).
var components = []component{
	{namespace: "kube-system", name: "kube-proxy", kind: DaemonSet, image: "registry.k8s.io/kube-proxy:v1.33.1", cpu: 30, mem: 48},
	{namespace: "kube-system", name: "coredns", kind: Deployment, image: "registry.k8s.io/coredns/coredns:v1.12.0", cpu: 100, mem: 70, memLimit: 170, port: 9153},
	{namespace: "kof", name: "cert-manager", kind: Deployment, image: "quay.io/jetstack/cert-manager-controller:v1.19.3", container: "cert-manager-controller", cpu: 20, mem: 64, port: 9402},
	{namespace: "kof", name: "cert-manager-cainjector", kind: Deployment, label: "cainjector", container: "cert-manager-cainjector", image: "quay.io/jetstack/cert-manager-cainjector:v1.19.3", cpu: 10, mem: 64},
	{namespace: "kof", name: "cert-manager-webhook", kind: Deployment, label: "webhook", container: "cert-manager-webhook", image: "quay.io/jetstack/cert-manager-webhook:v1.19.3", cpu: 10, mem: 32, port: 443},
	{namespace: "kof", name: "kof-operators-opentelemetry-operator", kind: Deployment, label: "opentelemetry-operator", container: "manager", image: "ghcr.io/open-telemetry/opentelemetry-operator/opentelemetry-operator:0.143.0", cpu: 50, mem: 128, memLimit: 256, port: 8080},

	{namespace: "kof", name: "kof-collectors-daemon-collector", kind: DaemonSet, image: otelcolImage, container: "otc-container", cpu: 100, cpuLimit: 1000, mem: 250, memLimit: 500, port: 8888},
	{namespace: "kof", name: "kof-collectors-ta-daemon-collector", kind: DaemonSet, image: otelcolImage, container: "otc-container", cpu: 100, cpuLimit: 1000, mem: 500, memLimit: 1024, port: 8888},
	{namespace: "kof", name: "kof-collectors-ta-daemon-targetallocator", kind: Deployment, image: "ghcr.io/open-telemetry/opentelemetry-operator/target-allocator:v0.153.0", container: "ta-container", cpu: 30, mem: 64, port: 80},
	{namespace: "kof", name: "kof-collectors-cluster-stats-collector", kind: Deployment, image: otelcolImage, container: "otc-container", cpu: 100, cpuLimit: 500, mem: 128, memLimit: 256, port: 8888},
	{namespace: "kof", name: "kof-collectors-kube-state-metrics", kind: Deployment, label: "kube-state-metrics", image: "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.13.0", cpu: 20, mem: 64, memLimit: 256, port: 8080},
	{namespace: "kof", name: "kof-collectors-prometheus-node-exporter", kind: DaemonSet, label: "prometheus-node-exporter", container: "node-exporter", image: "quay.io/prometheus/node-exporter:v1.9.1", cpu: 20, mem: 32, port: 9100},
	{namespace: "kof", name: "kof-collectors-opencost", kind: Deployment, label: "opencost", image: "ghcr.io/opencost/opencost:1.118.0", cpu: 50, cpuLimit: 999, mem: 110, memLimit: 1024, port: 9003},

	{namespace: "kof", name: "envoy-gateway", kind: Deployment, label: "gateway-helm", container: "envoy-gateway", image: "docker.io/envoyproxy/gateway:v1.7.2", cpu: 100, mem: 256, port: 18000, on: withStorage, stacks: "current", public: true},
	{namespace: "kof", name: "ingress-nginx-controller", kind: Deployment, label: "ingress-nginx", container: "controller", image: "registry.k8s.io/ingress-nginx/controller:v1.12.1", cpu: 100, mem: 90, port: 443, on: withStorage, stacks: "seed v1.0", public: true},
	{namespace: "kof", name: "victoria-metrics-operator", kind: Deployment, container: "operator", image: "docker.io/victoriametrics/operator:v0.67.0", cpu: 80, mem: 128, port: 8080, on: withStorage},
	{namespace: "kof", name: "vmauth-cluster", kind: Deployment, label: "vmauth", image: "docker.io/victoriametrics/vmauth:v1.108.1", cpu: 50, cpuLimit: 200, mem: 100, memLimit: 300, port: 8427, on: withReplicas},
	{namespace: "kof", name: "vminsert-cluster", kind: Deployment, label: "vminsert", image: "docker.io/victoriametrics/vminsert" + vmVersion, cpu: 100, cpuLimit: 1000, mem: 256, memLimit: 512, port: 8480, on: withReplicas},
	{namespace: "kof", name: "vmselect-cluster", kind: StatefulSet, label: "vmselect", image: "docker.io/victoriametrics/vmselect" + vmVersion, cpu: 100, cpuLimit: 2000, mem: 500, memLimit: 500, port: 8481, on: withReplicas},
	{namespace: "kof", name: "vmstorage-cluster", kind: StatefulSet, label: "vmstorage", image: "docker.io/victoriametrics/vmstorage" + vmVersion, cpu: 200, cpuLimit: 2000, mem: 512, memLimit: 2048, port: 8482, volume: 200, on: withReplicas},
	{namespace: "kof", name: "vmalert-cluster", kind: Deployment, label: "vmalert", image: "docker.io/victoriametrics/vmalert:v1.105.0", cpu: 50, cpuLimit: 200, mem: 100, memLimit: 500, port: 8080, on: withStorage},
	{namespace: "kof", name: "kof-storage-victoria-logs-cluster-vlinsert", kind: Deployment, label: "vlinsert", image: vlImage, cpu: 100, mem: 128, port: 9481, on: withReplicas, stacks: "current v1.0"},
	{namespace: "kof", name: "kof-storage-victoria-logs-cluster-vlselect", kind: Deployment, label: "vlselect", image: vlImage, cpu: 100, mem: 128, port: 9471, on: withReplicas, stacks: "current v1.0"},
	{namespace: "kof", name: "kof-storage-victoria-logs-cluster-vlstorage", kind: StatefulSet, label: "vlstorage", image: vlImage, cpu: 100, mem: 256, port: 9491, volume: 100, on: withReplicas, stacks: "current v1.0"},
	{namespace: "kof", name: "kof-storage-victoria-logs-single-server", kind: StatefulSet, label: "victoria-logs-single", container: "vlogs", image: "docker.io/victoriametrics/victoria-logs:v1.15.0-victorialogs", cpu: 200, mem: 512, port: 9428, volume: 10, on: withStorage, stacks: "seed"},
	{namespace: "kof", name: "kof-storage-vt-cluster-vtinsert", kind: Deployment, label: "vtinsert", image: vtImage, cpu: 50, mem: 128, port: 10481, on: withReplicas, stacks: "current"},
	{namespace: "kof", name: "kof-storage-vt-cluster-vtselect", kind: Deployment, label: "vtselect", image: vtImage, cpu: 50, mem: 128, port: 10471, on: withReplicas, stacks: "current"},
	{namespace: "kof", name: "kof-storage-vt-cluster-vtstorage", kind: StatefulSet, label: "vtstorage", image: vtImage, cpu: 100, mem: 256, port: 10491, volume: 100, on: withReplicas, stacks: "current"},
	{namespace: "kof", name: "vlinsert-audit-logs", kind: Deployment, label: "vlinsert", image: vlImage, cpu: 50, mem: 64, port: 9481, on: withStorage, stacks: "current"},
	{namespace: "kof", name: "vlselect-audit-logs", kind: Deployment, label: "vlselect", image: vlImage, cpu: 50, mem: 64, port: 9471, on: withStorage, stacks: "current"},
	{namespace: "kof", name: "vlstorage-audit-logs", kind: StatefulSet, label: "vlstorage", image: vlImage, cpu: 50, mem: 128, port: 9491, volume: 100, on: withStorage, stacks: "current"},
	{namespace: "kof", name: "kof-storage-jaeger-operator", kind: Deployment, label: "jaeger-operator", image: "docker.io/jaegertracing/jaeger-operator:1.57.0", cpu: 50, mem: 128, on: withStorage, stacks: "seed v1.0"},
	{namespace: "kof", name: "kof-storage-jaeger", kind: Deployment, label: "jaeger", image: "docker.io/jaegertracing/all-in-one:1.57.0", cpu: 100, mem: 256, port: 16686, on: withStorage, stacks: "seed v1.0"},

	{namespace: "kcm-system", name: "kcm-controller-manager", kind: Deployment, label: "kcm", container: "manager", image: "ghcr.io/k0rdent/kcm/controller:1.11.0", cpu: 100, cpuLimit: 500, mem: 128, memLimit: 512, port: 8080, on: onlyManagement},
	{namespace: "kcm-system", name: "source-controller", kind: Deployment, container: "manager", image: "ghcr.io/fluxcd/source-controller:v1.5.0", cpu: 50, mem: 64, memLimit: 1024, port: 8080, on: onlyManagement},
	{namespace: "kcm-system", name: "helm-controller", kind: Deployment, container: "manager", image: "ghcr.io/fluxcd/helm-controller:v1.2.0", cpu: 100, mem: 64, memLimit: 1024, port: 8080, on: onlyManagement},
	{namespace: "projectsveltos", name: "addon-controller", kind: Deployment, container: "controller", image: "docker.io/projectsveltos/addon-controller:v1.1.1", cpu: 100, mem: 256, memLimit: 512, port: 8443, on: onlyManagement},
	{namespace: "kof", name: "kof-mothership-kof-operator", kind: Deployment, label: "kof-operator", image: "ghcr.io/k0rdent/kof/kof-operator-controller:v1.11.0", cpu: 100, cpuLimit: 500, mem: 128, memLimit: 512, port: 9090, on: onlyManagement},
	{namespace: "kof", name: "kof-mothership-promxy", kind: Deployment, label: "promxy", image: "quay.io/jacksontj/promxy:v0.0.95", cpu: 200, cpuLimit: 2000, mem: 512, memLimit: 2048, port: 8082, on: onlyManagement},
	{namespace: "kof", name: "vmalertmanager-cluster", kind: StatefulSet, label: "vmalertmanager", container: "alertmanager", image: "docker.io/prom/alertmanager:v0.27.0", cpu: 30, cpuLimit: 100, mem: 56, memLimit: 256, port: 9093, on: onlyManagement},
	{namespace: "kof", name: "vlselect-kof-mothership-logs-multilevel-select", kind: Deployment, label: "vlselect", image: vlImage, cpu: 50, mem: 128, port: 9471, on: onlyManagement, stacks: "current"},
	{namespace: "kof", name: "vtselect-kof-mothership-multilevel-select", kind: Deployment, label: "vtselect", image: vtImage, cpu: 50, mem: 128, port: 10471, on: onlyManagement, stacks: "current"},
	{namespace: "kof", name: "grafana-vm-deployment", kind: Deployment, label: "grafana", image: "docker.io/grafana/grafana:10.4.18-security-01", cpu: 100, mem: 256, memLimit: 1024, port: 3000, on: onlyManagement},
}
