package controllers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestDeploymentBecomesReadyAtOnce(t *testing.T) {
	k := newCluster(t, 3, Options{})
	k.make(deploymentKind, newDeployment("web", 3))
	k.settle()
	d := must[appsv1.Deployment](k, deploymentKind, "default", "web")
	require.EqualValues(t, 3, d.Status.AvailableReplicas)
	require.Equal(t, d.Generation, d.Status.ObservedGeneration)
	require.Equal(t, "NewReplicaSetAvailable", deploymentCondition(&d.Status, appsv1.DeploymentProgressing).Reason)
	nodes := map[string]int{}
	for _, p := range k.pods() {
		nodes[p.Spec.NodeName]++
		require.Equal(t, corev1.PodRunning, p.Status.Phase)
		require.NotEmpty(t, p.Status.PodIP)
		require.Contains(t, p.Status.ContainerStatuses[0].ImageID, "docker.io/library/web@sha256:")
	}
	require.Equal(t, map[string]int{"node-0": 1, "node-1": 1, "node-2": 1}, nodes)
}

func TestDeploymentRollsWithinItsBounds(t *testing.T) {
	k := newCluster(t, 3, Options{Delays: Fast})
	d := newDeployment("web", 5)
	surge, gone := intstr.FromInt32(1), intstr.FromInt32(1)
	d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &gone}}
	k.make(deploymentKind, d)
	k.after(10 * time.Second)
	require.Equal(t, 5, k.running())
	edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "web:2" })
	k.settle()
	for range 200 {
		k.clock.Advance(50 * time.Millisecond)
		k.settle()
		live := 0
		for _, p := range k.pods() {
			if p.DeletionTimestamp == nil {
				live++
			}
		}
		require.LessOrEqual(t, live, 6)
		require.GreaterOrEqual(t, k.running(), 4)
	}
	for _, p := range k.pods() {
		require.Equal(t, "web:2", p.Spec.Containers[0].Image)
	}
	require.Len(t, list[appsv1.ReplicaSet](k, replicaSetKind, "default"), 2)
	require.Equal(t, "2", must[appsv1.Deployment](k, deploymentKind, "default", "web").Annotations[revisionAnnotation])

	// Back to the first template: the first ReplicaSet again, with a new number.
	edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Image = "docker.io/library/web:1"
	})
	k.after(10 * time.Second)
	require.Equal(t, 5, k.running())
	require.Len(t, list[appsv1.ReplicaSet](k, replicaSetKind, "default"), 2)
	require.Equal(t, "3", must[appsv1.Deployment](k, deploymentKind, "default", "web").Annotations[revisionAnnotation])
}

func TestDeploymentRecreates(t *testing.T) {
	k := newCluster(t, 1, Options{Delays: Fast})
	d := newDeployment("web", 2)
	d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
	k.make(deploymentKind, d)
	k.after(10 * time.Second)
	edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "web:2" })
	k.settle()
	for range 100 {
		images := map[string]bool{}
		for _, p := range k.pods() {
			images[p.Spec.Containers[0].Image] = true
		}
		require.LessOrEqual(t, len(images), 1, "old and new together")
		k.clock.Advance(50 * time.Millisecond)
		k.settle()
	}
	require.Equal(t, 2, k.running())
}

func TestDeploymentScalesPausesAndPrunes(t *testing.T) {
	k := newCluster(t, 2, Options{})
	d := newDeployment("web", 2)
	limit := int32(1)
	d.Spec.RevisionHistoryLimit = &limit
	k.make(deploymentKind, d)
	k.settle()
	for _, n := range []int32{7, 1, 0, 3} {
		edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Replicas = &n })
		k.settle()
		require.EqualValues(t, n, k.running())
	}
	edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Paused = true })
	edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "web:2" })
	k.settle()
	require.Len(t, list[appsv1.ReplicaSet](k, replicaSetKind, "default"), 1)
	edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Paused = false })
	k.settle()
	require.Len(t, list[appsv1.ReplicaSet](k, replicaSetKind, "default"), 2)
	for _, image := range []string{"web:3", "web:4"} {
		edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = image })
		k.settle()
	}
	require.Len(t, list[appsv1.ReplicaSet](k, replicaSetKind, "default"), 2)
	k.drop(deploymentKind, "default", "web")
	k.settle()
	require.Empty(t, k.pods())
	require.Empty(t, list[appsv1.ReplicaSet](k, replicaSetKind, "default"))
}

func TestProgressDeadline(t *testing.T) {
	k := newCluster(t, 1, Options{})
	d := newDeployment("web", 1, func(t *corev1.PodTemplateSpec) { t.Annotations = map[string]string{FaultAnnotation: FaultNotReady} })
	deadline := int32(60)
	d.Spec.ProgressDeadlineSeconds = &deadline
	k.make(deploymentKind, d)
	k.settle()
	require.Zero(t, k.running())
	k.after(61 * time.Second)
	got := must[appsv1.Deployment](k, deploymentKind, "default", "web")
	require.Equal(t, "ProgressDeadlineExceeded", deploymentCondition(&got.Status, appsv1.DeploymentProgressing).Reason)
	require.Equal(t, corev1.ConditionFalse, deploymentCondition(&got.Status, appsv1.DeploymentAvailable).Status)
}

func TestNamesAreTheSameForTheSameSeed(t *testing.T) {
	names := func() (out []string) {
		k := newCluster(t, 2, Options{})
		k.make(deploymentKind, newDeployment("web", 3))
		k.settle()
		for _, p := range k.pods() {
			out = append(out, p.Name, string(p.UID), p.Status.PodIP)
		}
		return out
	}
	require.Equal(t, names(), names())
}
