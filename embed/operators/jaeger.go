package operators

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	jaegerImage     = "jaegertracing/all-in-one:1.52.0"
	jaegerVersion   = "1.52.0"
	jaegerQueryPort = 16686
	jaegerAdminPort = 14269
)

type jaeger = custom[jaegerSpec]

type jaegerSpec struct {
	jaegerCommon `json:",inline"`

	Strategy  string          `json:"strategy"`
	AllInOne  jaegerAllInOne  `json:"allInOne"`
	Collector jaegerComponent `json:"collector"`
	Query     jaegerComponent `json:"query"`
	Storage   jaegerStorage   `json:"storage"`
	Ingress   jaegerIngress   `json:"ingress"`
	Sampling  json.RawMessage `json:"sampling"`
	UI        struct {
		Options json.RawMessage `json:"options"`
	} `json:"ui"`
}

// jaegerCommon holds the fields that stand at every level of the resource, the
// inner ones winning.
type jaegerCommon struct {
	Annotations      map[string]string             `json:"annotations"`
	Labels           map[string]string             `json:"labels"`
	Resources        corev1.ResourceRequirements   `json:"resources"`
	Affinity         *corev1.Affinity              `json:"affinity"`
	Tolerations      []corev1.Toleration           `json:"tolerations"`
	SecurityContext  *corev1.PodSecurityContext    `json:"securityContext"`
	ContainerContext *corev1.SecurityContext       `json:"containerSecurityContext"`
	ServiceAccount   string                        `json:"serviceAccount"`
	Volumes          []corev1.Volume               `json:"volumes"`
	VolumeMounts     []corev1.VolumeMount          `json:"volumeMounts"`
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets"`
}

type jaegerAllInOne struct {
	jaegerCommon `json:",inline"`

	Image    string                     `json:"image"`
	Options  jaegerOptions              `json:"options"`
	Strategy *appsv1.DeploymentStrategy `json:"strategy"`
	Config   json.RawMessage            `json:"config"`
}

type jaegerComponent struct {
	Options     jaegerOptions      `json:"options"`
	ServiceType corev1.ServiceType `json:"serviceType"`
}

type jaegerStorage struct {
	Type    string        `json:"type"`
	Options jaegerOptions `json:"options"`
}

type jaegerIngress struct {
	Enabled          *bool             `json:"enabled"`
	Annotations      map[string]string `json:"annotations"`
	Labels           map[string]string `json:"labels"`
	IngressClassName *string           `json:"ingressClassName"`
	Hosts            []string          `json:"hosts"`
	PathType         string            `json:"pathType"`
	SecretName       string            `json:"secretName"`
	TLS              []struct {
		Hosts      []string `json:"hosts"`
		SecretName string   `json:"secretName"`
	} `json:"tls"`
}

// jaegerOptions are flags written as a tree: {badger: {span-store-ttl: 1h}} is
// --badger.span-store-ttl=1h.
type jaegerOptions map[string]any

// flatten adds the options to flags.
func (o jaegerOptions) flatten(prefix string, into flags) error {
	for name, v := range o {
		switch v := v.(type) {
		case map[string]any:
			if err := jaegerOptions(v).flatten(prefix+name+".", into); err != nil {
				return err
			}
		case string:
			into[prefix+name] = v
		case bool:
			into[prefix+name] = fmt.Sprint(v)
		case float64:
			into[prefix+name] = strings.TrimSuffix(fmt.Sprintf("%.0f", v), ".")
			if v != float64(int64(v)) {
				into[prefix+name] = fmt.Sprint(v)
			}
		default:
			return fmt.Errorf("option %s%s: want text, a number or true/false", prefix, name)
		}
	}
	return nil
}

// inProcess tells whether the storage lives within a single process, which is
// why no strategy but all-in-one can use it.
func (s jaegerStorage) inProcess() bool { return s.Type == "memory" || s.Type == "badger" }

func jaegerLabels(cr *jaeger, component string) map[string]string {
	return map[string]string{
		"app": "jaeger", labelName: truncate(cr.Name, 63), labelInstance: truncate(cr.Name, 63), labelComponent: component,
		labelPartOf: "jaeger", labelManagedBy: "jaeger-operator",
	}
}

