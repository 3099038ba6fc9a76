package lab_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/fault"
	"koflab/topology"
	"koflab/topology/lab"
	"koflab/topology/lab/state"
)

// In the mesh faults work as with ingress, but for those of passwords, which it does
// not have.
func TestFaultsInTheMesh(t *testing.T) {
	f := startFaulty(t, lab.Options{Spec: faultLab(t, topology.Overrides{Network: topology.NetworkIstio})})
	f.once(f.with("partition", "c1->r1"), f.queues("c1", "r1", "metrics"))
	f.once(f.with("dns-missing", "r1"), f.fails("no such host"))
	f.once(f.with("region-down", "r1"), f.fails("connection refused"), f.queues("c1", "r1", "metrics"))
	f.once(f.with("region-crash", "r1"), f.fails("connection refused"))
	f.once(f.with("certificate-expired", "r1"), f.fails("certificate has expired"))
	f.once(f.with("certificate-wrong-ca", "r1"), f.fails("certificate signed by unknown authority"))
	f.once(f.with("child-down", "c1"), f.unreachable("c1"))
	f.once(f.with("management-down", ""), f.fails("management is away"))
	f.once(f.with("storage-replica-lost", "r1"), f.failed("r1:vmstorage-cluster/kof-storage"))
	f.once(f.with("component-oom", "r1:istio-eastwestgateway"), f.failed("r1:istio-eastwestgateway/kof-istio"), f.fails("no such host"))
	f.once(f.with("queue-too-small", "c1", "size", "3"))
	f.once(f.with("duplicate-cluster-name", "c1", "other", "c2"), f.are(`count by (cluster)(last_over_time(kube_node_info{cluster=~"c."}[50s]))`, map[string]float64{"c2": f.nodes["c1"] + f.nodes["c2"]}))
	for _, name := range []string{"wrong-credentials", "rotated-credentials"} {
		_, err := f.Inject(t.Context(), f.with(name, "c1"))
		require.EqualError(t, err, name+": clusters of a mesh have certificates and no passwords")
		targets, err := f.FaultTargets(name)
		require.NoError(t, err)
		require.Empty(t, targets)
	}
}

// Where management stores telemetry itself, its being away takes that along.
func TestFaultsOfAStoringManagement(t *testing.T) {
	f := startFaulty(t, lab.Options{Spec: preset(t, "regionless")})
	require.NotEmpty(t, f.nodes)
	child := f.Status().Clusters[1].Name
	f.once(f.with("management-down", "mothership"), f.fails("management is away"), f.queues(child, "mothership", "metrics"), f.unreachable("mothership"))
	f.once(f.with("region-down", "mothership"), f.fails("connection refused"), f.queues(child, "mothership", "metrics"))
	f.once(f.with("disk-full", "mothership", "store", "logs"), f.queues(child, "mothership", "logs"))
	f.once(f.with("collector-killed", "mothership"), f.told("CollectorStarted", "mothership", ""))
	_, err := f.Inject(t.Context(), f.with("queue-too-small", "mothership"))
	require.ErrorContains(t, err, "mothership has no ClusterDeployment")
}

