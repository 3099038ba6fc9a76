package kube

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/duration"
)

var (
	containersColumn = wide("Containers", "The containers of the pod template.")
	imagesColumn     = wide("Images", "The images of the pod template.")
	selectorColumn   = wide("Selector", "Which pods are meant.")
)

// appsSheets shows workloads, and what acts on them.
var appsSheets = map[schema.GroupResource]sheet{
	{Group: "apps", Resource: "deployments"}: sheetOf(deploymentCells, nameColumn,
		text("Ready", "Pods that are ready, of those wanted."),
		text("Up-to-date", "Pods of the current template."),
		text("Available", "Pods that have been ready for long enough."),
		ageColumn, containersColumn, imagesColumn, selectorColumn),
	{Group: "apps", Resource: "replicasets"}: sheetOf(replicaSetCells, nameColumn,
		integer("Desired", "Pods wanted."),
		integer("Current", "Pods there are."),
		integer("Ready", "Pods that are ready."),
		ageColumn, containersColumn, imagesColumn, selectorColumn),
	{Group: "apps", Resource: "statefulsets"}: sheetOf(statefulSetCells, nameColumn,
		text("Ready", "Pods that are ready, of those wanted."),
		ageColumn, containersColumn, imagesColumn),
	{Group: "apps", Resource: "daemonsets"}: sheetOf(daemonSetCells, nameColumn,
		integer("Desired", "Nodes that should run the pod."),
		integer("Current", "Nodes that run it."),
		integer("Ready", "Nodes where it is ready."),
		integer("Up-to-date", "Nodes with the current template."),
		integer("Available", "Nodes where it has been ready for long enough."),
		text("Node Selector", "Which nodes are meant."),
		ageColumn, containersColumn, imagesColumn, selectorColumn),
	{Group: "apps", Resource: "controllerrevisions"}: sheetOf(revisionCells, nameColumn,
		text("Controller", "Whose revision it is."),
		text("Revision", "Its number."), ageColumn),
	{Group: "batch", Resource: "jobs"}: sheetOf(jobCells, nameColumn,
		text("Status", "What the job is doing."),
		text("Completions", "Pods that have succeeded, of those needed."),
		text("Duration", "How long the job has taken."),
		ageColumn, containersColumn, imagesColumn, selectorColumn),
	{Group: "batch", Resource: "cronjobs"}: sheetOf(cronJobCells, nameColumn,
		text("Schedule", "When jobs are due."),
		text("Timezone", "The schedule's time zone."),
		boolean("Suspend", "Whether jobs are held back."),
		integer("Active", "Jobs that are running."),
		text("Last Schedule", "When a job was last due."),
		ageColumn, containersColumn, imagesColumn, selectorColumn),
	{Group: "autoscaling", Resource: "horizontalpodautoscalers"}: sheetOf(autoscalerCells, nameColumn,
		text("Reference", "What is scaled."),
		text("Targets", "Measured and wanted values."),
		text("MinPods", "The fewest pods."),
		text("MaxPods", "The most pods."),
		text("Replicas", "Pods there are."), ageColumn),
	{Group: "policy", Resource: "poddisruptionbudgets"}: sheetOf(func(b *policyv1.PodDisruptionBudget, at moment) []any {
		least, most := "N/A", "N/A"
		if b.Spec.MinAvailable != nil {
			least = b.Spec.MinAvailable.String()
		}
		if b.Spec.MaxUnavailable != nil {
			most = b.Spec.MaxUnavailable.String()
		}
		return []any{b.Name, least, most, int64(b.Status.DisruptionsAllowed), at.since(b.CreationTimestamp)}
	}, nameColumn,
		text("Min Available", "Pods that have to stay."),
		text("Max Unavailable", "Pods that may be missing."),
		integer("Allowed Disruptions", "Pods that may be evicted now."), ageColumn),
}

// containerCells lists names and images of containers.
func containerCells(cs []corev1.Container) (names, images string) {
	n, i := make([]string, len(cs)), make([]string, len(cs))
	for k, c := range cs {
		n[k], i[k] = c.Name, c.Image
	}
	return strings.Join(n, ","), strings.Join(i, ",")
}

