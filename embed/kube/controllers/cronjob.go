package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const cronController = "cronjob-controller"

// child is a Job of a CronJob.
type child struct {
	e *entry
	j *batchv1.Job
}

// syncCronJob starts Jobs on the schedule and keeps the history short.
func (c *Controllers) syncCronJob(t task) error {
	e, cj, err := find[batchv1.CronJob](&c.cache, t)
	if e == nil || err != nil || cj.DeletionTimestamp != nil {
		return err
	}
	jobs, err := c.childJobs(e)
	if err != nil {
		return err
	}
	s := *cj.Status.DeepCopy()
	running := c.tallyJobs(e, jobs, &s)
	if err := c.pruneJobs(e, cj, jobs); err != nil {
		return err
	}
	if cj.Spec.Suspend == nil || !*cj.Spec.Suspend {
		if err := c.startDue(e, cj, &s, running); err != nil {
			return err
		}
	}
	if equal(&s, &cj.Status) {
		return nil
	}
	n := *cj
	n.Status = s
	o, err := c.api.Update(resources[cronJobKind], &n, "status")
	if err != nil {
		return err
	}
	c.adopt(e, o, &n, &n.ObjectMeta)
	return nil
}

func (c *Controllers) childJobs(e *entry) ([]child, error) {
	var out []child
	for _, je := range c.owned(e.obj.UID, jobKind) {
		j, err := read[batchv1.Job](&c.cache, je)
		if err != nil {
			return nil, err
		}
		out = append(out, child{je, j})
	}
	slices.SortStableFunc(out, func(a, b child) int {
		return cmp.Or(a.j.CreationTimestamp.Compare(b.j.CreationTimestamp.Time), cmp.Compare(a.e.Name, b.e.Name))
	})
	return out, nil
}

// tallyJobs notes which Jobs run and when the last one succeeded.
func (c *Controllers) tallyJobs(e *entry, jobs []child, s *batchv1.CronJobStatus) (running []child) {
	active := s.Active
	s.Active = nil
	for _, x := range jobs {
		end := jobEnd(x.j)
		if end == nil {
			running = append(running, x)
			s.Active = append(s.Active, corev1.ObjectReference{
				APIVersion: batch, Kind: "Job", Namespace: x.e.Namespace, Name: x.e.Name, UID: x.e.obj.UID, ResourceVersion: x.j.ResourceVersion,
			})
			for i := range active { // an unchanged reference stays as it is
				if active[i].UID == x.e.obj.UID {
					s.Active[len(s.Active)-1] = active[i]
				}
			}
			continue
		}
		for i := range active {
			if active[i].UID == x.e.obj.UID {
				c.event(cronJobKind, e.obj, cronController, corev1.EventTypeNormal, "SawCompletedJob",
					fmt.Sprintf("Saw completed job: %s, condition: %s", x.e.Name, end.Type))
			}
		}
		if end.Type == batchv1.JobComplete && (s.LastSuccessfulTime == nil || s.LastSuccessfulTime.Before(&end.LastTransitionTime)) {
			last := end.LastTransitionTime
			s.LastSuccessfulTime = &last
		}
	}
	return running
}

// pruneJobs deletes the oldest ended Jobs beyond the limits.
func (c *Controllers) pruneJobs(e *entry, cj *batchv1.CronJob, jobs []child) error {
	for _, kept := range []struct {
		end   batchv1.JobConditionType
		limit *int32
		usual int32
	}{
		{batchv1.JobComplete, cj.Spec.SuccessfulJobsHistoryLimit, 3},
		{batchv1.JobFailed, cj.Spec.FailedJobsHistoryLimit, 1},
	} {
		limit := kept.usual
		if kept.limit != nil {
			limit = *kept.limit
		}
		var ended []child
		for _, x := range jobs {
			if end := jobEnd(x.j); end != nil && end.Type == kept.end && x.j.DeletionTimestamp == nil {
				ended = append(ended, x)
			}
		}
		for len(ended) > int(limit) {
			if err := c.deleteJob(e, ended[0]); err != nil {
				return err
			}
			ended = ended[1:]
		}
	}
	return nil
}

