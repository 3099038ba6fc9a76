package backing

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"
)

// Collectors is the configuration of a cluster's collectors.
type Collectors struct {
	Metrics, Logs, Audit, Traces Exporter
	// ScrapeInterval, QueueSize and RetryMaxElapsed are zero where the
	// configuration leaves them to the defaults.
	ScrapeInterval  time.Duration
	QueueSize       int
	RetryMaxElapsed time.Duration
	// ExternalLabels are added to every series.
	ExternalLabels map[string]string
	// Pods are the UIDs of the collector's pods, sorted.
	Pods []string
}

// Exporter says where one signal goes; no URL means that nothing sends it.
type Exporter struct{ URL, Username, Password string }

// Same reports whether two configurations are equal, whatever pods have them.
func (c *Collectors) Same(o *Collectors) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.Metrics == o.Metrics && c.Logs == o.Logs && c.Audit == o.Audit && c.Traces == o.Traces &&
		c.ScrapeInterval == o.ScrapeInterval && c.QueueSize == o.QueueSize && c.RetryMaxElapsed == o.RetryMaxElapsed &&
		fmt.Sprint(c.ExternalLabels) == fmt.Sprint(o.ExternalLabels)
}

// Successor reports whether none of an earlier configuration's pods is left: what
// they held in memory has gone with them.
func (c *Collectors) Successor(earlier *Collectors) bool {
	return !slices.ContainsFunc(c.Pods, func(uid string) bool { return slices.Contains(earlier.Pods, uid) })
}

// daemonCollector is the collector that scrapes, receives and exports on every
// node; its ConfigMap, written by the OpenTelemetry operator, has the same name.
const daemonCollector = "kof-collectors-node-exporter-collector"

var collectorImages = []string{"otel/opentelemetry-collector-contrib", "k0rdent/kof/kof-opentelemetry-collector-contrib"}

// CollectorsOf reads how a cluster's collectors are configured; nil when none of
// them runs.
func CollectorsOf(api API) (*Collectors, error) {
	running, err := runningPods(api, Namespace)
	if err != nil {
		return nil, err
	}
	out := &Collectors{}
	var one *corev1.Pod
	var image string
	for _, i := range collectorImages {
		for _, p := range running[i] {
			if strings.HasPrefix(p.Name, daemonCollector+"-") {
				one, image = p, i
				out.Pods = append(out.Pods, string(p.UID))
			}
		}
	}
	if one == nil {
		return nil, nil
	}
	slices.Sort(out.Pods)
	env, err := environment(api, container(one, image))
	if err != nil {
		return nil, err
	}
	name := daemonCollector
	for _, v := range one.Spec.Volumes {
		if v.ConfigMap != nil && strings.HasPrefix(v.ConfigMap.Name, daemonCollector) {
			name = v.ConfigMap.Name // the operator may version its ConfigMaps
		}
	}
	o, err := api.Get(configMaps, Namespace, name)
	if err != nil {
		return nil, err
	}
	config := &corev1.ConfigMap{}
	if err := o.Into(config); err != nil {
		return nil, err
	}
	if err := out.parse(config.Data["collector.yaml"], env); err != nil {
		return nil, fmt.Errorf("configmap %s/%s: %w", Namespace, name, err)
	}
	return out, nil
}

// environment resolves a container's variables as the kubelet does.
func environment(api API, c *corev1.Container) (map[string]string, error) {
	env := map[string]string{}
	for _, v := range c.Env {
		env[v.Name] = v.Value
		if v.ValueFrom == nil || v.ValueFrom.SecretKeyRef == nil {
			continue
		}
		ref := v.ValueFrom.SecretKeyRef
		data, err := secret(api, Namespace, ref.Name)
		if err != nil {
			if apierrors.IsNotFound(err) && ref.Optional != nil && *ref.Optional {
				continue
			}
			return nil, fmt.Errorf("variable %s of container %s: %w", v.Name, c.Name, err)
		}
		env[v.Name] = string(data[ref.Key])
	}
	return env, nil
}

