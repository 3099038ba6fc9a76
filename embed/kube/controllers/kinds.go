package controllers

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// kind is a resource that controllers look at.
type kind uint8

const (
	noKind kind = iota
	podKind
	nodeKind
	namespaceKind
	replicaSetKind
	statefulSetKind
	daemonSetKind
	jobKind
	deploymentKind
	cronJobKind
	serviceKind
	claimKind
	volumeKind
	classKind
	hpaKind
	pdbKind
	quotaKind
	revisionKind
	secretKind
	configMapKind
	accountKind
	sliceKind
	endpointsKind
	leaseKind
	eventKind
	kinds // their number
)

// resources names the API resource of each kind.
var resources = [kinds]schema.GroupResource{
	podKind:         {Resource: "pods"},
	nodeKind:        {Resource: "nodes"},
	namespaceKind:   {Resource: "namespaces"},
	replicaSetKind:  {Group: "apps", Resource: "replicasets"},
	statefulSetKind: {Group: "apps", Resource: "statefulsets"},
	daemonSetKind:   {Group: "apps", Resource: "daemonsets"},
	jobKind:         {Group: "batch", Resource: "jobs"},
	deploymentKind:  {Group: "apps", Resource: "deployments"},
	cronJobKind:     {Group: "batch", Resource: "cronjobs"},
	serviceKind:     {Resource: "services"},
	claimKind:       {Resource: "persistentvolumeclaims"},
	volumeKind:      {Resource: "persistentvolumes"},
	classKind:       {Group: "storage.k8s.io", Resource: "storageclasses"},
	hpaKind:         {Group: "autoscaling", Resource: "horizontalpodautoscalers"},
	pdbKind:         {Group: "policy", Resource: "poddisruptionbudgets"},
	quotaKind:       {Resource: "resourcequotas"},
	revisionKind:    {Group: "apps", Resource: "controllerrevisions"},
	secretKind:      {Resource: "secrets"},
	configMapKind:   {Resource: "configmaps"},
	accountKind:     {Resource: "serviceaccounts"},
	sliceKind:       {Group: "discovery.k8s.io", Resource: "endpointslices"},
	endpointsKind:   {Resource: "endpoints"},
	leaseKind:       {Group: "coordination.k8s.io", Resource: "leases"},
	eventKind:       {Resource: "events"},
}

var kindOf = func() map[schema.GroupResource]kind {
	m := make(map[schema.GroupResource]kind, kinds)
	for k := podKind; k < kinds; k++ {
		m[resources[k]] = k
	}
	return m
}()

// workload kinds by the kind in an owner reference.
var ownerKinds = map[string]kind{
	"ReplicaSet": replicaSetKind, "StatefulSet": statefulSetKind, "DaemonSet": daemonSetKind,
	"Job": jobKind, "Deployment": deploymentKind, "CronJob": cronJobKind,
}

// rank orders reconciles, lower first. What makes pods goes before what only sums
// them up, so that a sum is written once and not after every pod. Workloads that
// users make share a rank: their pods are made, and so placed, in the order of
// the workloads however fast these arrive.
var rank = [kinds]uint8{
	namespaceKind: 0, nodeKind: 0, claimKind: 1, podKind: 2, replicaSetKind: 3,
	statefulSetKind: 4, daemonSetKind: 4, deploymentKind: 4, jobKind: 4, cronJobKind: 4,
	serviceKind: 5, pdbKind: 5, hpaKind: 5, volumeKind: 5, accountKind: 5, configMapKind: 5, leaseKind: 5,
	quotaKind: 6,
}

const ranks = 7

// task is an object to look at.
type task struct {
	kind kind
	types.NamespacedName
}

// tasks is a queue of tasks by rank, each task in it at most once.
type tasks struct {
	queued map[task]struct{}
	fifo   [ranks][]task
}

func (q *tasks) add(t task) {
	if _, ok := q.queued[t]; ok {
		return
	}
	if q.queued == nil {
		q.queued = map[task]struct{}{}
	}
	q.queued[t] = struct{}{}
	r := rank[t.kind]
	q.fifo[r] = append(q.fifo[r], t)
}

func (q *tasks) take() (task, bool) {
	for r := range q.fifo {
		if len(q.fifo[r]) == 0 {
			continue
		}
		t := q.fifo[r][0]
		q.fifo[r] = q.fifo[r][1:]
		if len(q.fifo[r]) == 0 {
			q.fifo[r] = nil // frees what a burst needed
		}
		delete(q.queued, t)
		return t, true
	}
	q.queued = nil
	return task{}, false
}
