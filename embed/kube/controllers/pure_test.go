package controllers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"
)

func TestScheduleNext(t *testing.T) {
	kyiv := "Europe/Kyiv"
	for _, c := range []struct {
		spec     string
		zone     *string
		from, at string
	}{
		{"*/15 * * * *", nil, "2026-01-01T00:00:00Z", "2026-01-01T00:15:00Z"},
		{"0 3 * * *", nil, "2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z"},
		{"30 2 1 * *", nil, "2026-01-15T00:00:00Z", "2026-02-01T02:30:00Z"},
		{"0 0 29 2 *", nil, "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"0 12 * * mon-fri", nil, "2026-01-02T13:00:00Z", "2026-01-05T12:00:00Z"},
		{"0 0 13 * 5", nil, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"}, // day 13 or any Friday
		{"0 0 * * 7", nil, "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"},
		{"@hourly", nil, "2026-01-01T00:00:30Z", "2026-01-01T01:00:00Z"},
		{"@every 90s", nil, "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"},
		{"0 3 * * *", &kyiv, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"},
		{"30 3 29 3 *", &kyiv, "2026-01-01T00:00:00Z", "2027-03-29T00:30:00Z"}, // 2026: the hour that is skipped
		{"0 0 30 2 *", nil, "2026-01-01T00:00:00Z", ""},
	} {
		s, err := parseSchedule(c.spec, c.zone)
		require.NoError(t, err, c.spec)
		from, err := time.Parse(time.RFC3339, c.from)
		require.NoError(t, err)
		at := ""
		if next := s.next(from); !next.IsZero() {
			at = next.Format(time.RFC3339)
		}
		require.Equal(t, c.at, at, c.spec)
	}
	for spec, message := range map[string]string{
		"* * * *": "expected exactly 5 fields", "60 * * * *": `"60" is not in 0-59`, "*/0 * * * *": "bad step",
		"5-1 * * * *": "5 is after 1", "x * * * *": `"x" is not in`, "@every 1": "wants a duration", "": "expected exactly 5",
	} {
		_, err := parseSchedule(spec, nil)
		require.ErrorContains(t, err, message)
	}
	nowhere := "Europe/Nowhere"
	_, err := parseSchedule("@daily", &nowhere)
	require.ErrorContains(t, err, "unknown time zone Europe/Nowhere")
}

func TestScheduleLatest(t *testing.T) {
	s, err := parseSchedule("0 * * * *", nil)
	require.NoError(t, err)
	at, missed := s.latest(epoch, epoch.Add(59*time.Minute))
	require.True(t, at.IsZero())
	require.False(t, missed)
	at, missed = s.latest(epoch, epoch.Add(61*time.Minute))
	require.Equal(t, epoch.Add(time.Hour), at)
	require.False(t, missed)
	at, missed = s.latest(epoch, epoch.Add(10_000*time.Hour+time.Minute))
	require.Equal(t, epoch.Add(10_000*time.Hour), at)
	require.True(t, missed)
}

func TestBackOff(t *testing.T) {
	var got []time.Duration
	for n := 1; n <= 8; n++ {
		got = append(got, backOff(n)/time.Second)
	}
	require.Equal(t, []time.Duration{10, 20, 40, 80, 160, 300, 300, 300}, got)
}

func TestRollingBounds(t *testing.T) {
	quarter, none := intstr.FromString("25%"), intstr.FromInt32(0)
	require.Equal(t, bounds{1, 0}, rollingBounds(&quarter, &quarter, 3))
	require.Equal(t, bounds{3, 2}, rollingBounds(&quarter, &quarter, 10))
	require.Equal(t, bounds{0, 1}, rollingBounds(&none, &none, 10))
}

// A rollout, simulated with pods that become available or not, never leaves its
// bounds and ends when all become available.
func TestRolloutArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		replicas := rapid.Int32Range(0, 20).Draw(t, "replicas")
		b := bounds{rapid.Int32Range(0, 5).Draw(t, "surge"), rapid.Int32Range(0, 5).Draw(t, "unavailable")}
		if b.surge == 0 && b.unavailable == 0 {
			b.unavailable = 1
		}
		fresh := replicaGroup{name: "new"}
		old := []replicaGroup{{name: "old", replicas: replicas, available: replicas}}
		for step := 0; fresh.available < replicas || old[0].replicas > 0; step++ {
			require.Less(t, step, 200, "stuck at %+v %+v", fresh, old)
			fresh.replicas = growNew(replicas, b, fresh, old)
			old[0].replicas = shrinkOld(replicas, b, fresh, old)[0]
			old[0].available = min(old[0].available, old[0].replicas)
			require.LessOrEqual(t, fresh.replicas+old[0].replicas, replicas+b.surge)
			require.GreaterOrEqual(t, fresh.available+old[0].available, replicas-b.unavailable)
			fresh.available += rapid.Int32Range(0, fresh.replicas-fresh.available).Draw(t, "ready")
			if step > 100 {
				fresh.available = fresh.replicas
			}
		}
	})
}

