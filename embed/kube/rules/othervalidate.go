package rules

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateService(v *corev1.Service) field.ErrorList {
	s := &v.Spec
	var errs field.ErrorList
	headless := s.ClusterIP == corev1.ClusterIPNone
	if len(s.Ports) == 0 && !headless && s.Type != corev1.ServiceTypeExternalName {
		errs = append(errs, field.Required(spec.Child("ports"), ""))
	}
	switch s.Type {
	case corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort:
		if headless {
			errs = append(errs, field.Invalid(spec.Child("clusterIPs").Index(0), "None", "may not be set to 'None' for "+string(s.Type)+" services"))
		}
	case corev1.ServiceTypeExternalName:
		if s.ExternalName == "" {
			errs = append(errs, field.Required(spec.Child("externalName"), ""))
		} else {
			errs = append(errs, validation.IsFullyQualifiedName(spec.Child("externalName"), s.ExternalName)...)
		}
		if s.ClusterIP != "" {
			errs = append(errs, field.Forbidden(spec.Child("clusterIPs").Index(0), "may not be set for ExternalName services"))
		}
	}
	names, numbers := map[string]bool{}, map[string]bool{}
	for i, p := range s.Ports {
		at := spec.Child("ports").Index(i)
		if p.Name == "" {
			if len(s.Ports) > 1 {
				errs = append(errs, field.Required(at.Child("name"), ""))
			}
		} else {
			for _, msg := range validation.IsDNS1123Label(p.Name) {
				errs = append(errs, field.Invalid(at.Child("name"), p.Name, msg))
			}
			if names[p.Name] {
				errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
			}
			names[p.Name] = true
		}
		errs = append(errs, portNumber(at.Child("port"), p.Port)...)
		errs = append(errs, protocol(at.Child("protocol"), p.Protocol)...)
		if p.TargetPort.Type == intstr.Int {
			errs = append(errs, portNumber(at.Child("targetPort"), p.TargetPort.IntVal)...)
		} else {
			for _, msg := range validation.IsValidPortName(p.TargetPort.StrVal) {
				errs = append(errs, field.Invalid(at.Child("targetPort"), p.TargetPort.StrVal, msg))
			}
		}
		if p.NodePort != 0 && s.Type == corev1.ServiceTypeClusterIP {
			errs = append(errs, field.Forbidden(at.Child("nodePort"), "may not be used when `type` is 'ClusterIP'"))
		}
		key := fmt.Sprint(p.Protocol, p.Port)
		if numbers[key] {
			errs = append(errs, field.Duplicate(at, corev1.ServicePort{Protocol: p.Protocol, Port: p.Port}))
		}
		numbers[key] = true
	}
	errs = append(errs, metav1validation.ValidateLabels(s.Selector, spec.Child("selector"))...)
	errs = append(errs, oneOf(spec.Child("sessionAffinity"), s.SessionAffinity, corev1.ServiceAffinityClientIP, corev1.ServiceAffinityNone)...)
	errs = append(errs, oneOf(spec.Child("type"), s.Type, corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName,
		corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort)...)
	if s.ClusterIP != "" && !headless {
		if _, err := netip.ParseAddr(s.ClusterIP); err != nil {
			errs = append(errs, field.Invalid(spec.Child("clusterIPs").Index(0), s.ClusterIP, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))
		}
	}
	return errs
}

// updateService keeps the address and node ports that clients leave out.
func updateService(v, old *corev1.Service) field.ErrorList {
	s, o := &v.Spec, &old.Spec
	if s.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	if o.Type != corev1.ServiceTypeExternalName && s.ClusterIP == "" {
		s.ClusterIP, s.ClusterIPs = o.ClusterIP, o.ClusterIPs
	}
	if s.Type == corev1.ServiceTypeNodePort || s.Type == corev1.ServiceTypeLoadBalancer {
		for i := range s.Ports {
			for _, p := range o.Ports {
				if s.Ports[i].NodePort == 0 && p.Port == s.Ports[i].Port && p.Protocol == s.Ports[i].Protocol {
					s.Ports[i].NodePort = p.NodePort
				}
			}
		}
	} else {
		for i := range s.Ports {
			for _, p := range o.Ports { // what the old type needed goes with it
				if o.Type != s.Type && s.Ports[i].NodePort == p.NodePort {
					s.Ports[i].NodePort = 0
				}
			}
		}
	}
	if o.Type != corev1.ServiceTypeExternalName && o.ClusterIP != "" && s.ClusterIP != o.ClusterIP {
		return field.ErrorList{field.Invalid(spec.Child("clusterIPs").Index(0), s.ClusterIP, "may not change once set")}
	}
	return nil
}

