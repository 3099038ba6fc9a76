package operators

import (
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The images and ports of VictoriaMetrics' operator when a custom resource
// names none.
const (
	victoriaVersion        = "v1.105.0"
	victoriaClusterVersion = "v1.105.0-cluster"
	reloaderImage          = "quay.io/prometheus-operator/prometheus-config-reloader:v0.68.0"

	insertPort, selectPort, storagePort = 8480, 8481, 8482
	storageInsertPort                   = 8400
	storageSelectPort                   = 8401
	authPort                            = 8427
	alertPort                           = 8080
	alertmanagerPort                    = 9093
)

type victoriaImage struct {
	Repository string            `json:"repository"`
	Tag        string            `json:"tag"`
	PullPolicy corev1.PullPolicy `json:"pullPolicy"`
}

// embeddedMetadata is the metadata that custom resources give to pods.
type embeddedMetadata struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// victoriaSecurity holds, as upstream's, the fields of a pod's and of a
// container's context side by side.
type victoriaSecurity struct {
	corev1.PodSecurityContext `json:",inline"`

	AllowPrivilegeEscalation *bool                `json:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   *bool                `json:"readOnlyRootFilesystem"`
	Privileged               *bool                `json:"privileged"`
	Capabilities             *corev1.Capabilities `json:"capabilities"`
}

type victoriaStorage struct {
	EmptyDir            *corev1.EmptyDirVolumeSource `json:"emptyDir"`
	VolumeClaimTemplate struct {
		Metadata embeddedMetadata                 `json:"metadata"`
		Spec     corev1.PersistentVolumeClaimSpec `json:"spec"`
	} `json:"volumeClaimTemplate"`
}

func (s *victoriaStorage) claimed() bool {
	return s != nil && len(s.VolumeClaimTemplate.Spec.Resources.Requests) > 0
}

// victoriaPod holds the fields that the workloads of all of VictoriaMetrics'
// custom resources share.
type victoriaPod struct {
	ReplicaCount                  *int32                            `json:"replicaCount"`
	RevisionHistoryLimitCount     *int32                            `json:"revisionHistoryLimitCount"`
	MinReadySeconds               int32                             `json:"minReadySeconds"`
	Image                         victoriaImage                     `json:"image"`
	ImagePullSecrets              []corev1.LocalObjectReference     `json:"imagePullSecrets"`
	Port                          string                            `json:"port"`
	LogLevel                      string                            `json:"logLevel"`
	LogFormat                     string                            `json:"logFormat"`
	ExtraArgs                     map[string]string                 `json:"extraArgs"`
	ExtraEnvs                     []corev1.EnvVar                   `json:"extraEnvs"`
	ExtraEnvsFrom                 []corev1.EnvFromSource            `json:"extraEnvsFrom"`
	Resources                     corev1.ResourceRequirements       `json:"resources"`
	UseDefaultResources           *bool                             `json:"useDefaultResources"`
	UseStrictSecurity             *bool                             `json:"useStrictSecurity"`
	SecurityContext               *victoriaSecurity                 `json:"securityContext"`
	Affinity                      *corev1.Affinity                  `json:"affinity"`
	Tolerations                   []corev1.Toleration               `json:"tolerations"`
	NodeSelector                  map[string]string                 `json:"nodeSelector"`
	TopologySpreadConstraints     []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints"`
	PriorityClassName             string                            `json:"priorityClassName"`
	TerminationGracePeriodSeconds *int64                            `json:"terminationGracePeriodSeconds"`
	ServiceAccountName            string                            `json:"serviceAccountName"`
	PodMetadata                   *embeddedMetadata                 `json:"podMetadata"`
	Volumes                       []corev1.Volume                   `json:"volumes"`
	VolumeMounts                  []corev1.VolumeMount              `json:"volumeMounts"`
	Secrets                       []string                          `json:"secrets"`
	ConfigMaps                    []string                          `json:"configMaps"`
	Containers                    []corev1.Container                `json:"containers"`
	InitContainers                []corev1.Container                `json:"initContainers"`
	Paused                        bool                              `json:"paused"`
}

// victoriaWorkload is what a builder adds to the shared fields.
type victoriaWorkload struct {
	namespace, name string // of the custom resource
	component       string // vmstorage, vmauth, ...
	image, tag      string
	serviceAccount  string
	strict          bool
	requests        corev1.ResourceRequirements // when the resource gives none
	health          string
	flags           flags
	ports           []corev1.ContainerPort
	volumes         []corev1.Volume
	mounts          []corev1.VolumeMount
	sidecars        []corev1.Container
	annotations     map[string]string
}

func (w victoriaWorkload) fullName() string { return w.component + "-" + w.name }

func (w victoriaWorkload) selector() map[string]string {
	return map[string]string{
		labelName: w.component, labelInstance: w.name, labelComponent: "monitoring", "managed-by": "vm-operator",
	}
}

// template makes the pod of a workload.
func (p victoriaPod) template(w victoriaWorkload) corev1.PodTemplateSpec {
	f := maps.Clone(w.flags)
	if p.LogLevel != "" {
		f["loggerLevel"] = p.LogLevel
	}
	if p.LogFormat != "" {
		f["loggerFormat"] = p.LogFormat
	}
	resources := p.Resources
	if unset(resources) && deref(p.UseDefaultResources, true) {
		resources = w.requests
	}
	http := intstr.FromString("http")
	main := corev1.Container{
		Name:            w.component,
		Image:           orDefault(p.Image.Repository, w.image) + ":" + orDefault(p.Image.Tag, w.tag),
		ImagePullPolicy: p.Image.PullPolicy,
		Args:            f.args(p.ExtraArgs),
		Env:             p.ExtraEnvs,
		EnvFrom:         p.ExtraEnvsFrom,
		Ports:           w.ports,
		Resources:       resources,
		VolumeMounts:    slices.Concat(w.mounts, p.VolumeMounts),
		ReadinessProbe:  httpProbe(w.health, http, 0, 5, 10),
		LivenessProbe:   httpProbe(w.health, http, 0, 5, 10),
	}
	t := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: w.selector(), Annotations: merged(w.annotations)},
		Spec: corev1.PodSpec{
			ServiceAccountName:            orDefault(p.ServiceAccountName, w.serviceAccount),
			ImagePullSecrets:              p.ImagePullSecrets,
			InitContainers:                p.InitContainers,
			Volumes:                       slices.Concat(w.volumes, p.Volumes),
			Affinity:                      p.Affinity,
			Tolerations:                   p.Tolerations,
			NodeSelector:                  p.NodeSelector,
			TopologySpreadConstraints:     p.TopologySpreadConstraints,
			PriorityClassName:             p.PriorityClassName,
			TerminationGracePeriodSeconds: p.TerminationGracePeriodSeconds,
		},
	}
	if p.PodMetadata != nil {
		// The selector's labels win, or the pods would fall out of their workload.
		t.Labels = merged(p.PodMetadata.Labels, w.selector())
		t.Annotations = merged(w.annotations, p.PodMetadata.Annotations)
	}
	for _, name := range p.Secrets {
		t.Spec.Volumes = append(t.Spec.Volumes, secretVolume("secret-"+name, name))
		main.VolumeMounts = append(main.VolumeMounts, mount("secret-"+name, "/etc/vm/secrets/"+name))
	}
	for _, name := range p.ConfigMaps {
		t.Spec.Volumes = append(t.Spec.Volumes, configMapVolume("configmap-"+name, name))
		main.VolumeMounts = append(main.VolumeMounts, mount("configmap-"+name, "/etc/vm/configs/"+name))
	}
	t.Spec.SecurityContext, main.SecurityContext = p.security(w.strict)
	sidecars := slices.Clone(w.sidecars)
	for i := range sidecars {
		sidecars[i].SecurityContext = main.SecurityContext
	}
	t.Spec.Containers = slices.Concat([]corev1.Container{main}, sidecars, p.Containers)
	return t
}

