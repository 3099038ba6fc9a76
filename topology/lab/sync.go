package lab

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/sim/clock"
	"koflab/sim/event"
	"koflab/topology"
	"koflab/topology/embeddedcluster"
)

// retrySync is how long, in real time, a sync that did not do all waits before
// the next.
const retrySync = time.Second

// sync makes the engines of a cluster what its objects say, after some of them
// have changed. What fails is told once and tried again.
func (l *Lab) sync(ctx context.Context, c *cluster, changed changes) {
	c.syncMu.Lock()
	defer c.syncMu.Unlock()
	if c.away() != "" {
		return // whoever brings it back marks everything as changed
	}
	var errs []error
	if changed.any("pods", "secrets", "services", "ingresses.networking.k8s.io") {
		errs = append(errs, l.syncStore(c))
	}
	if c.Role == topology.RoleManagement {
		if changed.any("pods", "secrets", "vmstorageconnections.kof.k0rdent.mirantis.com") {
			errs = append(errs, l.syncFederation())
		}
		if changed.any("configmaps", "clusterdeployments.k0rdent.mirantis.com") {
			l.syncRegions()
			l.provider.wake()
		}
	}
	if changed.any(embeddedcluster.Observed()...) {
		errs = append(errs, l.refreshInventory(c))
	}
	if changed.any("pods", "secrets", "configmaps") {
		errs = append(errs, l.syncCollector(ctx, c))
	}
	l.report(c, errors.Join(errs...))
}

// report notes how a sync ended, and asks for another one after a failure.
func (l *Lab) report(c *cluster, err error) {
	failure := ""
	if err != nil {
		failure = err.Error()
		clock.AfterFunc(l.wall, retrySync, func() { c.follower.mark("*") })
	}
	c.mu.Lock()
	told := c.failure == failure
	c.failure = failure
	c.mu.Unlock()
	if err != nil && !told {
		l.events.Add(event.Warning, "SyncFailed", c.ID, failure)
	}
}

// follow starts to follow a cluster's objects. Changes up to here must have been
// synced.
func (c *cluster) follow() { c.follower.start() }

// syncRegions reads from management where each child's telemetry is stored, or
// why nowhere.
func (l *Lab) syncRegions() {
	for _, c := range l.all() {
		if c.Role != topology.RoleChild {
			continue
		}
		region, unresolved := l.regionOf(c)
		c.mu.Lock()
		if c.planned.Region != region || c.planned.Unresolved != unresolved {
			c.planned = topology.PlanCluster(l.stack, l.opts.Spec.Network, c.Cluster, region)
			c.planned.Unresolved = unresolved
			c.follower.mark("configmaps")
		}
		c.mu.Unlock()
	}
}

var (
	configMaps         = schema.GroupResource{Resource: "configmaps"}
	secrets            = schema.GroupResource{Resource: "secrets"}
	namespaces         = schema.GroupResource{Resource: "namespaces"}
	clusterDeployments = schema.GroupResource{Group: "k0rdent.mirantis.com", Resource: "clusterdeployments"}
)

// regionOf reads the ConfigMap that kof-operator writes for a child; without one
// the ClusterDeployment's conditions say what is missing.
func (l *Lab) regionOf(c *cluster) (region, unresolved string) {
	api := l.management().embedded.Server()
	o, err := api.Get(configMaps, c.Namespace, "kof-cluster-config-"+c.Name)
	if apierrors.IsNotFound(err) {
		return "", l.whyUnresolved(c)
	}
	if err != nil {
		return "", err.Error()
	}
	config := &corev1.ConfigMap{}
	if err := o.Into(config); err != nil {
		return "", err.Error()
	}
	name, namespace := config.Data["regional_cluster_name"], config.Data["regional_cluster_namespace"]
	if s := l.storing(name, namespace); s != nil {
		return s.ID, ""
	}
	return name, "" // a region that koflab did not make
}