func validateConfigMap(c *corev1.ConfigMap) field.ErrorList {
	var errs field.ErrorList
	size := 0
	for k, v := range c.Data {
		for _, msg := range validation.IsConfigMapKey(k) {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(k), k, msg))
		}
		if _, ok := c.BinaryData[k]; ok {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(k), k, "duplicate of key present in binaryData"))
		}
		size += len(v)
	}
	for k, v := range c.BinaryData {
		for _, msg := range validation.IsConfigMapKey(k) {
			errs = append(errs, field.Invalid(field.NewPath("binaryData").Key(k), k, msg))
		}
		size += len(v)
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", corev1.MaxSecretSize))
	}
	return errs
}

func updateConfigMap(c, old *corev1.ConfigMap) field.ErrorList {
	if old.Immutable == nil || !*old.Immutable {
		return nil
	}
	var errs field.ErrorList
	if c.Immutable == nil || !*c.Immutable {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), "field is immutable when `immutable` is set"))
	}
	if !apiequality.Semantic.DeepEqual(c.Data, old.Data) {
		errs = append(errs, field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set"))
	}
	if !apiequality.Semantic.DeepEqual(c.BinaryData, old.BinaryData) {
		errs = append(errs, field.Forbidden(field.NewPath("binaryData"), "field is immutable when `immutable` is set"))
	}
	return errs
}

func validateSecret(s *corev1.Secret) field.ErrorList {
	var errs field.ErrorList
	size, data := 0, field.NewPath("data")
	for k, v := range s.Data {
		for _, msg := range validation.IsConfigMapKey(k) {
			errs = append(errs, field.Invalid(data.Key(k), k, msg))
		}
		size += len(v)
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(data, "", corev1.MaxSecretSize))
	}
	required := map[corev1.SecretType][]string{
		corev1.SecretTypeTLS:              {corev1.TLSCertKey, corev1.TLSPrivateKeyKey},
		corev1.SecretTypeDockerConfigJson: {corev1.DockerConfigJsonKey},
		corev1.SecretTypeSSHAuth:          {corev1.SSHAuthPrivateKey},
	}[s.Type]
	for _, k := range required {
		if _, ok := s.Data[k]; !ok {
			errs = append(errs, field.Required(data.Key(k), ""))
		}
	}
	return errs
}

func updateSecret(s, old *corev1.Secret) field.ErrorList {
	errs := apivalidation.ValidateImmutableField(s.Type, old.Type, field.NewPath("type"))
	if old.Immutable == nil || !*old.Immutable {
		return errs
	}
	if s.Immutable == nil || !*s.Immutable {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), "field is immutable when `immutable` is set"))
	}
	if !apiequality.Semantic.DeepEqual(s.Data, old.Data) {
		errs = append(errs, field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set"))
	}
	return errs
}

func validateEvent(e *corev1.Event) field.ErrorList {
	ns := e.InvolvedObject.Namespace
	if ns != "" && ns != e.Namespace {
		return field.ErrorList{field.Invalid(field.NewPath("involvedObject", "namespace"), ns, "does not match event.namespace")}
	}
	return nil
}

func validateAccessModes(modes []corev1.PersistentVolumeAccessMode) field.ErrorList {
	var errs field.ErrorList
	if len(modes) == 0 {
		errs = append(errs, field.Required(spec.Child("accessModes"), "at least 1 access mode is required"))
	}
	for _, m := range modes {
		errs = append(errs, oneOf(spec.Child("accessModes"), m, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod)...)
	}
	return errs
}