// security splits upstream's joint context into the pod's and the container's.
func (p victoriaPod) security(strict bool) (*corev1.PodSecurityContext, *corev1.SecurityContext) {
	if s := p.SecurityContext; s != nil {
		pod := s.PodSecurityContext
		return &pod, &corev1.SecurityContext{
			AllowPrivilegeEscalation: s.AllowPrivilegeEscalation,
			ReadOnlyRootFilesystem:   s.ReadOnlyRootFilesystem,
			Privileged:               s.Privileged,
			Capabilities:             s.Capabilities,
		}
	}
	if !deref(p.UseStrictSecurity, strict) {
		return nil, nil
	}
	const nobody = 65534
	return &corev1.PodSecurityContext{
		RunAsNonRoot: ptr(true), RunAsUser: ptr[int64](nobody), RunAsGroup: ptr[int64](nobody), FSGroup: ptr[int64](nobody),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}, restricted()
}

func (p victoriaPod) deployment(w victoriaWorkload) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: meta(w.namespace, w.fullName(), w.selector()),
		Spec: appsv1.DeploymentSpec{
			Replicas:             ptr(deref(p.ReplicaCount, 1)),
			RevisionHistoryLimit: p.RevisionHistoryLimitCount,
			MinReadySeconds:      p.MinReadySeconds,
			Selector:             &metav1.LabelSelector{MatchLabels: w.selector()},
			Template:             p.template(w),
		},
	}
}