func readyOf(ready int32, wanted *int32) string { return fmt.Sprintf("%d/%d", ready, value(wanted, 0)) }

func deploymentCells(d *appsv1.Deployment, at moment) []any {
	names, images := containerCells(d.Spec.Template.Spec.Containers)
	selector := "<invalid>"
	if s, err := metav1.LabelSelectorAsSelector(d.Spec.Selector); err == nil {
		selector = s.String()
	}
	return []any{
		d.Name, readyOf(d.Status.ReadyReplicas, d.Spec.Replicas), int64(d.Status.UpdatedReplicas),
		int64(d.Status.AvailableReplicas), at.since(d.CreationTimestamp), names, images, selector,
	}
}

func replicaSetCells(r *appsv1.ReplicaSet, at moment) []any {
	names, images := containerCells(r.Spec.Template.Spec.Containers)
	return []any{
		r.Name, int64(value(r.Spec.Replicas, 0)), int64(r.Status.Replicas), int64(r.Status.ReadyReplicas),
		at.since(r.CreationTimestamp), names, images, metav1.FormatLabelSelector(r.Spec.Selector),
	}
}

func statefulSetCells(s *appsv1.StatefulSet, at moment) []any {
	names, images := containerCells(s.Spec.Template.Spec.Containers)
	return []any{s.Name, readyOf(s.Status.ReadyReplicas, s.Spec.Replicas), at.since(s.CreationTimestamp), names, images}
}

func daemonSetCells(d *appsv1.DaemonSet, at moment) []any {
	names, images := containerCells(d.Spec.Template.Spec.Containers)
	return []any{
		d.Name, int64(d.Status.DesiredNumberScheduled), int64(d.Status.CurrentNumberScheduled), int64(d.Status.NumberReady),
		int64(d.Status.UpdatedNumberScheduled), int64(d.Status.NumberAvailable),
		labels.FormatLabels(d.Spec.Template.Spec.NodeSelector), at.since(d.CreationTimestamp),
		names, images, metav1.FormatLabelSelector(d.Spec.Selector),
	}
}

func revisionCells(r *appsv1.ControllerRevision, at moment) []any {
	owner := "<none>"
	if c := metav1.GetControllerOf(r); c != nil {
		k := schema.FromAPIVersionAndKind(c.APIVersion, c.Kind)
		owner = strings.ToLower(k.GroupKind().String()) + "/" + c.Name
	}
	return []any{r.Name, owner, r.Revision, at.since(r.CreationTimestamp)}
}

func jobCells(j *batchv1.Job, at moment) []any {
	completions := fmt.Sprintf("%d/1", j.Status.Succeeded)
	if j.Spec.Completions != nil {
		completions = fmt.Sprintf("%d/%d", j.Status.Succeeded, *j.Spec.Completions)
	} else if n := value(j.Spec.Parallelism, 0); n > 1 {
		completions += fmt.Sprintf(" of %d", n)
	}
	took := ""
	if start := j.Status.StartTime; start != nil {
		end := at.now
		if j.Status.CompletionTime != nil {
			end = j.Status.CompletionTime.Time
		}
		took = duration.HumanDuration(end.Sub(start.Time))
	}
	names, images := containerCells(j.Spec.Template.Spec.Containers)
	return []any{
		j.Name, jobState(j), completions, took, at.since(j.CreationTimestamp),
		names, images, metav1.FormatLabelSelector(j.Spec.Selector),
	}
}

func jobState(j *batchv1.Job) string {
	is := map[batchv1.JobConditionType]bool{}
	for _, c := range j.Status.Conditions {
		is[c.Type] = c.Status == corev1.ConditionTrue
	}
	switch {
	case is[batchv1.JobComplete]:
		return "Complete"
	case is[batchv1.JobFailed]:
		return "Failed"
	case j.DeletionTimestamp != nil:
		return "Terminating"
	case is[batchv1.JobSuspended]:
		return "Suspended"
	case is[batchv1.JobFailureTarget]:
		return "FailureTarget"
	}
	return "Running"
}