// buildJaeger returns the objects that make Jaeger run as one process. As
// upstream, other strategies fall back to it while storage is in process.
func buildJaeger(cr *jaeger) ([]child, error) {
	s := cr.Spec
	s.Storage.Type = orDefault(strings.ToLower(s.Storage.Type), "memory")
	switch strings.ToLower(s.Strategy) {
	case "", "allinone", "all-in-one", "production", "streaming":
	default:
		return nil, fmt.Errorf("spec.strategy %q: want allInOne, production or streaming", s.Strategy)
	}
	if !s.Storage.inProcess() {
		return nil, fmt.Errorf("spec.storage.type %q is not supported: want memory or badger", s.Storage.Type)
	}
	pod := jaegerLabels(cr, "all-in-one")
	f := flags{"sampling.strategies-file": "/etc/jaeger/sampling/sampling.json"}
	for _, o := range []jaegerOptions{s.Storage.Options, s.Collector.Options, s.Query.Options, s.AllInOne.Options} {
		if err := o.flatten("", f); err != nil {
			return nil, err
		}
	}
	if _, ok := f["collector.otlp.enabled"]; !ok {
		f["collector.otlp.enabled"] = "true"
	}
	sampling := s.Sampling
	if len(sampling) > 0 {
		var o struct {
			Options json.RawMessage `json:"options"`
		}
		if json.Unmarshal(sampling, &o) == nil && len(o.Options) > 0 {
			sampling = o.Options
		}
	} else {
		sampling = json.RawMessage(`{"default_strategy":{"param":1,"type":"probabilistic"}}`)
	}
	account := orDefault(s.AllInOne.ServiceAccount, orDefault(s.ServiceAccount, truncate(cr.Name, 63)))
	samplingName := cr.Name + "-sampling-configuration"
	out := []child{
		&corev1.ConfigMap{
			ObjectMeta: meta(cr.Namespace, samplingName, jaegerLabels(cr, "sampling-configuration")),
			Data:       map[string]string{"sampling": string(sampling)},
		},
		jaegerDeployment(cr, pod, f, account, samplingName, s.Storage.Type),
	}
	if s.ServiceAccount == "" && s.AllInOne.ServiceAccount == "" {
		out = append(out, &corev1.ServiceAccount{ObjectMeta: meta(cr.Namespace, account, jaegerLabels(cr, "service-account"))})
	}
	out = append(out, jaegerServices(cr, pod)...)
	if deref(s.Ingress.Enabled, false) {
		out = append(out, jaegerIngressOf(cr))
	}
	return out, nil
}

func (s jaegerSpec) common() jaegerCommon {
	c, in := s.jaegerCommon, s.AllInOne.jaegerCommon
	c.Labels, c.Annotations = merged(c.Labels, in.Labels), merged(c.Annotations, in.Annotations)
	if !unset(in.Resources) {
		c.Resources = in.Resources
	}
	if in.Affinity != nil {
		c.Affinity = in.Affinity
	}
	if in.SecurityContext != nil {
		c.SecurityContext = in.SecurityContext
	}
	if in.ContainerContext != nil {
		c.ContainerContext = in.ContainerContext
	}
	c.Tolerations = slices.Concat(c.Tolerations, in.Tolerations)
	c.Volumes = slices.Concat(c.Volumes, in.Volumes)
	c.VolumeMounts = slices.Concat(c.VolumeMounts, in.VolumeMounts)
	c.ImagePullSecrets = slices.Concat(c.ImagePullSecrets, in.ImagePullSecrets)
	return c
}

// jaegerPorts are those that the process listens on, by name.
var jaegerPorts = map[string]int32{
	"zipkin": 9411, "c-tchan-trft": 14267, "c-binary-trft": 14268, "grpc-collector": 14250,
	"otlp-grpc": 4317, "otlp-http": 4318, "http-query": jaegerQueryPort, "grpc-query": 16685, "admin-http": jaegerAdminPort,
}

