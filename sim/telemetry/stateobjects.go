package telemetry

import "koflab/sim/inventory"

// stateOfWorkload adds the state of a controller. All are at their wanted size,
// but for pods that fit no node.
func (b *builder) stateOfWorkload(w *inventory.Workload) {
	wanted, running := float64(w.Replicas), float64(w.Running())
	created := constant(float64(w.Created.Unix()))
	ns := []string{"namespace", w.Namespace}
	switch w.Kind {
	case inventory.Deployment:
		of := with(ns, "deployment", w.Name)
		b.one(core, "kube_deployment_spec_replicas", constant(wanted), of...)
		b.one(core, "kube_deployment_status_replicas_available", constant(running), of...)
		b.one(standard, "kube_deployment_status_replicas", constant(wanted), of...)
		b.one(standard, "kube_deployment_status_replicas_updated", constant(wanted), of...)
		b.one(standard, "kube_deployment_status_replicas_unavailable", constant(wanted-running), of...)
		b.one(detail, "kube_deployment_status_observed_generation", constant(1), of...)
		b.one(detail, "kube_deployment_metadata_generation", constant(1), of...)
		b.one(detail, "kube_deployment_created", created, of...)
		set := with(ns, "replicaset", w.ReplicaSet)
		b.one(core, "kube_replicaset_owner", constant(1), with(set, "owner_kind", "Deployment", "owner_name", w.Name, "owner_is_controller", "true")...)
		b.one(detail, "kube_replicaset_spec_replicas", constant(wanted), set...)
	case inventory.StatefulSet:
		of := with(ns, "statefulset", w.Name)
		b.one(core, "kube_statefulset_replicas", constant(wanted), of...)
		b.one(core, "kube_statefulset_status_replicas_ready", constant(running), of...)
		b.one(standard, "kube_statefulset_status_replicas", constant(wanted), of...)
		b.one(standard, "kube_statefulset_status_replicas_updated", constant(wanted), of...)
		b.one(detail, "kube_statefulset_status_observed_generation", constant(1), of...)
		b.one(detail, "kube_statefulset_metadata_generation", constant(1), of...)
		b.one(detail, "kube_statefulset_created", created, of...)
	case inventory.DaemonSet:
		of := with(ns, "daemonset", w.Name)
		b.one(core, "kube_daemonset_status_desired_number_scheduled", constant(wanted), of...)
		b.one(core, "kube_daemonset_status_number_ready", constant(running), of...)
		b.one(standard, "kube_daemonset_status_current_number_scheduled", constant(running), of...)
		b.one(standard, "kube_daemonset_status_number_available", constant(running), of...)
		b.one(standard, "kube_daemonset_status_updated_number_scheduled", constant(wanted), of...)
		b.one(standard, "kube_daemonset_status_number_misscheduled", constant(0), of...)
	case inventory.CronJob:
		of := with(ns, "job_name", w.Job)
		b.one(standard, "kube_cronjob_info", constant(1), with(ns, "cronjob", w.Name, "schedule", "15 2 * * *", "concurrency_policy", "Forbid")...)
		b.one(standard, "kube_job_owner", constant(1), with(of, "owner_kind", "CronJob", "owner_name", w.Name, "owner_is_controller", "true")...)
		b.one(standard, "kube_job_status_succeeded", constant(float64(len(w.Pods)-pending(w))), of...)
		b.one(standard, "kube_job_status_active", constant(float64(pending(w))), of...)
		b.one(standard, "kube_job_spec_completions", constant(wanted), of...)
		b.one(standard, "kube_job_status_failed", constant(0), of...)
	}
}

func pending(w *inventory.Workload) int {
	n := 0
	for _, p := range w.Pods {
		if p.Phase == "Pending" {
			n++
		}
	}
	return n
}

// stateOfObjects adds namespaces, services, claims, quotas and autoscalers.
func (b *builder) stateOfObjects() {
	c := b.g.cluster
	for _, n := range c.Namespaces {
		b.one(standard, "kube_namespace_labels", constant(1), "namespace", n.Name, labelName("kubernetes.io/metadata.name"), n.Name)
		b.one(standard, "kube_namespace_created", constant(float64(n.Created.Unix())), "namespace", n.Name)
		b.one(standard, "kube_namespace_status_phase", constant(1), "namespace", n.Name, "phase", "Active")
	}
	for _, s := range c.Services {
		b.one(standard, "kube_service_info", constant(1), "namespace", s.Namespace, "service", s.Name,
			"cluster_ip", s.ClusterIP, "load_balancer_ip", s.LoadBalancerIP, "uid", s.UID)
	}
	for _, v := range c.Claims {
		of := []string{"namespace", v.Namespace, "persistentvolumeclaim", v.Name}
		b.one(standard, "kube_persistentvolumeclaim_info", constant(1), with(of, "storageclass", v.StorageClass, "volumename", v.Volume)...)
		b.one(standard, "kube_persistentvolumeclaim_resource_requests_storage_bytes", constant(float64(v.Bytes)), of...)
		b.one(standard, "kube_persistentvolumeclaim_status_phase", constant(1), with(of, "phase", "Bound")...)
		b.one(standard, "kube_persistentvolume_capacity_bytes", constant(float64(v.Bytes)), "persistentvolume", v.Volume)
		b.one(detail, "kube_persistentvolume_status_phase", constant(1), "persistentvolume", v.Volume, "phase", "Bound")
	}
	for _, q := range c.Quotas {
		for _, r := range []struct {
			resource   string
			hard, used float64
		}{
			{"requests.cpu", q.HardCPU, q.UsedCPU},
			{"requests.memory", float64(q.HardMem), float64(q.UsedMem)},
			{"pods", float64(q.HardPods), float64(q.UsedPods)},
		} {
			of := []string{"namespace", q.Namespace, "resourcequota", q.Name, "resource", r.resource}
			b.one(standard, "kube_resourcequota", constant(r.hard), with(of, "type", "hard")...)
			b.one(standard, "kube_resourcequota", constant(r.used), with(of, "type", "used")...)
		}
	}
	for _, a := range c.Autoscalers {
		of := []string{"namespace", a.Target.Namespace, "horizontalpodautoscaler", a.Name}
		b.one(standard, "kube_horizontalpodautoscaler_spec_min_replicas", constant(float64(a.Min)), of...)
		b.one(standard, "kube_horizontalpodautoscaler_spec_max_replicas", constant(float64(a.Max)), of...)
		b.one(standard, "kube_horizontalpodautoscaler_status_current_replicas", constant(float64(a.Target.Replicas)), of...)
		b.one(standard, "kube_horizontalpodautoscaler_status_desired_replicas", constant(float64(a.Target.Replicas)), of...)
	}
}