// Several faults act together, each is healed alone, and they end by the lab's clock.
func TestFaultsTogether(t *testing.T) {
	f := startFaulty(t, lab.Options{Spec: faultLab(t, topology.Overrides{})})
	ctx := t.Context()
	inject := func(q fault.Fault) fault.Active {
		a, err := f.Inject(ctx, q)
		require.NoError(t, err)
		return a
	}
	heal := func(id string) { require.NoError(t, f.Heal(ctx, id)) }
	refused := func(q fault.Fault, field, message string) {
		t.Helper()
		_, err := f.Inject(ctx, q)
		require.EqualError(t, err, message)
		var p fault.Problem
		require.Equal(t, field != "", errors.As(err, &p))
		require.Equal(t, field, p.Field)
	}

	refused(f.with("region-down", "r11"), "target", `region-down: there is no cluster "r11", did you mean "r1"?`)
	refused(f.with("region-down", "c1"), "target", `region-down: c1 stores no telemetry, choose one of r1, r2`)
	refused(f.with("child-down", "r1"), "target", `child-down: r1 is no child, choose one of c1, c2`)
	refused(f.with("management-down", "r1"), "target", `management-down: r1 is not the management cluster, choose one of mothership`)
	refused(f.with("partition", "c1->r3"), "target", `partition: there is no cluster "r3", choose one of mothership, c1, c2, r1, r2`)
	refused(f.with("pod-crash-loop", "c1:shop/frontnd"), "target", `pod-crash-loop: c1 has no workload "shop/frontnd", did you mean "shop/frontend"?`)
	refused(f.with("component-oom", "r1:vmselect"), "target", "component-oom: r1 has no component \"vmselect\", "+ofComponents(f, "r1"))
	refused(f.with("config-drift", "c1:shop/frontend"), "target",
		"config-drift: Deployment shop/frontend is of no release that Sveltos keeps: whoever changes it is its owner, so it cannot drift")
	refused(f.with("duplicate-scrape", "c1", "job", "kube-state-metric"), "with.job", `duplicate-scrape: c1 has no job "kube-state-metric", did you mean "kube-state-metrics"?`)
	refused(f.with("duplicate-cluster-name", "c1", "other", "c1"), "with.other", "duplicate-cluster-name: c1 has that name already")
	require.Empty(t, f.Faults())

	// One region, cut off twice, is back when both are healed.
	inject(f.with("region-down", "r1"))
	inject(f.with("region-crash", "r1"))
	refused(f.with("region-down", "r1"), "", `region-down: it is active at r1 already, as "region-down"; heal that first`)
	require.ErrorContains(t, f.SetListeners(ctx, "r1", true), "heal that first")
	heal("region-down")
	require.NoError(t, f.fails("connection refused")())
	heal("region-crash")
	f.eventually("r1 is back", f.healthy)

	// What was off the network before is so afterwards.
	require.NoError(t, f.SetListeners(ctx, "r1", false))
	inject(f.with("region-down", "r1"))
	heal("region-down")
	f.eventually("r1 is refused", f.fails("connection refused")) // a connection that was cut may have been asked first
	require.NoError(t, f.SetListeners(ctx, "r1", true))
	f.eventually("r1 is back", f.healthy)

	// Two settings of the same collectors, healed in the order of their injection.
	inject(f.with("queue-too-small", "c1"))
	inject(f.with("duplicate-cluster-name", "c1", "other", "c2"))
	inject(f.with("clock-skew", "c2", "skew", "-1m"))
	heal("queue-too-small")
	heal("duplicate-cluster-name")
	heal("clock-skew")
	f.eventually("c1 and c2 are as before", f.healthy)

	inject(f.with("wrong-credentials", "c1"))
	refused(f.with("rotated-credentials", "c1"), "", "rotated-credentials: the password of the collectors of c1 is in the hands of fault wrong-credentials; heal that first")
	heal("wrong-credentials")

	// Links: latencies add up, and each goes by itself.
	inject(f.with("latency", "mothership->r1", "latency", "20s"))
	inject(f.with("latency", "r1", "latency", "20s"))
	inject(f.with("loss", "*->r1", "probability", "0.01"))
	require.NoError(t, f.slow(20*time.Second)())
	heal("loss")
	heal("latency")
	heal("latency-2")

	// What needs management cannot be healed without it, and is tried again.
	q := f.with("wrong-credentials", "c1")
	q.For = 30 * time.Second
	a := inject(q)
	inject(f.with("management-down", ""))
	refused(f.with("queue-too-small", "c2"), "", "queue-too-small: management is away (fault management-down); heal that first")
	f.eventually("it fails", f.told("FaultHealFailed", "c1", "management is away"))
	require.True(t, f.Status().Clock.Now.After(a.End))
	heal("management-down")
	f.eventually("it has ended by itself", f.healthy)

	// A cluster that goes takes its faults along.
	inject(f.with("clock-skew", "c2"))
	inject(f.with("pod-crash-loop", "c2:shop/frontend"))
	inject(f.with("partition", "c2"))
	require.NoError(t, f.RemoveCluster(ctx, "c2"))
	for _, id := range []string{"clock-skew", "pod-crash-loop", "partition"} {
		heal(id)
	}
	delete(f.nodes, "c2")
	for name := range f.states {
		if len(name) > 3 && name[:3] == "c2:" {
			delete(f.states, name)
		}
	}
	f.eventually("the others are well", f.healthy)
}

// A lab goes down with whatever is broken in it, quickly, and nothing is left.
func TestALabGoesDownWithItsFaults(t *testing.T) {
	f := startFaulty(t, lab.Options{Spec: faultLab(t, topology.Overrides{})})
	for _, q := range []fault.Fault{
		f.with("partition", "r2"), f.with("child-down", "c1"), f.with("region-crash", "r1"), f.with("component-oom", "r2:vmselect-cluster"),
		f.with("wrong-credentials", "c2"), f.with("churn-storm", "c2"), f.with("management-down", ""),
	} {
		q.For = time.Hour
		_, err := f.Inject(t.Context(), q)
		require.NoError(t, err)
	}
	require.Len(t, f.Status().Faults, 7)
	begin := time.Now()
	require.NoError(t, f.Close())
	require.Less(t, time.Since(begin), 15*time.Second)
	require.Empty(t, f.Faults())
	_, err := f.Inject(context.Background(), f.with("partition", "r2"))
	require.ErrorIs(t, err, fault.ErrClosed)
	names, err := state.List()
	require.NoError(t, err)
	require.Empty(t, names)
}

// ofComponents is how an error lists the components of a cluster.
func ofComponents(f *faulty, cluster string) string {
	var names []string
	for _, c := range f.Status().Clusters {
		if c.Name == cluster {
			names = componentNames(c)
		}
	}
	return fault.Suggest("vmselect", names)
}