func (c *Controllers) deleteJob(e *entry, x child) error {
	uid, background := x.e.obj.UID, metav1.DeletePropagationBackground
	err := c.api.Delete(resources[jobKind], x.e.Namespace, x.e.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &background,
	})
	c.drain()
	if err != nil && !ended(err) {
		return err
	}
	c.event(cronJobKind, e.obj, cronController, corev1.EventTypeNormal, "SuccessfulDelete", "Deleted job "+x.e.Name)
	return nil
}

// startDue starts the Job of the last time that has come, and sets the alarm for
// the next. Of several times that were missed only the last is made up for.
func (c *Controllers) startDue(e *entry, cj *batchv1.CronJob, s *batchv1.CronJobStatus, running []child) error {
	plan, err := parseSchedule(cj.Spec.Schedule, cj.Spec.TimeZone)
	if err != nil {
		c.event(cronJobKind, e.obj, cronController, corev1.EventTypeWarning, "UnparseableSchedule", "unparseable schedule: "+err.Error())
		return nil // no retry mends it; a change brings us back
	}
	now := c.now()
	after := cj.CreationTimestamp.Time
	if s.LastScheduleTime != nil {
		after = s.LastScheduleTime.Time
	}
	_, _, since := c.settings()
	if since.After(after) {
		after = since
	}
	if d := cj.Spec.StartingDeadlineSeconds; d != nil {
		if earliest := now.Add(-time.Duration(*d) * time.Second); earliest.After(after) {
			after = earliest
		}
	}
	c.alarm(e.task, plan.next(now))
	at, missed := plan.latest(after, now)
	if at.IsZero() {
		return nil
	}
	if missed {
		c.event(cronJobKind, e.obj, cronController, corev1.EventTypeWarning, "TooManyMissedTimes",
			"more than one start time was missed; starting the last one only")
	}
	if len(running) > 0 {
		switch cj.Spec.ConcurrencyPolicy {
		case batchv1.ForbidConcurrent:
			c.event(cronJobKind, e.obj, cronController, corev1.EventTypeNormal, "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid")
			return nil // the end of the running one brings us back
		case batchv1.ReplaceConcurrent:
			for _, x := range running {
				if err := c.deleteJob(e, x); err != nil {
					return err
				}
			}
		}
	}
	return c.startJob(e, cj, s, at)
}

func (c *Controllers) startJob(e *entry, cj *batchv1.CronJob, s *batchv1.CronJobStatus, at time.Time) error {
	t := &cj.Spec.JobTemplate
	j := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: e.Namespace, Name: fmt.Sprintf("%s-%d", prefixed(e.Name, 12), at.Unix()/60),
			Labels:          with(t.Labels, "", ""),
			Annotations:     with(t.Annotations, batchv1.CronJobScheduledTimestampAnnotation, at.UTC().Format(time.RFC3339)),
			OwnerReferences: ownerRef(batch, "CronJob", e.Name, e.obj.UID),
		},
		Spec: *t.Spec.DeepCopy(),
	}
	o, err := c.api.Create(resources[jobKind], j)
	c.drain()
	if err != nil && !apierrors.IsAlreadyExists(err) {
		c.event(cronJobKind, e.obj, cronController, corev1.EventTypeWarning, "FailedCreate", "Error creating job: "+err.Error())
		return err
	}
	last := metav1.NewTime(at)
	s.LastScheduleTime = &last
	if err != nil {
		return nil // started before
	}
	s.Active = append(s.Active, corev1.ObjectReference{APIVersion: batch, Kind: "Job", Namespace: o.Namespace, Name: o.Name, UID: o.UID})
	c.event(cronJobKind, e.obj, cronController, corev1.EventTypeNormal, "SuccessfulCreate", "Created job "+o.Name)
	return nil
}
