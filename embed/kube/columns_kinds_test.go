package kube

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func to[T any](v T) *T { return &v }

func in(group, plural string) schema.GroupResource {
	return schema.GroupResource{Group: group, Resource: plural}
}

var appIsA = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}

func quantities(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = quantity.MustParse(pairs[i+1])
	}
	return out
}

func TestWorkloadColumns(t *testing.T) {
	three := to(int32(3))
	job := func(spec batchv1.JobSpec, status batchv1.JobStatus) *batchv1.Job {
		spec.Template = podTemplate()
		return &batchv1.Job{ObjectMeta: created("j"), Spec: spec, Status: status}
	}
	condition := func(k batchv1.JobConditionType) []batchv1.JobCondition {
		return []batchv1.JobCondition{{Type: k, Status: corev1.ConditionTrue}}
	}
	start, end := to(ago(2*time.Minute)), to(ago(30*time.Second))
	const jobHeader = "Name|Status|Completions|Duration|Age|[Containers]|[Images]|[Selector]"
	runColumns(t, []columnsCase{
		{"deployment", deployments, &appsv1.Deployment{ObjectMeta: created("web"),
			Spec:   appsv1.DeploymentSpec{Replicas: three, Selector: appIsA, Template: podTemplate()},
			Status: appsv1.DeploymentStatus{Replicas: 3, ReadyReplicas: 2, UpdatedReplicas: 3, AvailableReplicas: 1}},
			"Name|Ready|Up-to-date|Available|Age|[Containers]|[Images]|[Selector]", "web|2/3|3|1|5m|c|nginx|app=a"},
		{"replicaset", replicaSets, &appsv1.ReplicaSet{ObjectMeta: created("web-1"),
			Spec:   appsv1.ReplicaSetSpec{Replicas: three, Selector: appIsA, Template: podTemplate()},
			Status: appsv1.ReplicaSetStatus{Replicas: 2, ReadyReplicas: 1}},
			"Name|Desired|Current|Ready|Age|[Containers]|[Images]|[Selector]", "web-1|3|2|1|5m|c|nginx|app=a"},
		{"statefulset", in("apps", "statefulsets"), &appsv1.StatefulSet{ObjectMeta: created("db"),
			Spec:   appsv1.StatefulSetSpec{Replicas: three, Selector: appIsA, Template: podTemplate()},
			Status: appsv1.StatefulSetStatus{ReadyReplicas: 3}},
			"Name|Ready|Age|[Containers]|[Images]", "db|3/3|5m|c|nginx"},
		{"daemonset", in("apps", "daemonsets"), &appsv1.DaemonSet{ObjectMeta: created("agent"),
			Spec: appsv1.DaemonSetSpec{Selector: appIsA, Template: podTemplate()},
			Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 5, CurrentNumberScheduled: 4, NumberReady: 3,
				UpdatedNumberScheduled: 2, NumberAvailable: 1}},
			"Name|Desired|Current|Ready|Up-to-date|Available|Node Selector|Age|[Containers]|[Images]|[Selector]",
			"agent|5|4|3|2|1|<none>|5m|c|nginx|app=a"},
		{"revision", in("apps", "controllerrevisions"), &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: "db-1",
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", Controller: to(true)}}}, Revision: 4},
			"Name|Controller|Revision|Age", "db-1|statefulset.apps/db|4|<unknown>"},
		{"job complete", in("batch", "jobs"), job(batchv1.JobSpec{Completions: three, Selector: appIsA},
			batchv1.JobStatus{Succeeded: 3, StartTime: start, CompletionTime: end, Conditions: condition(batchv1.JobComplete)}),
			jobHeader, "j|Complete|3/3|90s|5m|c|nginx|app=a"},
		{"job running", in("batch", "jobs"), job(batchv1.JobSpec{}, batchv1.JobStatus{StartTime: start}),
			jobHeader, "j|Running|0/1|2m|5m|c|nginx|<none>"},
		{"job failed, work queue", in("batch", "jobs"), job(batchv1.JobSpec{Parallelism: three}, batchv1.JobStatus{Conditions: condition(batchv1.JobFailed)}),
			jobHeader, "j|Failed|0/1 of 3||5m|c|nginx|<none>"},
		{"job suspended", in("batch", "jobs"), job(batchv1.JobSpec{}, batchv1.JobStatus{Conditions: condition(batchv1.JobSuspended)}),
			jobHeader, "j|Suspended|0/1||5m|c|nginx|<none>"},
		{"cronjob", in("batch", "cronjobs"), &batchv1.CronJob{ObjectMeta: created("nightly"),
			Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *", Suspend: to(false),
				JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: podTemplate()}}},
			Status: batchv1.CronJobStatus{Active: make([]corev1.ObjectReference, 2), LastScheduleTime: start}},
			"Name|Schedule|Timezone|Suspend|Active|Last Schedule|Age|[Containers]|[Images]|[Selector]",
			"nightly|0 3 * * *|<none>|False|2|2m|5m|c|nginx|<none>"},
		{"pdb", in("policy", "poddisruptionbudgets"), &policyv1.PodDisruptionBudget{ObjectMeta: created("b"),
			Spec: policyv1.PodDisruptionBudgetSpec{MaxUnavailable: to(intstr.FromString("25%"))}, Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 1}},
			"Name|Min Available|Max Unavailable|Allowed Disruptions|Age", "b|N/A|25%|1|5m"},
	})
}

