package operators

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

type vmAlertmanager = custom[vmAlertmanagerSpec]

type vmAlertmanagerSpec struct {
	victoriaPod `json:",inline"`

	ConfigSecret  string           `json:"configSecret"`
	ConfigRawYaml string           `json:"configRawYaml"`
	ExternalURL   string           `json:"externalURL"`
	RoutePrefix   string           `json:"routePrefix"`
	Retention     string           `json:"retention"`
	Storage       *victoriaStorage `json:"storage"`
}

// quietAlertmanager is the configuration of an Alertmanager that was given none:
// it takes alerts and tells nobody.
const quietAlertmanager = `global:
  resolve_timeout: 5m
route:
  receiver: blackhole
receivers:
  - name: blackhole
`

func alertmanagerConfigName(name string) string { return "vmalertmanager-" + name + "-config" }

// buildVMAlertmanager returns the objects that make an Alertmanager run. config
// is what spec.configSecret holds, empty for none.
func buildVMAlertmanager(cr *vmAlertmanager, config []byte) ([]child, error) {
	s := cr.Spec
	if _, err := s.replicas(); err != nil {
		return nil, err
	}
	if s.ConfigRawYaml != "" {
		config = []byte(s.ConfigRawYaml)
	}
	if len(config) == 0 {
		config = []byte(quietAlertmanager)
	}
	var parsed struct {
		Route     map[string]any `json:"route"`
		Receivers []any          `json:"receivers"`
	}
	if err := yaml.Unmarshal(config, &parsed); err != nil {
		return nil, fmt.Errorf("alertmanager.yaml: %w", err)
	}
	if len(parsed.Route) == 0 || len(parsed.Receivers) == 0 {
		return nil, fmt.Errorf("alertmanager.yaml: route and receivers are required")
	}
	const dir = "/etc/alertmanager/config"
	prefix := "/" + strings.Trim(s.RoutePrefix, "/")
	w := victoriaWorkload{
		namespace: cr.Namespace, name: cr.Name, component: "vmalertmanager",
		image: "prom/alertmanager", tag: "v0.27.0", serviceAccount: "vmalertmanager-" + cr.Name,
		requests: corev1.ResourceRequirements{Requests: resourceList("30m", "56Mi"), Limits: resourceList("100m", "256Mi")},
		health:   strings.TrimSuffix(prefix, "/") + "/-/healthy",
		flags: flags{
			"config.file": dir + "/alertmanager.yaml", "storage.path": "/alertmanager",
			"data.retention": orDefault(s.Retention, "120h"), "web.listen-address": fmt.Sprintf(":%d", alertmanagerPort),
			// A lone Alertmanager has nobody to gossip with.
			"cluster.listen-address": "",
		},
		ports:   []corev1.ContainerPort{containerPort("http", alertmanagerPort)},
		volumes: []corev1.Volume{secretVolume("config-volume", alertmanagerConfigName(cr.Name))},
		mounts:  []corev1.VolumeMount{mount("config-volume", dir)},
		sidecars: []corev1.Container{reloader("config-reloader", dir,
			fmt.Sprintf("http://127.0.0.1:%d%s/-/reload", alertmanagerPort, strings.TrimSuffix(prefix, "/")), mount("config-volume", dir))},
	}
	if prefix != "/" {
		w.flags["web.route-prefix"] = prefix
	}
	if s.ExternalURL != "" {
		w.flags["web.external-url"] = s.ExternalURL
	}
	ports := []corev1.ServicePort{servicePort("http", alertmanagerPort)}
	if deref(s.ReplicaCount, 1) > 1 {
		const mesh = 9094
		w.flags["cluster.listen-address"] = fmt.Sprintf("[$(POD_IP)]:%d", mesh)
		w.flags["cluster.peer"] = fmt.Sprintf("%s.%s:%d", w.fullName(), w.namespace, mesh)
		s.ExtraEnvs = append(s.ExtraEnvs, corev1.EnvVar{Name: "POD_IP", ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"},
		}})
		w.ports = append(w.ports, containerPort("mesh-tcp", mesh))
		ports = append(ports, corev1.ServicePort{Name: "tcp-mesh", Port: mesh, TargetPort: intstr.FromInt32(mesh), Protocol: corev1.ProtocolTCP})
	}
	out := []child{
		&corev1.Secret{
			ObjectMeta: meta(cr.Namespace, alertmanagerConfigName(cr.Name), w.selector()),
			Type:       corev1.SecretTypeOpaque, Data: map[string][]byte{"alertmanager.yaml": config},
		},
		service(w.namespace, w.fullName(), w.selector(), w.selector(), true, ports...),
		s.statefulSet(w, fmt.Sprintf("vmalertmanager-%s-db", cr.Name), "/alertmanager", s.Storage),
	}
	if s.ServiceAccountName == "" {
		out = append(out, victoriaAccount(w.namespace, w.serviceAccount, w.selector()))
	}
	return out, nil
}
