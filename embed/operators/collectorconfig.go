package operators

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// collectorConfig is the part of a collector's configuration that the operator
// itself reads.
type collectorConfig struct {
	Receivers  map[string]json.RawMessage `json:"receivers"`
	Processors map[string]json.RawMessage `json:"processors"`
	Exporters  map[string]json.RawMessage `json:"exporters"`
	Connectors map[string]json.RawMessage `json:"connectors"`
	Extensions map[string]json.RawMessage `json:"extensions"`
	Service    struct {
		Extensions []string                     `json:"extensions"`
		Pipelines  map[string]collectorPipeline `json:"pipelines"`
	} `json:"service"`
}

type collectorPipeline struct {
	Receivers  []string `json:"receivers"`
	Processors []string `json:"processors"`
	Exporters  []string `json:"exporters"`
}

// check says what is wrong with a configuration that no collector would start
// with: parts that a pipeline names and nobody defines.
func (c *collectorConfig) check() error {
	if len(c.Receivers) == 0 || len(c.Exporters) == 0 {
		return fmt.Errorf("spec.config needs receivers and exporters")
	}
	if len(c.Service.Pipelines) == 0 {
		return fmt.Errorf("spec.config.service.pipelines is empty: the collector would do nothing")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Service.Pipelines)) {
		p := c.Service.Pipelines[name]
		switch kind, _, _ := strings.Cut(name, "/"); kind {
		case "metrics", "logs", "traces", "profiles":
		default:
			return fmt.Errorf("service.pipelines.%s: want metrics, logs or traces", name)
		}
		if len(p.Receivers) == 0 || len(p.Exporters) == 0 {
			return fmt.Errorf("service.pipelines.%s: needs at least one receiver and one exporter", name)
		}
		for _, part := range []struct {
			kind    string
			names   []string
			defined []map[string]json.RawMessage
		}{
			{"receivers", p.Receivers, []map[string]json.RawMessage{c.Receivers, c.Connectors}},
			{"processors", p.Processors, []map[string]json.RawMessage{c.Processors}},
			{"exporters", p.Exporters, []map[string]json.RawMessage{c.Exporters, c.Connectors}},
		} {
			for _, n := range part.names {
				if !slices.ContainsFunc(part.defined, func(m map[string]json.RawMessage) bool { _, ok := m[n]; return ok }) {
					return fmt.Errorf("service.pipelines.%s.%s: %q is not defined in config.%s", name, part.kind, n, part.kind)
				}
			}
		}
	}
	for _, n := range c.Service.Extensions {
		if _, ok := c.Extensions[n]; !ok {
			return fmt.Errorf("service.extensions: %q is not defined in config.extensions", n)
		}
	}
	return nil
}

// hasHealthCheck tells whether the collector answers probes.
func (c *collectorConfig) hasHealthCheck() bool {
	return slices.ContainsFunc(c.Service.Extensions, func(e string) bool { return receiverType(e) == "health_check" })
}

// receiverType returns the type of a part named type or type/name.
func receiverType(name string) string {
	kind, _, _ := strings.Cut(name, "/")
	return kind
}

// receiverPorts are the protocols of receivers that listen, with the port that
// each has when its configuration names none.
var receiverPorts = map[string]map[string]receiverPort{
	"otlp":          {"grpc": {4317, "TCP", "grpc"}, "http": {4318, "TCP", "http"}},
	"jaeger":        {"grpc": {14250, "TCP", "grpc"}, "thrift_http": {14268, "TCP", "http"}, "thrift_compact": {6831, "UDP", ""}, "thrift_binary": {6832, "UDP", ""}},
	"zipkin":        {"": {9411, "TCP", "http"}},
	"opencensus":    {"": {55678, "TCP", "grpc"}},
	"statsd":        {"": {8125, "UDP", ""}},
	"fluentforward": {"": {8006, "TCP", ""}},
}

type receiverPort struct {
	number      int32
	protocol    corev1.Protocol
	application string
}

// ports returns the Service ports of a collector: those its receivers listen on
// and those the custom resource adds or renames.
func (cr *collector) ports(config *collectorConfig) ([]corev1.ServicePort, error) {
	out := slices.Clone(cr.Spec.Ports)
	for _, name := range slices.Sorted(maps.Keys(config.Receivers)) {
		known, ok := receiverPorts[receiverType(name)]
		if !ok {
			continue
		}
		var receiver struct {
			Endpoint  string                    `json:"endpoint"`
			Protocols map[string]map[string]any `json:"protocols"`
		}
		// A receiver with nothing to configure is written as null.
		if raw := config.Receivers[name]; len(raw) > 0 {
			if err := json.Unmarshal(raw, &receiver); err != nil {
				return nil, fmt.Errorf("config.receivers.%s: %w", name, err)
			}
		}
		for _, protocol := range slices.Sorted(maps.Keys(known)) {
			p, endpoint := known[protocol], receiver.Endpoint
			if protocol != "" {
				settings, on := receiver.Protocols[protocol]
				if !on {
					continue
				}
				endpoint, _ = settings["endpoint"].(string)
			}
			number, err := endpointPort(endpoint, p.number)
			if err != nil {
				return nil, fmt.Errorf("config.receivers.%s: %w", name, err)
			}
			port := corev1.ServicePort{
				Name: portName(name, protocol), Port: number, TargetPort: intstr.FromInt32(number), Protocol: p.protocol,
			}
			if p.application != "" {
				port.AppProtocol = ptr(p.application)
			}
			if !slices.ContainsFunc(out, func(q corev1.ServicePort) bool {
				return q.Name == port.Name || q.Port == port.Port && orDefault(q.Protocol, corev1.ProtocolTCP) == port.Protocol
			}) {
				out = append(out, port)
			}
		}
	}
	for i := range out {
		out[i].Protocol = orDefault(out[i].Protocol, corev1.ProtocolTCP)
	}
	return out, nil
}

func portName(receiver, protocol string) string {
	parts := strings.NewReplacer("/", "-", "_", "-", ".", "-")
	name := parts.Replace(receiver)
	if protocol != "" {
		name += "-" + parts.Replace(protocol)
	}
	return strings.ToLower(truncate(name, 15))
}

// endpointPort returns the port of an address whose host may be anything, such
// as ${env:MY_POD_IP}.
func endpointPort(endpoint string, otherwise int32) (int32, error) {
	if endpoint == "" {
		return otherwise, nil
	}
	i := strings.LastIndexByte(endpoint, ':')
	if i < 0 {
		return 0, fmt.Errorf("endpoint %q: want host:port", endpoint)
	}
	if strings.HasSuffix(endpoint, "}") {
		return otherwise, nil // the port itself comes from the environment
	}
	n, err := strconv.ParseUint(endpoint[i+1:], 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("endpoint %q: %q is no port", endpoint, endpoint[i+1:])
	}
	return int32(n), nil
}
