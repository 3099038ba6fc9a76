package telemetry

import (
	"strings"

	"koflab/sim/inventory"
)

// stateMetrics adds kube-state-metrics: the inventory as series.
func (b *builder) stateMetrics() {
	const name = "kof-collectors-kube-state-metrics"
	at := b.g.instanceOf(name)
	if at < 0 {
		return
	}
	p := b.g.instances[at].pod
	b.to("kube-state-metrics", podPort(p, 8080), 0, "endpoint", "http", "namespace", "kof",
		"service", name, "container", "kube-state-metrics", "pod", p.Name)
	for _, n := range b.g.cluster.Nodes {
		b.stateOfNode(n)
	}
	for _, p := range b.g.cluster.Pods {
		b.stateOfPod(p)
	}
	for _, w := range b.g.cluster.Workloads {
		b.stateOfWorkload(w)
	}
	b.stateOfObjects()
	b.process(at)
}

// instanceOf finds the first running container of a workload; -1 for none.
func (g *Generator) instanceOf(workload string) int32 {
	for i := range g.instances {
		if g.instances[i].pod.Workload.Name == workload {
			return int32(i)
		}
	}
	return -1
}

func (b *builder) stateOfNode(n *inventory.Node) {
	of := []string{"node", n.Name}
	b.one(core, "kube_node_info", constant(1), "node", n.Name, "kernel_version", n.Kernel, "os_image", n.OSImage,
		"container_runtime_version", n.Runtime, "kubelet_version", n.Kubelet, "kubeproxy_version", n.Kubelet,
		"provider_id", n.ProviderID, "pod_cidr", n.PodCIDR, "system_uuid", n.UID, "internal_ip", n.IP)
	b.one(core, "kube_node_labels", constant(1), "node", n.Name,
		"label_node_kubernetes_io_instance_type", n.InstanceType, "label_topology_kubernetes_io_region", n.Region,
		"label_topology_kubernetes_io_zone", n.Zone, "label_kubernetes_io_arch", n.Arch, "label_kubernetes_io_os", "linux",
		"label_kubernetes_io_hostname", n.Name)
	b.one(standard, "kube_node_created", constant(float64(n.Booted.Unix())), of...)
	b.one(standard, "kube_node_spec_unschedulable", constant(0), of...)
	if n.ControlPlane {
		b.one(standard, "kube_node_role", constant(1), "node", n.Name, "role", "control-plane")
		b.one(standard, "kube_node_spec_taint", constant(1), "node", n.Name,
			"key", "node-role.kubernetes.io/control-plane", "value", "", "effect", "PreferNoSchedule")
	}
	alloc := n.Allocatable()
	for _, r := range []struct {
		resource, unit    string
		capacity, allowed float64
		tier              tier
	}{
		{"cpu", "core", float64(n.Cores), alloc.CPU, core},
		{"memory", "byte", float64(n.Memory), float64(alloc.Memory), core},
		{"pods", "integer", inventory.MaxPods, inventory.MaxPods, standard},
		{"ephemeral_storage", "byte", float64(n.Disk), 0.9 * float64(n.Disk), detail},
	} {
		b.one(r.tier, "kube_node_status_capacity", constant(r.capacity), "node", n.Name, "resource", r.resource, "unit", r.unit)
		b.one(r.tier, "kube_node_status_allocatable", constant(r.allowed), "node", n.Name, "resource", r.resource, "unit", r.unit)
	}
	for _, condition := range []string{"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"} {
		t := standard
		if condition == "Ready" {
			t = core
		}
		b.unit(t)
		healthy := "false"
		if condition == "Ready" {
			healthy = "true"
		}
		for _, status := range []string{"true", "false", "unknown"} {
			b.add("kube_node_status_condition", boolean(status == healthy), "node", n.Name, "condition", condition, "status", status)
		}
	}
}

