package lab_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"koflab/sim/fault"
	"koflab/topology"
	"koflab/topology/lab"
)

func (f *faulty) with(name, target string, with ...string) fault.Fault {
	q := fault.Fault{Name: name, Target: target}
	for i := 0; i < len(with); i += 2 {
		if q.With == nil {
			q.With = map[string]string{}
		}
		q.With[with[i]] = with[i+1]
	}
	return q
}

// run is a test of its own on the same lab.
func (f *faulty) run(name string, g func()) {
	outer := f.t
	defer func() { f.t = outer }()
	outer.Run(name, func(t *testing.T) {
		f.t = t
		g()
	})
}

// Every fault of the catalogue is injected into a running lab, seen, and healed; then
// the lab is as it was before.
func TestEveryFault(t *testing.T) {
	f := startFaulty(t, lab.Options{Spec: faultLab(t, topology.Overrides{})})
	tested := map[string]bool{}
	try := func(name, target string, g func(q func(with ...string) fault.Fault)) {
		tested[name] = true
		f.run(name, func() {
			defer func() {
				for _, a := range f.Faults() { // after a failure
					_ = f.Heal(context.Background(), a.ID)
				}
			}()
			targets, err := f.FaultTargets(name)
			require.NoError(f.t, err)
			require.Contains(f.t, targets, target)
			g(func(with ...string) fault.Fault { return f.with(name, target, with...) })
		})
	}

	f.run("network", func() { networkFaults(f, try) })
	f.run("regions", func() { regionFaults(f, try) })
	f.run("collectors", func() { collectorFaults(f, try) })
	f.run("telemetry", func() { telemetryFaults(f, try) })
	f.run("kubernetes", func() { kubernetesFaults(f, try) })
	f.run("all", func() {
		for _, name := range fault.Names() {
			require.True(f.t, tested[name], "%s is tested", name)
		}
	})
}

type tryFault = func(name, target string, g func(q func(with ...string) fault.Fault))

func networkFaults(f *faulty, try tryFault) {
	try("partition", "r1", func(q func(...string) fault.Fault) {
		f.once(q(), f.fails("deadline", "timeout", "timed out"), f.queues("c1", "r1", "metrics"))
	})
	try("latency", "mothership->r1", func(q func(...string) fault.Fault) {
		f.once(q("latency", "20s"), f.slow(20*time.Second))
	})
	try("loss", "mothership->r1", func(q func(...string) fault.Fault) {
		f.once(q("probability", "0.99"), f.slow(10*time.Second))
	})
	try("bandwidth", "c1->r1", func(q func(...string) fault.Fault) {
		f.once(q("rate", "256"), f.queues("c1", "r1", "metrics"), f.drops("c1", "r1", "metrics", "retry_exhausted"))
	})
	try("slow-drip", "mothership->r1", func(q func(...string) fault.Fault) {
		f.once(q("rate", "16"), f.slow(20*time.Second))
	})
	try("reset", "mothership->r1", func(q func(...string) fault.Fault) { f.once(q(), f.fails("connection reset by peer")) })
	try("dns-missing", "r1", func(q func(...string) fault.Fault) {
		f.once(q(), f.fails("no such host"), f.queues("c1", "r1", "metrics"))
	})
}

