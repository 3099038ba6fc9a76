package kube

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"koflab/embed/kube/store"
)

// aPod is a pod with containers named a, b, ... in the given states.
func aPod(phase corev1.PodPhase, states ...corev1.ContainerStatus) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: created("web"), Status: corev1.PodStatus{Phase: phase}}
	for i, s := range states {
		s.Name = string(rune('a' + i))
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: s.Name})
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, s)
	}
	return p
}

func up() corev1.ContainerStatus {
	return corev1.ContainerStatus{Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

func waits(reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

func ended(code int32, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}}}
}

func restarted(s corev1.ContainerStatus, count int32, last time.Duration) corev1.ContainerStatus {
	s.RestartCount = count
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{FinishedAt: ago(last)}
	return s
}

// withInit puts init containers before a pod's containers.
func withInit(p *corev1.Pod, sidecars string, states ...corev1.ContainerStatus) *corev1.Pod {
	for i, s := range states {
		s.Name = string(rune('i' + i))
		c := corev1.Container{Name: s.Name}
		if i < len(sidecars) && sidecars[i] == 's' {
			always := corev1.ContainerRestartPolicyAlways
			c.RestartPolicy = &always
		}
		p.Spec.InitContainers = append(p.Spec.InitContainers, c)
		p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, s)
	}
	return p
}

func change(p *corev1.Pod, f func(*corev1.Pod)) *corev1.Pod {
	f(p)
	return p
}

func holds(p *corev1.Pod, t corev1.PodConditionType) *corev1.Pod {
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: t, Status: corev1.ConditionTrue})
	return p
}

