package rules

import (
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validatePodSpec checks a pod's spec, or a template's: what is filled in only
// when pods are made may be absent there.
func validatePodSpec(s *corev1.PodSpec, path *field.Path, live bool) field.ErrorList {
	errs, volumes := validateVolumes(s.Volumes, path)
	errs = append(errs, validateContainers(s, volumes, path, live)...)
	switch s.RestartPolicy {
	case corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever:
	default:
		errs = append(errs, oneOf(path.Child("restartPolicy"), s.RestartPolicy,
			corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)...)
	}
	switch s.DNSPolicy {
	case corev1.DNSClusterFirst, corev1.DNSClusterFirstWithHostNet, corev1.DNSDefault:
	case corev1.DNSNone:
		if s.DNSConfig == nil || len(s.DNSConfig.Nameservers) == 0 {
			errs = append(errs, field.Required(path.Child("dnsConfig", "nameservers"),
				fmt.Sprintf("must provide at least one DNS nameserver when `dnsPolicy` is %s", corev1.DNSNone)))
		}
	default:
		errs = append(errs, oneOf(path.Child("dnsPolicy"), s.DNSPolicy,
			corev1.DNSClusterFirstWithHostNet, corev1.DNSClusterFirst, corev1.DNSDefault, corev1.DNSNone)...)
	}
	if len(s.NodeSelector) > 0 {
		errs = append(errs, metav1validation.ValidateLabels(s.NodeSelector, path.Child("nodeSelector"))...)
	}
	if d := s.ActiveDeadlineSeconds; d != nil && (*d < 1 || *d > math.MaxInt32) {
		errs = append(errs, field.Invalid(path.Child("activeDeadlineSeconds"), *d, validation.InclusiveRangeError(1, math.MaxInt32)))
	}
	errs = append(errs, subdomain(path, "serviceAccountName", s.ServiceAccountName)...)
	errs = append(errs, subdomain(path, "nodeName", s.NodeName)...)
	errs = append(errs, subdomain(path, "priorityClassName", s.PriorityClassName)...)
	for _, label := range [...]struct{ name, value string }{{"hostname", s.Hostname}, {"subdomain", s.Subdomain}} {
		if label.value != "" {
			errs = append(errs, invalidEach(path.Child(label.name), label.value, validation.IsDNS1123Label(label.value))...)
		}
	}
	for i := range s.Tolerations {
		errs = append(errs, validateToleration(&s.Tolerations[i], path, i)...)
	}
	for i, p := range s.ImagePullSecrets {
		if p.Name == "" {
			errs = append(errs, field.Required(path.Child("imagePullSecrets").Index(i).Child("name"), ""))
		}
	}
	errs = append(errs, validateAffinity(s.Affinity, path)...)
	return append(errs, validateSpread(s.TopologySpreadConstraints, path)...)
}

// validateContainers checks containers and what they share: names and ports of
// the host.
func validateContainers(s *corev1.PodSpec, volumes map[string]bool, path *field.Path, live bool) field.ErrorList {
	var errs field.ErrorList
	if len(s.Containers) == 0 {
		errs = append(errs, field.Required(path.Child("containers"), ""))
	}
	names := make(map[string]bool, len(s.Containers)+len(s.InitContainers))
	hostPorts := map[string]bool{}
	for _, list := range [...]struct {
		name       string
		containers []corev1.Container
	}{{"containers", s.Containers}, {"initContainers", s.InitContainers}} {
		for i := range list.containers {
			c, at := &list.containers[i], path.Child(list.name).Index(i)
			errs = append(errs, validateContainer(c, volumes, at)...)
			if names[c.Name] && c.Name != "" {
				errs = append(errs, field.Duplicate(at.Child("name"), c.Name))
			}
			names[c.Name] = true
			if list.name == "initContainers" && (c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways) {
				errs = append(errs, validateStarter(c, at)...)
			}
			for j, p := range c.Ports {
				if s.HostNetwork && p.HostPort != p.ContainerPort && (live || p.HostPort != 0) {
					errs = append(errs, field.Invalid(at.Child("ports").Index(j).Child("hostPort"), p.HostPort,
						"must match `containerPort` when `hostNetwork` is true"))
				}
				if p.HostPort == 0 || list.name != "containers" {
					continue
				}
				key := fmt.Sprintf("%s/%s/%d", p.Protocol, p.HostIP, p.HostPort)
				if hostPorts[key] {
					errs = append(errs, field.Duplicate(at.Child("ports").Index(j).Child("hostPort"), key))
				}
				hostPorts[key] = true
			}
		}
	}
	return errs
}

// validateStarter refuses what makes no sense for an init container that ends.
func validateStarter(c *corev1.Container, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, f := range [...]struct {
		name string
		set  bool
	}{
		{"lifecycle", c.Lifecycle != nil}, {"livenessProbe", c.LivenessProbe != nil},
		{"readinessProbe", c.ReadinessProbe != nil}, {"startupProbe", c.StartupProbe != nil},
	} {
		if f.set {
			errs = append(errs, field.Forbidden(at.Child(f.name), "may not be set for init containers without restartPolicy=Always"))
		}
	}
	return errs
}

func validateToleration(t *corev1.Toleration, pod *field.Path, i int) field.ErrorList {
	var errs field.ErrorList
	at := func(name string) *field.Path { return pod.Child("tolerations").Index(i).Child(name) }
	if t.Key == "" && t.Operator != corev1.TolerationOpExists {
		errs = append(errs, field.Invalid(at("operator"), t.Operator, "operator must be Exists when `key` is empty, which means \"match all values and all keys\""))
	}
	if t.Key != "" {
		if msgs := validation.IsQualifiedName(t.Key); len(msgs) > 0 {
			errs = append(errs, invalidEach(at("key"), t.Key, msgs)...)
		}
	}
	if t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute {
		errs = append(errs, field.Invalid(at("effect"), t.Effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
	}
	switch t.Operator {
	case corev1.TolerationOpEqual, "":
	case corev1.TolerationOpExists:
		if t.Value != "" {
			errs = append(errs, field.Invalid(at("operator"), t.Value, "value must be empty when `operator` is 'Exists'"))
		}
	default:
		errs = append(errs, oneOf(at("operator"), t.Operator, corev1.TolerationOpEqual, corev1.TolerationOpExists)...)
	}
	switch t.Effect {
	case "", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
	default:
		errs = append(errs, oneOf(at("effect"), t.Effect, corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)...)
	}
	return errs
}
