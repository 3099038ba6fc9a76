package telemetry

import (
	"strings"

	"koflab/sim/inventory"
)

var (
	apiLatency   = distribution{0.006, 0.9, []float64{.005, .025, .1, .25, .5, 1, 5, 60}}
	queueWait    = distribution{0.0005, 1.2, []float64{1e-6, 1e-4, .001, .01, .1, 1, 10}}
	fsync        = distribution{0.0015, 0.5, []float64{.001, .002, .004, .008, .016, .032, .064, .128, .512}}
	commit       = distribution{0.003, 0.5, []float64{.001, .002, .004, .008, .016, .032, .064, .128, .512}}
	schedLatency = distribution{0.004, 0.7, []float64{.001, .002, .004, .008, .016, .032, .064, .128, .512, 1}}
	dnsLatency   = distribution{0.0006, 1.1, []float64{.00025, .0005, .001, .002, .004, .008, .016, .032, .128, .512}}
)

// controlNode is the machine that carries the control plane.
const controlNode = 0

// apiRequests is what clients ask of the API server, per second in a cluster of one
// node; it grows with the nodes.
var apiRequests = []struct {
	verb, resource, scope, code string
	rate                        float64
	tier                        tier
}{
	{"GET", "pods", "resource", "200", 1.1, core},
	{"LIST", "pods", "cluster", "200", 0.2, core},
	{"WATCH", "pods", "cluster", "200", 0.05, standard},
	{"GET", "nodes", "resource", "200", 0.3, standard},
	{"PATCH", "nodes", "resource", "200", 0.2, standard},
	{"PUT", "leases", "resource", "200", 1.6, standard},
	{"POST", "events", "namespace", "201", 0.15, standard},
	{"GET", "configmaps", "resource", "404", 0.02, standard},
	{"POST", "pods", "namespace", "500", 0.0004, core},
	{"LIST", "endpointslices", "cluster", "200", 0.06, detail},
	{"GET", "secrets", "resource", "200", 0.09, detail},
}

// booted is the start of the control plane, seconds since the epoch.
func (b *builder) booted() float64 { return b.g.machines[controlNode].booted + 45 }

// apiServer adds the API server.
func (b *builder) apiServer() {
	if len(b.g.machines) == 0 {
		return
	}
	n := b.g.machines[controlNode].node
	scale := float64(len(b.g.cluster.Nodes))
	b.to("apiserver", n.IP+":6443", 0, "endpoint", "https", "namespace", "default", "service", "kubernetes")
	b.lives(ofNode, controlNode)
	for i, r := range apiRequests {
		f := flow{r.rate * scale, uint8(1 + i%(waves-1))}
		b.one(r.tier, "apiserver_request_total", b.g.count(f, b.booted()),
			"verb", r.verb, "resource", r.resource, "scope", r.scope, "code", r.code, "group", "", "version", "v1", "component", "apiserver")
	}
	for i, verb := range []string{"GET", "LIST", "PATCH"} {
		t := standard
		if i > 0 {
			t = detail
		}
		f := flow{[]float64{1.1, 0.2, 0.2}[i] * scale, uint8(1 + i)}
		of := []string{"verb", verb, "resource", "pods", "scope", "resource", "version", "v1", "component", "apiserver"}
		b.histogram(t, "apiserver_request_sli_duration_seconds", f, b.booted(), &apiLatency, of...)
		b.histogram(detail, "apiserver_request_duration_seconds", f, b.booted(), &apiLatency, of...)
	}
	b.workQueues("APIServiceRegistrationController")
	b.one(core, "kubernetes_build_info", constant(1), "git_version", inventory.KubernetesVersion, "major", "1", "minor", "33", "platform", "linux/"+n.Arch)
	b.controlProcess(2.5e8, 1500, 0.08*scale)
}

func (b *builder) workQueues(names ...string) {
	for _, name := range names {
		f := flow{0.4, 2}
		b.one(standard, "workqueue_depth", constant(0), "name", name)
		b.one(standard, "workqueue_adds_total", b.g.count(f, b.booted()), "name", name)
		b.histogram(detail, "workqueue_queue_duration_seconds", f, b.booted(), &queueWait, "name", name)
	}
}

// controlProcess adds the process metrics of a control plane program, which is no
// pod in k0s; its use is part of the node's system overhead.
func (b *builder) controlProcess(resident, goroutines, cores float64) {
	overhead := b.g.machines[controlNode].node.Reserved().CPU / 8
	b.one(standard, "process_cpu_seconds_total", b.g.total(flow{min(cores, overhead), 1}, b.booted()))
	b.one(standard, "process_resident_memory_bytes", byteGauge(resident, 0.06, 1))
	b.one(standard, "process_start_time_seconds", constant(float64(b.g.epoch)/1e9+b.booted()))
	b.one(standard, "go_goroutines", level(goroutines, 0.08, 1))
}