func cronJobCells(c *batchv1.CronJob, at moment) []any {
	last, suspend := "<none>", "<unset>"
	if c.Status.LastScheduleTime != nil {
		last = at.since(*c.Status.LastScheduleTime)
	}
	if c.Spec.Suspend != nil {
		suspend = "False"
		if *c.Spec.Suspend {
			suspend = "True"
		}
	}
	job := &c.Spec.JobTemplate.Spec
	names, images := containerCells(job.Template.Spec.Containers)
	return []any{
		c.Name, c.Spec.Schedule, value(c.Spec.TimeZone, "<none>"), suspend, int64(len(c.Status.Active)), last,
		at.since(c.CreationTimestamp), names, images, metav1.FormatLabelSelector(job.Selector),
	}
}

func autoscalerCells(h *autoscalingv2.HorizontalPodAutoscaler, at moment) []any {
	least := "<unset>"
	if h.Spec.MinReplicas != nil {
		least = fmt.Sprint(*h.Spec.MinReplicas)
	}
	return []any{
		h.Name, h.Spec.ScaleTargetRef.Kind + "/" + h.Spec.ScaleTargetRef.Name,
		autoscalerTargets(h), least, int64(h.Spec.MaxReplicas),
		int64(h.Status.CurrentReplicas), at.since(h.CreationTimestamp),
	}
}

// autoscalerTargets lists measured and wanted values of at most two metrics.
func autoscalerTargets(h *autoscalingv2.HorizontalPodAutoscaler) string {
	list := make([]string, len(h.Spec.Metrics))
	for i, m := range h.Spec.Metrics {
		var now autoscalingv2.MetricStatus // statuses are in the order of the specs
		if i < len(h.Status.CurrentMetrics) {
			now = h.Status.CurrentMetrics[i]
		}
		list[i] = metricCell(&m, &now)
	}
	return orNone(firstFew(list, ", ", 2))
}

func metricCell(m *autoscalingv2.MetricSpec, now *autoscalingv2.MetricStatus) string {
	var target autoscalingv2.MetricTarget
	var current autoscalingv2.MetricValueStatus
	before, after := "", ""
	switch {
	case m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil:
		target, before = m.Resource.Target, string(m.Resource.Name)+": "
		if now.Resource != nil {
			current = now.Resource.Current
		}
	case m.Type == autoscalingv2.ContainerResourceMetricSourceType && m.ContainerResource != nil:
		target, before = m.ContainerResource.Target, string(m.ContainerResource.Name)+": "
		if now.ContainerResource != nil {
			current = now.ContainerResource.Current
		}
	case m.Type == autoscalingv2.PodsMetricSourceType && m.Pods != nil:
		target = m.Pods.Target
		if now.Pods != nil {
			current = now.Pods.Current
		}
	case m.Type == autoscalingv2.ObjectMetricSourceType && m.Object != nil:
		target, after = m.Object.Target, " (avg)"
		if now.Object != nil {
			current = now.Object.Current
		}
	case m.Type == autoscalingv2.ExternalMetricSourceType && m.External != nil:
		target, after = m.External.Target, " (avg)"
		if now.External != nil {
			current = now.External.Current
		}
	default:
		return "<unknown type>"
	}
	is, want := "<unknown>", "<auto>"
	switch {
	case target.AverageValue != nil:
		want = target.AverageValue.String() + after
		if current.AverageValue != nil {
			is = current.AverageValue.String()
		}
	case target.Value != nil:
		want = target.Value.String()
		if current.Value != nil {
			is = current.Value.String()
		}
	default:
		if target.AverageUtilization != nil {
			want = fmt.Sprintf("%d%%", *target.AverageUtilization)
		}
		if current.AverageUtilization != nil {
			is = fmt.Sprintf("%d%%", *current.AverageUtilization)
		}
	}
	return before + is + "/" + want
}