func validateClaim(c *corev1.PersistentVolumeClaim) field.ErrorList {
	errs := validateAccessModes(c.Spec.AccessModes)
	at := spec.Child("resources").Key(string(corev1.ResourceStorage))
	q, ok := c.Spec.Resources.Requests[corev1.ResourceStorage]
	switch {
	case !ok:
		errs = append(errs, field.Required(at, ""))
	case q.Sign() <= 0:
		errs = append(errs, field.Invalid(at, q.String(), "must be greater than zero"))
	}
	return append(errs, metav1validation.ValidateLabelSelector(c.Spec.Selector, metav1validation.LabelSelectorValidationOptions{}, spec.Child("selector"))...)
}

func updateClaim(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	masked := c.Spec.DeepCopy()
	if old.Spec.VolumeName == "" {
		masked.VolumeName = "" // binding
	}
	if old.Spec.StorageClassName == nil {
		masked.StorageClassName = nil // the default class, decided later
	}
	masked.Resources.Requests, masked.VolumeAttributesClassName = old.Spec.Resources.Requests, old.Spec.VolumeAttributesClassName
	if !apiequality.Semantic.DeepEqual(masked, &old.Spec) {
		return field.ErrorList{field.Forbidden(spec, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims")}
	}
	want, have := c.Spec.Resources.Requests[corev1.ResourceStorage], old.Spec.Resources.Requests[corev1.ResourceStorage]
	if want.Cmp(have) < 0 {
		return field.ErrorList{field.Forbidden(spec.Child("resources", "requests", "storage"), "field can not be less than status.capacity")}
	}
	return nil
}

func validateVolume(v *corev1.PersistentVolume) field.ErrorList {
	errs := validateAccessModes(v.Spec.AccessModes)
	if _, ok := v.Spec.Capacity[corev1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(spec.Child("capacity"), ""))
	}
	if (v.Spec.PersistentVolumeSource == corev1.PersistentVolumeSource{}) {
		errs = append(errs, field.Required(spec, "must specify a volume type"))
	}
	return errs
}

func validateIngress(g *networkingv1.Ingress) field.ErrorList {
	var errs field.ErrorList
	if len(g.Spec.Rules) == 0 && g.Spec.DefaultBackend == nil {
		errs = append(errs, field.Invalid(spec, g.Spec.Rules, "either `defaultBackend` or `rules` must be specified"))
	}
	for i, r := range g.Spec.Rules {
		at := spec.Child("rules").Index(i)
		if r.Host != "" {
			if _, err := netip.ParseAddr(r.Host); err == nil {
				errs = append(errs, field.Invalid(at.Child("host"), r.Host, "must be a DNS name, not an IP address"))
			}
			check := validation.IsDNS1123Subdomain
			if r.Host[0] == '*' {
				check = validation.IsWildcardDNS1123Subdomain
			}
			for _, msg := range check(r.Host) {
				errs = append(errs, field.Invalid(at.Child("host"), r.Host, msg))
			}
		}
		if r.HTTP == nil {
			continue
		}
		if len(r.HTTP.Paths) == 0 {
			errs = append(errs, field.Required(at.Child("http", "paths"), ""))
		}
		for j, p := range r.HTTP.Paths {
			errs = append(errs, validateIngressPath(p, at.Child("http", "paths").Index(j))...)
		}
	}
	return errs
}

func validateIngressPath(p networkingv1.HTTPIngressPath, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.PathType == nil {
		errs = append(errs, field.Required(at.Child("pathType"), "pathType must be specified"))
	} else {
		errs = append(errs, oneOf(at.Child("pathType"), *p.PathType, networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific, networkingv1.PathTypePrefix)...)
		if *p.PathType != networkingv1.PathTypeImplementationSpecific && (p.Path == "" || p.Path[0] != '/') {
			errs = append(errs, field.Invalid(at.Child("path"), p.Path, "must be an absolute path"))
		}
	}
	if s := p.Backend.Service; s != nil {
		if s.Name == "" {
			errs = append(errs, field.Required(at.Child("backend", "service", "name"), ""))
		}
		if s.Port.Name == "" && s.Port.Number == 0 {
			errs = append(errs, field.Required(at.Child("backend", "service"), "port name or number is required"))
		}
	} else if p.Backend.Resource == nil {
		errs = append(errs, field.Required(at.Child("backend"), "service or resource backend is required"))
	}
	return errs
}

func validatePolicyRules(list []rbacv1.PolicyRule) field.ErrorList {
	var errs field.ErrorList
	for i, r := range list {
		at := field.NewPath("rules").Index(i)
		if len(r.Verbs) == 0 {
			errs = append(errs, field.Required(at.Child("verbs"), "verbs must contain at least one value"))
		}
		if len(r.NonResourceURLs) > 0 {
			if len(r.APIGroups)+len(r.Resources)+len(r.ResourceNames) > 0 {
				errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), r.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"))
			}
			continue
		}
		if len(r.APIGroups) == 0 {
			errs = append(errs, field.Required(at.Child("apiGroups"), "resource rules must supply at least one api group"))
		}
		if len(r.Resources) == 0 {
			errs = append(errs, field.Required(at.Child("resources"), "resource rules must supply at least one resource"))
		}
	}
	return errs
}

