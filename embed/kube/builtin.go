package kube

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ownScheme knows the builtin kinds that client-go's scheme does not.
var ownScheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(s); err != nil {
		panic(err) // two kinds of one name: a mistake of the build, not of input
	}
	return s
}()

const (
	namespaced = 1 << iota
	status
	scale
	generation
	// keep leaves the status that a creator sends.
	keep
)

func builtin(group, version, kind, plural, singular string, flags int, short ...string) resource {
	return resource{
		gvr:      schema.GroupVersionResource{Group: group, Version: version, Resource: plural},
		gvk:      schema.GroupVersionKind{Group: group, Version: version, Kind: kind},
		singular: singular, short: short,
		namespaced: flags&namespaced != 0, status: flags&status != 0, scale: flags&scale != 0,
		generation: flags&generation != 0, fresh: flags&status != 0 && flags&keep == 0,
	}
}

func (r resource) in(categories ...string) resource {
	r.categories = categories
	return r
}

func (r resource) with(sub, group, version, kind string) resource {
	m := map[string]schema.GroupVersionKind{sub: {Group: group, Version: version, Kind: kind}}
	for k, v := range r.subresources {
		m[k] = v
	}
	r.subresources = m
	return r
}

func (r resource) only(verbs ...string) resource {
	r.verbs = verbs
	return r
}

func (r resource) backedBy(group, plural string) resource {
	r.backing = &schema.GroupResource{Group: group, Resource: plural}
	return r
}

// builtinTable lists what a server serves, with the names, short names and
// categories that kubectl users know.
var builtinTable = []resource{
	builtin("", "v1", "Pod", "pods", "pod", namespaced|status|generation, "po").in("all").
		with("log", "", "v1", "Pod").with("eviction", "policy", "v1", "Eviction").with("binding", "", "v1", "Binding").
		with("ephemeralcontainers", "", "v1", "Pod").with("proxy", "", "v1", "PodProxyOptions").
		with("exec", "", "v1", "PodExecOptions").with("attach", "", "v1", "PodAttachOptions").
		with("portforward", "", "v1", "PodPortForwardOptions"),
	builtin("", "v1", "Service", "services", "service", namespaced|status, "svc").in("all").
		with("proxy", "", "v1", "ServiceProxyOptions"),
	builtin("", "v1", "Endpoints", "endpoints", "endpoints", namespaced, "ep"),
	builtin("", "v1", "ConfigMap", "configmaps", "configmap", namespaced, "cm"),
	builtin("", "v1", "Secret", "secrets", "secret", namespaced),
	builtin("", "v1", "ServiceAccount", "serviceaccounts", "serviceaccount", namespaced, "sa").
		with("token", "authentication.k8s.io", "v1", "TokenRequest"),
	builtin("", "v1", "Event", "events", "event", namespaced, "ev"),
	builtin("", "v1", "Node", "nodes", "node", status|keep, "no").with("proxy", "", "v1", "NodeProxyOptions"),
	builtin("", "v1", "Namespace", "namespaces", "namespace", status, "ns").with("finalize", "", "v1", "Namespace"),
	builtin("", "v1", "PersistentVolume", "persistentvolumes", "persistentvolume", status, "pv"),
	builtin("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaim", namespaced|status, "pvc"),
	builtin("", "v1", "ResourceQuota", "resourcequotas", "resourcequota", namespaced|status, "quota"),
	builtin("", "v1", "LimitRange", "limitranges", "limitrange", namespaced, "limits"),
	builtin("", "v1", "ReplicationController", "replicationcontrollers", "replicationcontroller",
		namespaced|status|scale|generation, "rc").in("all"),
	builtin("", "v1", "PodTemplate", "podtemplates", "podtemplate", namespaced),

	builtin("apps", "v1", "Deployment", "deployments", "deployment", namespaced|status|scale|generation, "deploy").in("all"),
	builtin("apps", "v1", "ReplicaSet", "replicasets", "replicaset", namespaced|status|scale|generation, "rs").in("all"),
	builtin("apps", "v1", "StatefulSet", "statefulsets", "statefulset", namespaced|status|scale|generation, "sts").in("all"),
	builtin("apps", "v1", "DaemonSet", "daemonsets", "daemonset", namespaced|status|generation, "ds").in("all"),
	builtin("apps", "v1", "ControllerRevision", "controllerrevisions", "controllerrevision", namespaced),

	builtin("batch", "v1", "Job", "jobs", "job", namespaced|status|generation).in("all"),
	builtin("batch", "v1", "CronJob", "cronjobs", "cronjob", namespaced|status|generation, "cj").in("all"),

	builtin("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "horizontalpodautoscaler",
		namespaced|status, "hpa").in("all"),

	builtin("networking.k8s.io", "v1", "Ingress", "ingresses", "ingress", namespaced|status|generation, "ing"),
	builtin("networking.k8s.io", "v1", "IngressClass", "ingressclasses", "ingressclass", generation),
	builtin("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "networkpolicy", namespaced|generation, "netpol"),

	builtin("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget",
		namespaced|status|generation, "pdb"),

	builtin("rbac.authorization.k8s.io", "v1", "Role", "roles", "role", namespaced),
	builtin("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "rolebinding", namespaced),
	builtin("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "clusterrole", 0),
	builtin("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding", 0),

	builtin("storage.k8s.io", "v1", "StorageClass", "storageclasses", "storageclass", 0, "sc"),
	builtin("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", "volumeattachment", status),
	builtin("storage.k8s.io", "v1", "CSIDriver", "csidrivers", "csidriver", 0),
	builtin("storage.k8s.io", "v1", "CSINode", "csinodes", "csinode", 0),

	builtin("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions",
		"customresourcedefinition", status|generation, "crd", "crds").in("api-extensions"),
	builtin("apiregistration.k8s.io", "v1", "APIService", "apiservices", "apiservice", status).in("api-extensions"),
	builtin("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations",
		"mutatingwebhookconfiguration", generation).in("api-extensions"),
	builtin("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations",
		"validatingwebhookconfiguration", generation).in("api-extensions"),
	builtin("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies",
		"validatingadmissionpolicy", status|generation).in("api-extensions"),
	builtin("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings",
		"validatingadmissionpolicybinding", generation).in("api-extensions"),

	builtin("coordination.k8s.io", "v1", "Lease", "leases", "lease", namespaced),
	builtin("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "endpointslice", namespaced|generation),
	builtin("events.k8s.io", "v1", "Event", "events", "event", namespaced, "ev").backedBy("", "events"),
	builtin("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "priorityclass", generation, "pc"),
	builtin("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", "runtimeclass", 0),
	builtin("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests",
		"certificatesigningrequest", status, "csr").with("approval", "certificates.k8s.io", "v1", "CertificateSigningRequest"),

	builtin("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", "tokenreview", 0).only("create"),
	builtin("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", "selfsubjectreview", 0).only("create"),
	builtin("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", "subjectaccessreview", 0).only("create"),
	builtin("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews",
		"selfsubjectaccessreview", 0).only("create"),
	builtin("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews",
		"selfsubjectrulesreview", 0).only("create"),
	builtin("authorization.k8s.io", "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews",
		"localsubjectaccessreview", namespaced).only("create"),
}
