package operators

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type vmAuth = custom[vmAuthSpec]

type vmAuthSpec struct {
	victoriaPod `json:",inline"`

	SelectAllByDefault    bool                  `json:"selectAllByDefault"`
	UserSelector          *metav1.LabelSelector `json:"userSelector"`
	UserNamespaceSelector *metav1.LabelSelector `json:"userNamespaceSelector"`
	// UnauthorizedAccessConfig is the older spelling of what UnauthorizedUserAccessSpec says.
	UnauthorizedAccessConfig   []vmAuthURLMap      `json:"unauthorizedAccessConfig"`
	UnauthorizedUserAccessSpec *vmAuthUnauthorized `json:"unauthorizedUserAccessSpec"`
	Ingress                    *embeddedIngress    `json:"ingress"`
	ServiceSpec                *struct {
		Metadata embeddedMetadata   `json:"metadata"`
		Spec     corev1.ServiceSpec `json:"spec"`
	} `json:"serviceSpec"`
}

type vmAuthUnauthorized struct {
	URLMap          []vmAuthURLMap `json:"url_map"`
	URLPrefix       stringList     `json:"url_prefix"`
	TargetRefs      []vmUserTarget `json:"targetRefs"`
	DefaultURL      []string       `json:"default_url"`
	MaxConcurrent   *int           `json:"max_concurrent_requests"`
	RetryStatus     []int          `json:"retry_status_codes"`
	DropPrefixParts *int           `json:"drop_src_path_prefix_parts"`
}

type vmAuthURLMap struct {
	SrcPaths        []string   `json:"src_paths"`
	SrcHosts        []string   `json:"src_hosts"`
	SrcQueryArgs    []string   `json:"src_query_args"`
	URLPrefix       stringList `json:"url_prefix"`
	DropPrefixParts *int       `json:"drop_src_path_prefix_parts"`
	Headers         []string   `json:"headers"`
	RetryStatus     []int      `json:"retry_status_codes"`
	LoadBalancing   string     `json:"load_balancing_policy"`
}

type embeddedIngress struct {
	ClassName     *string                    `json:"class_name"`
	Name          string                     `json:"name"`
	Labels        map[string]string          `json:"labels"`
	Annotations   map[string]string          `json:"annotations"`
	Host          string                     `json:"host"`
	Paths         []string                   `json:"paths"`
	TLSHosts      []string                   `json:"tlsHosts"`
	TLSSecretName string                     `json:"tlsSecretName"`
	ExtraRules    []networkingv1.IngressRule `json:"extraRules"`
	ExtraTLS      []networkingv1.IngressTLS  `json:"extraTls"`
}

func vmAuthConfigName(auth string) string { return "vmauth-config-" + auth }

// buildVMAuth returns the objects that make a vmauth run with a configuration.
func buildVMAuth(cr *vmAuth, config []byte) ([]child, error) {
	s := cr.Spec
	number, err := port(s.Port, authPort)
	if err != nil {
		return nil, err
	}
	if _, err := s.replicas(); err != nil {
		return nil, err
	}
	const dir = "/opt/vmauth"
	w := victoriaWorkload{
		namespace: cr.Namespace, name: cr.Name, component: "vmauth",
		image: "victoriametrics/vmauth", tag: victoriaVersion, serviceAccount: "vmauth-" + cr.Name, health: "/health",
		requests: corev1.ResourceRequirements{Requests: resourceList("50m", "100Mi"), Limits: resourceList("200m", "300Mi")},
		flags:    flags{"auth.config": dir + "/config.yaml", "httpListenAddr": fmt.Sprintf(":%d", number)},
		ports:    []corev1.ContainerPort{containerPort("http", number)},
		volumes:  []corev1.Volume{secretVolume("config", vmAuthConfigName(cr.Name))},
		mounts:   []corev1.VolumeMount{mount("config", dir)},
		sidecars: []corev1.Container{
			reloader("config-reloader", dir, fmt.Sprintf("http://127.0.0.1:%d/-/reload", number), mount("config", dir)),
		},
	}
	svc := service(w.namespace, w.fullName(), w.selector(), w.selector(), false, servicePort("http", number))
	if over := s.ServiceSpec; over != nil {
		svc.Labels = merged(over.Metadata.Labels, svc.Labels)
		svc.Annotations = over.Metadata.Annotations
		if over.Spec.Type != "" {
			svc.Spec.Type = over.Spec.Type
		}
		if len(over.Spec.Ports) > 0 {
			svc.Spec.Ports = over.Spec.Ports
		}
	}
	out := []child{
		&corev1.Secret{
			ObjectMeta: meta(w.namespace, vmAuthConfigName(cr.Name), w.selector()),
			Type:       corev1.SecretTypeOpaque,
			Data:       map[string][]byte{"config.yaml": config},
		},
		svc,
		s.deployment(w),
	}
	if s.ServiceAccountName == "" {
		out = append(out, victoriaAccount(w.namespace, w.serviceAccount, w.selector()))
	}
	if s.Ingress != nil {
		ingress, err := s.Ingress.build(w)
		if err != nil {
			return nil, fmt.Errorf("ingress: %w", err)
		}
		out = append(out, ingress)
	}
	return out, nil
}

func (e *embeddedIngress) build(w victoriaWorkload) (*networkingv1.Ingress, error) {
	hosts := slices.Clone(e.TLSHosts)
	if e.Host != "" && !slices.Contains(hosts, e.Host) {
		hosts = append([]string{e.Host}, hosts...)
	}
	if len(hosts) == 0 && len(e.ExtraRules) == 0 {
		return nil, fmt.Errorf("no host: give host, tlsHosts or extraRules")
	}
	paths := e.Paths
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
		Name: w.fullName(), Port: networkingv1.ServiceBackendPort{Name: "http"},
	}}
	var rules []networkingv1.IngressRule
	for _, host := range hosts {
		var routes []networkingv1.HTTPIngressPath
		for _, p := range paths {
			routes = append(routes, networkingv1.HTTPIngressPath{Path: p, PathType: ptr(networkingv1.PathTypePrefix), Backend: backend})
		}
		rules = append(rules, networkingv1.IngressRule{
			Host:             host,
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: routes}},
		})
	}
	out := &networkingv1.Ingress{
		ObjectMeta: meta(w.namespace, orDefault(e.Name, w.fullName()), merged(e.Labels, w.selector())),
		Spec: networkingv1.IngressSpec{
			IngressClassName: e.ClassName,
			Rules:            append(rules, e.ExtraRules...),
			TLS:              e.ExtraTLS,
		},
	}
	out.Annotations = e.Annotations
	if e.TLSSecretName != "" || len(e.TLSHosts) > 0 {
		tlsHosts := e.TLSHosts
		if len(tlsHosts) == 0 {
			tlsHosts = hosts
		}
		tls := networkingv1.IngressTLS{Hosts: tlsHosts, SecretName: orDefault(e.TLSSecretName, "tls-"+w.fullName())}
		out.Spec.TLS = append([]networkingv1.IngressTLS{tls}, e.ExtraTLS...)
	}
	return out, nil
}
