package operators

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

const (
	grafanaImage = "docker.io/grafana/grafana:"
	// grafanaVersion is KOF's.
	grafanaVersion = "10.4.7"
	grafanaPort    = 3000
)

type grafana = custom[grafanaSpec]

type grafanaSpec struct {
	Version                   string                       `json:"version"`
	Config                    map[string]map[string]string `json:"config"`
	DisableDefaultAdminSecret bool                         `json:"disableDefaultAdminSecret"`
	External                  *struct {
		URL string `json:"url"`
	} `json:"external"`
	// Deployment, Service and the others are laid over the operator's own objects.
	Deployment            *grafanaOverlay `json:"deployment"`
	Service               *grafanaOverlay `json:"service"`
	ServiceAccount        *grafanaOverlay `json:"serviceAccount"`
	Ingress               *grafanaOverlay `json:"ingress"`
	PersistentVolumeClaim *grafanaOverlay `json:"persistentVolumeClaim"`
}

// grafanaOverlay is a part of an object, merged into the operator's own as a
// strategic merge patch is.
type grafanaOverlay struct {
	Metadata embeddedMetadata `json:"metadata"`
	Spec     json.RawMessage  `json:"spec"`
}

// grafanaPlugin is a plugin that a datasource or dashboard asks for.
type grafanaPlugin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func overlay[T child](o T, with *grafanaOverlay) (T, error) {
	if with == nil {
		return o, nil
	}
	o.SetLabels(merged(o.GetLabels(), with.Metadata.Labels))
	o.SetAnnotations(merged(o.GetAnnotations(), with.Metadata.Annotations))
	if len(with.Spec) == 0 {
		return o, nil
	}
	before, err := json.Marshal(o)
	if err != nil {
		return o, err
	}
	patch, err := json.Marshal(map[string]json.RawMessage{"spec": with.Spec})
	if err != nil {
		return o, err
	}
	after, err := strategicpatch.StrategicMergePatch(before, patch, o)
	if err != nil {
		return o, err
	}
	// Into a new one: what the patch took away must not stay.
	out, ok := reflect.New(reflect.TypeOf(o).Elem()).Interface().(T)
	if !ok {
		return o, fmt.Errorf("%T cannot be made anew", o)
	}
	return out, json.Unmarshal(after, out)
}

func grafanaLabels(cr *grafana) map[string]string {
	return map[string]string{"app": cr.Name, labelManagedBy: "grafana-operator"}
}

func grafanaAdminSecret(name string) string { return name + "-admin-credentials" }

// grafanaIni renders the configuration as the file it becomes, sections and keys
// in order.
func grafanaIni(config map[string]map[string]string) string {
	var b strings.Builder
	section := func(name string) {
		for _, key := range slices.Sorted(maps.Keys(config[name])) {
			fmt.Fprintf(&b, "%s = %s\n", key, config[name][key])
		}
		b.WriteByte('\n')
	}
	if len(config["global"]) > 0 {
		section("global")
	}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		if name != "global" {
			fmt.Fprintf(&b, "[%s]\n", name)
			section(name)
		}
	}
	return b.String()
}

