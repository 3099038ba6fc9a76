package controllers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestServiceFollowsItsPods(t *testing.T) {
	k := newCluster(t, 2, Options{})
	k.make(serviceKind, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Labels: map[string]string{"app": "web"}},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, Selector: map[string]string{"app": "web"},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("web")}},
		},
	})
	k.make(deploymentKind, newDeployment("web", 2, func(t *corev1.PodTemplateSpec) {
		t.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "web", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}}
	}))
	k.settle()
	slices := func() *discoveryv1.EndpointSlice {
		all := list[discoveryv1.EndpointSlice](k, sliceKind, "default")
		for _, s := range all {
			if s.Labels[discoveryv1.LabelServiceName] == "web" {
				return s
			}
		}
		return nil
	}
	s := slices()
	require.Len(t, s.Endpoints, 2)
	require.EqualValues(t, 8080, *s.Ports[0].Port)
	require.True(t, *s.Endpoints[0].Conditions.Ready)
	ep := must[corev1.Endpoints](k, endpointsKind, "default", "web") //nolint:staticcheck // what older clients read
	require.Len(t, ep.Subsets[0].Addresses, 2)
	ip := ingressOf(must[corev1.Service](k, serviceKind, "default", "web"))
	require.Contains(t, ip, "203.0.113.")

	edit(k, podKind, "default", s.Endpoints[0].TargetRef.Name, fault(FaultNotReady))
	k.settle()
	require.False(t, *slices().Endpoints[0].Conditions.Ready)
	none := int32(0)
	edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Replicas = &none })
	k.settle()
	require.Empty(t, slices().Endpoints)
	k.drop(serviceKind, "default", "web")
	k.settle()
	require.Nil(t, slices())
	_, there := get[corev1.Endpoints](k, endpointsKind, "default", "web") //nolint:staticcheck // as above
	require.False(t, there)
}

func newClaim(name string, class *string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: class,
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("2Gi")}},
		},
	}
}

func mounting(claim string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
	}
}

func TestClaims(t *testing.T) {
	k := newCluster(t, 1, Options{Events: true})
	slow := "slow"
	k.make(claimKind, newClaim("data", nil))
	k.make(claimKind, newClaim("later", &slow))
	k.make(podKind, newPod("a", mounting("data")))
	k.make(podKind, newPod("b", mounting("later")))
	k.make(podKind, newPod("c", mounting("none")))
	k.settle()
	claim := func(name string) *corev1.PersistentVolumeClaim {
		return must[corev1.PersistentVolumeClaim](k, claimKind, "default", name)
	}
	require.Equal(t, corev1.ClaimBound, claim("data").Status.Phase)
	require.Equal(t, "2Gi", claim("data").Status.Capacity.Storage().String())
	require.Equal(t, corev1.ClaimPending, claim("later").Status.Phase)
	require.Contains(t, k.reasons("later"), "ProvisioningFailed")
	require.Equal(t, 1, k.running())
	require.Contains(t, condition(k.pod("b"), corev1.PodScheduled).Message, "pod has unbound immediate PersistentVolumeClaims")
	require.Contains(t, condition(k.pod("c"), corev1.PodScheduled).Message, `persistentvolumeclaim "none" not found`)

	mode, reclaim := storagev1.VolumeBindingWaitForFirstConsumer, corev1.PersistentVolumeReclaimRetain
	k.make(classKind, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "slow"}, Provisioner: "x.example", VolumeBindingMode: &mode, ReclaimPolicy: &reclaim})
	k.settle()
	k.drop(podKind, "default", "c")
	k.settle()
	require.Equal(t, 2, k.running())
	require.Equal(t, corev1.ClaimBound, claim("later").Status.Phase)

	volumes := map[string]string{"data": claim("data").Spec.VolumeName, "later": claim("later").Spec.VolumeName}
	k.drop(claimKind, "default", "data")
	k.drop(claimKind, "default", "later")
	k.settle()
	require.NotNil(t, claim("data").DeletionTimestamp, "in use")
	k.drop(podKind, "default", "a")
	k.drop(podKind, "default", "b")
	k.settle()
	require.Empty(t, list[corev1.PersistentVolumeClaim](k, claimKind, "default"))
	_, there := get[corev1.PersistentVolume](k, volumeKind, "", volumes["data"])
	require.False(t, there)
	require.Equal(t, corev1.VolumeReleased, must[corev1.PersistentVolume](k, volumeKind, "", volumes["later"]).Status.Phase)
}

