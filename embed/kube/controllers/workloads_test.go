package controllers

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func newStatefulSet(name string, replicas int32, change ...func(*corev1.PodTemplateSpec)) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &replicas, Selector: selector(name), Template: template(name, change...), ServiceName: name,
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
				},
			}},
		},
	}
}

func (k *cluster) podNames() (out []string) {
	k.Helper()
	for _, p := range k.pods() {
		out = append(out, p.Name)
	}
	return out
}

func TestStatefulSetInOrder(t *testing.T) {
	k := newCluster(t, 2, Options{Delays: Fast})
	k.make(statefulSetKind, newStatefulSet("db", 3))
	seen := 0
	for range 200 {
		k.settle()
		pods := k.pods()
		require.LessOrEqual(t, len(pods), k.running()+1, "one after the other")
		seen = max(seen, len(pods))
		k.clock.Advance(50 * time.Millisecond)
	}
	require.Equal(t, []string{"db-0", "db-1", "db-2"}, k.podNames())
	s := must[appsv1.StatefulSet](k, statefulSetKind, "default", "db")
	require.EqualValues(t, 3, s.Status.ReadyReplicas)
	require.Equal(t, s.Status.CurrentRevision, s.Status.UpdateRevision)
	claims := list[corev1.PersistentVolumeClaim](k, claimKind, "default")
	require.Len(t, claims, 3)
	for _, c := range claims {
		require.Equal(t, corev1.ClaimBound, c.Status.Phase)
		v := must[corev1.PersistentVolume](k, volumeKind, "", c.Spec.VolumeName)
		require.Equal(t, corev1.VolumeBound, v.Status.Phase)
		require.Equal(t, defaultClass, v.Spec.StorageClassName)
	}

	edit(k, statefulSetKind, "default", "db", func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Image = "db:2" })
	k.settle()
	for range 400 {
		require.GreaterOrEqual(t, k.running(), 2)
		k.clock.Advance(50 * time.Millisecond)
		k.settle()
	}
	for _, p := range k.pods() {
		require.Equal(t, "db:2", p.Spec.Containers[0].Image)
	}
	s = must[appsv1.StatefulSet](k, statefulSetKind, "default", "db")
	require.EqualValues(t, 3, s.Status.UpdatedReplicas)
	require.Equal(t, s.Status.CurrentRevision, s.Status.UpdateRevision)
	require.Len(t, list[appsv1.ControllerRevision](k, revisionKind, "default"), 2)

	one := int32(1)
	edit(k, statefulSetKind, "default", "db", func(s *appsv1.StatefulSet) { s.Spec.Replicas = &one })
	k.after(10 * time.Second)
	require.Equal(t, []string{"db-0"}, k.podNames())
	require.Len(t, list[corev1.PersistentVolumeClaim](k, claimKind, "default"), 3, "claims stay")
	k.drop(podKind, "default", "db-0")
	k.after(10 * time.Second)
	require.Equal(t, []string{"db-0"}, k.podNames())
	require.Equal(t, 1, k.running())
}

func TestStatefulSetPartitionAndParallel(t *testing.T) {
	k := newCluster(t, 2, Options{})
	s := newStatefulSet("db", 3)
	two := int32(2)
	s.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	s.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType,
		RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: &two}}
	k.make(statefulSetKind, s)
	k.settle()
	edit(k, statefulSetKind, "default", "db", func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Image = "db:2" })
	k.settle()
	k.drop(podKind, "default", "db-0") // comes back as it was
	k.settle()
	var images []string
	for _, p := range k.pods() {
		images = append(images, p.Spec.Containers[0].Image)
	}
	require.Equal(t, []string{"docker.io/library/db:1", "docker.io/library/db:1", "db:2"}, images)
}

