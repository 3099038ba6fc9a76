package rules

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateResources checks a container's requests and limits.
func validateResources(r *corev1.ResourceRequirements, container *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := func(kind string) *field.Path { return container.Child("resources", kind) }
	for name, q := range r.Limits {
		errs = append(errs, validateContainerResource(name, q, at, "limits")...)
	}
	for name, q := range r.Requests {
		errs = append(errs, validateContainerResource(name, q, at, "requests")...)
		limit, limited := r.Limits[name]
		switch {
		case !limited && !overcommitted(name):
			errs = append(errs, field.Required(at("limits"), "Limit must be set for non overcommitable resources"))
		case limited && !overcommitted(name) && q.Cmp(limit) != 0:
			errs = append(errs, field.Invalid(at("requests"), q.String(), "must be equal to "+string(name)+" limit of "+limit.String()))
		case limited && q.Cmp(limit) > 0:
			errs = append(errs, field.Invalid(at("requests"), q.String(), "must be less than or equal to "+string(name)+" limit of "+limit.String()))
		}
	}
	return inOrder(errs)
}

func validateContainerResource(name corev1.ResourceName, q resource.Quantity, at func(string) *field.Path, kind string) field.ErrorList {
	if (name == corev1.ResourceCPU || name == corev1.ResourceMemory) && q.Sign() >= 0 {
		return nil
	}
	path := at(kind).Key(string(name))
	errs := resourceName(path, name)
	if !strings.Contains(string(name), "/") && !ofContainers(name) {
		errs = append(errs, field.Invalid(path, name, "must be a standard resource for containers"))
	}
	return append(errs, quantity(path, name, q)...)
}

// resourceName checks the name of any resource.
func resourceName(path *field.Path, name corev1.ResourceName) field.ErrorList {
	errs := invalidEach(path, name, validation.IsQualifiedName(string(name)))
	if len(errs) == 0 && !strings.Contains(string(name), "/") && !ofContainers(name) && !ofQuota(name) {
		errs = append(errs, field.Invalid(path, name, "must be a standard resource type or fully qualified"))
	}
	return errs
}

// quantity checks an amount of a resource: never negative, whole if it is counted.
func quantity(path *field.Path, name corev1.ResourceName, q resource.Quantity) field.ErrorList {
	var errs field.ErrorList
	if q.Sign() < 0 {
		errs = append(errs, field.Invalid(path, q.String(), negative))
	}
	if counted(name) && q.MilliValue()%1000 != 0 {
		errs = append(errs, field.Invalid(path, q.String(), "must be an integer"))
	}
	return errs
}

func ofContainers(n corev1.ResourceName) bool {
	return n == corev1.ResourceCPU || n == corev1.ResourceMemory || n == corev1.ResourceEphemeralStorage ||
		strings.HasPrefix(string(n), corev1.ResourceHugePagesPrefix)
}

// overcommitted resources may be promised more than once.
func overcommitted(n corev1.ResourceName) bool {
	return !strings.HasPrefix(string(n), corev1.ResourceHugePagesPrefix) &&
		(!strings.Contains(string(n), "/") || strings.Contains(string(n), corev1.ResourceDefaultNamespacePrefix))
}

var quotaResources = map[corev1.ResourceName]bool{
	corev1.ResourceStorage: false, corev1.ResourceRequestsCPU: false, corev1.ResourceRequestsMemory: false,
	corev1.ResourceRequestsStorage: false, corev1.ResourceRequestsEphemeralStorage: false, corev1.ResourceLimitsCPU: false,
	corev1.ResourceLimitsMemory: false, corev1.ResourceLimitsEphemeralStorage: false,
	corev1.ResourcePods: true, corev1.ResourceQuotas: true, corev1.ResourceServices: true, corev1.ResourceReplicationControllers: true,
	corev1.ResourceSecrets: true, corev1.ResourceConfigMaps: true, corev1.ResourcePersistentVolumeClaims: true,
	corev1.ResourceServicesNodePorts: true, corev1.ResourceServicesLoadBalancers: true,
}

func ofQuota(n corev1.ResourceName) bool {
	_, ok := quotaResources[n]
	return ok
}

// counted resources come in whole numbers.
func counted(n corev1.ResourceName) bool {
	s := string(n)
	return quotaResources[n] || strings.HasPrefix(s, "count/") ||
		strings.Contains(s, "/") && !strings.Contains(s, corev1.ResourceDefaultNamespacePrefix) && !strings.HasSuffix(s, "requests.storage")
}