func TestAutoscalerColumns(t *testing.T) {
	resourceOf := func(name corev1.ResourceName, target autoscalingv2.MetricTarget) autoscalingv2.MetricSpec {
		return autoscalingv2.MetricSpec{Type: "Resource", Resource: &autoscalingv2.ResourceMetricSource{Name: name, Target: target}}
	}
	cpu := resourceOf("cpu", autoscalingv2.MetricTarget{AverageUtilization: to(int32(80))})
	memory := resourceOf("memory", autoscalingv2.MetricTarget{AverageValue: to(quantity.MustParse("1Gi"))})
	queue := autoscalingv2.MetricSpec{Type: "External", External: &autoscalingv2.ExternalMetricSource{
		Target: autoscalingv2.MetricTarget{AverageValue: to(quantity.MustParse("10"))}}}
	hits := autoscalingv2.MetricSpec{Type: "Object", Object: &autoscalingv2.ObjectMetricSource{
		Target: autoscalingv2.MetricTarget{Value: to(quantity.MustParse("2k"))}}}
	perPod := autoscalingv2.MetricSpec{Type: "Pods", Pods: &autoscalingv2.PodsMetricSource{
		Target: autoscalingv2.MetricTarget{AverageValue: to(quantity.MustParse("5"))}}}
	busy := autoscalingv2.MetricStatus{Type: "Resource", Resource: &autoscalingv2.ResourceMetricStatus{
		Current: autoscalingv2.MetricValueStatus{AverageUtilization: to(int32(40))}}}
	for want, h := range map[string]autoscalingv2.HorizontalPodAutoscaler{
		"<none>":                           {},
		"cpu: <unknown>/80%":               {Spec: autoscalingv2.HorizontalPodAutoscalerSpec{Metrics: []autoscalingv2.MetricSpec{cpu}}},
		"<unknown>/10 (avg), <unknown>/2k": {Spec: autoscalingv2.HorizontalPodAutoscalerSpec{Metrics: []autoscalingv2.MetricSpec{queue, hits}}},
		"<unknown>/5, <unknown type>":      {Spec: autoscalingv2.HorizontalPodAutoscalerSpec{Metrics: []autoscalingv2.MetricSpec{perPod, {Type: "New"}}}},
		"cpu: 40%/80%, memory: <unknown>/1Gi + 1 more...": {
			Spec:   autoscalingv2.HorizontalPodAutoscalerSpec{Metrics: []autoscalingv2.MetricSpec{cpu, memory, queue}},
			Status: autoscalingv2.HorizontalPodAutoscalerStatus{CurrentMetrics: []autoscalingv2.MetricStatus{busy}},
		},
	} {
		require.Equal(t, want, autoscalerTargets(&h))
	}
	runColumns(t, []columnsCase{{"hpa", in("autoscaling", "horizontalpodautoscalers"), &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: created("web"),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{MinReplicas: to(int32(2)), MaxReplicas: 9, Metrics: []autoscalingv2.MetricSpec{cpu},
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{CurrentReplicas: 3}},
		"Name|Reference|Targets|MinPods|MaxPods|Replicas|Age", "web|Deployment/web|cpu: <unknown>/80%|2|9|3|5m"}})
}

