package operators

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

const (
	collectorImage     = "otel/opentelemetry-collector-contrib:0.120.0"
	collectorFile      = "collector.yaml"
	collectorHashLabel = "opentelemetry-operator-config/sha256"
	telemetryPort      = 8888
)

type collector struct{ custom[collectorSpec] }

type collectorSpec struct {
	Mode                          string                            `json:"mode"`
	Config                        json.RawMessage                   `json:"config"`
	ManagementState               string                            `json:"managementState"`
	Image                         string                            `json:"image"`
	ImagePullPolicy               corev1.PullPolicy                 `json:"imagePullPolicy"`
	Replicas                      *int32                            `json:"replicas"`
	Args                          map[string]string                 `json:"args"`
	Env                           []corev1.EnvVar                   `json:"env"`
	EnvFrom                       []corev1.EnvFromSource            `json:"envFrom"`
	Resources                     corev1.ResourceRequirements       `json:"resources"`
	Volumes                       []corev1.Volume                   `json:"volumes"`
	VolumeMounts                  []corev1.VolumeMount              `json:"volumeMounts"`
	VolumeClaimTemplates          []corev1.PersistentVolumeClaim    `json:"volumeClaimTemplates"`
	Ports                         []corev1.ServicePort              `json:"ports"`
	HostNetwork                   bool                              `json:"hostNetwork"`
	ServiceAccount                string                            `json:"serviceAccount"`
	NodeSelector                  map[string]string                 `json:"nodeSelector"`
	Tolerations                   []corev1.Toleration               `json:"tolerations"`
	Affinity                      *corev1.Affinity                  `json:"affinity"`
	TopologySpreadConstraints     []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints"`
	PodAnnotations                map[string]string                 `json:"podAnnotations"`
	PodSecurityContext            *corev1.PodSecurityContext        `json:"podSecurityContext"`
	SecurityContext               *corev1.SecurityContext           `json:"securityContext"`
	PriorityClassName             string                            `json:"priorityClassName"`
	TerminationGracePeriodSeconds *int64                            `json:"terminationGracePeriodSeconds"`
	ShareProcessNamespace         bool                              `json:"shareProcessNamespace"`
	InitContainers                []corev1.Container                `json:"initContainers"`
	AdditionalContainers          []corev1.Container                `json:"additionalContainers"`
	LivenessProbe                 *collectorProbe                   `json:"livenessProbe"`
	ReadinessProbe                *collectorProbe                   `json:"readinessProbe"`
	TargetAllocator               targetAllocatorSpec               `json:"targetAllocator"`
	DaemonSetUpdateStrategy       appsv1.DaemonSetUpdateStrategy    `json:"daemonSetUpdateStrategy"`
	DeploymentUpdateStrategy      appsv1.DeploymentStrategy         `json:"deploymentUpdateStrategy"`
}

type collectorProbe struct {
	InitialDelaySeconds *int32 `json:"initialDelaySeconds"`
	TimeoutSeconds      *int32 `json:"timeoutSeconds"`
	PeriodSeconds       *int32 `json:"periodSeconds"`
	FailureThreshold    *int32 `json:"failureThreshold"`
}

func (cr *collector) fullName() string { return cr.Name + "-collector" }

func (cr *collector) image() string { return orDefault(cr.Spec.Image, collectorImage) }

// imageVersion returns the tag of an image, without a digest.
func imageVersion(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[i+1:]
	}
	return "latest"
}

func telemetryLabels(namespace, instance, component string) map[string]string {
	return map[string]string{
		labelManagedBy: "opentelemetry-operator", labelPartOf: "opentelemetry",
		labelInstance: truncate(namespace+"."+instance, 63), labelComponent: component,
	}
}

// truncate shortens what must fit a label.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.TrimRight(s[:n], "-._")
}