// statefulSet makes the workload of a part with a data directory, which is a
// volume claim when the custom resource asks for one.
func (p victoriaPod) statefulSet(w victoriaWorkload, volume, path string, storage *victoriaStorage) *appsv1.StatefulSet {
	var templates []corev1.PersistentVolumeClaim
	switch {
	case storage.claimed():
		t := storage.VolumeClaimTemplate
		volume = orDefault(t.Metadata.Name, volume)
		claim := corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: volume, Labels: t.Metadata.Labels, Annotations: t.Metadata.Annotations},
			Spec:       t.Spec,
		}
		if len(claim.Spec.AccessModes) == 0 {
			claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
		}
		templates = append(templates, claim)
	case storage != nil && storage.EmptyDir != nil:
		w.volumes = append(w.volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{EmptyDir: storage.EmptyDir}})
	default:
		w.volumes = append(w.volumes, emptyDir(volume))
	}
	w.mounts = append(w.mounts, mount(volume, path))
	return &appsv1.StatefulSet{
		ObjectMeta: meta(w.namespace, w.fullName(), w.selector()),
		Spec: appsv1.StatefulSetSpec{
			Replicas:             ptr(deref(p.ReplicaCount, 1)),
			RevisionHistoryLimit: p.RevisionHistoryLimitCount,
			MinReadySeconds:      p.MinReadySeconds,
			ServiceName:          w.fullName(),
			PodManagementPolicy:  appsv1.ParallelPodManagement,
			Selector:             &metav1.LabelSelector{MatchLabels: w.selector()},
			Template:             p.template(w),
			VolumeClaimTemplates: templates,
		},
	}
}

// reloader is the sidecar that tells a process about a changed file.
func reloader(name, watched, reload string, mounts ...corev1.VolumeMount) corev1.Container {
	return corev1.Container{
		Name:  name,
		Image: reloaderImage,
		Args:  []string{"--reload-url=" + reload, "--watched-dir=" + watched},
		Resources: corev1.ResourceRequirements{
			Requests: resourceList("5m", "16Mi"), Limits: resourceList("100m", "64Mi"),
		},
		VolumeMounts: mounts,
	}
}

func victoriaAccount(namespace, name string, labels map[string]string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: meta(namespace, name, labels)}
}

// maxReplicas bounds what one workload may ask for: a typing mistake must not
// become a million names.
const maxReplicas = 1000

// replicas returns the pods a part asks for.
func (p victoriaPod) replicas() (int32, error) {
	n := deref(p.ReplicaCount, 1)
	if n < 0 || n > maxReplicas {
		return 0, fmt.Errorf("replicaCount %d: want 0 to %d", n, maxReplicas)
	}
	return n, nil
}

// nodes lists the pods of a StatefulSet as the cluster's DNS knows them.
func nodes(namespace, name string, replicas, port int32) []string {
	out := make([]string, replicas)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%d.%s.%s:%d", name, i, name, namespace, port)
	}
	return out
}