// controlPlane adds etcd, scheduler, controller manager and kube-proxy where KOF
// scrapes them: on control plane nodes of clusters other than children, whose
// controllers are not theirs to see.
func (b *builder) controlPlane() {
	if b.g.cluster.Role == inventory.Child || len(b.g.machines) == 0 {
		return
	}
	n := b.g.machines[controlNode].node
	b.to("kube-etcd", n.IP+":2381", 0, "endpoint", "http-metrics", "namespace", "kube-system", "node", n.Name)
	b.lives(ofNode, controlNode)
	b.one(standard, "etcd_server_has_leader", constant(1))
	b.one(standard, "etcd_server_leader_changes_seen_total", constant(1))
	b.one(standard, "etcd_mvcc_db_total_size_in_bytes", byteGauge(24<<20, 0.1, 3))
	b.one(standard, "grpc_server_handled_total", b.g.count(flow{6, 3}, b.booted()), "grpc_code", "OK", "grpc_method", "Range", "grpc_service", "etcdserverpb.KV", "grpc_type", "unary")
	b.histogram(detail, "etcd_disk_wal_fsync_duration_seconds", flow{3, 3}, b.booted(), &fsync)
	b.histogram(detail, "etcd_disk_backend_commit_duration_seconds", flow{1, 3}, b.booted(), &commit)
	b.controlProcess(6e7, 110, 0.02)

	b.to("kube-scheduler", n.IP+":10259", 0, "endpoint", "https-metrics", "namespace", "kube-system", "node", n.Name)
	b.lives(ofNode, controlNode)
	b.histogram(standard, "scheduler_scheduling_attempt_duration_seconds", flow{0.01, 4}, b.booted(), &schedLatency, "result", "scheduled", "profile", "default-scheduler")
	b.one(standard, "scheduler_pending_pods", constant(float64(b.g.pendingPods())), "queue", "unschedulable")
	b.controlProcess(5e7, 90, 0.01)

	b.to("kube-controller-manager", n.IP+":10257", 0, "endpoint", "https-metrics", "namespace", "kube-system", "node", n.Name)
	b.lives(ofNode, controlNode)
	b.workQueues("deployment", "replicaset", "node")
	b.controlProcess(9e7, 1100, 0.02)
}

// pendingPods counts the pods that no node has taken.
func (g *Generator) pendingPods() int {
	n := 0
	for _, p := range g.cluster.Pods {
		if p.Unscheduled() {
			n++
		}
	}
	return n
}

// coreDNS adds one target per CoreDNS pod.
func (b *builder) coreDNS() {
	for i := range b.g.instances {
		in := &b.g.instances[i]
		if in.container.Image.Base() != "coredns" {
			continue
		}
		b.to("coredns", podPort(in.pod, 9153), 0, "endpoint", "http-metrics", "namespace", in.pod.Namespace,
			"service", serviceOf(in.pod), "container", in.container.Name, "pod", in.pod.Name)
		b.lives(ofProcess, int32(i))
		of := []string{"server", "dns://:53", "zone", "."}
		rate := 2 * float64(len(b.g.cluster.Nodes))
		for _, q := range []struct {
			kind string
			part float64
		}{{"A", 0.55}, {"AAAA", 0.4}, {"SRV", 0.05}} {
			b.one(standard, "coredns_dns_requests_total", b.g.count(flow{rate * q.part, trafficWave}, in.started), with(of, "type", q.kind, "proto", "udp", "family", "1")...)
		}
		for _, r := range []struct {
			code string
			part float64
		}{{"NOERROR", 0.62}, {"NXDOMAIN", 0.378}, {"SERVFAIL", 0.002}} {
			b.one(standard, "coredns_dns_responses_total", b.g.count(flow{rate * r.part, trafficWave}, in.started), with(of, "rcode", r.code)...)
		}
		b.histogram(detail, "coredns_dns_request_duration_seconds", flow{rate, trafficWave}, in.started, &dnsLatency, of...)
		b.one(standard, "coredns_cache_hits_total", b.g.count(flow{rate * 0.8, trafficWave}, in.started), with(of, "type", "success")...)
		b.one(standard, "coredns_cache_misses_total", b.g.count(flow{rate * 0.2, trafficWave}, in.started), of...)
		b.one(detail, "coredns_cache_entries", level(180, 0.2, trafficWave), with(of, "type", "success")...)
		b.one(standard, "coredns_build_info", constant(1), "version", version(in.container))
		b.process(int32(i))
	}
}

// version is the image's tag without a leading v.
func version(c *inventory.State) string { return strings.TrimPrefix(c.Image.Tag, "v") }