func TestCoreColumns(t *testing.T) {
	deleted := created("gone")
	deleted.DeletionTimestamp = to(ago(0))
	node := created("node-1")
	node.Labels = map[string]string{"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "worker"}
	ready := func(s corev1.ConditionStatus) []corev1.NodeCondition {
		return []corev1.NodeCondition{{Type: "MemoryPressure", Status: "False"}, {Type: "Ready", Status: s}}
	}
	pvHeader := "Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|[VolumeMode]"
	pvcHeader := "Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|[VolumeMode]"
	runColumns(t, []columnsCase{
		{"node", in("", "nodes"), &corev1.Node{ObjectMeta: node, Spec: corev1.NodeSpec{Unschedulable: true}, Status: corev1.NodeStatus{
			Conditions: ready("True"), Addresses: []corev1.NodeAddress{{Type: "InternalIP", Address: "10.0.0.1"}},
			NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.34.1", OSImage: "Ubuntu 24.04", ContainerRuntimeVersion: "containerd://2.1"}}},
			"Name|Status|Roles|Age|Version|[Internal-IP]|[External-IP]|[OS-Image]|[Kernel-Version]|[Container-Runtime]",
			"node-1|Ready,SchedulingDisabled|control-plane,worker|5m|v1.34.1|10.0.0.1|<none>|Ubuntu 24.04|<unknown>|containerd://2.1"},
		{"node not ready", in("", "nodes"), &corev1.Node{ObjectMeta: created("n"), Status: corev1.NodeStatus{Conditions: ready("Unknown")}},
			"", "n|NotReady|<none>|5m||<none>|<none>|<unknown>|<unknown>|<unknown>"},
		{"new node", in("", "nodes"), &corev1.Node{ObjectMeta: created("n")}, "", "n|Unknown|<none>|5m||<none>|<none>|<unknown>|<unknown>|<unknown>"},
		{"namespace", namespacesGR, &corev1.Namespace{ObjectMeta: created("kof"), Status: corev1.NamespaceStatus{Phase: "Active"}},
			"Name|Status|Age", "kof|Active|5m"},
		{"configmap", configMaps, &corev1.ConfigMap{ObjectMeta: created("c"), Data: map[string]string{"a": ""}, BinaryData: map[string][]byte{"b": nil}},
			"Name|Data|Age", "c|2|5m"},
		{"secret", in("", "secrets"), &corev1.Secret{ObjectMeta: created("s"), Type: "Opaque", Data: map[string][]byte{"a": nil}},
			"Name|Type|Data|Age", "s|Opaque|1|5m"},
		{"serviceaccount", in("", "serviceaccounts"), &corev1.ServiceAccount{ObjectMeta: created("default")}, "Name|Secrets|Age", "default|0|5m"},
		{"pv", in("", "persistentvolumes"), &corev1.PersistentVolume{ObjectMeta: created("pv-1"), Spec: corev1.PersistentVolumeSpec{
			Capacity: quantities("storage", "10Gi"), AccessModes: []corev1.PersistentVolumeAccessMode{"ReadWriteMany", "ReadWriteOnce"},
			PersistentVolumeReclaimPolicy: "Delete", ClaimRef: &corev1.ObjectReference{Namespace: "kof", Name: "data"}, StorageClassName: "standard",
			VolumeMode: to(corev1.PersistentVolumeFilesystem)}, Status: corev1.PersistentVolumeStatus{Phase: "Bound"}},
			pvHeader, "pv-1|10Gi|RWO,RWX|Delete|Bound|kof/data|standard|<unset>||5m|Filesystem"},
		{"pv terminating", in("", "persistentvolumes"), &corev1.PersistentVolume{ObjectMeta: deleted}, pvHeader, "gone|0|||Terminating|||<unset>||5m|<unset>"},
		{"pvc", in("", "persistentvolumeclaims"), &corev1.PersistentVolumeClaim{ObjectMeta: created("data"),
			Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "pv-1", StorageClassName: to("standard")},
			Status: corev1.PersistentVolumeClaimStatus{Phase: "Bound", Capacity: quantities("storage", "10Gi"),
				AccessModes: []corev1.PersistentVolumeAccessMode{"ReadWriteOnce"}}},
			pvcHeader, "data|Bound|pv-1|10Gi|RWO|standard|<unset>|5m|<unset>"},
		{"pvc pending", in("", "persistentvolumeclaims"), &corev1.PersistentVolumeClaim{ObjectMeta: created("data"),
			Status: corev1.PersistentVolumeClaimStatus{Phase: "Pending"}}, pvcHeader, "data|Pending|||||<unset>|5m|<unset>"},
		{"quota", in("", "resourcequotas"), &corev1.ResourceQuota{ObjectMeta: created("q"), Status: corev1.ResourceQuotaStatus{
			Hard: quantities("pods", "10", "limits.cpu", "4", "requests.cpu", "2"), Used: quantities("pods", "3", "limits.cpu", "500m", "requests.cpu", "0")}},
			"Name|Request|Limit|Age", "q|pods: 3/10, requests.cpu: 0/2|limits.cpu: 500m/4|5m"},
		{"limitrange", in("", "limitranges"), &corev1.LimitRange{ObjectMeta: created("l")}, "Name|Created At", "l|2026-01-01T00:00:00Z"},
		{"replicationcontroller", in("", "replicationcontrollers"), &corev1.ReplicationController{ObjectMeta: created("r"),
			Spec: corev1.ReplicationControllerSpec{Replicas: to(int32(1)), Selector: map[string]string{"app": "a"}}},
			"Name|Desired|Current|Ready|Age|[Containers]|[Images]|[Selector]", "r|1|0|0|5m|||app=a"},
		{"podtemplate", in("", "podtemplates"), &corev1.PodTemplate{ObjectMeta: created("t"), Template: podTemplate()},
			"Name|Containers|Images|Pod Labels", "t|c|nginx|app=a"},
	})
}

func TestNetworkColumns(t *testing.T) {
	service := func(spec corev1.ServiceSpec, addresses ...corev1.LoadBalancerIngress) *corev1.Service {
		return &corev1.Service{ObjectMeta: created("s"), Spec: spec, Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: addresses}}}
	}
	http := []corev1.ServicePort{{Port: 80, Protocol: "TCP"}, {Port: 443, NodePort: 30443, Protocol: "TCP"}}
	addresses := func(ips ...string) (out []corev1.EndpointAddress) {
		for _, ip := range ips {
			out = append(out, corev1.EndpointAddress{IP: ip})
		}
		return out
	}
	endpoints := func(s ...corev1.EndpointSubset) *corev1.Endpoints {
		return &corev1.Endpoints{ObjectMeta: created("e"), Subsets: s}
	}
	eps, slices, ings := in("", "endpoints"), in("discovery.k8s.io", "endpointslices"), in("networking.k8s.io", "ingresses")
	runColumns(t, []columnsCase{
		{"service", servicesGR, service(corev1.ServiceSpec{Type: "ClusterIP", ClusterIP: "10.96.0.7", ClusterIPs: []string{"10.96.0.7"}, Ports: http[:1],
			Selector: map[string]string{"app": "a"}}), "Name|Type|Cluster-IP|External-IP|Port(s)|Age|[Selector]", "s|ClusterIP|10.96.0.7|<none>|80/TCP|5m|app=a"},
		{"headless", servicesGR, service(corev1.ServiceSpec{Type: "ClusterIP", ClusterIP: "None"}), "", "s|ClusterIP|None|<none>|<none>|5m|<none>"},
		{"node port", servicesGR, service(corev1.ServiceSpec{Type: "NodePort", ClusterIP: "10.96.0.7", Ports: http, ExternalIPs: []string{"1.2.3.4"}}),
			"", "s|NodePort|10.96.0.7|1.2.3.4|80/TCP,443:30443/TCP|5m|<none>"},
		{"load balancer pending", servicesGR, service(corev1.ServiceSpec{Type: "LoadBalancer", ClusterIP: "10.96.0.7", Ports: http[1:]}),
			"", "s|LoadBalancer|10.96.0.7|<pending>|443:30443/TCP|5m|<none>"},
		{"load balancer", servicesGR, service(corev1.ServiceSpec{Type: "LoadBalancer", ClusterIP: "10.96.0.7", ExternalIPs: []string{"1.2.3.4"}},
			corev1.LoadBalancerIngress{Hostname: "a-name-longer-than-sixteen.example.org"}, corev1.LoadBalancerIngress{IP: "203.0.113.9"}),
			"", "s|LoadBalancer|10.96.0.7|203.0.113.9,a-name-longer-than-sixteen.example.org,1.2.3.4|<none>|5m|<none>"},
		{"external name", servicesGR, service(corev1.ServiceSpec{Type: "ExternalName", ExternalName: "db.example.org"}),
			"", "s|ExternalName|<none>|db.example.org|<none>|5m|<none>"},

		{"no endpoints", eps, endpoints(), "Name|Endpoints|Age", "e|<none>|5m"},
		{"endpoints not ready", eps, endpoints(corev1.EndpointSubset{NotReadyAddresses: addresses("10.1.1.1"), Ports: []corev1.EndpointPort{{Port: 80}}}), "", "e||5m"},
		{"endpoints", eps, endpoints(corev1.EndpointSubset{Addresses: addresses("10.1.1.1", "10.1.1.2"), Ports: []corev1.EndpointPort{{Port: 80}, {Port: 81}}}),
			"", "e|10.1.1.1:80,10.1.1.2:80,10.1.1.1:81 + 1 more...|5m"},
		{"endpoints without ports", eps, endpoints(corev1.EndpointSubset{Addresses: addresses("10.1.1.1", "10.1.1.2")}), "", "e|10.1.1.1,10.1.1.2|5m"},
		{"endpointslice", slices, &discoveryv1.EndpointSlice{ObjectMeta: created("e"), AddressType: "IPv4",
			Ports: []discoveryv1.EndpointPort{{Port: to(int32(80))}, {Name: to("http")}, {}}, Endpoints: []discoveryv1.Endpoint{
				{Addresses: []string{"10.1.1.1", "10.1.1.2"}}, {Addresses: []string{"10.1.1.3", "10.1.1.4", "10.1.1.5"}}}},
			"Name|AddressType|Ports|Endpoints|Age", "e|IPv4|80,http,*|10.1.1.1,10.1.1.2,10.1.1.3 + 2 more...|5m"},
		{"empty endpointslice", slices, &discoveryv1.EndpointSlice{ObjectMeta: created("e"), AddressType: "IPv4"}, "", "e|IPv4|<unset>|<unset>|5m"},

		{"ingress", ings, &networkingv1.Ingress{ObjectMeta: created("i"), Spec: networkingv1.IngressSpec{IngressClassName: to("nginx"),
			Rules: []networkingv1.IngressRule{{Host: "a"}, {Host: "b"}, {Host: "c"}, {Host: "d"}}, TLS: make([]networkingv1.IngressTLS, 1)},
			Status: networkingv1.IngressStatus{LoadBalancer: networkingv1.IngressLoadBalancerStatus{
				Ingress: []networkingv1.IngressLoadBalancerIngress{{IP: "203.0.113.9"}, {IP: "203.0.113.9"}}}}},
			"Name|Class|Hosts|Address|Ports|Age", "i|nginx|a,b,c + 1 more...|203.0.113.9|80, 443|5m"},
		{"bare ingress", ings, &networkingv1.Ingress{ObjectMeta: created("i")}, "", "i|<none>|*||80|5m"},
		{"ingressclass", in("networking.k8s.io", "ingressclasses"), &networkingv1.IngressClass{ObjectMeta: created("nginx"),
			Spec: networkingv1.IngressClassSpec{Controller: "k8s.io/ingress-nginx", Parameters: &networkingv1.IngressClassParametersReference{
				APIGroup: to("example.org"), Kind: "Settings", Name: "main"}}},
			"Name|Controller|Parameters|Age", "nginx|k8s.io/ingress-nginx|Settings.example.org/main|5m"},
		{"networkpolicy", in("networking.k8s.io", "networkpolicies"), &networkingv1.NetworkPolicy{ObjectMeta: created("deny")},
			"Name|Pod-Selector|Age", "deny|<none>|5m"},
	})
}

