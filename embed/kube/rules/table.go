package rules

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func core(resource string) schema.GroupResource { return schema.GroupResource{Resource: resource} }

func in(group, resource string) schema.GroupResource {
	return schema.GroupResource{Group: group, Resource: resource}
}

var table = map[schema.GroupResource]Rules{
	core("namespaces"): Typed[corev1.Namespace]{Name: validation.NameIsDNSLabel, Prepare: prepareNamespace, Defaults: defaultNamespace}.Rules(),
	core("pods"):       Typed[corev1.Pod]{Prepare: preparePod, Defaults: defaultPod, Validate: validatePod, Update: updatePod}.Rules(),
	core("podtemplates"): Typed[corev1.PodTemplate]{Defaults: func(t *corev1.PodTemplate) {
		defaultPodSpec(&t.Template.Spec)
	}}.Rules(),
	core("services"):   Typed[corev1.Service]{Name: validation.NameIsDNS1035Label, Defaults: defaultService, Validate: validateService, Update: updateService}.Rules(),
	core("configmaps"): Typed[corev1.ConfigMap]{Validate: validateConfigMap, Update: updateConfigMap}.Rules(),
	core("secrets"):    Typed[corev1.Secret]{Defaults: defaultSecret, Validate: validateSecret, Update: updateSecret}.Rules(),
	core("endpoints"):  Typed[corev1.Endpoints]{Defaults: defaultEndpoints}.Rules(), //nolint:staticcheck // deprecated, and still used
	core("nodes"):      Typed[corev1.Node]{Defaults: defaultNode, Validate: validateNode, Update: updateNode}.Rules(),
	core("persistentvolumes"): Typed[corev1.PersistentVolume]{
		Prepare: prepareVolume, Defaults: defaultVolume, Validate: validateVolume, Update: updateVolume,
	}.Rules(),
	core("persistentvolumeclaims"): Typed[corev1.PersistentVolumeClaim]{
		Prepare: prepareClaim, Defaults: defaultClaim, Validate: validateClaim, Update: updateClaim,
	}.Rules(),
	core("replicationcontrollers"): Typed[corev1.ReplicationController]{Defaults: defaultReplicationController, Validate: validateReplicationController}.Rules(),
	core("events"):                 Typed[corev1.Event]{Validate: validateEvent}.Rules(),

	in("apps", "deployments"): Typed[appsv1.Deployment]{Defaults: defaultDeployment, Validate: validateDeployment, Update: updateDeployment}.Rules(),
	in("apps", "replicasets"): Typed[appsv1.ReplicaSet]{Defaults: defaultReplicaSet, Validate: validateReplicaSet, Update: updateReplicaSet}.Rules(),
	in("apps", "statefulsets"): Typed[appsv1.StatefulSet]{
		Name: validation.NameIsDNSSubdomain, Defaults: defaultStatefulSet, Validate: validateStatefulSet, Update: updateStatefulSet,
	}.Rules(),
	in("apps", "daemonsets"): Typed[appsv1.DaemonSet]{Defaults: defaultDaemonSet, Validate: validateDaemonSet, Update: updateDaemonSet}.Rules(),

	in("batch", "jobs"):     Typed[batchv1.Job]{Prepare: prepareJob, Defaults: defaultJob, Validate: validateJob, Update: updateJob}.Rules(),
	in("batch", "cronjobs"): Typed[batchv1.CronJob]{Defaults: defaultCronJob, Validate: validateCronJob}.Rules(),

	in("autoscaling", "horizontalpodautoscalers"): Typed[autoscalingv2.HorizontalPodAutoscaler]{
		Defaults: defaultAutoscaler, Validate: validateAutoscaler,
	}.Rules(),
	in("networking.k8s.io", "ingresses"):       Typed[networkingv1.Ingress]{Validate: validateIngress}.Rules(),
	in("networking.k8s.io", "networkpolicies"): Typed[networkingv1.NetworkPolicy]{Defaults: defaultNetworkPolicy, Validate: validateNetworkPolicy}.Rules(),
	in("policy", "poddisruptionbudgets"):       Typed[policyv1.PodDisruptionBudget]{Validate: validateDisruptionBudget}.Rules(),
	in("networking.k8s.io", "ingressclasses"):  Typed[networkingv1.IngressClass]{Validate: validateIngressClass, Update: updateIngressClass}.Rules(),
	in("coordination.k8s.io", "leases"):        Typed[coordinationv1.Lease]{Validate: validateLease}.Rules(),
	core("resourcequotas"):                     Typed[corev1.ResourceQuota]{Defaults: defaultQuota, Validate: validateQuota, Update: updateQuota}.Rules(),

	in(rbacv1.GroupName, "roles"):        Typed[rbacv1.Role]{Name: path.ValidatePathSegmentName, Validate: validateRole}.Rules(),
	in(rbacv1.GroupName, "clusterroles"): Typed[rbacv1.ClusterRole]{Name: path.ValidatePathSegmentName, Validate: validateClusterRole}.Rules(),
	in(rbacv1.GroupName, "rolebindings"): Typed[rbacv1.RoleBinding]{
		Name: path.ValidatePathSegmentName, Defaults: defaultRoleBinding, Validate: validateRoleBinding, Update: updateRoleBinding,
	}.Rules(),
	in(rbacv1.GroupName, "clusterrolebindings"): Typed[rbacv1.ClusterRoleBinding]{
		Name: path.ValidatePathSegmentName, Defaults: defaultClusterRoleBinding, Validate: validateClusterRoleBinding, Update: updateClusterRoleBinding,
	}.Rules(),
	in("storage.k8s.io", "storageclasses"): Typed[storagev1.StorageClass]{
		Defaults: defaultStorageClass, Validate: validateStorageClass, Update: updateStorageClass,
	}.Rules(),
	in("discovery.k8s.io", "endpointslices"): Typed[discoveryv1.EndpointSlice]{Defaults: defaultEndpointSlice, Validate: validateEndpointSlice, Update: updateEndpointSlice}.Rules(),
	in("scheduling.k8s.io", "priorityclasses"): Typed[schedulingv1.PriorityClass]{
		Defaults: defaultPriorityClass, Validate: validatePriorityClass, Update: updatePriorityClass,
	}.Rules(),
	in("admissionregistration.k8s.io", "validatingwebhookconfigurations"): Typed[admissionregistrationv1.ValidatingWebhookConfiguration]{
		Defaults: defaultValidatingWebhook, Validate: validateValidatingWebhook,
	}.Rules(),
	in("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): Typed[admissionregistrationv1.MutatingWebhookConfiguration]{
		Defaults: defaultMutatingWebhook, Validate: validateMutatingWebhook,
	}.Rules(),
}