func TestBudgetAndAutoscalerAndQuota(t *testing.T) {
	k := newCluster(t, 2, Options{})
	two, least := intstr.FromInt32(2), int32(3)
	k.make(deploymentKind, newDeployment("web", 1))
	k.make(pdbKind, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &two, Selector: selector("web")},
	})
	utilization := int32(60)
	k.make(hpaKind, &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: apps, Kind: "Deployment", Name: "web"},
			MinReplicas:    &least, MaxReplicas: 5,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
				Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &utilization},
			}}},
		},
	})
	k.make(quotaKind, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "all"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{
			corev1.ResourcePods: resource.MustParse("10"), corev1.ResourceRequestsCPU: resource.MustParse("2"),
			"count/deployments.apps": resource.MustParse("5"), corev1.ResourceServices: resource.MustParse("5"),
		}},
	})
	k.settle()
	require.Equal(t, 3, k.running())
	h := must[autoscalingv2.HorizontalPodAutoscaler](k, hpaKind, "default", "web")
	require.EqualValues(t, 3, h.Status.DesiredReplicas)
	require.EqualValues(t, 3, h.Status.CurrentReplicas)
	require.InDelta(t, 57, *h.Status.CurrentMetrics[0].Resource.Current.AverageUtilization, 3)
	b := must[policyv1.PodDisruptionBudget](k, pdbKind, "default", "web")
	require.EqualValues(t, 1, b.Status.DisruptionsAllowed)
	require.EqualValues(t, 3, b.Status.ExpectedPods)
	q := must[corev1.ResourceQuota](k, quotaKind, "default", "all").Status
	got := map[string]string{}
	for name, v := range q.Used {
		got[string(name)] = v.String()
	}
	require.Equal(t, map[string]string{"pods": "3", "requests.cpu": "300m", "count/deployments.apps": "1", "services": "1"}, got)
	edit(k, podKind, "default", k.podNames()[0], fault(FaultNotReady))
	k.settle()
	require.Zero(t, must[policyv1.PodDisruptionBudget](k, pdbKind, "default", "web").Status.DisruptionsAllowed)
}

func TestNamespaceAndNodeBasics(t *testing.T) {
	k := newCluster(t, 1, Options{Heartbeat: true, RootCA: "PEM"})
	k.make(namespaceKind, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kof"}})
	k.settle()
	require.Equal(t, "PEM", must[corev1.ConfigMap](k, configMapKind, "kof", rootCAName).Data["ca.crt"])
	must[corev1.ServiceAccount](k, accountKind, "kof", "default")
	k.drop(accountKind, "kof", "default")
	k.settle()
	must[corev1.ServiceAccount](k, accountKind, "kof", "default")
	n := must[corev1.Node](k, nodeKind, "", "node-0")
	require.Equal(t, corev1.ConditionTrue, nodeCondition(n, corev1.NodeReady).Status)
	require.Equal(t, "10.244.0.0/24", n.Spec.PodCIDR)
	k.after(25 * time.Second)
	lease := must[coordinationv1.Lease](k, leaseKind, "kube-node-lease", "node-0")
	require.Equal(t, epoch.Add(20*time.Second), lease.Spec.RenewTime.UTC())
	k.drop(namespaceKind, "", "kof")
	k.settle()
	_, there := get[corev1.Namespace](k, namespaceKind, "", "kof")
	require.False(t, there)
}

func TestTerminatingNamespaceTakesItsPodsAlong(t *testing.T) {
	k := newCluster(t, 1, Options{Delays: Fast})
	k.make(namespaceKind, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
	d := newDeployment("web", 3)
	d.Namespace = "shop"
	k.make(deploymentKind, d)
	s := newStatefulSet("db", 2)
	s.Namespace = "shop"
	k.make(statefulSetKind, s)
	k.after(10 * time.Second)
	require.Len(t, list[corev1.Pod](k, podKind, "shop"), 5)
	k.drop(namespaceKind, "", "shop")
	k.after(10 * time.Second)
	_, there := get[corev1.Namespace](k, namespaceKind, "", "shop")
	require.False(t, there)
	require.Empty(t, list[corev1.PersistentVolume](k, volumeKind, ""))
}