func regionFaults(f *faulty, try tryFault) {
	try("region-down", "r1", func(q func(...string) fault.Fault) {
		f.once(q(), f.fails("connection refused"), f.notReady("r1", "off the network (fault region-down)"), f.queues("c1", "r1", "metrics"),
			f.drops("c1", "r1", "metrics", "retry_exhausted"))
	})
	try("region-crash", "r1", func(q func(...string) fault.Fault) {
		f.once(q(), f.fails("connection refused"), f.notReady("r1", "killed (fault region-crash)"), f.told("UncleanStart", "r1/metrics", "are lost"))
	})
	try("management-down", "mothership", func(q func(...string) fault.Fault) {
		f.once(q(), f.fails("management is away (fault management-down)"), f.unreachable("mothership"), f.notReady("mothership", "away"))
	})
	try("child-down", "c1", func(q func(...string) fault.Fault) {
		f.once(q(), f.unreachable("c1"), f.notReady("c1", "away"), f.are(`count(kube_node_info{cluster="c1"}) or vector(0)`, map[string]float64{"": 0}))
	})
	try("storage-replica-lost", "r1", func(q func(...string) fault.Fault) {
		f.once(q("store", "logs"), f.failed("r1:victoria-logs-single/kof-storage"), f.queues("c1", "r1", "logs"))
		f.once(q("store", "traces"), f.failed("r1:jaeger/kof-storage"), f.queues("c1", "r1", "traces"))
		one := q()
		one.Intensity = 0.5
		f.once(one, f.failed("r1:vmstorage-cluster/kof-storage"), f.are("count by (cluster)(kube_node_info)", f.nodes))
		f.once(q(), f.failed("r1:vmstorage-cluster/kof-storage"), f.queues("c1", "r1", "metrics"), f.fails("503", "502", "refused", "missing route"))
	})
	try("disk-full", "r1", func(q func(...string) fault.Fault) {
		f.once(q("store", "all"), f.queues("c1", "r1", "metrics"), f.some(`up{cluster="c1"}`), f.queues("c1", "r1", "logs"), f.queues("c1", "r1", "traces"))
	})
	try("certificate-expired", "r1", func(q func(...string) fault.Fault) {
		f.once(q(), f.fails("certificate has expired"), f.queues("c1", "r1", "metrics"))
	})
	try("certificate-wrong-ca", "r1", func(q func(...string) fault.Fault) {
		f.once(q(), f.fails("certificate signed by unknown authority"), f.queues("c1", "r1", "metrics"))
	})
}

func collectorFaults(f *faulty, try tryFault) {
	try("wrong-credentials", "c1", func(q func(...string) fault.Fault) {
		f.once(q(), f.drops("c1", "r1", "metrics", "http_401"), f.authorized("r1", "c1", "wrong", http.StatusUnauthorized))
	})
	try("rotated-credentials", "c1", func(q func(...string) fault.Fault) {
		old := ""
		for _, c := range f.Access().Credentials {
			if c.Cluster == "c1" {
				old = c.Password
			}
		}
		require.NotEmpty(f.t, old)
		f.once(q(), f.authorized("r1", "c1", "rotated", http.StatusOK), f.authorized("r1", "c1", old, http.StatusUnauthorized), f.some(`up{cluster="c1"}`))
		f.eventually("the old password is right again", f.authorized("r1", "c1", old, http.StatusOK))
	})
	try("collector-killed", "c1", func(q func(...string) fault.Fault) {
		f.once(q(), f.told("CollectorStarted", "c1", ""))
	})
	try("queue-too-small", "c1", func(q func(...string) fault.Fault) {
		full := f.drops("c1", "r1", "metrics", "queue_full")
		f.once(q("size", "1"), func() error {
			if len(f.Faults()) == 1 { // seen when its region is away
				if _, err := f.Inject(f.t.Context(), f.with("region-down", "r1")); err != nil {
					return err
				}
			}
			if err := full(); err != nil {
				return err
			}
			return f.Heal(f.t.Context(), "region-down")
		})
	})
	try("clock-skew", "c1", func(q func(...string) fault.Fault) {
		f.once(q(), f.are(`count(kube_node_info{cluster="c1"}) or vector(0)`, map[string]float64{"": 0}), f.some(`kube_node_info{cluster="c1"} offset 10m`))
		f.once(q("skew", "3m"), f.some(`timestamp(kube_node_info{cluster="c1"} offset -3m) > time() + 60`))
	})
	try("duplicate-cluster-name", "c1", func(q func(...string) fault.Fault) {
		f.once(q("other", "c2"), f.are(`count by (cluster)(last_over_time(kube_node_info{cluster=~"c."}[50s]))`, map[string]float64{"c2": f.nodes["c1"] + f.nodes["c2"]}))
	})
}

