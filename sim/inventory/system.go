package inventory

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const systemNamespace = "kube-system"

// System returns what Kubernetes itself runs on every cluster, whatever is
// installed on it: kube-proxy on each node, and CoreDNS.
func System() ([]appsv1.DaemonSet, []appsv1.Deployment, []corev1.Service) {
	proxy := appsv1.DaemonSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DaemonSet"},
		ObjectMeta: systemMeta("kube-proxy"),
		Spec: appsv1.DaemonSetSpec{
			Selector: systemSelector("kube-proxy"),
			Template: systemPod("kube-proxy", "registry.k8s.io/kube-proxy:v1.33.1", "30m", "48Mi", ""),
		},
	}
	proxy.Spec.Template.Spec.HostNetwork = true
	proxy.Spec.Template.Spec.PriorityClassName = "system-node-critical"
	proxy.Spec.Template.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}

	one := int32(1)
	dns := appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: systemMeta("coredns"),
		Spec: appsv1.DeploymentSpec{
			Replicas: &one, Selector: systemSelector("coredns"),
			Template: systemPod("coredns", "registry.k8s.io/coredns/coredns:v1.12.0", "100m", "70Mi", "170Mi"),
		},
	}
	dns.Spec.Template.Spec.PriorityClassName = "system-cluster-critical"
	dns.Spec.Template.Spec.Containers[0].Ports = []corev1.ContainerPort{
		{Name: "metrics", ContainerPort: 9153, Protocol: corev1.ProtocolTCP},
		{Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP},
		{Name: "dns-tcp", ContainerPort: 53, Protocol: corev1.ProtocolTCP},
	}
	service := corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: systemMeta("kube-dns"),
		Spec: corev1.ServiceSpec{
			Selector: systemLabels("coredns"),
			Ports: []corev1.ServicePort{
				{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromString("dns")},
				{Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("dns-tcp")},
				{Name: "metrics", Port: 9153, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("metrics")},
			},
		},
	}
	return []appsv1.DaemonSet{proxy}, []appsv1.Deployment{dns}, []corev1.Service{service}
}

func systemLabels(name string) map[string]string {
	return map[string]string{"app.kubernetes.io/name": name}
}

func systemSelector(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: systemLabels(name)}
}

func systemMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: systemNamespace, Name: name, Labels: systemLabels(name)}
}

func systemPod(name, image, cpu, memory, limit string) corev1.PodTemplateSpec {
	c := corev1.Container{Name: name, Image: image, Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
	}}}
	if limit != "" {
		c.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)}
	}
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: systemLabels(name)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{c}},
	}
}