func TestOtherColumns(t *testing.T) {
	standard := created("standard")
	standard.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	role := rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"}
	subjects := []rbacv1.Subject{{Kind: "User", Name: "u"}, {Kind: "User", Name: "v"}, {Kind: "Group", Name: "g"}, {Kind: "ServiceAccount", Namespace: "kof", Name: "sa"}}
	csr := in("certificates.k8s.io", "certificatesigningrequests")
	runColumns(t, []columnsCase{
		{"role", in(rbacv1.GroupName, "roles"), &rbacv1.Role{ObjectMeta: created("r")}, "Name|Created At", "r|2026-01-01T00:00:00Z"},
		{"clusterrole", in(rbacv1.GroupName, "clusterroles"), &rbacv1.ClusterRole{ObjectMeta: created("r")}, "Name|Created At", "r|2026-01-01T00:00:00Z"},
		{"rolebinding", in(rbacv1.GroupName, "rolebindings"), &rbacv1.RoleBinding{ObjectMeta: created("b"), RoleRef: role, Subjects: subjects},
			"Name|Role|Age|[Users]|[Groups]|[ServiceAccounts]", "b|ClusterRole/view|5m|u, v|g|kof/sa"},
		{"clusterrolebinding", in(rbacv1.GroupName, "clusterrolebindings"), &rbacv1.ClusterRoleBinding{ObjectMeta: created("b"), RoleRef: role},
			"Name|Role|Age|[Users]|[Groups]|[ServiceAccounts]", "b|ClusterRole/view|5m|||"},
		{"storageclass", in("storage.k8s.io", "storageclasses"), &storagev1.StorageClass{ObjectMeta: standard, Provisioner: "csi",
			VolumeBindingMode: to(storagev1.VolumeBindingWaitForFirstConsumer)},
			"Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age", "standard (default)|csi|Delete|WaitForFirstConsumer|false|5m"},
		{"csidriver", in("storage.k8s.io", "csidrivers"), &storagev1.CSIDriver{ObjectMeta: created("d")},
			"Name|AttachRequired|PodInfoOnMount|StorageCapacity|TokenRequests|RequiresRepublish|Modes|Age", "d|true|false|false|<unset>|false|<none>|5m"},
		{"mutating", in(admissionv1.GroupName, "mutatingwebhookconfigurations"), &admissionv1.MutatingWebhookConfiguration{ObjectMeta: created("m"),
			Webhooks: make([]admissionv1.MutatingWebhook, 2)}, "Name|Webhooks|Age", "m|2|5m"},
		{"validating", in(admissionv1.GroupName, "validatingwebhookconfigurations"), &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: created("v")},
			"Name|Webhooks|Age", "v|0|5m"},
		{"policy binding", in(admissionv1.GroupName, "validatingadmissionpolicybindings"), &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: created("b"),
			Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: "p", ParamRef: &admissionv1.ParamRef{Name: "x"}}},
			"Name|PolicyName|ParamRef|Age", "b|p|*/x|5m"},
		{"lease", in("coordination.k8s.io", "leases"), &coordinationv1.Lease{ObjectMeta: created("l"), Spec: coordinationv1.LeaseSpec{HolderIdentity: to("me")}},
			"Name|Holder|Age", "l|me|5m"},
		{"priorityclass", in("scheduling.k8s.io", "priorityclasses"), &schedulingv1.PriorityClass{ObjectMeta: created("p"), Value: 1000000000,
			PreemptionPolicy: to(corev1.PreemptNever)}, "Name|Value|Global-Default|Age|PreemptionPolicy", "p|1e+09|false|5m|Never"},
		{"csr pending", csr, &certificatesv1.CertificateSigningRequest{ObjectMeta: created("c"),
			Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: "s", Username: "u", ExpirationSeconds: to(int32(3600))}},
			"Name|Age|SignerName|Requestor|RequestedDuration|Condition", "c|5m|s|u|60m|Pending"},
		{"csr issued", csr, &certificatesv1.CertificateSigningRequest{ObjectMeta: created("c"), Status: certificatesv1.CertificateSigningRequestStatus{
			Conditions: []certificatesv1.CertificateSigningRequestCondition{{Type: "Approved"}}, Certificate: []byte("x")}},
			"", "c|5m|<none>||<none>|Approved,Issued"},
		{"crd", crdsGR, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: created("widgets.example.org")}, "Name|Created At", "widgets.example.org|2026-01-01T00:00:00Z"},
		{"apiservice", in("apiregistration.k8s.io", "apiservices"), &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": "v1.x", "creationTimestamp": "2026-01-01T00:00:00Z"},
			"spec":     map[string]any{"service": map[string]any{"namespace": "kube-system", "name": "metrics"}},
			"status":   map[string]any{"conditions": []any{map[string]any{"type": "Available", "status": "False", "reason": "MissingEndpoints"}}},
		}}, "Name|Service|Available|Age", "v1.x|kube-system/metrics|False (MissingEndpoints)|5m"},
	})
}
