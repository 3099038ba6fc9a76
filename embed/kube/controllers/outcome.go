package controllers

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Retries double from the first to the limit; conflicts are retried at once for
// some times, since the change that caused them is on its way.
const (
	firstRetry      = 100 * time.Millisecond
	retryLimit      = time.Minute
	promptConflicts = 50
)

// acted tells that t's workload has done something since acts stood at before.
// Its status is written when it is looked at again, after what was done has had
// its effect: a workload that comes up at once is then written once.
func (c *Controllers) acted(t task, before int) bool {
	if c.acts == before {
		return false
	}
	c.queue.add(t)
	return true
}

// outcome plans the next attempt of a task that failed.
func (c *Controllers) outcome(t task, err error) {
	if err == nil {
		if len(c.failed) > 0 {
			delete(c.failed, t)
		}
		return
	}
	if ended(err) {
		delete(c.failed, t)
		return // the object, or its namespace, is going or gone: a change tells
	}
	n := c.failed[t] + 1
	c.failed[t] = n
	if apierrors.IsConflict(err) && n <= promptConflicts {
		c.queue.add(t)
		return
	}
	wait := firstRetry
	for i := 1; i < n && wait < retryLimit; i++ {
		wait *= 2
	}
	c.alarm(t, c.stamp().Add(min(wait, retryLimit)))
}

// ended tells errors that no retry mends.
func ended(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// reconcile looks at one object.
func (c *Controllers) reconcile(t task) {
	var err error
	switch t.kind {
	case podKind:
		err = c.syncPod(t)
	case nodeKind:
		err = c.syncNode(t)
	case namespaceKind:
		err = c.syncNamespace(t)
	case replicaSetKind:
		err = c.syncReplicaSet(t)
	case deploymentKind:
		err = c.syncDeployment(t)
	case statefulSetKind:
		err = c.syncStatefulSet(t)
	case daemonSetKind:
		err = c.syncDaemonSet(t)
	case jobKind:
		err = c.syncJob(t)
	case cronJobKind:
		err = c.syncCronJob(t)
	case serviceKind:
		err = c.syncService(t)
	case claimKind:
		err = c.syncClaim(t)
	case volumeKind:
		err = c.syncVolume(t)
	case hpaKind:
		err = c.syncAutoscaler(t)
	case pdbKind:
		err = c.syncBudget(t)
	case quotaKind:
		err = c.syncQuota(t)
	case leaseKind:
		err = c.syncLease(t)
	}
	c.outcome(t, err)
}
