package telemetry

import (
	"time"

	"koflab/sim/inventory"
)

// openCostInterval is what KOF sets for the job (kof-facts 3.2).
const openCostInterval = 30 * time.Second

// openCost adds costs (kof-facts section 5): prices of nodes, and what containers,
// volumes and load balancers use of them. The label instance is the node's name,
// as OpenCost exposes it with honorLabels.
func (b *builder) openCost() {
	at := b.g.running("opencost", anywhere)
	if at < 0 {
		return
	}
	p := b.g.instances[at].pod
	b.to(p.Workload.Name, podPort(p, 9003), openCostInterval, "endpoint", "http", "namespace", p.Namespace, "service", serviceOf(p),
		"container", b.g.instances[at].container.Name, "pod", p.Name)
	for _, n := range b.g.cluster.Nodes {
		of := []string{"instance", n.Name, "node", n.Name, "instance_type", n.InstanceType, "region", n.Region,
			"provider_id", n.ProviderID, "arch", n.Arch, "uid", n.UID}
		b.one(core, "node_cpu_hourly_cost", constant(n.CPUPrice), of...)
		b.one(core, "node_ram_hourly_cost", constant(n.RAMPrice), of...)
		b.one(core, "node_total_hourly_cost", constant(n.HourlyCost()), of...)
		b.one(standard, "node_gpu_hourly_cost", constant(0), of...)
		b.one(standard, "node_gpu_count", constant(0), of...)
		b.one(standard, "kubecost_node_is_spot", boolean(n.Spot), of...)
	}
	for i := range b.g.instances {
		b.allocation(&b.g.instances[i])
	}
	for _, v := range b.g.cluster.Claims {
		if v.Pod == nil || v.Volume == "" {
			continue
		}
		b.one(standard, "pod_pvc_allocation", constant(float64(v.Bytes)), "namespace", v.Namespace, "pod", v.Pod.Name,
			"persistentvolumeclaim", v.Name, "persistentvolume", v.Volume, "uid", v.UID)
		b.one(standard, "pv_hourly_cost", constant(inventory.VolumePrice),
			"volumename", v.Volume, "persistentvolume", v.Volume, "provider_id", v.Volume, "uid", v.VolumeUID)
	}
	for _, s := range b.g.cluster.Services {
		if s.LoadBalancerIP != "" {
			b.one(standard, "kubecost_load_balancer_cost", constant(inventory.LoadBalancerHourlyCost),
				"ingress_ip", s.LoadBalancerIP, "namespace", s.Namespace, "service_name", s.Name, "uid", s.UID)
		}
	}
	b.clusterCost()
	b.process(at)
}

// allocation is the larger of request and use; use stays below the share.
func (b *builder) allocation(in *instance) {
	n := in.pod.Node
	of := []string{"namespace", in.pod.Namespace, "pod", in.pod.Name, "container", in.container.Name,
		"instance", n.Name, "node", n.Name, "uid", in.pod.UID}
	r := in.container.Share()
	b.one(core, "container_cpu_allocation", constant(r.CPU), of...)
	b.one(core, "container_memory_allocation_bytes", constant(float64(r.Memory)), of...)
	b.one(detail, "container_gpu_allocation", constant(0), of...)
}

func (b *builder) clusterCost() {
	c := b.g.cluster
	provider := c.Cloud
	if provider == "" {
		provider = "custom"
	}
	region := ""
	if len(c.Nodes) > 0 {
		region = c.Nodes[0].Region
	}
	b.one(standard, "kubecost_cluster_info", constant(1), "id", c.Name, "name", c.Name, "provider", provider, "region", region)
	b.one(standard, "kubecost_cluster_management_cost", constant(0), "provisioner_name", "k0s")
	b.one(standard, "kubecost_network_zone_egress_cost", constant(0.01))
	b.one(standard, "kubecost_network_region_egress_cost", constant(0.01))
	b.one(standard, "kubecost_network_internet_egress_cost", constant(0.143))
}
