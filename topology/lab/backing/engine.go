// Package backing says what does the work of the pods that charts deploy: which
// engine backs an image, and with what configuration, read from the same
// arguments, Secrets and ConfigMaps that the real program would read.
package backing

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Engines are koflab's packages that do a component's work.
const (
	Metrics    = "embed/metrics"
	Logs       = "embed/logs"
	Traces     = "embed/traces"
	Gateway    = "embed/gateway"
	Federation = "embed/federation"
	Collector  = "sim/collector"
	Telemetry  = "sim/telemetry"
	Operators  = "embed/operators"
	Autoconfig = "topology/autoconfig"
	Kubernetes = "embed/kube"
)

// engines maps an image's repository, without registry, to what backs it. A
// program that is not listed runs as a simulated process: it has a pod, logs and
// metrics, and does nothing.
var engines = map[string]string{
	"victoriametrics/vminsert":         Metrics,
	"victoriametrics/vmselect":         Metrics,
	"victoriametrics/vmstorage":        Metrics,
	"victoriametrics/victoria-metrics": Metrics,
	"victoriametrics/victoria-logs":    Logs,
	"victoriametrics/victoria-traces":  Traces,
	"jaegertracing/all-in-one":         Traces,
	"victoriametrics/vmauth":           Gateway,
	"jacksontj/promxy":                 Federation,

	"otel/opentelemetry-collector-contrib":            Collector,
	"k0rdent/kof/kof-opentelemetry-collector-contrib": Collector,
	"kube-state-metrics/kube-state-metrics":           Telemetry,
	"prometheus/node-exporter":                        Telemetry,
	"opencost/opencost":                               Telemetry,

	"grafana/grafana-operator":                                     Operators,
	"victoriametrics/operator":                                     Operators,
	"open-telemetry/opentelemetry-operator/opentelemetry-operator": Operators,
	"jaegertracing/jaeger-operator":                                Operators,
	"external-dns/external-dns":                                    Operators,
	"jetstack/cert-manager-controller":                             Operators,
	"jetstack/cert-manager-istio-csr":                              Operators,
	"ingress-nginx/controller":                                     Operators,
	"istio/pilot":                                                  Operators,

	"k0rdent/kof/kof-operator-controller": Autoconfig,
	"k0rdent/kcm/controller":              Autoconfig,
	"projectsveltos/addon-controller":     Autoconfig,
	"fluxcd/source-controller":            Autoconfig,
	"fluxcd/helm-controller":              Autoconfig,

	"kube-proxy":      Kubernetes,
	"coredns/coredns": Kubernetes,
}

// Engine returns the package that backs a container, "" for a simulated one. A
// VictoriaLogs or VictoriaTraces that is given storage nodes stores nothing: it
// reads others, as the federation does.
func Engine(c *corev1.Container) string {
	e := engines[repository(c.Image)]
	if e == Logs || e == Traces {
		if _, ok := flag(c, "storageNode"); ok {
			return Federation
		}
	}
	return e
}

// EngineOf returns the engine of a pod's first container that has one.
func EngineOf(p *corev1.PodSpec) string {
	for i := range p.Containers {
		if e := Engine(&p.Containers[i]); e != "" {
			return e
		}
	}
	return ""
}

// repository is an image without registry, tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	if host, rest, ok := strings.Cut(image, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return rest
	}
	return strings.TrimPrefix(image, "library/")
}

// flag returns the value of a flag among a container's command and arguments,
// written -name=value, --name=value or --name value.
func flag(c *corev1.Container, name string) (string, bool) {
	words := append(append([]string(nil), c.Command...), c.Args...)
	for i, w := range words {
		if !strings.HasPrefix(w, "-") {
			continue
		}
		key, value, has := strings.Cut(strings.TrimLeft(w, "-"), "=")
		switch {
		case key != name:
		case has:
			return value, true
		case i+1 < len(words):
			return words[i+1], true
		default:
			return "", true
		}
	}
	return "", false
}