var variable = regexp.MustCompile(`\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}`)

// otelcol is the part of an OpenTelemetry Collector's configuration that matters
// here.
type otelcol struct {
	Receivers map[string]struct {
		Config struct {
			Global struct {
				ScrapeInterval string `json:"scrape_interval"`
			} `json:"global"`
			ScrapeConfigs []struct {
				ScrapeInterval string `json:"scrape_interval"`
			} `json:"scrape_configs"`
		} `json:"config"`
	} `json:"receivers"`
	Exporters map[string]struct {
		Endpoint       string            `json:"endpoint"`
		LogsEndpoint   string            `json:"logs_endpoint"`
		TracesEndpoint string            `json:"traces_endpoint"`
		ExternalLabels map[string]string `json:"external_labels"`
		Auth           struct{ Authenticator string }
		SendingQueue   struct {
			QueueSize int `json:"queue_size"`
		} `json:"sending_queue"`
		RemoteWriteQueue struct {
			QueueSize int `json:"queue_size"`
		} `json:"remote_write_queue"`
		Retry struct {
			MaxElapsedTime string `json:"max_elapsed_time"`
		} `json:"retry_on_failure"`
	} `json:"exporters"`
	Extensions map[string]struct {
		ClientAuth struct{ Username, Password string } `json:"client_auth"`
	} `json:"extensions"`
	Service struct {
		Pipelines map[string]struct{ Exporters []string } `json:"pipelines"`
	} `json:"service"`
}

func (c *Collectors) parse(text string, env map[string]string) error {
	text = variable.ReplaceAllStringFunc(text, func(m string) string {
		if v, ok := env[variable.FindStringSubmatch(m)[1]]; ok {
			return v
		}
		return m // the collector's own, such as the node's name
	})
	var config otelcol
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		return fmt.Errorf("collector.yaml: %w", err)
	}
	used := map[string]bool{}
	for _, p := range config.Service.Pipelines {
		for _, name := range p.Exporters {
			used[name] = true
		}
	}
	for name, e := range config.Exporters {
		if !used[name] {
			continue
		}
		auth := config.Extensions[e.Auth.Authenticator].ClientAuth
		out := Exporter{URL: e.Endpoint, Username: auth.Username, Password: auth.Password}
		path := func(full, suffix string) {
			if out.URL = full; full == "" {
				out.URL = strings.TrimSuffix(e.Endpoint, "/") + suffix
			}
		}
		kind, of, _ := strings.Cut(name, "/")
		switch {
		case kind == "prometheusremotewrite":
			c.Metrics, c.ExternalLabels = out, e.ExternalLabels
		case kind == "otlphttp" && of == "logs":
			path(e.LogsEndpoint, "/v1/logs")
			c.Logs = out
		case kind == "otlphttp" && of == "logs-audit":
			path(e.LogsEndpoint, "/v1/logs")
			c.Audit = out
		case kind == "otlphttp" && of == "traces":
			path(e.TracesEndpoint, "/v1/traces")
			c.Traces = out
		}
		if n := max(e.SendingQueue.QueueSize, e.RemoteWriteQueue.QueueSize); n > 0 {
			c.QueueSize = n
		}
		if err := duration(&c.RetryMaxElapsed, "retry_on_failure.max_elapsed_time", e.Retry.MaxElapsedTime); err != nil {
			return fmt.Errorf("exporter %s: %w", name, err)
		}
	}
	p := config.Receivers["prometheus"].Config
	interval := p.Global.ScrapeInterval
	if interval == "" && len(p.ScrapeConfigs) > 0 {
		interval = p.ScrapeConfigs[0].ScrapeInterval
	}
	return duration(&c.ScrapeInterval, "receiver prometheus: scrape_interval", interval)
}

func duration(d *time.Duration, what, s string) error {
	if s == "" {
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		var m model.Duration
		if m, err = model.ParseDuration(s); err != nil {
			return fmt.Errorf("%s %q: want a duration", what, s)
		}
		v = time.Duration(m)
	}
	*d = v
	return nil
}
