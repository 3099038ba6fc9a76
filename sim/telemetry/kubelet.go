package telemetry

import "koflab/sim/inventory"

var (
	relist   = distribution{0.004, 0.6, []float64{.001, .005, .01, .05, .1, .5, 1}}
	podWork  = distribution{0.03, 0.9, []float64{.005, .05, .1, .5, 1, 5}}
	inodeOne = 16384.0 // bytes of disk per inode
)

// kubelet adds a kubelet's own metrics and its volumes.
func (b *builder) kubelet(i int32) {
	m := &b.g.machines[i]
	n := m.node
	w := 1 + uint8(i+1)%(waves-1)
	b.to("kubelet", n.IP+":10250", 0, kubeletLabels(n, "/metrics")...)
	b.lives(ofNode, i)
	b.one(core, "kubelet_node_name", constant(1), "node", n.Name)
	b.one(core, "kubelet_running_pods", constant(float64(m.running)))
	b.one(core, "kubelet_running_containers", constant(float64(m.containers)), "container_state", "running")
	for _, op := range []struct {
		name string
		rate float64
	}{{"list_containers", 1.2}, {"podsandbox_status", 0.8}, {"exec_sync", 0.3}, {"image_status", 0.1}} {
		b.one(standard, "kubelet_runtime_operations_total", b.g.count(flow{op.rate * float64(1+m.containers) / 4, w}, m.booted), "operation_type", op.name)
	}
	b.one(standard, "rest_client_requests_total", b.g.count(flow{0.9, w}, m.booted), "code", "200", "method", "GET", "host", "kubernetes.default.svc")
	b.one(standard, "rest_client_requests_total", b.g.count(flow{0.25, w}, m.booted), "code", "200", "method", "PATCH", "host", "kubernetes.default.svc")
	b.histogram(detail, "kubelet_pleg_relist_duration_seconds", flow{1, w}, m.booted, &relist)
	b.histogram(detail, "kubelet_pod_worker_duration_seconds", flow{0.02 * float64(1+m.running), w}, m.booted, &podWork, "operation_type", "sync")
	for _, v := range b.g.cluster.Claims {
		if v.Pod != nil && v.Pod.Node == n {
			b.volume(v, w)
		}
	}
	b.one(standard, "process_cpu_seconds_total", b.g.total(flow{0.02, w}, m.booted))
	b.one(standard, "process_resident_memory_bytes", byteGauge(88<<20, 0.05, w))
	b.one(standard, "process_start_time_seconds", constant(float64(n.Booted.Unix()+20)))
	b.one(standard, "go_goroutines", level(420, 0.1, w))
}

// volume adds the fill of a claim: between a fifth and a half.
func (b *builder) volume(v *inventory.Claim, w uint8) {
	of := []string{"namespace", v.Namespace, "persistentvolumeclaim", v.Name}
	size := float64(v.Bytes)
	used := size * b.g.seed.Of("volume", v.UID).Between(0.2, 0.5)
	const swing = 0.05
	b.unit(standard)
	b.add("kubelet_volume_stats_capacity_bytes", constant(size), of...)
	b.add("kubelet_volume_stats_used_bytes", byteGauge(used, swing, w), of...)
	b.add("kubelet_volume_stats_available_bytes", byteGauge(size-used, -swing*used/(size-used), w), of...)
	b.unit(detail)
	b.add("kubelet_volume_stats_inodes", constant(size/inodeOne), of...)
	b.add("kubelet_volume_stats_inodes_used", constant(float64(int(used/inodeOne/10))), of...)
	b.add("kubelet_volume_stats_inodes_free", constant(size/inodeOne-float64(int(used/inodeOne/10))), of...)
}
