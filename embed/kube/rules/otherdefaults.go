package rules

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func defaultService(v *corev1.Service) {
	s := &v.Spec
	defString(&s.SessionAffinity, corev1.ServiceAffinityNone)
	switch s.SessionAffinity {
	case corev1.ServiceAffinityClientIP:
		def(&s.SessionAffinityConfig, corev1.SessionAffinityConfig{})
		def(&s.SessionAffinityConfig.ClientIP, corev1.ClientIPConfig{})
		def(&s.SessionAffinityConfig.ClientIP.TimeoutSeconds, corev1.DefaultClientIPServiceAffinitySeconds)
	case corev1.ServiceAffinityNone:
		s.SessionAffinityConfig = nil
	}
	defString(&s.Type, corev1.ServiceTypeClusterIP)
	for i := range s.Ports {
		p := &s.Ports[i]
		defString(&p.Protocol, corev1.ProtocolTCP)
		if p.TargetPort == intstr.FromInt32(0) || p.TargetPort == intstr.FromString("") {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
	if s.Type == corev1.ServiceTypeExternalName {
		return
	}
	def(&s.InternalTrafficPolicy, corev1.ServiceInternalTrafficPolicyCluster)
	if external(s) {
		defString(&s.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster)
	}
	if s.Type == corev1.ServiceTypeLoadBalancer {
		def(&s.AllocateLoadBalancerNodePorts, true)
	}
	def(&s.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack)
	if len(s.IPFamilies) == 0 {
		s.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
	}
	if s.ClusterIP == "" && len(s.ClusterIPs) > 0 {
		s.ClusterIP = s.ClusterIPs[0]
	}
}

// defaultSecret also moves stringData where it is kept.
func defaultSecret(s *corev1.Secret) {
	defString(&s.Type, corev1.SecretTypeOpaque)
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = map[string][]byte{}
	}
	for k, v := range s.StringData {
		s.Data[k] = []byte(v)
	}
	s.StringData = nil
}

func defaultEndpoints(e *corev1.Endpoints) { //nolint:staticcheck // deprecated, and still used
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			defString(&e.Subsets[i].Ports[j].Protocol, corev1.ProtocolTCP)
		}
	}
}

func defaultEndpointSlice(e *discoveryv1.EndpointSlice) {
	for i := range e.Ports {
		def(&e.Ports[i].Name, "")
		def(&e.Ports[i].Protocol, corev1.ProtocolTCP)
	}
}

func defaultNode(n *corev1.Node) {
	if n.Status.Allocatable == nil && n.Status.Capacity != nil {
		n.Status.Allocatable = n.Status.Capacity.DeepCopy()
	}
}

func prepareVolume(v *corev1.PersistentVolume) {
	v.Status = corev1.PersistentVolumeStatus{Phase: corev1.VolumePending}
}

func defaultVolume(v *corev1.PersistentVolume) {
	defString(&v.Spec.PersistentVolumeReclaimPolicy, corev1.PersistentVolumeReclaimRetain)
	def(&v.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	if v.Spec.HostPath != nil {
		def(&v.Spec.HostPath.Type, corev1.HostPathUnset)
	}
}

func prepareClaim(c *corev1.PersistentVolumeClaim) {
	c.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
}

func defaultClaim(c *corev1.PersistentVolumeClaim) {
	def(&c.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	if c.Spec.DataSource == nil && c.Spec.DataSourceRef != nil && c.Spec.DataSourceRef.Namespace == nil {
		r := c.Spec.DataSourceRef
		c.Spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: r.APIGroup, Kind: r.Kind, Name: r.Name}
	}
}

func defaultStorageClass(s *storagev1.StorageClass) {
	def(&s.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)
	def(&s.VolumeBindingMode, storagev1.VolumeBindingImmediate)
}

func defaultNetworkPolicy(n *networkingv1.NetworkPolicy) {
	if len(n.Spec.PolicyTypes) == 0 {
		n.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(n.Spec.Egress) > 0 {
			n.Spec.PolicyTypes = append(n.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	for i := range n.Spec.Ingress {
		for j := range n.Spec.Ingress[i].Ports {
			def(&n.Spec.Ingress[i].Ports[j].Protocol, corev1.ProtocolTCP)
		}
	}
	for i := range n.Spec.Egress {
		for j := range n.Spec.Egress[i].Ports {
			def(&n.Spec.Egress[i].Ports[j].Protocol, corev1.ProtocolTCP)
		}
	}
}

func defaultSubjects(list []rbacv1.Subject) {
	for i := range list {
		if s := &list[i]; s.Kind == rbacv1.UserKind || s.Kind == rbacv1.GroupKind {
			defString(&s.APIGroup, rbacv1.GroupName)
		}
	}
}

func defaultRoleBinding(b *rbacv1.RoleBinding) {
	defString(&b.RoleRef.APIGroup, rbacv1.GroupName)
	defaultSubjects(b.Subjects)
}

func defaultClusterRoleBinding(b *rbacv1.ClusterRoleBinding) {
	defString(&b.RoleRef.APIGroup, rbacv1.GroupName)
	defaultSubjects(b.Subjects)
}

func defaultValidatingWebhook(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		def(&w.FailurePolicy, admissionregistrationv1.Fail)
		def(&w.MatchPolicy, admissionregistrationv1.Equivalent)
		def(&w.NamespaceSelector, metav1.LabelSelector{})
		def(&w.ObjectSelector, metav1.LabelSelector{})
		def(&w.TimeoutSeconds, 10)
		defaultWebhookTarget(&w.ClientConfig, w.Rules)
	}
}

func defaultMutatingWebhook(c *admissionregistrationv1.MutatingWebhookConfiguration) {
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		def(&w.FailurePolicy, admissionregistrationv1.Fail)
		def(&w.MatchPolicy, admissionregistrationv1.Equivalent)
		def(&w.NamespaceSelector, metav1.LabelSelector{})
		def(&w.ObjectSelector, metav1.LabelSelector{})
		def(&w.TimeoutSeconds, 10)
		def(&w.ReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)
		defaultWebhookTarget(&w.ClientConfig, w.Rules)
	}
}

func defaultWebhookTarget(c *admissionregistrationv1.WebhookClientConfig, rules []admissionregistrationv1.RuleWithOperations) {
	if c.Service != nil {
		def(&c.Service.Port, 443)
	}
	for i := range rules {
		def(&rules[i].Scope, admissionregistrationv1.AllScopes)
	}
}
