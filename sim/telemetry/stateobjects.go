package telemetry

import "koflab/sim/inventory"

// stateOfWorkload adds the state of a controller, as it reports it.
func (b *builder) stateOfWorkload(w *inventory.Workload) {
	wanted := constant(float64(w.Replicas))
	created := constant(float64(w.Created.Unix()))
	s := &w.Status
	ns := []string{"namespace", w.Namespace}
	switch w.Kind {
	case inventory.Deployment:
		of := with(ns, "deployment", w.Name)
		b.one(core, "kube_deployment_spec_replicas", wanted, of...)
		b.one(core, "kube_deployment_status_replicas_available", number(s.Available), of...)
		b.one(standard, "kube_deployment_status_replicas", number(s.Replicas), of...)
		b.one(standard, "kube_deployment_status_replicas_ready", number(s.Ready), of...)
		b.one(standard, "kube_deployment_status_replicas_updated", number(s.Updated), of...)
		b.one(standard, "kube_deployment_status_replicas_unavailable", number(max(0, max(w.Replicas, s.Replicas)-s.Available)), of...)
		b.one(detail, "kube_deployment_status_observed_generation", constant(float64(s.Observed)), of...)
		b.one(detail, "kube_deployment_metadata_generation", constant(float64(s.Generation)), of...)
		b.one(detail, "kube_deployment_created", created, of...)
	case inventory.StatefulSet:
		of := with(ns, "statefulset", w.Name)
		b.one(core, "kube_statefulset_replicas", wanted, of...)
		b.one(core, "kube_statefulset_status_replicas_ready", number(s.Ready), of...)
		b.one(standard, "kube_statefulset_status_replicas", number(s.Replicas), of...)
		b.one(standard, "kube_statefulset_status_replicas_updated", number(s.Updated), of...)
		b.one(detail, "kube_statefulset_status_observed_generation", constant(float64(s.Observed)), of...)
		b.one(detail, "kube_statefulset_metadata_generation", constant(float64(s.Generation)), of...)
		b.one(detail, "kube_statefulset_created", created, of...)
	case inventory.DaemonSet:
		of := with(ns, "daemonset", w.Name)
		b.one(core, "kube_daemonset_status_desired_number_scheduled", wanted, of...)
		b.one(core, "kube_daemonset_status_number_ready", number(s.Ready), of...)
		b.one(standard, "kube_daemonset_status_current_number_scheduled", number(s.Replicas), of...)
		b.one(standard, "kube_daemonset_status_number_available", number(s.Available), of...)
		b.one(standard, "kube_daemonset_status_updated_number_scheduled", number(s.Updated), of...)
		b.one(standard, "kube_daemonset_status_number_misscheduled", number(s.Misscheduled), of...)
	case inventory.CronJob:
		of := with(ns, "cronjob", w.Name)
		b.one(standard, "kube_cronjob_info", constant(1), with(of, "schedule", w.Schedule, "concurrency_policy", w.Policy)...)
		b.one(standard, "kube_cronjob_spec_suspend", boolean(w.Suspended), of...)
	}
}

func number(n int) formula { return constant(float64(n)) }

// stateOfRevisions adds ReplicaSets, also those that are kept for a rollback.
func (b *builder) stateOfRevisions() {
	for _, v := range b.g.cluster.Revisions {
		of := []string{"namespace", v.Namespace, "replicaset", v.Name}
		b.one(core, "kube_replicaset_owner", constant(1), with(of, ownedBy(v.Owner)...)...)
		b.one(standard, "kube_replicaset_spec_replicas", number(v.Replicas), of...)
		b.one(detail, "kube_replicaset_status_ready_replicas", number(v.Status.Ready), of...)
	}
}

// stateOfRuns adds Jobs.
func (b *builder) stateOfRuns() {
	for _, r := range b.g.cluster.Runs {
		of := []string{"namespace", r.Namespace, "job_name", r.Name}
		b.one(standard, "kube_job_owner", constant(1), with(of, ownedBy(r.Owner)...)...)
		b.one(standard, "kube_job_status_succeeded", number(r.Succeeded), of...)
		b.one(standard, "kube_job_status_active", number(r.Active), of...)
		b.one(standard, "kube_job_spec_completions", number(r.Completions), of...)
		b.one(standard, "kube_job_status_failed", number(r.Failed), of...)
	}
}

func ownedBy(w *inventory.Workload) []string {
	if w == nil {
		return nil
	}
	return []string{"owner_kind", string(w.Kind), "owner_name", w.Name, "owner_is_controller", "true"}
}

// stateOfObjects adds namespaces, services, claims, quotas and autoscalers.
func (b *builder) stateOfObjects() {
	c := b.g.cluster
	for _, n := range c.Namespaces {
		b.one(standard, "kube_namespace_labels", constant(1), "namespace", n.Name, labelName("kubernetes.io/metadata.name"), n.Name)
		b.one(standard, "kube_namespace_created", constant(float64(n.Created.Unix())), "namespace", n.Name)
		b.unit(standard)
		for _, phase := range []string{"Active", "Terminating"} {
			b.add("kube_namespace_status_phase", boolean(n.Phase == phase), "namespace", n.Name, "phase", phase)
		}
	}
	for _, s := range c.Services {
		b.one(standard, "kube_service_info", constant(1), "namespace", s.Namespace, "service", s.Name,
			"cluster_ip", s.ClusterIP, "load_balancer_ip", s.LoadBalancerIP, "uid", s.UID)
	}
	for _, v := range c.Claims {
		of := []string{"namespace", v.Namespace, "persistentvolumeclaim", v.Name}
		b.one(standard, "kube_persistentvolumeclaim_info", constant(1), with(of, "storageclass", v.StorageClass, "volumename", v.Volume)...)
		b.one(standard, "kube_persistentvolumeclaim_resource_requests_storage_bytes", constant(float64(v.Bytes)), of...)
		b.unit(standard)
		for _, phase := range []string{"Bound", "Lost", "Pending"} {
			b.add("kube_persistentvolumeclaim_status_phase", boolean(v.Phase == phase), with(of, "phase", phase)...)
		}
		if v.Volume != "" {
			b.one(standard, "kube_persistentvolume_capacity_bytes", constant(float64(v.Bytes)), "persistentvolume", v.Volume)
			b.one(detail, "kube_persistentvolume_status_phase", constant(1), "persistentvolume", v.Volume, "phase", v.Phase)
		}
	}
	for _, q := range c.Quotas {
		for _, l := range q.Limits {
			of := []string{"namespace", q.Namespace, "resourcequota", q.Name, "resource", l.Resource}
			b.one(standard, "kube_resourcequota", constant(l.Hard), with(of, "type", "hard")...)
			b.one(standard, "kube_resourcequota", constant(l.Used), with(of, "type", "used")...)
		}
	}
	for _, a := range c.Autoscalers {
		of := []string{"namespace", a.Namespace, "horizontalpodautoscaler", a.Name}
		b.one(standard, "kube_horizontalpodautoscaler_info", constant(1), with(of, "scaletargetref_kind", a.TargetKind, "scaletargetref_name", a.Target)...)
		b.one(standard, "kube_horizontalpodautoscaler_spec_min_replicas", number(a.Min), of...)
		b.one(standard, "kube_horizontalpodautoscaler_spec_max_replicas", number(a.Max), of...)
		b.one(standard, "kube_horizontalpodautoscaler_status_current_replicas", number(a.Current), of...)
		b.one(standard, "kube_horizontalpodautoscaler_status_desired_replicas", number(a.Desired), of...)
	}
}
