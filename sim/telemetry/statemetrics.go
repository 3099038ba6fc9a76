package telemetry

import (
	"strconv"
	"strings"

	"koflab/sim/inventory"
)

const stateMetricsJob = "kube-state-metrics"

// stateMetrics adds kube-state-metrics: the inventory as series.
func (b *builder) stateMetrics() {
	at := b.g.running("kube-state-metrics", anywhere)
	if at < 0 {
		return
	}
	p := b.g.instances[at].pod
	b.to(stateMetricsJob, podPort(p, 8080), 0, "endpoint", "http", "namespace", p.Namespace,
		"service", serviceOf(p), "container", b.g.instances[at].container.Name, "pod", p.Name)
	for _, n := range b.g.cluster.Nodes {
		b.stateOfNode(n)
	}
	for _, p := range b.g.cluster.Pods {
		b.stateOfPod(p)
	}
	for _, w := range b.g.cluster.Workloads {
		b.stateOfWorkload(w)
	}
	b.stateOfRevisions()
	b.stateOfRuns()
	b.stateOfObjects()
	b.process(at)
}

func (b *builder) stateOfNode(n *inventory.Node) {
	of := []string{"node", n.Name}
	b.one(core, "kube_node_info", constant(1), "node", n.Name, "kernel_version", n.Kernel, "os_image", n.OSImage,
		"container_runtime_version", n.Runtime, "kubelet_version", n.Kubelet, "kubeproxy_version", n.Kubelet,
		"provider_id", n.ProviderID, "pod_cidr", n.PodCIDR, "system_uuid", n.SystemUUID, "internal_ip", n.IP)
	b.one(core, "kube_node_labels", constant(1), "node", n.Name,
		"label_node_kubernetes_io_instance_type", n.InstanceType, "label_topology_kubernetes_io_region", n.Region,
		"label_topology_kubernetes_io_zone", n.Zone, "label_kubernetes_io_arch", n.Arch, "label_kubernetes_io_os", "linux",
		"label_kubernetes_io_hostname", n.Name)
	b.one(standard, "kube_node_created", constant(float64(n.Booted.Unix())), of...)
	b.one(standard, "kube_node_spec_unschedulable", boolean(n.Unschedulable), of...)
	if n.ControlPlane {
		b.one(standard, "kube_node_role", constant(1), "node", n.Name, "role", "control-plane")
	}
	for _, t := range n.Taints {
		b.one(standard, "kube_node_spec_taint", constant(1), "node", n.Name, "key", t.Key, "value", t.Value, "effect", t.Effect)
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
	for _, c := range n.Conditions {
		t := standard
		if c.Type == "Ready" {
			t = core
		}
		b.unit(t)
		for _, status := range []string{"true", "false", "unknown"} {
			b.add("kube_node_status_condition", boolean(status == c.Status), "node", n.Name, "condition", c.Type, "status", status)
		}
	}
}

func (b *builder) stateOfPod(p *inventory.Pod) {
	of := []string{"namespace", p.Namespace, "pod", p.Name, "uid", p.UID}
	node, hostIP := "", ""
	if p.Node != nil {
		node, hostIP = p.Node.Name, p.Node.IP
	}
	host, controlled := strconv.FormatBool(p.HostNetwork), ""
	if p.OwnerName != "" {
		controlled = "true"
	}
	b.one(core, "kube_pod_info", constant(1), with(of, "host_ip", hostIP, "pod_ip", p.IP, "node", node,
		"created_by_kind", p.OwnerKind, "created_by_name", p.OwnerName, "host_network", host)...)
	b.one(core, "kube_pod_owner", constant(1), with(of, "owner_kind", p.OwnerKind, "owner_name", p.OwnerName, "owner_is_controller", controlled)...)
	for _, phase := range []string{"Pending", "Running", "Succeeded", "Failed", "Unknown"} {
		t := standard
		if phase == p.Phase {
			t = core
		}
		b.one(t, "kube_pod_status_phase", boolean(phase == p.Phase), with(of, "phase", phase)...)
	}
	b.one(standard, "kube_pod_status_ready", boolean(p.Ready), with(of, "condition", "true")...)
	if p.Unscheduled() {
		b.one(standard, "kube_pod_status_unschedulable", constant(1), of...)
	}
	b.one(detail, "kube_pod_created", constant(float64(p.Created.Unix())), of...)
	b.one(detail, "kube_pod_start_time", constant(float64(p.Started.Unix())), of...)
	for i := range p.Containers {
		b.stateOfContainer(p, &p.Containers[i], node)
	}
	for _, v := range p.Volumes {
		b.one(standard, "kube_pod_spec_volumes_persistentvolumeclaims_info", constant(1),
			with(of, "volume", v.Name, "persistentvolumeclaim", v.Claim.Name)...)
	}
}

// with appends pairs to a copy of of.
func with(of []string, pairs ...string) []string {
	return append(of[:len(of):len(of)], pairs...)
}

func (b *builder) stateOfContainer(p *inventory.Pod, c *inventory.State, node string) {
	of := []string{"namespace", p.Namespace, "pod", p.Name, "uid", p.UID, "container", c.Name}
	resource := func(t tier, name, resource, unit string, v float64) {
		if v > 0 {
			b.one(t, name, constant(v), with(of, "node", node, "resource", resource, "unit", unit)...)
		}
	}
	resource(core, "kube_pod_container_resource_requests", "cpu", "core", c.Requests.CPU)
	resource(core, "kube_pod_container_resource_requests", "memory", "byte", float64(c.Requests.Memory))
	resource(standard, "kube_pod_container_resource_limits", "cpu", "core", c.Limits.CPU)
	resource(standard, "kube_pod_container_resource_limits", "memory", "byte", float64(c.Limits.Memory))
	if p.Node == nil {
		return // no kubelet has said anything of it
	}
	image := c.Image.String()
	b.one(standard, "kube_pod_container_info", constant(1), with(of, "image", image, "image_spec", image,
		"image_id", c.ImageID, "container_id", c.ID)...)
	b.one(standard, "kube_pod_container_status_ready", boolean(c.Ready), of...)
	b.one(standard, "kube_pod_container_status_running", boolean(c.Running), of...)
	if c.Waiting != "" {
		b.one(standard, "kube_pod_container_status_waiting_reason", constant(1), with(of, "reason", c.Waiting)...)
	}
	if c.Terminated != "" {
		b.one(standard, "kube_pod_container_status_terminated_reason", constant(1), with(of, "reason", c.Terminated)...)
	}
	last, code := c.Last, c.LastExitCode
	restarts := constant(float64(c.Restarts))
	if at, ok := b.g.ofState[c]; ok {
		restarts = b.g.restartCount(at)
		if r := b.g.instances[at].restarts; r != nil && last == "" {
			last, code = r.reason, r.exitCode()
		}
	}
	b.one(standard, "kube_pod_container_status_restarts_total", restarts, of...)
	if last != "" {
		b.unit(standard)
		b.add("kube_pod_container_status_last_terminated_reason", constant(1), with(of, "reason", last)...)
		b.add("kube_pod_container_status_last_terminated_exitcode", constant(float64(code)), of...)
	}
}

// labelName is how kube-state-metrics writes a Kubernetes label as a metric label.
func labelName(s string) string {
	return "label_" + strings.NewReplacer(".", "_", "/", "_", "-", "_").Replace(s)
}