func (b *builder) stateOfPod(p *inventory.Pod) {
	w := p.Workload
	of := []string{"namespace", p.Namespace(), "pod", p.Name, "uid", p.UID}
	kind, owner := p.Owner()
	node, hostIP := "", ""
	if p.Node != nil {
		node, hostIP = p.Node.Name, p.Node.IP
	}
	host := "false"
	if p.HostNetwork() {
		host = "true"
	}
	b.one(core, "kube_pod_info", constant(1), with(of, "host_ip", hostIP, "pod_ip", p.IP, "node", node,
		"created_by_kind", kind, "created_by_name", owner, "host_network", host)...)
	b.one(core, "kube_pod_owner", constant(1), with(of, "owner_kind", kind, "owner_name", owner, "owner_is_controller", "true")...)
	for _, phase := range []string{"Pending", "Running", "Succeeded", "Failed", "Unknown"} {
		t := standard
		if phase == p.Phase {
			t = core
		}
		b.one(t, "kube_pod_status_phase", boolean(phase == p.Phase), with(of, "phase", phase)...)
	}
	b.one(detail, "kube_pod_status_ready", boolean(p.Phase == "Running"), with(of, "condition", "true")...)
	b.one(detail, "kube_pod_created", constant(float64(p.Created.Unix())), of...)
	b.one(detail, "kube_pod_start_time", constant(float64(p.Created.Unix())), of...)
	for i := range w.Containers {
		b.stateOfContainer(p, i, node)
	}
	if p.Claim != nil {
		b.one(standard, "kube_pod_spec_volumes_persistentvolumeclaims_info", constant(1),
			with(of, "volume", "data", "persistentvolumeclaim", p.Claim.Name)...)
	}
}

// with appends pairs to a copy of of.
func with(of []string, pairs ...string) []string {
	return append(of[:len(of):len(of)], pairs...)
}

func (b *builder) stateOfContainer(p *inventory.Pod, i int, node string) {
	c := &p.Workload.Containers[i]
	of := []string{"namespace", p.Namespace(), "pod", p.Name, "uid", p.UID, "container", c.Name}
	running := p.Phase == "Running"
	resource := func(t tier, name, resource, unit string, v float64) {
		if v > 0 {
			b.one(t, name, constant(v), with(of, "node", node, "resource", resource, "unit", unit)...)
		}
	}
	resource(core, "kube_pod_container_resource_requests", "cpu", "core", c.Requests.CPU)
	resource(core, "kube_pod_container_resource_requests", "memory", "byte", float64(c.Requests.Memory))
	resource(standard, "kube_pod_container_resource_limits", "cpu", "core", c.Limits.CPU)
	resource(standard, "kube_pod_container_resource_limits", "memory", "byte", float64(c.Limits.Memory))
	b.one(standard, "kube_pod_container_info", constant(1), with(of, "image", c.Image, "image_spec", c.Image,
		"image_id", c.ImageID(), "container_id", p.ContainerID(i))...)
	b.one(standard, "kube_pod_container_status_ready", boolean(running), of...)
	b.one(standard, "kube_pod_container_status_running", boolean(running), of...)
	if !running {
		b.one(standard, "kube_pod_container_status_restarts_total", constant(0), of...)
		if p.Phase == "Pending" {
			b.one(standard, "kube_pod_container_status_waiting_reason", constant(1), with(of, "reason", "ContainerCreating")...)
		}
		return
	}
	at := b.g.ofPod[p] + int32(i)
	b.one(standard, "kube_pod_container_status_restarts_total", b.g.restartCount(at), of...)
	if r := b.g.instances[at].restarts; r != nil {
		b.unit(standard)
		b.add("kube_pod_container_status_last_terminated_reason", constant(1), with(of, "reason", r.reason)...)
		exit := 1.0
		if r.reason == "OOMKilled" {
			exit = 137
		}
		b.add("kube_pod_container_status_last_terminated_exitcode", constant(exit), of...)
	}
}

// labelName is how kube-state-metrics writes a Kubernetes label as a metric label.
func labelName(s string) string {
	return "label_" + strings.NewReplacer(".", "_", "/", "_", "-", "_").Replace(s)
}
