package rules

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// preparePod begins a pod's life.
func preparePod(p *corev1.Pod) {
	p.Status = corev1.PodStatus{Phase: corev1.PodPending}
	p.Status.QOSClass = qos(&p.Spec)
}

// defaultPod fills in a pod, including what admission adds: account, priority,
// and the tolerations that keep a pod five minutes on a lost node.
func defaultPod(p *corev1.Pod) {
	s := &p.Spec
	defaultPodSpec(s)
	def(&s.EnableServiceLinks, true)
	defString(&s.ServiceAccountName, "default")
	s.DeprecatedServiceAccount = s.ServiceAccountName
	def(&s.Priority, systemPriorities[s.PriorityClassName])
	if g := s.TerminationGracePeriodSeconds; g != nil && *g < 0 {
		*g = 1
	}
	def(&s.PreemptionPolicy, corev1.PreemptLowerPriority)
	for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		if !tolerates(s.Tolerations, key) {
			seconds := int64(300)
			s.Tolerations = append(s.Tolerations, corev1.Toleration{
				Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds,
			})
		}
	}
	for _, list := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range list {
			requestLimits(&list[i].Resources)
			if s.HostNetwork {
				publish(list[i].Ports)
			}
		}
	}
}

// publish gives ports to the host that a pod shares its network with.
func publish(ports []corev1.ContainerPort) {
	for i := range ports {
		if ports[i].HostPort == 0 {
			ports[i].HostPort = ports[i].ContainerPort
		}
	}
}

func tolerates(list []corev1.Toleration, key string) bool {
	for _, t := range list {
		if (t.Key == key || t.Key == "") && (t.Effect == corev1.TaintEffectNoExecute || t.Effect == "") {
			return true
		}
	}
	return false
}

// requestLimits makes a limit the request of what nothing is requested of.
func requestLimits(r *corev1.ResourceRequirements) {
	for name, q := range r.Limits {
		if _, ok := r.Requests[name]; !ok {
			if r.Requests == nil {
				r.Requests = corev1.ResourceList{}
			}
			r.Requests[name] = q.DeepCopy()
		}
	}
}