func jaegerDeployment(cr *jaeger, pod map[string]string, f flags, account, sampling, storage string) *appsv1.Deployment {
	c := cr.Spec.common()
	container := corev1.Container{
		Name: "jaeger", Image: orDefault(cr.Spec.AllInOne.Image, jaegerImage), Args: f.args(nil),
		Env: []corev1.EnvVar{
			{Name: "SPAN_STORAGE_TYPE", Value: storage},
			{Name: "METRICS_STORAGE_TYPE"},
			{Name: "COLLECTOR_ZIPKIN_HOST_PORT", Value: ":9411"},
			{Name: "JAEGER_DISABLED", Value: "false"},
			{Name: "COLLECTOR_OTLP_ENABLED", Value: f["collector.otlp.enabled"]},
		},
		Resources:       c.Resources,
		VolumeMounts:    append(slices.Clone(c.VolumeMounts), mount(sampling+"-volume", "/etc/jaeger/sampling")),
		SecurityContext: c.ContainerContext,
		LivenessProbe:   httpProbe("/", intstr.FromInt32(jaegerAdminPort), 5, 15, 5),
		ReadinessProbe:  httpProbe("/", intstr.FromInt32(jaegerAdminPort), 1, 10, 3),
	}
	for _, name := range slices.Sorted(maps.Keys(jaegerPorts)) {
		container.Ports = append(container.Ports, containerPort(name, jaegerPorts[name]))
	}
	volume := configMapVolume(sampling+"-volume", sampling)
	volume.ConfigMap.Items = []corev1.KeyToPath{{Key: "sampling", Path: "sampling.json"}}
	d := &appsv1.Deployment{
		ObjectMeta: meta(cr.Namespace, cr.Name, merged(c.Labels, pod)),
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr[int32](1),
			Selector: &metav1.LabelSelector{MatchLabels: pod},
			// Two processes must not open one badger directory.
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{
					Labels: merged(c.Labels, pod),
					Annotations: merged(map[string]string{
						"prometheus.io/port": fmt.Sprint(jaegerAdminPort), "prometheus.io/scrape": "true",
						"linkerd.io/inject": "disabled", "sidecar.istio.io/inject": "false",
					}, c.Annotations),
				},
				Spec: corev1.PodSpec{
					ServiceAccountName: account,
					Containers:         []corev1.Container{container},
					Volumes:            append(slices.Clone(c.Volumes), volume),
					Affinity:           c.Affinity,
					Tolerations:        c.Tolerations,
					SecurityContext:    c.SecurityContext,
					ImagePullSecrets:   c.ImagePullSecrets,
				},
			},
		},
	}
	if cr.Spec.AllInOne.Strategy != nil {
		d.Spec.Strategy = *cr.Spec.AllInOne.Strategy
	}
	return d
}

func jaegerServices(cr *jaeger, pod map[string]string) []child {
	ports := func(names ...string) []corev1.ServicePort {
		var out []corev1.ServicePort
		for _, n := range names {
			out = append(out, servicePort(n, jaegerPorts[n]))
		}
		return out
	}
	collect := ports("c-binary-trft", "c-tchan-trft", "grpc-collector", "otlp-grpc", "otlp-http", "zipkin")
	collectors := service(cr.Namespace, cr.Name+"-collector", jaegerLabels(cr, "service-collector"), pod, false, collect...)
	query := service(cr.Namespace, cr.Name+"-query", jaegerLabels(cr, "service-query"), pod, false, ports("grpc-query", "http-query")...)
	collectors.Spec.Type = orDefault(cr.Spec.Collector.ServiceType, corev1.ServiceTypeClusterIP)
	query.Spec.Type = orDefault(cr.Spec.Query.ServiceType, corev1.ServiceTypeClusterIP)
	return []child{
		collectors,
		service(cr.Namespace, cr.Name+"-collector-headless", jaegerLabels(cr, "service-collector"), pod, true, collect...),
		query,
	}
}

func jaegerIngressOf(cr *jaeger) *networkingv1.Ingress {
	in := cr.Spec.Ingress
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
		Name: cr.Name + "-query", Port: networkingv1.ServiceBackendPort{Number: jaegerQueryPort},
	}}
	out := &networkingv1.Ingress{
		ObjectMeta: meta(cr.Namespace, cr.Name+"-query", merged(in.Labels, jaegerLabels(cr, "query-ingress"))),
		Spec:       networkingv1.IngressSpec{IngressClassName: in.IngressClassName},
	}
	out.Annotations = in.Annotations
	if len(in.Hosts) == 0 {
		out.Spec.DefaultBackend = &backend
	}
	for _, host := range in.Hosts {
		out.Spec.Rules = append(out.Spec.Rules, networkingv1.IngressRule{
			Host: host,
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
				Path: "/", PathType: ptr(networkingv1.PathType(orDefault(in.PathType, string(networkingv1.PathTypePrefix)))), Backend: backend,
			}}}},
		})
	}
	for _, t := range in.TLS {
		out.Spec.TLS = append(out.Spec.TLS, networkingv1.IngressTLS{Hosts: t.Hosts, SecretName: t.SecretName})
	}
	if len(in.TLS) == 0 && in.SecretName != "" {
		out.Spec.TLS = []networkingv1.IngressTLS{{Hosts: in.Hosts, SecretName: in.SecretName}}
	}
	return out
}