func telemetryFaults(f *faulty, try tryFault) {
	try("cardinality-explosion", "c1", func(q func(...string) fault.Fault) {
		half := q("series", "800", "label", "session")
		half.Intensity = 0.5
		f.once(half, f.are(`count by (cluster)(count by (cluster, session)(koflab_exploded_requests_total))`, map[string]float64{"c1": 400}))
		f.eventually("its series go stale", f.are("count(koflab_exploded_requests_total) or vector(0)", map[string]float64{"": 0}))
	})
	try("churn-storm", "c1", func(q func(...string) fault.Fault) {
		f.once(q("series", "20", "every", "30s"), f.some(`count(count_over_time(koflab_churned_requests_total{cluster="c1"}[10m])) > 60`),
			f.are("count(koflab_churned_requests_total)", map[string]float64{"": 20}))
	})
	try("label-collision", "c1", func(q func(...string) fault.Fault) {
		const by = "count by (cluster, job, exported_job)(koflab_collided_requests_total)"
		f.once(q(), f.are(by, map[string]float64{"elsewhere/own-job/label-collision": 1}))
		f.once(q("honor", "true", "cluster", "c2"), f.are(by+` and on(cluster) up{cluster="c2"}`, map[string]float64{"c2/own-job": 1}))
	})
	try("duplicate-scrape", "c1", func(q func(...string) fault.Fault) {
		f.once(q(), f.are(`count by (job)(kube_node_info{cluster="c1"})`, map[string]float64{"kube-state-metrics": 2, "duplicate": 2}),
			func() error {
				_, err := f.query(`kube_pod_info{cluster="c1"} * on (node) group_left kube_node_info{cluster="c1"}`)
				if err == nil || !strings.Contains(err.Error(), "many-to-many matching not allowed") {
					return fmt.Errorf("the join: %w", err)
				}
				return nil
			})
	})
}

func kubernetesFaults(f *faulty, try tryFault) {
	try("component-oom", "r1:vmselect-cluster", func(q func(...string) fault.Fault) {
		f.once(q(), f.failed("r1:vmselect-cluster/kof-storage"), f.podOf("r1", "kof", "vmselect-cluster-", func(p *corev1.Pod) bool {
			s := p.Status.ContainerStatuses[0]
			end := s.LastTerminationState.Terminated
			return s.RestartCount > 0 && end != nil && end.Reason == "OOMKilled"
		}), f.fails("503", "502", "refused", "missing route"))
	})
	try("pod-crash-loop", "c1:shop/frontend", func(q func(...string) fault.Fault) {
		f.once(q(), f.some(`kube_pod_container_status_waiting_reason{cluster="c1", namespace="shop", reason="CrashLoopBackOff"} == 1`))
		f.once(q("reason", "not-ready"), f.podOf("c1", "shop", "frontend-", func(p *corev1.Pod) bool {
			return p.Status.ContainerStatuses[0].State.Running != nil && !p.Status.ContainerStatuses[0].Ready
		}))
	})
	nodes, err := f.FaultTargets("node-not-ready")
	require.NoError(f.t, err)
	node := ""
	for _, n := range nodes {
		if strings.HasPrefix(n, "c1:") {
			node = n
		}
	}
	try("node-not-ready", node, func(q func(...string) fault.Fault) {
		f.once(q(), f.some(`kube_node_status_condition{cluster="c1", condition="Ready", status="true"} == 0`))
	})
	try("quota-exceeded", "c1:shop/frontend", func(q func(...string) fault.Fault) {
		f.once(q(), f.some(`kube_resourcequota{cluster="c1", resourcequota="koflab-fault", type="used"}`), f.refused("c1", "shop", "exceeded quota"))
	})
	try("config-drift", "c1:kof/kof-collectors-opencost", func(q func(...string) fault.Fault) {
		gone := f.some(`kube_deployment_spec_replicas{cluster="c1", deployment="kof-collectors-opencost"} == 0`)
		f.once(q(), gone)
		corrected := f.told("DriftCorrected", "", "")
		f.once(q(), gone, corrected)
	})
}
