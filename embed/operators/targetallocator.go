package operators

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

const targetAllocatorImage = "ghcr.io/open-telemetry/opentelemetry-operator/target-allocator:0.120.0"

type targetAllocatorSpec struct {
	Enabled            bool                        `json:"enabled"`
	Image              string                      `json:"image"`
	Replicas           *int32                      `json:"replicas"`
	AllocationStrategy string                      `json:"allocationStrategy"`
	FilterStrategy     string                      `json:"filterStrategy"`
	ServiceAccount     string                      `json:"serviceAccount"`
	Resources          corev1.ResourceRequirements `json:"resources"`
	PrometheusCR       json.RawMessage             `json:"prometheusCR"`
}

// targetAllocator returns the objects that hand the scrape targets of a
// collector's prometheus receivers out to its pods.
func (cr *collector) targetAllocator(config *collectorConfig) ([]child, error) {
	s := cr.Spec.TargetAllocator
	switch {
	case cr.Spec.Mode != "statefulset" && cr.Spec.Mode != "daemonset":
		return nil, fmt.Errorf("spec.mode %q: a target allocator needs statefulset or daemonset", orDefault(cr.Spec.Mode, "deployment"))
	case s.AllocationStrategy == "per-node" && cr.Spec.Mode != "daemonset":
		return nil, fmt.Errorf("allocationStrategy per-node needs spec.mode daemonset")
	}
	var scrape any
	found := false
	for name, raw := range config.Receivers {
		if receiverType(name) != "prometheus" {
			continue
		}
		var receiver struct {
			Config map[string]any `json:"config"`
		}
		if err := json.Unmarshal(raw, &receiver); err != nil {
			return nil, fmt.Errorf("config.receivers.%s: %w", name, err)
		}
		scrape, found = receiver.Config, true
	}
	if !found {
		return nil, fmt.Errorf("config.receivers has no prometheus receiver whose targets could be allocated")
	}
	name := cr.Name + "-targetallocator"
	selector := telemetryLabels(cr.Namespace, cr.Name, "opentelemetry-targetallocator")
	labels := merged(selector, map[string]string{labelName: truncate(name, 63)})
	file := map[string]any{
		"allocation_strategy": orDefault(s.AllocationStrategy, "consistent-hashing"),
		"filter_strategy":     orDefault(s.FilterStrategy, "relabel-config"),
		"collector_selector":  map[string]any{"matchlabels": telemetryLabels(cr.Namespace, cr.Name, "opentelemetry-collector")},
		"config":              scrape,
	}
	if len(s.PrometheusCR) > 0 {
		var custom any
		if err := json.Unmarshal(s.PrometheusCR, &custom); err != nil {
			return nil, fmt.Errorf("prometheusCR: %w", err)
		}
		file["prometheus_cr"] = custom
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return nil, err
	}
	const port = 8080
	account := orDefault(s.ServiceAccount, name)
	out := []child{
		&corev1.ConfigMap{ObjectMeta: meta(cr.Namespace, name, labels), Data: map[string]string{"targetallocator.yaml": string(text)}},
		service(cr.Namespace, name, labels, selector, false,
			corev1.ServicePort{Name: "targetallocation", Port: 80, TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP}),
		&appsv1.Deployment{
			ObjectMeta: meta(cr.Namespace, name, labels),
			Spec: appsv1.DeploymentSpec{
				Replicas: ptr(deref(s.Replicas, 1)),
				Selector: &metav1.LabelSelector{MatchLabels: selector},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec: corev1.PodSpec{
						ServiceAccountName: account,
						Volumes:            []corev1.Volume{configMapVolume("ta-internal", name)},
						Containers: []corev1.Container{{
							Name:           "ta-container",
							Image:          orDefault(s.Image, targetAllocatorImage),
							Resources:      s.Resources,
							Ports:          []corev1.ContainerPort{containerPort("http", port)},
							VolumeMounts:   []corev1.VolumeMount{mount("ta-internal", "/conf")},
							LivenessProbe:  httpProbe("/livez", intstr.FromInt32(port), 0, 10, 3),
							ReadinessProbe: httpProbe("/readyz", intstr.FromInt32(port), 0, 10, 3),
						}},
					},
				},
			},
		},
	}
	if s.ServiceAccount == "" {
		out = append(out, &corev1.ServiceAccount{ObjectMeta: meta(cr.Namespace, name, labels)})
	}
	return out, nil
}