func TestPodColumns(t *testing.T) {
	started := up()
	yes := true
	started.Started = &yes
	placed := func(p *corev1.Pod) {
		p.Spec.NodeName, p.Status.PodIPs = "node-1", []corev1.PodIP{{IP: "10.244.1.5"}}
	}
	deleted := func(p *corev1.Pod) { now := ago(0); p.DeletionTimestamp = &now }
	const nowhere = "|<none>|<none>|<none>|<none>"
	runColumns(t, []columnsCase{
		{"running", podsGR, change(aPod("Running", up(), up()), placed),
			"Name|Ready|Status|Restarts|Age|[IP]|[Node]|[Nominated Node]|[Readiness Gates]",
			"web|2/2|Running|0|5m|10.244.1.5|node-1|<none>|<none>"},
		{"pending", podsGR, &corev1.Pod{ObjectMeta: created("web"), Spec: podTemplate().Spec, Status: corev1.PodStatus{Phase: "Pending"}},
			"", "web|0/1|Pending|0|5m" + nowhere},
		{"gated", podsGR, change(aPod("Pending", waits("")), func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: "PodScheduled", Status: "False", Reason: "SchedulingGated"}}
		}), "", "web|0/1|SchedulingGated|0|5m" + nowhere},
		{"creating", podsGR, aPod("Pending", waits("ContainerCreating")), "", "web|0/1|ContainerCreating|0|5m" + nowhere},
		{"crash loop", podsGR, aPod("Running", restarted(waits("CrashLoopBackOff"), 3, 4*time.Minute+59*time.Second), restarted(up(), 1, time.Minute)),
			"", "web|1/2|CrashLoopBackOff|4 (60s ago)|5m" + nowhere},
		{"restarted", podsGR, aPod("Running", restarted(up(), 3, 5*time.Minute)), "", "web|1/1|Running|3 (5m ago)|5m" + nowhere},
		{"restarted at an unknown time", podsGR, aPod("Running", corev1.ContainerStatus{RestartCount: 2}), "", "web|0/1|Running|2|5m" + nowhere},
		{"completed", podsGR, aPod("Succeeded", ended(0, "Completed")), "", "web|0/1|Completed|0|5m" + nowhere},
		{"out of memory", podsGR, aPod("Failed", ended(137, "OOMKilled")), "", "web|0/1|OOMKilled|0|5m" + nowhere},
		{"exit code", podsGR, aPod("Failed", ended(2, "")), "", "web|0/1|ExitCode:2|0|5m" + nowhere},
		{"signal", podsGR, aPod("Failed", corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Signal: 9}}}),
			"", "web|0/1|Signal:9|0|5m" + nowhere},
		{"evicted", podsGR, change(aPod("Failed"), func(p *corev1.Pod) { p.Status.Reason = "Evicted" }), "", "web|0/0|Evicted|0|5m" + nowhere},
		{"one done, one ready", podsGR, holds(aPod("Running", ended(0, "Completed"), up()), corev1.PodReady), "", "web|1/2|Running|0|5m" + nowhere},
		{"one done, pod not ready", podsGR, aPod("Running", ended(0, "Completed"), up()), "", "web|1/2|NotReady|0|5m" + nowhere},
		{"terminating", podsGR, change(aPod("Running", up()), deleted), "", "web|1/1|Terminating|0|5m" + nowhere},
		{"node lost", podsGR, change(aPod("Running", up()), func(p *corev1.Pod) { deleted(p); p.Status.Reason = "NodeLost" }),
			"", "web|1/1|Unknown|0|5m" + nowhere},

		{"init 0 of 2", podsGR, withInit(aPod("Pending", waits("PodInitializing")), "", up(), waits("PodInitializing")), "", "web|0/1|Init:0/2|0|5m" + nowhere},
		{"init 1 of 2", podsGR, withInit(aPod("Pending", waits("PodInitializing")), "", ended(0, "Completed"), waits("PodInitializing")),
			"", "web|0/1|Init:1/2|0|5m" + nowhere},
		{"init error", podsGR, withInit(aPod("Pending", waits("PodInitializing")), "", ended(1, "Error")), "", "web|0/1|Init:Error|0|5m" + nowhere},
		{"init exit code", podsGR, withInit(aPod("Pending", waits("PodInitializing")), "", ended(3, "")), "", "web|0/1|Init:ExitCode:3|0|5m" + nowhere},
		{"init crash loop", podsGR, withInit(aPod("Pending", waits("PodInitializing")), "", restarted(waits("CrashLoopBackOff"), 2, time.Second*20)),
			"", "web|0/1|Init:CrashLoopBackOff|2 (20s ago)|5m" + nowhere},
		{"init done, its restarts forgotten", podsGR, withInit(aPod("Running", up()), "", restarted(ended(0, "Completed"), 2, time.Second)),
			"", "web|1/1|Running|0|5m" + nowhere},
		{"sidecar", podsGR, withInit(aPod("Running", up()), "s", restarted(started, 1, 10*time.Second)), "", "web|2/2|Running|1 (10s ago)|5m" + nowhere},
		{"sidecar starts", podsGR, withInit(aPod("Pending", waits("PodInitializing")), "s", up()), "", "web|0/2|Init:0/1|0|5m" + nowhere},
		{"initialized once", podsGR, holds(withInit(aPod("Running", up()), "", waits("ImagePullBackOff")), corev1.PodInitialized),
			"", "web|1/1|Init:ImagePullBackOff|0|5m" + nowhere},
		{"gates", podsGR, holds(change(aPod("Running", up()), func(p *corev1.Pod) {
			p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "x"}, {ConditionType: "y"}}
			p.Status.NominatedNodeName = "node-2"
		}), "x"), "", "web|1/1|Running|0|5m|<none>|<none>|node-2|1/2"},
	})
}

func TestPodRowsTellWhatIsOver(t *testing.T) {
	s := columnsServer(t)
	r := builtins[podsGR]
	objs := []*store.Object{
		asStored(t, r, aPod("Running")), asStored(t, r, aPod("Succeeded")), asStored(t, r, aPod("Failed")),
	}
	b, err := s.tableAs(r, r.gvr.Version, objs, "None", metav1.ListMeta{})
	require.NoError(t, err)
	rows := decodeTable(t, b).Rows
	require.Empty(t, rows[0].Conditions)
	require.Equal(t, []metav1.TableRowCondition{{
		Type: "Completed", Status: "True", Reason: "Succeeded", Message: "The pod has completed successfully.",
	}}, rows[1].Conditions)
	require.Equal(t, "Failed", rows[2].Conditions[0].Reason)
}