func TestDaemonSet(t *testing.T) {
	k := newCluster(t, 3, Options{})
	edit(k, nodeKind, "", "node-0", func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}
	})
	d := &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "agent"},
		Spec:       appsv1.DaemonSetSpec{Selector: selector("agent"), Template: template("agent")},
	}
	k.make(daemonSetKind, d)
	k.settle()
	on := func() map[string]int {
		m := map[string]int{}
		for _, p := range k.pods() {
			m[p.Spec.NodeName]++
		}
		return m
	}
	require.Equal(t, map[string]int{"node-1": 1, "node-2": 1}, on())
	edit(k, daemonSetKind, "default", "agent", func(d *appsv1.DaemonSet) {
		d.Spec.Template.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	})
	k.settle()
	require.Equal(t, map[string]int{"node-0": 1, "node-1": 1, "node-2": 1}, on())
	s := must[appsv1.DaemonSet](k, daemonSetKind, "default", "agent").Status
	require.EqualValues(t, 3, s.DesiredNumberScheduled)
	require.EqualValues(t, 3, s.UpdatedNumberScheduled)
	require.EqualValues(t, 3, s.NumberAvailable)
	k.node("node-3")
	k.drop(nodeKind, "", "node-1")
	edit(k, nodeKind, "", "node-2", func(n *corev1.Node) { n.Spec.Unschedulable = true }) // daemons stay on cordoned nodes
	k.settle()
	require.Equal(t, map[string]int{"node-0": 1, "node-2": 1, "node-3": 1}, on())
}

func newJob(name string, change ...func(*batchv1.Job)) *batchv1.Job {
	j := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       batchv1.JobSpec{Template: template(name, func(t *corev1.PodTemplateSpec) { t.Spec.RestartPolicy = corev1.RestartPolicyNever })},
	}
	one, limit := int32(1), int32(2)
	j.Spec.Completions, j.Spec.Parallelism, j.Spec.BackoffLimit = &one, &one, &limit
	for _, f := range change {
		f(j)
	}
	return j
}

func TestJob(t *testing.T) {
	k := newCluster(t, 1, Options{Delays: Fast, Events: true})
	k.make(jobKind, newJob("sum", func(j *batchv1.Job) {
		five, two, ttl := int32(5), int32(2), int32(60)
		j.Spec.Completions, j.Spec.Parallelism, j.Spec.TTLSecondsAfterFinished = &five, &two, &ttl
	}))
	for range 500 {
		k.settle()
		live := 0
		for _, p := range k.pods() {
			if !finished(p) {
				live++
			}
		}
		require.LessOrEqual(t, live, 2)
		k.clock.Advance(50 * time.Millisecond)
	}
	j := must[batchv1.Job](k, jobKind, "default", "sum")
	require.EqualValues(t, 5, j.Status.Succeeded)
	require.Equal(t, batchv1.JobComplete, jobEnd(j).Type)
	require.NotNil(t, j.Status.CompletionTime)
	require.Contains(t, k.reasons("sum"), "Completed")
	k.after(61 * time.Second)
	_, there := get[batchv1.Job](k, jobKind, "default", "sum")
	require.False(t, there, "outlived")
	require.Empty(t, k.pods())
}

func TestJobFails(t *testing.T) {
	k := newCluster(t, 1, Options{})
	k.make(jobKind, newJob("sum", func(j *batchv1.Job) {
		j.Spec.Template.Annotations = map[string]string{FaultAnnotation: FaultCrashLoop}
	}))
	k.settle()
	require.Len(t, k.pods(), 1, "the next attempt waits")
	k.after(10 * time.Second)
	require.Len(t, k.pods(), 2)
	k.after(30 * time.Second)
	j := must[batchv1.Job](k, jobKind, "default", "sum")
	require.Equal(t, batchv1.JobFailed, jobEnd(j).Type)
	require.Equal(t, "BackoffLimitExceeded", jobEnd(j).Reason)
	require.EqualValues(t, 3, j.Status.Failed)

	k.make(jobKind, newJob("slow", func(j *batchv1.Job) {
		deadline := int64(5)
		j.Spec.ActiveDeadlineSeconds = &deadline
		j.Spec.Template.Annotations = map[string]string{DurationAnnotation: "1h"}
	}))
	k.after(6 * time.Second)
	require.Equal(t, "DeadlineExceeded", jobEnd(must[batchv1.Job](k, jobKind, "default", "slow")).Reason)
}

