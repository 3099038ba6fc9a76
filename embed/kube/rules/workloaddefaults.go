package rules

import (
	"maps"
	"math"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func defaultDeployment(d *appsv1.Deployment) {
	s := &d.Spec
	def(&s.Replicas, 1)
	defString(&s.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if s.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		def(&s.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		u := s.Strategy.RollingUpdate
		if u.MaxUnavailable == nil {
			u.MaxUnavailable = percent("25%")
		}
		if u.MaxSurge == nil {
			u.MaxSurge = percent("25%")
		}
	}
	def(&s.RevisionHistoryLimit, 10)
	def(&s.ProgressDeadlineSeconds, 600)
	defaultPodSpec(&s.Template.Spec)
}

func defaultReplicaSet(r *appsv1.ReplicaSet) {
	def(&r.Spec.Replicas, 1)
	defaultPodSpec(&r.Spec.Template.Spec)
}

func defaultReplicationController(r *corev1.ReplicationController) {
	def(&r.Spec.Replicas, 1)
	if r.Spec.Template != nil {
		if len(r.Spec.Selector) == 0 {
			r.Spec.Selector = maps.Clone(r.Spec.Template.Labels)
		}
		if len(r.Labels) == 0 {
			r.Labels = maps.Clone(r.Spec.Template.Labels)
		}
		defaultPodSpec(&r.Spec.Template.Spec)
	}
}

func defaultStatefulSet(d *appsv1.StatefulSet) {
	s := &d.Spec
	defString(&s.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	defString(&s.UpdateStrategy.Type, appsv1.RollingUpdateStatefulSetStrategyType)
	if s.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		def(&s.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateStatefulSetStrategy{})
		def(&s.UpdateStrategy.RollingUpdate.Partition, 0)
	}
	def(&s.PersistentVolumeClaimRetentionPolicy, appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{})
	defString(&s.PersistentVolumeClaimRetentionPolicy.WhenDeleted, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	defString(&s.PersistentVolumeClaimRetentionPolicy.WhenScaled, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	def(&s.Replicas, 1)
	def(&s.RevisionHistoryLimit, 10)
	for i := range s.VolumeClaimTemplates {
		c := &s.VolumeClaimTemplates[i]
		c.APIVersion, c.Kind = "v1", "PersistentVolumeClaim"
		def(&c.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
		defString(&c.Status.Phase, corev1.ClaimPending)
	}
	defaultPodSpec(&s.Template.Spec)
}

func defaultDaemonSet(d *appsv1.DaemonSet) {
	s := &d.Spec
	defString(&s.UpdateStrategy.Type, appsv1.RollingUpdateDaemonSetStrategyType)
	if s.UpdateStrategy.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		def(&s.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateDaemonSet{})
		u := s.UpdateStrategy.RollingUpdate
		if u.MaxUnavailable == nil {
			u.MaxUnavailable = number(1)
		}
		if u.MaxSurge == nil {
			u.MaxSurge = number(0)
		}
	}
	def(&s.RevisionHistoryLimit, 10)
	defaultPodSpec(&s.Template.Spec)
}

// prepareJob ties a job to its pods by its UID, which nobody else can know.
func prepareJob(j *batchv1.Job) {
	if j.Spec.ManualSelector != nil && *j.Spec.ManualSelector || j.Spec.Selector != nil {
		return
	}
	if j.Spec.Template.Labels == nil {
		j.Spec.Template.Labels = map[string]string{}
	}
	l := j.Spec.Template.Labels
	l["controller-uid"], l["job-name"] = string(j.UID), j.Name
	l[batchv1.ControllerUidLabel], l[batchv1.JobNameLabel] = string(j.UID), j.Name
	j.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{batchv1.ControllerUidLabel: string(j.UID)}}
}

// defaultJob also labels a job like its pods, unless its author labelled it.
func defaultJob(j *batchv1.Job) {
	if len(j.Labels) == 0 {
		j.Labels = maps.Clone(j.Spec.Template.Labels)
	}
	defaultJobSpec(&j.Spec, true)
}

func defaultJobSpec(s *batchv1.JobSpec, live bool) {
	defaultPodSpec(&s.Template.Spec)
	if !live {
		return // a CronJob's template keeps what its author wrote
	}
	if s.Completions == nil && s.Parallelism == nil {
		def(&s.Completions, 1)
	}
	def(&s.Parallelism, 1)
	if s.BackoffLimitPerIndex != nil {
		def(&s.BackoffLimit, math.MaxInt32)
	}
	def(&s.BackoffLimit, 6)
	def(&s.CompletionMode, batchv1.NonIndexedCompletion)
	def(&s.Suspend, false)
	def(&s.ManualSelector, false)
	if s.PodReplacementPolicy == nil {
		policy := batchv1.TerminatingOrFailed
		if s.PodFailurePolicy != nil {
			policy = batchv1.Failed
		}
		s.PodReplacementPolicy = &policy
	}
}

func defaultCronJob(c *batchv1.CronJob) {
	s := &c.Spec
	defString(&s.ConcurrencyPolicy, batchv1.AllowConcurrent)
	def(&s.Suspend, false)
	def(&s.SuccessfulJobsHistoryLimit, 3)
	def(&s.FailedJobsHistoryLimit, 1)
	defaultJobSpec(&s.JobTemplate.Spec, false)
}

func defaultAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) {
	def(&h.Spec.MinReplicas, 1)
	if len(h.Spec.Metrics) == 0 {
		u := int32(80)
		h.Spec.Metrics = []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &u},
		}}}
	}
	if b := h.Spec.Behavior; b != nil {
		def(&b.ScaleUp, autoscalingv2.HPAScalingRules{})
		def(&b.ScaleUp.StabilizationWindowSeconds, 0)
		def(&b.ScaleUp.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
		if b.ScaleUp.Policies == nil {
			b.ScaleUp.Policies = []autoscalingv2.HPAScalingPolicy{
				{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
				{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
			}
		}
		def(&b.ScaleDown, autoscalingv2.HPAScalingRules{})
		def(&b.ScaleDown.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
		if b.ScaleDown.Policies == nil {
			b.ScaleDown.Policies = []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}}
		}
	}
}
