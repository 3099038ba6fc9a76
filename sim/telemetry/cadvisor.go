package telemetry

import "koflab/sim/inventory"

// Parts of a container's working set.
const (
	residentPart = 0.78
	cachePartOf  = 0.16
)

// cfsPeriod is how often the kernel hands out CPU quota, per second.
const cfsPeriod = 10.0

// kubeletLabels are the target labels of all of a kubelet's endpoints: KOF gives
// them one job and tells them apart by metrics_path.
func kubeletLabels(n *inventory.Node, path string) []string {
	return []string{"endpoint", "https-metrics", "metrics_path", path, "node", n.Name}
}

// cadvisor adds the container metrics of a node.
func (b *builder) cadvisor(i int32) {
	n := b.g.machines[i].node
	b.to("kubelet", n.IP+":10250", 0, kubeletLabels(n, "/metrics/cadvisor")...)
	b.one(core, "machine_cpu_cores", constant(float64(n.Cores)))
	b.one(core, "machine_memory_bytes", constant(float64(n.Memory)))
	b.lives(ofNode, i)
	for at := range b.g.instances {
		if b.g.instances[at].node == i {
			b.container(int32(at))
		}
	}
}

func (b *builder) container(at int32) {
	in := &b.g.instances[at]
	c := in.container
	b.lives(ofPod, at)
	pod := []string{"namespace", in.pod.Namespace, "pod", in.pod.Name}
	of := append(append(make([]string, 0, 8), pod...), "container", c.Name, "image", c.Image.String())
	memory := func(part float64) formula { return byteGauge(in.memory*part, memorySwing, in.memWave) }

	b.one(core, "container_cpu_usage_seconds_total", b.g.ofProcess(at, in.cpu, millis), of...)
	b.one(core, "container_memory_working_set_bytes", memory(1), of...)
	b.one(standard, "container_memory_rss", memory(residentPart), of...)
	b.one(standard, "container_memory_cache", memory(cachePartOf), of...)
	b.one(detail, "container_memory_swap", constant(0), of...)
	b.one(standard, "container_spec_memory_limit_bytes", constant(float64(c.Limits.Memory)), of...)
	if c.Limits.CPU > 0 {
		b.unit(standard)
		throttled := b.g.seed.Of("throttle", in.pod.UID).Between(0, 0.08)
		b.add("container_cpu_cfs_periods_total", b.g.ofProcess(at, flow{cfsPeriod, in.cpu.wave}, whole), of...)
		b.add("container_cpu_cfs_throttled_periods_total", b.g.ofProcess(at, flow{cfsPeriod * throttled, in.cpu.wave}, whole), of...)
	}
	b.one(detail, "container_start_time_seconds", b.g.processStart(at), of...)
	b.one(detail, "container_oom_events_total", constant(0), of...)
	b.unit(detail)
	disk := append(of[:len(of):len(of)], "device", "/dev/sda")
	b.add("container_fs_reads_bytes_total", b.g.count(in.read, in.started), disk...)
	b.add("container_fs_writes_bytes_total", b.g.count(in.write, in.started), disk...)
	b.add("container_fs_reads_total", b.g.count(flow{in.read.rate / 4096, in.read.wave}, in.started), disk...)
	b.add("container_fs_writes_total", b.g.count(flow{in.write.rate / 4096, in.write.wave}, in.started), disk...)
	b.podNetwork(in, append(pod, "interface", "eth0"))
}

// podNetwork adds the traffic of a pod, which belongs to no container. Host
// network pods have none of their own.
func (b *builder) podNetwork(in *instance, of []string) {
	if in.pod.HostNetwork || !in.first {
		return
	}
	began := b.g.seconds(in.pod.Started.UnixNano())
	packets := func(f flow) formula { return b.g.count(flow{f.rate / bytesPerPacket, f.wave}, began) }
	b.unit(standard)
	b.add("container_network_receive_bytes_total", b.g.count(in.receive, began), of...)
	b.add("container_network_transmit_bytes_total", b.g.count(in.transmit, began), of...)
	b.unit(detail)
	b.add("container_network_receive_packets_total", packets(in.receive), of...)
	b.add("container_network_transmit_packets_total", packets(in.transmit), of...)
	b.add("container_network_receive_packets_dropped_total", constant(0), of...)
	b.add("container_network_transmit_packets_dropped_total", constant(0), of...)
}