func validateRole(r *rbacv1.Role) field.ErrorList { return validatePolicyRules(r.Rules) }

func validateClusterRole(r *rbacv1.ClusterRole) field.ErrorList { return validatePolicyRules(r.Rules) }

func validateBinding(ref rbacv1.RoleRef, subjects []rbacv1.Subject, kinds ...string) field.ErrorList {
	errs := oneOf(field.NewPath("roleRef", "apiGroup"), ref.APIGroup, rbacv1.GroupName)
	errs = append(errs, oneOf(field.NewPath("roleRef", "kind"), ref.Kind, kinds...)...)
	if ref.Name == "" {
		errs = append(errs, field.Required(field.NewPath("roleRef", "name"), ""))
	}
	for i, s := range subjects {
		at := field.NewPath("subjects").Index(i)
		if s.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		errs = append(errs, oneOf(at.Child("kind"), s.Kind, rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind)...)
		if s.Kind == rbacv1.ServiceAccountKind && s.Namespace == "" {
			errs = append(errs, field.Required(at.Child("namespace"), ""))
		}
	}
	return errs
}

func immutableRoleRef(ref, old rbacv1.RoleRef) field.ErrorList {
	if ref == old {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("roleRef"), ref, "cannot change roleRef")}
}

func validateRoleBinding(b *rbacv1.RoleBinding) field.ErrorList {
	return validateBinding(b.RoleRef, b.Subjects, "Role", "ClusterRole")
}

func updateRoleBinding(b, old *rbacv1.RoleBinding) field.ErrorList {
	return immutableRoleRef(b.RoleRef, old.RoleRef)
}

func validateClusterRoleBinding(b *rbacv1.ClusterRoleBinding) field.ErrorList {
	return validateBinding(b.RoleRef, b.Subjects, "ClusterRole")
}

func updateClusterRoleBinding(b, old *rbacv1.ClusterRoleBinding) field.ErrorList {
	return immutableRoleRef(b.RoleRef, old.RoleRef)
}

func validateStorageClass(s *storagev1.StorageClass) field.ErrorList {
	if s.Provisioner == "" {
		return field.ErrorList{field.Required(field.NewPath("provisioner"), s.Provisioner)}
	}
	return nil
}

func updateStorageClass(s, old *storagev1.StorageClass) field.ErrorList {
	var errs field.ErrorList
	if !apiequality.Semantic.DeepEqual(s.Parameters, old.Parameters) {
		errs = append(errs, field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden."))
	}
	if s.Provisioner != old.Provisioner {
		errs = append(errs, field.Forbidden(field.NewPath("provisioner"), "updates to provisioner are forbidden."))
	}
	if *s.ReclaimPolicy != *old.ReclaimPolicy {
		errs = append(errs, field.Forbidden(field.NewPath("reclaimPolicy"), "updates to reclaimPolicy are forbidden."))
	}
	return append(errs, apivalidation.ValidateImmutableField(s.VolumeBindingMode, old.VolumeBindingMode, field.NewPath("volumeBindingMode"))...)
}

func validateEndpointSlice(e *discoveryv1.EndpointSlice) field.ErrorList {
	if e.AddressType == "" {
		return field.ErrorList{field.Required(field.NewPath("addressType"), "")}
	}
	return oneOf(field.NewPath("addressType"), e.AddressType, discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6)
}