// buildGrafana returns the objects that make a Grafana run; none for one that
// lives elsewhere. password is for the admin's secret, where the resource wants it.
func buildGrafana(cr *grafana, plugins []grafanaPlugin, password string) ([]child, error) {
	s := cr.Spec
	if s.External != nil {
		if s.External.URL == "" {
			return nil, fmt.Errorf("spec.external.url is empty")
		}
		return nil, nil
	}
	labels := grafanaLabels(cr)
	var list []string
	for _, p := range plugins {
		list = append(list, strings.TrimSpace(p.Name+" "+p.Version))
	}
	ini, pluginsName := cr.Name+"-ini", cr.Name+"-plugins"
	account, err := overlay(&corev1.ServiceAccount{ObjectMeta: meta(cr.Namespace, cr.Name+"-sa", labels)}, s.ServiceAccount)
	if err != nil {
		return nil, fmt.Errorf("spec.serviceAccount: %w", err)
	}
	out := []child{
		&corev1.ConfigMap{ObjectMeta: meta(cr.Namespace, ini, labels), Data: map[string]string{"grafana.ini": grafanaIni(s.Config)}},
		&corev1.ConfigMap{ObjectMeta: meta(cr.Namespace, pluginsName, labels), Data: map[string]string{"GF_INSTALL_PLUGINS": strings.Join(list, ",")}},
		account,
	}
	if !s.DisableDefaultAdminSecret {
		user := orDefault(s.Config["security"]["admin_user"], "admin")
		out = append(out, &corev1.Secret{
			ObjectMeta: meta(cr.Namespace, grafanaAdminSecret(cr.Name), labels), Type: corev1.SecretTypeOpaque,
			Data: map[string][]byte{
				"GF_SECURITY_ADMIN_USER":     []byte(user),
				"GF_SECURITY_ADMIN_PASSWORD": []byte(orDefault(s.Config["security"]["admin_password"], password)),
			},
		})
	}
	data := emptyDir("grafana-data")
	if s.PersistentVolumeClaim != nil {
		claim, err := overlay(&corev1.PersistentVolumeClaim{ObjectMeta: meta(cr.Namespace, cr.Name+"-pvc", labels)}, s.PersistentVolumeClaim)
		if err != nil {
			return nil, fmt.Errorf("spec.persistentVolumeClaim: %w", err)
		}
		if len(claim.Spec.AccessModes) == 0 {
			claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
		}
		data.VolumeSource = corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}
		out = append(out, claim)
	}
	svc, err := overlay(service(cr.Namespace, cr.Name+"-service", labels, map[string]string{"app": cr.Name}, false, servicePort("grafana", grafanaPort)), s.Service)
	if err != nil {
		return nil, fmt.Errorf("spec.service: %w", err)
	}
	deployment, err := overlay(grafanaDeployment(cr, labels, data, ini, pluginsName), s.Deployment)
	if err != nil {
		return nil, fmt.Errorf("spec.deployment: %w", err)
	}
	out = append(out, svc, deployment)
	if s.Ingress != nil {
		ingress, err := overlay(&networkingv1.Ingress{ObjectMeta: meta(cr.Namespace, cr.Name+"-ingress", labels)}, s.Ingress)
		if err != nil {
			return nil, fmt.Errorf("spec.ingress: %w", err)
		}
		out = append(out, ingress)
	}
	return out, nil
}

func grafanaDeployment(cr *grafana, labels map[string]string, data corev1.Volume, ini, plugins string) *appsv1.Deployment {
	s := cr.Spec
	image := orDefault(s.Version, grafanaVersion)
	if !strings.Contains(image, "/") {
		image = grafanaImage + image
	}
	fromPlugins := corev1.EnvVar{Name: "GF_INSTALL_PLUGINS", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: plugins}, Key: "GF_INSTALL_PLUGINS", Optional: ptr(true),
	}}}
	env := []corev1.EnvVar{
		{Name: "GF_PATHS_CONFIG", Value: "/etc/grafana/grafana.ini"}, {Name: "GF_PATHS_DATA", Value: "/var/lib/grafana"},
		fromPlugins,
	}
	if !s.DisableDefaultAdminSecret {
		for _, key := range []string{"GF_SECURITY_ADMIN_USER", "GF_SECURITY_ADMIN_PASSWORD"} {
			env = append(env, corev1.EnvVar{Name: key, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: grafanaAdminSecret(cr.Name)}, Key: key,
			}}})
		}
	}
	probe := httpProbe("/api/health", intstr.FromInt32(grafanaPort), 5, 10, 3)
	selector := map[string]string{"app": cr.Name}
	return &appsv1.Deployment{
		ObjectMeta: meta(cr.Namespace, cr.Name+"-deployment", labels),
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr[int32](1),
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{
					Labels: selector,
					// A changed configuration has to roll the pod: Grafana reads it once.
					Annotations: map[string]string{"checksum/config": checksum(grafanaIni(s.Config))},
				},
				Spec: corev1.PodSpec{
					ServiceAccountName: cr.Name + "-sa",
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot: ptr(true), RunAsUser: ptr[int64](472), RunAsGroup: ptr[int64](472), FSGroup: ptr[int64](472),
						SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					Volumes: []corev1.Volume{data, configMapVolume(ini, ini), emptyDir("grafana-logs")},
					Containers: []corev1.Container{{
						Name: "grafana", Image: image, Env: env,
						Ports: []corev1.ContainerPort{containerPort("grafana-http", grafanaPort)},
						VolumeMounts: []corev1.VolumeMount{
							mount("grafana-data", "/var/lib/grafana"), mount("grafana-logs", "/var/log/grafana"),
							{Name: ini, MountPath: "/etc/grafana/grafana.ini", SubPath: "grafana.ini"},
						},
						Resources:       corev1.ResourceRequirements{Requests: resourceList("100m", "256Mi"), Limits: resourceList("500m", "1Gi")},
						SecurityContext: restricted(),
						ReadinessProbe:  probe,
					}},
				},
			},
		},
	}
}
