package controllers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	batch         = "batch/v1"
	jobController = "job-controller"
)

// job is a Job at work.
type job struct {
	*Controllers
	e    *entry
	j    *batchv1.Job
	pods []*pod
	s    batchv1.JobStatus
}

// syncJob runs a Job's pods until enough have succeeded or too many failed.
func (c *Controllers) syncJob(t task) error {
	e, j, err := find[batchv1.Job](&c.cache, t)
	if e == nil || err != nil {
		return err
	}
	if j.DeletionTimestamp != nil {
		return nil
	}
	w := &job{Controllers: c, e: e, j: j, pods: c.podsBy(e.obj.UID), s: *j.Status.DeepCopy()}
	if ended := jobEnd(j); ended != nil {
		return w.expire(ended)
	}
	failure := w.step()
	if err := w.write(); err != nil {
		return err
	}
	return failure
}

// jobEnd returns the condition that ended the Job.
func jobEnd(j *batchv1.Job) *batchv1.JobCondition {
	for i := range j.Status.Conditions {
		if x := &j.Status.Conditions[i]; (x.Type == batchv1.JobComplete || x.Type == batchv1.JobFailed) && x.Status == corev1.ConditionTrue {
			return x
		}
	}
	return nil
}

// expire removes an ended Job after its time to live.
func (w *job) expire(end *batchv1.JobCondition) error {
	if w.j.Spec.TTLSecondsAfterFinished == nil {
		return nil
	}
	due := end.LastTransitionTime.Add(time.Duration(*w.j.Spec.TTLSecondsAfterFinished) * time.Second)
	if due.After(w.now()) {
		w.alarm(w.e.task, due)
		return nil
	}
	uid, background := w.e.obj.UID, metav1.DeletePropagationBackground
	return w.api.Delete(resources[jobKind], w.e.Namespace, w.e.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &background,
	})
}

func (w *job) step() error {
	now := metav1.NewTime(w.now())
	suspended := w.j.Spec.Suspend != nil && *w.j.Spec.Suspend
	if suspended {
		w.s.StartTime = nil
		w.condition(batchv1.JobSuspended, "JobSuspended", "Job suspended")
	} else if w.s.StartTime == nil {
		w.s.StartTime = &now
		w.s.Conditions = slices.DeleteFunc(w.s.Conditions, func(x batchv1.JobCondition) bool { return x.Type == batchv1.JobSuspended })
	}
	live := w.count()
	completions := w.completions()
	limit := int32(6)
	if w.j.Spec.BackoffLimit != nil {
		limit = *w.j.Spec.BackoffLimit
	}
	failures := w.s.Failed
	for _, p := range live {
		failures += p.restarts // restartPolicy OnFailure
	}
	if d := w.j.Spec.ActiveDeadlineSeconds; d != nil && w.s.StartTime != nil {
		due := w.s.StartTime.Add(time.Duration(*d) * time.Second)
		if !due.After(now.Time) {
			return w.fail(live, "DeadlineExceeded", "Job was active longer than specified deadline")
		}
		w.alarm(w.e.task, due)
	}
	switch {
	case failures > limit:
		return w.fail(live, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
	case w.done(completions, live):
		return w.complete(live)
	case suspended:
		return w.kill(live)
	}
	return w.fill(live, completions)
}

// count sums the pods up and returns those at work.
func (w *job) count() (live []*pod) {
	var ready, dying int32
	w.s.Succeeded, w.s.Failed = 0, 0
	done := map[int]bool{}
	for _, p := range w.pods {
		switch {
		case p.phase == corev1.PodSucceeded:
			w.s.Succeeded++
			if i, ok := completionIndex(p); ok {
				done[i] = true
			}
		case p.phase == corev1.PodFailed:
			w.s.Failed++
		case p.deleting:
			dying++
		default:
			live = append(live, p)
			if p.ready {
				ready++
			}
		}
	}
	w.s.Active, w.s.Ready, w.s.Terminating = int32(len(live)), &ready, &dying
	w.s.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{}
	if w.indexed() {
		w.s.Succeeded = int32(len(done))
		w.s.CompletedIndexes = intervals(done)
	}
	return live
}

func (w *job) indexed() bool {
	return w.j.Spec.CompletionMode != nil && *w.j.Spec.CompletionMode == batchv1.IndexedCompletion
}

func completionIndex(p *pod) (int, bool) {
	i, err := strconv.Atoi(p.obj.Labels[batchv1.JobCompletionIndexAnnotation])
	return i, err == nil
}

// intervals writes a set as "0-2,5".
func intervals(set map[int]bool) string {
	var list []int
	for i := range set {
		list = append(list, i)
	}
	slices.Sort(list)
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		switch {
		case i == j:
			parts = append(parts, strconv.Itoa(list[i]))
		default:
			parts = append(parts, fmt.Sprintf("%d-%d", list[i], list[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// completions is how many pods are to succeed; -1 when any one's success ends the Job.
func (w *job) completions() int32 {
	if w.j.Spec.Completions != nil {
		return *w.j.Spec.Completions
	}
	return -1
}

func (w *job) done(completions int32, live []*pod) bool {
	if completions < 0 {
		return w.s.Succeeded > 0 && len(live) == 0
	}
	return w.s.Succeeded >= completions
}

// fill starts pods up to the parallelism. After failures the next pod waits for
// a back-off that doubles.
func (w *job) fill(live []*pod, completions int32) error {
	parallelism := int32(1)
	if w.j.Spec.Parallelism != nil {
		parallelism = *w.j.Spec.Parallelism
	}
	want := parallelism
	switch {
	case completions >= 0:
		want = min(parallelism, completions-w.s.Succeeded)
	case w.s.Succeeded > 0:
		want = int32(len(live)) // one success ends it; no new pods
	}
	if over := len(live) - int(want); over > 0 {
		return w.kill(w.victims(live, over))
	}
	if w.s.Failed > 0 && int(want) > len(live) {
		due := w.lastFailure().Add(backOff(int(w.s.Failed)))
		if due.After(w.now()) {
			w.alarm(w.e.task, due)
			return nil
		}
	}
	taken := map[int]bool{}
	for _, p := range w.pods {
		if i, ok := completionIndex(p); ok && p.phase != corev1.PodFailed {
			taken[i] = true
		}
	}
	for n := len(live); n < int(want); n++ {
		p := podFrom(w.e, batch, "Job", &w.j.Spec.Template)
		w.label(p)
		prefix := w.e.Name + "-"
		if w.indexed() {
			i := 0
			for taken[i] {
				i++
			}
			taken[i] = true
			index := strconv.Itoa(i)
			p.Labels[batchv1.JobCompletionIndexAnnotation] = index
			p.Annotations = with(p.Annotations, batchv1.JobCompletionIndexAnnotation, index)
			p.Spec.Hostname = w.e.Name + "-" + index
			prefix += index + "-"
		}
		if err := w.createPod(jobKind, w.e, p, jobController, prefix); err != nil {
			return err
		}
		w.s.Active++
	}
	return nil
}

// label gives a pod the labels that the API server generates into the template
// of a Job that has none.
func (w *job) label(p *corev1.Pod) {
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	for key, value := range map[string]string{
		batchv1.ControllerUidLabel: string(w.e.obj.UID), batchv1.JobNameLabel: w.e.Name,
		"controller-uid": string(w.e.obj.UID), "job-name": w.e.Name,
	} {
		if p.Labels[key] == "" {
			p.Labels[key] = value
		}
	}
}