// defaultPodSpec fills in what pods and pod templates share.
func defaultPodSpec(s *corev1.PodSpec) {
	defString(&s.DNSPolicy, corev1.DNSClusterFirst)
	defString(&s.RestartPolicy, corev1.RestartPolicyAlways)
	defString(&s.SchedulerName, corev1.DefaultSchedulerName)
	def(&s.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	def(&s.SecurityContext, corev1.PodSecurityContext{})
	if s.ServiceAccountName == "" {
		s.ServiceAccountName = s.DeprecatedServiceAccount
	} else {
		s.DeprecatedServiceAccount = s.ServiceAccountName
	}
	for i := range s.Volumes {
		defaultPodVolume(&s.Volumes[i])
	}
	for i := range s.InitContainers {
		defaultContainer(&s.InitContainers[i])
	}
	for i := range s.Containers {
		defaultContainer(&s.Containers[i])
	}
}

func defaultContainer(c *corev1.Container) {
	if c.ImagePullPolicy == "" {
		c.ImagePullPolicy = corev1.PullIfNotPresent
		if tag := imageTag(c.Image); tag == "" || tag == "latest" {
			c.ImagePullPolicy = corev1.PullAlways
		}
	}
	defString(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	defString(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	for i := range c.Ports {
		defString(&c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for i := range c.Env {
		if f := c.Env[i].ValueFrom; f != nil && f.FieldRef != nil {
			defString(&f.FieldRef.APIVersion, "v1")
		}
	}
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		defaultProbe(p)
	}
	if c.Lifecycle != nil {
		for _, h := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if h != nil {
				defaultHTTPGet(h.HTTPGet)
			}
		}
	}
	roundUp(c.Resources.Limits)
	roundUp(c.Resources.Requests)
}

// roundUp makes quantities whole thousandths, the finest that the API keeps.
func roundUp(l corev1.ResourceList) {
	for name, q := range l {
		if q.Value() < 1<<53/1000 && q.RoundUp(resource.Milli) {
			continue
		}
		l[name] = q
	}
}

// imageTag returns the tag of an image, or its digest; "" is neither.
func imageTag(image string) string {
	if _, digest, ok := strings.Cut(image, "@"); ok {
		return digest
	}
	name := image[strings.LastIndexByte(image, '/')+1:]
	_, tag, _ := strings.Cut(name, ":")
	return tag
}

func defaultProbe(p *corev1.Probe) {
	if p == nil {
		return
	}
	one := func(v *int32, d int32) {
		if *v == 0 {
			*v = d
		}
	}
	one(&p.TimeoutSeconds, 1)
	one(&p.PeriodSeconds, 10)
	one(&p.SuccessThreshold, 1)
	one(&p.FailureThreshold, 3)
	defaultHTTPGet(p.HTTPGet)
	if p.GRPC != nil {
		def(&p.GRPC.Service, "")
	}
}

func defaultHTTPGet(h *corev1.HTTPGetAction) {
	if h != nil {
		defString(&h.Path, "/")
		defString(&h.Scheme, corev1.URISchemeHTTP)
	}
}

func defaultPodVolume(v *corev1.Volume) {
	mode := corev1.SecretVolumeSourceDefaultMode
	switch s := &v.VolumeSource; {
	case s.Secret != nil:
		def(&s.Secret.DefaultMode, mode)
	case s.ConfigMap != nil:
		def(&s.ConfigMap.DefaultMode, mode)
	case s.DownwardAPI != nil:
		def(&s.DownwardAPI.DefaultMode, mode)
		defaultFiles(s.DownwardAPI.Items)
	case s.Projected != nil:
		def(&s.Projected.DefaultMode, mode)
		for i := range s.Projected.Sources {
			if t := s.Projected.Sources[i].ServiceAccountToken; t != nil {
				def(&t.ExpirationSeconds, 3600)
			}
			if d := s.Projected.Sources[i].DownwardAPI; d != nil {
				defaultFiles(d.Items)
			}
		}
	case s.HostPath != nil:
		def(&s.HostPath.Type, corev1.HostPathUnset)
	case s.Ephemeral != nil && s.Ephemeral.VolumeClaimTemplate != nil:
		def(&s.Ephemeral.VolumeClaimTemplate.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	case *s == corev1.VolumeSource{}:
		s.EmptyDir = &corev1.EmptyDirVolumeSource{}
	}
}

func defaultFiles(items []corev1.DownwardAPIVolumeFile) {
	for i := range items {
		if f := items[i].FieldRef; f != nil {
			defString(&f.APIVersion, "v1")
		}
	}
}

// qos classifies a pod by its containers' cpu and memory: Guaranteed if all have
// equal limits and requests of both, BestEffort if none has any.
func qos(s *corev1.PodSpec) corev1.PodQOSClass {
	guaranteed, some := true, false
	for _, list := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range list {
			r := list[i].Resources
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				limit, limited := r.Limits[name]
				request, requested := r.Requests[name]
				some = some || limited && !limit.IsZero() || requested && !request.IsZero()
				if !limited || limit.IsZero() || requested && request.Cmp(limit) != 0 {
					guaranteed = false
				}
			}
		}
	}
	switch {
	case !some:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

func prepareNamespace(ns *corev1.Namespace) {
	ns.Status = corev1.NamespaceStatus{Phase: corev1.NamespaceActive}
	for _, f := range ns.Spec.Finalizers {
		if f == corev1.FinalizerKubernetes {
			return
		}
	}
	ns.Spec.Finalizers = append(ns.Spec.Finalizers, corev1.FinalizerKubernetes)
}

// defaultNamespace labels a namespace with its name, which selectors rely on.
func defaultNamespace(ns *corev1.Namespace) {
	if ns.Labels[corev1.LabelMetadataName] != ns.Name && ns.Name != "" {
		metav1.SetMetaDataLabel(&ns.ObjectMeta, corev1.LabelMetadataName, ns.Name)
	}
}

func percent(s string) *intstr.IntOrString {
	v := intstr.FromString(s)
	return &v
}

func number(i int) *intstr.IntOrString {
	v := intstr.FromInt32(int32(i))
	return &v
}