func TestProportional(t *testing.T) {
	groups := []replicaGroup{{name: "a", replicas: 3}, {name: "b", replicas: 8, age: 1}}
	require.Equal(t, []int32{4, 11}, proportional(groups, 15))
	require.Equal(t, []int32{0, 0}, proportional(groups, 0))
	require.Equal(t, []int32{3, 8}, proportional(groups, 11))
	require.Empty(t, proportional(nil, 4))
	rapid.Check(t, func(t *rapid.T) {
		groups := make([]replicaGroup, rapid.IntRange(1, 4).Draw(t, "groups"))
		for i := range groups {
			groups[i].replicas = rapid.Int32Range(0, 20).Draw(t, "replicas")
		}
		want := rapid.Int32Range(0, 60).Draw(t, "want")
		var sum int32
		for _, n := range proportional(groups, want) {
			require.GreaterOrEqual(t, n, int32(0))
			sum += n
		}
		require.Equal(t, want, sum)
	})
}

func TestPodTemplateHash(t *testing.T) {
	a, b := template("web"), template("web")
	require.Equal(t, podTemplateHash(&a, nil), podTemplateHash(&b, nil))
	b.Labels[podTemplateHashLabel] = "abc" // as a template that comes back from a ReplicaSet
	require.Equal(t, podTemplateHash(&a, nil), podTemplateHash(&b, nil))
	b.Spec.Containers[0].Image += "x"
	require.NotEqual(t, podTemplateHash(&a, nil), podTemplateHash(&b, nil))
	one := int32(1)
	require.NotEqual(t, podTemplateHash(&a, nil), podTemplateHash(&a, &one))
}

func testNode(name string, cpu string, change ...func(*corev1.Node)) *node {
	spec := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
	spec.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("1Gi")}
	for _, f := range change {
		f(spec)
	}
	n := &node{task: task{nodeKind, types.NamespacedName{Name: name}}, pods: map[*pod]struct{}{}}
	n.set(nil, spec)
	return n
}

func TestPlaceSaysWhyInTheSchedulersWords(t *testing.T) {
	taint := func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}
	}
	cordon := func(n *corev1.Node) { n.Spec.Unschedulable = true }
	for _, c := range []struct {
		name   string
		nodes  []*node
		change func(*corev1.Pod)
		node   string
		why    string
	}{
		{"none", nil, nil, "", "no nodes available to schedule pods"},
		{"most free", []*node{testNode("a", "1"), testNode("b", "2")}, nil, "b", ""},
		{"too large", []*node{testNode("a", "50m"), testNode("b", "50m")}, nil, "",
			"0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."},
		{"mixed", []*node{testNode("a", "4", taint), testNode("b", "50m"), testNode("c", "4", cordon)}, nil, "",
			"0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 1 node(s) were unschedulable. " +
				"preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."},
		{"tolerated", []*node{testNode("a", "4", taint)}, func(p *corev1.Pod) {
			p.Spec.Tolerations = []corev1.Toleration{{Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists}}
		}, "a", ""},
		{"selector", []*node{testNode("a", "4")}, func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"disk": "ssd"} }, "",
			"0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := &corev1.Pod{Spec: template("web").Spec}
			if c.change != nil {
				c.change(spec)
			}
			n, why := place(&pod{want: requestsOf(spec)}, spec, c.nodes)
			require.Equal(t, c.why, why)
			if c.node != "" {
				require.Equal(t, c.node, n.Name)
			}
		})
	}
}

func TestPlaceRespectsPortsAndNeighbours(t *testing.T) {
	a, b := testNode("a", "4"), testNode("b", "4")
	spec := &corev1.Pod{Spec: template("web").Spec}
	p := &pod{want: requestsOf(spec), ports: []hostPort{{9100, corev1.ProtocolTCP}}}
	a.bind(p, 1)
	n, _ := place(p, spec, []*node{a, b})
	require.Equal(t, "b", n.Name)
	b.bind(p, 1)
	_, why := place(p, spec, []*node{a, b})
	require.Contains(t, why, "2 node(s) didn't have free ports for the requested pod ports. preemption: 0/2 nodes are available: 2 No preemption victims found")
}

func TestRepository(t *testing.T) {
	for image, want := range map[string]string{
		"nginx": "nginx", "nginx:1": "nginx", "localhost:5000/a/b:1": "localhost:5000/a/b",
		"localhost:5000/a/b": "localhost:5000/a/b", "a/b@sha256:00": "a/b", "a/b:1@sha256:00": "a/b",
	} {
		require.Equal(t, want, repository(image))
	}
}

func TestIntervals(t *testing.T) {
	require.Equal(t, "0-2,5", intervals(map[int]bool{5: true, 0: true, 2: true, 1: true}))
	require.Equal(t, "", intervals(nil))
}

func TestAlarms(t *testing.T) {
	var a alarms
	x, y := task{kind: podKind}, task{kind: jobKind}
	a.set(x, epoch.Add(2*time.Second))
	a.set(x, epoch.Add(time.Second))
	a.set(x, epoch.Add(3*time.Second)) // later than what is set
	a.set(y, epoch.Add(time.Second))
	a.drop(y)
	got, ok := a.due(epoch.Add(5 * time.Second))
	require.True(t, ok)
	require.Equal(t, epoch.Add(time.Second), got.at)
	_, ok = a.due(epoch.Add(5 * time.Second))
	require.False(t, ok)
	require.Empty(t, a.heap)
}