// buildCollector returns the objects that make a collector run.
func buildCollector(cr *collector) ([]child, error) {
	var config collectorConfig
	if len(cr.Spec.Config) == 0 {
		return nil, fmt.Errorf("spec.config is empty")
	}
	if err := json.Unmarshal(cr.Spec.Config, &config); err != nil {
		return nil, fmt.Errorf("spec.config: %w", err)
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	text, err := yaml.JSONToYAML(cr.Spec.Config)
	if err != nil {
		return nil, fmt.Errorf("spec.config: %w", err)
	}
	selector := telemetryLabels(cr.Namespace, cr.Name, "opentelemetry-collector")
	labels := merged(cr.Labels, selector, map[string]string{
		labelName: truncate(cr.fullName(), 63), labelVersion: truncate(imageVersion(cr.image()), 63),
	})
	delete(labels, "helm.sh/chart")
	ports, err := cr.ports(&config)
	if err != nil {
		return nil, err
	}
	out := []child{&corev1.ConfigMap{
		ObjectMeta: meta(cr.Namespace, cr.fullName(), labels),
		Data:       map[string]string{collectorFile: string(text)},
	}}
	if cr.Spec.ServiceAccount == "" {
		out = append(out, &corev1.ServiceAccount{ObjectMeta: meta(cr.Namespace, cr.fullName(), labels)})
	}
	if len(ports) > 0 {
		headless := service(cr.Namespace, cr.fullName()+"-headless", labels, selector, true, ports...)
		out = append(out, service(cr.Namespace, cr.fullName(), labels, selector, false, ports...), headless)
	}
	out = append(out, service(cr.Namespace, cr.fullName()+"-monitoring", labels, selector, false,
		servicePort("monitoring", telemetryPort)))
	workload, err := cr.workload(labels, selector, cr.template(&config, text, labels, ports))
	if err != nil {
		return nil, err
	}
	if workload != nil {
		out = append(out, workload)
	}
	if cr.Spec.TargetAllocator.Enabled {
		more, err := cr.targetAllocator(&config)
		if err != nil {
			return nil, fmt.Errorf("targetAllocator: %w", err)
		}
		out = append(out, more...)
	}
	return out, nil
}

// workload wraps the pod template in what the mode asks for, nil for a sidecar.
func (cr *collector) workload(labels, selector map[string]string, t corev1.PodTemplateSpec) (child, error) {
	m := meta(cr.Namespace, cr.fullName(), labels)
	s := &metav1.LabelSelector{MatchLabels: selector}
	n := deref(cr.Spec.Replicas, 1)
	if n < 0 || n > maxReplicas {
		return nil, fmt.Errorf("spec.replicas %d: want 0 to %d", n, maxReplicas)
	}
	switch cr.Spec.Mode {
	case "", "deployment":
		return &appsv1.Deployment{ObjectMeta: m, Spec: appsv1.DeploymentSpec{
			Replicas: &n, Selector: s, Template: t, Strategy: cr.Spec.DeploymentUpdateStrategy,
		}}, nil
	case "daemonset":
		return &appsv1.DaemonSet{ObjectMeta: m, Spec: appsv1.DaemonSetSpec{
			Selector: s, Template: t, UpdateStrategy: cr.Spec.DaemonSetUpdateStrategy,
		}}, nil
	case "statefulset":
		return &appsv1.StatefulSet{ObjectMeta: m, Spec: appsv1.StatefulSetSpec{
			Replicas: &n, Selector: s, Template: t, ServiceName: cr.fullName(),
			PodManagementPolicy: appsv1.ParallelPodManagement, VolumeClaimTemplates: cr.Spec.VolumeClaimTemplates,
		}}, nil
	case "sidecar":
		return nil, nil
	}
	return nil, fmt.Errorf("spec.mode %q: want deployment, daemonset, statefulset or sidecar", cr.Spec.Mode)
}

func (cr *collector) template(config *collectorConfig, text []byte, labels map[string]string, ports []corev1.ServicePort) corev1.PodTemplateSpec {
	s := cr.Spec
	sum := sha256.Sum256(text)
	container := corev1.Container{
		Name:            "otc-container",
		Image:           cr.image(),
		ImagePullPolicy: s.ImagePullPolicy,
		Args:            append([]string{"--config=/conf/" + collectorFile}, flags{}.args(s.Args)...),
		EnvFrom:         s.EnvFrom,
		Resources:       s.Resources,
		SecurityContext: s.SecurityContext,
		VolumeMounts:    append([]corev1.VolumeMount{mount("otc-internal", "/conf")}, s.VolumeMounts...),
	}
	container.Env = append(slices.Clone(s.Env), corev1.EnvVar{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"},
	}})
	for _, p := range ports {
		cp := corev1.ContainerPort{Name: truncate(p.Name, 15), ContainerPort: p.Port, Protocol: p.Protocol}
		if p.TargetPort.IntVal > 0 {
			cp.ContainerPort = p.TargetPort.IntVal
		}
		if s.HostNetwork {
			cp.HostPort = cp.ContainerPort
		}
		container.Ports = append(container.Ports, cp)
	}
	container.Ports = append(container.Ports, containerPort("metrics", telemetryPort))
	if config.hasHealthCheck() {
		container.LivenessProbe = s.LivenessProbe.probe()
		container.ReadinessProbe = s.ReadinessProbe.probe()
	}
	internal := configMapVolume("otc-internal", cr.fullName())
	internal.ConfigMap.Items = []corev1.KeyToPath{{Key: collectorFile, Path: collectorFile}}
	t := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels: labels,
			Annotations: merged(map[string]string{
				"prometheus.io/scrape": "true", "prometheus.io/port": fmt.Sprint(telemetryPort), "prometheus.io/path": "/metrics",
			}, s.PodAnnotations, map[string]string{collectorHashLabel: hex.EncodeToString(sum[:])}),
		},
		Spec: corev1.PodSpec{
			ServiceAccountName:            orDefault(s.ServiceAccount, cr.fullName()),
			InitContainers:                s.InitContainers,
			Containers:                    append([]corev1.Container{container}, s.AdditionalContainers...),
			Volumes:                       append([]corev1.Volume{internal}, s.Volumes...),
			HostNetwork:                   s.HostNetwork,
			NodeSelector:                  s.NodeSelector,
			Tolerations:                   s.Tolerations,
			Affinity:                      s.Affinity,
			TopologySpreadConstraints:     s.TopologySpreadConstraints,
			SecurityContext:               s.PodSecurityContext,
			PriorityClassName:             s.PriorityClassName,
			TerminationGracePeriodSeconds: s.TerminationGracePeriodSeconds,
		},
	}
	if s.ShareProcessNamespace {
		t.Spec.ShareProcessNamespace = ptr(true)
	}
	if s.HostNetwork {
		t.Spec.DNSPolicy = corev1.DNSClusterFirstWithHostNet
	}
	return t
}

func (p *collectorProbe) probe() *corev1.Probe {
	out := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
		HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromInt32(13133)},
	}}
	if p != nil {
		out.InitialDelaySeconds, out.TimeoutSeconds = deref(p.InitialDelaySeconds, 0), deref(p.TimeoutSeconds, 0)
		out.PeriodSeconds, out.FailureThreshold = deref(p.PeriodSeconds, 0), deref(p.FailureThreshold, 0)
	}
	return out
}