func TestIndexedJob(t *testing.T) {
	k := newCluster(t, 1, Options{})
	k.make(jobKind, newJob("sum", func(j *batchv1.Job) {
		three, mode := int32(3), batchv1.IndexedCompletion
		j.Spec.Completions, j.Spec.Parallelism, j.Spec.CompletionMode = &three, &three, &mode
	}))
	k.settle()
	j := must[batchv1.Job](k, jobKind, "default", "sum")
	require.Equal(t, "0-2", j.Status.CompletedIndexes)
	require.Equal(t, batchv1.JobComplete, jobEnd(j).Type)
}

func newCronJob(schedule string) *batchv1.CronJob {
	return &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "tick"},
		Spec:       batchv1.CronJobSpec{Schedule: schedule, JobTemplate: batchv1.JobTemplateSpec{Spec: newJob("tick").Spec}},
	}
}

func TestCronJob(t *testing.T) {
	k := newCluster(t, 1, Options{Delays: Fast, Events: true})
	k.make(cronJobKind, newCronJob("*/5 * * * *"))
	k.settle()
	require.Empty(t, list[batchv1.Job](k, jobKind, "default"))
	k.after(5*time.Minute + time.Second)
	jobs := list[batchv1.Job](k, jobKind, "default")
	require.Len(t, jobs, 1)
	require.Equal(t, fmt.Sprintf("tick-%d", epoch.Add(5*time.Minute).Unix()/60), jobs[0].Name)
	k.after(time.Hour)
	k.after(time.Minute)
	require.Len(t, list[batchv1.Job](k, jobKind, "default"), 3, "history is short")
	c := must[batchv1.CronJob](k, cronJobKind, "default", "tick")
	require.Equal(t, epoch.Add(65*time.Minute), c.Status.LastScheduleTime.UTC())
	require.NotNil(t, c.Status.LastSuccessfulTime)
	yes := true
	edit(k, cronJobKind, "default", "tick", func(c *batchv1.CronJob) { c.Spec.Suspend = &yes })
	k.after(time.Hour)
	require.Equal(t, epoch.Add(65*time.Minute), must[batchv1.CronJob](k, cronJobKind, "default", "tick").Status.LastScheduleTime.UTC())
}

func TestCronJobAfterAJumpOfTime(t *testing.T) {
	k := newCluster(t, 1, Options{})
	k.make(cronJobKind, newCronJob("0 * * * *"))
	k.settle()
	k.clock.Advance(30 * 24 * time.Hour)
	k.c.SetEvents(true)
	k.after(10 * time.Minute)
	// At most the last of those that were missed; after SetEvents none at all.
	require.LessOrEqual(t, len(list[batchv1.Job](k, jobKind, "default")), 1)
	k.after(time.Hour)
	c := must[batchv1.CronJob](k, cronJobKind, "default", "tick")
	require.Equal(t, epoch.Add(30*24*time.Hour+time.Hour), c.Status.LastScheduleTime.UTC())
}

func TestOrphansAreAdoptedAndStrangersLetGo(t *testing.T) {
	k := newCluster(t, 1, Options{})
	k.make(deploymentKind, newDeployment("web", 2))
	k.settle()
	names := k.podNames()
	orphan := metav1.DeletePropagationOrphan
	require.NoError(t, k.Delete(resources[deploymentKind], "default", "web", metav1.DeleteOptions{PropagationPolicy: &orphan}))
	k.settle()
	require.Equal(t, names, k.podNames())
	k.make(deploymentKind, newDeployment("web", 2))
	k.settle()
	require.Equal(t, names, k.podNames(), "the old ReplicaSet is taken over")
	edit(k, podKind, "default", names[0], func(p *corev1.Pod) { p.Labels["app"] = "quarantine" })
	k.settle()
	require.Len(t, k.pods(), 3)
	require.Empty(t, k.pod(names[0]).OwnerReferences)
}
