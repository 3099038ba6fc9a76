package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func newPod(name string, change ...func(*corev1.Pod)) *corev1.Pod {
	t := template(name)
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: t.Labels}, Spec: t.Spec}
	for _, f := range change {
		f(p)
	}
	return p
}

func fault(f string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Annotations = map[string]string{FaultAnnotation: f} }
}

func (k *cluster) pod(name string) *corev1.Pod {
	k.Helper()
	return must[corev1.Pod](k, podKind, "default", name)
}

func (k *cluster) reasons(name string) (out []string) {
	k.Helper()
	for _, e := range list[corev1.Event](k, eventKind, "default") {
		if e.InvolvedObject.Name == name {
			out = append(out, e.Reason)
		}
	}
	return out
}

func TestPodPassesAllSteps(t *testing.T) {
	k := newCluster(t, 1, Options{Delays: Realistic, Events: true})
	k.make(podKind, newPod("a", func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "busybox:1", ImagePullPolicy: corev1.PullIfNotPresent}}
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(80)}}, InitialDelaySeconds: 20, PeriodSeconds: 5, SuccessThreshold: 1}
	}))
	var steps []string
	for range 1500 {
		k.settle()
		p := k.pod("a")
		s := string(p.Status.Phase)
		if len(p.Status.ContainerStatuses) > 0 {
			switch c := p.Status.ContainerStatuses[0]; {
			case c.State.Waiting != nil:
				s += "/" + c.State.Waiting.Reason
			case c.Ready:
				s += "/ready"
			default:
				s += "/running"
			}
		}
		if len(steps) == 0 || steps[len(steps)-1] != s {
			steps = append(steps, s)
		}
		k.clock.Advance(100 * time.Millisecond)
	}
	require.Equal(t, []string{"Pending/PodInitializing", "Running/running", "Running/ready"}, steps)
	p := k.pod("a")
	require.Equal(t, corev1.PodQOSBurstable, p.Status.QOSClass)
	require.Equal(t, "Completed", p.Status.InitContainerStatuses[0].State.Terminated.Reason)
	started := p.Status.ContainerStatuses[0].State.Running.StartedAt
	ready := condition(p, corev1.PodReady).LastTransitionTime
	require.GreaterOrEqual(t, ready.Sub(started.Time), 20*time.Second)
	require.ElementsMatch(t, []string{"Scheduled", "Pulling", "Pulled", "Created", "Started", "Pulling", "Pulled", "Created", "Started"}, k.reasons("a"))

	k.drop(podKind, "default", "a")
	k.settle()
	require.NotNil(t, k.pod("a").DeletionTimestamp, "Terminating is visible")
	k.after(30 * time.Second)
	_, there := get[corev1.Pod](k, podKind, "default", "a")
	require.False(t, there)
	require.Contains(t, k.reasons("a"), "Killing")
}

func TestCrashLoop(t *testing.T) {
	for f, want := range map[string]struct {
		code   int32
		reason string
	}{FaultCrashLoop: {1, "Error"}, FaultOOM: {137, "OOMKilled"}} {
		t.Run(f, func(t *testing.T) {
			k := newCluster(t, 1, Options{Delays: Fast, Events: true})
			k.make(podKind, newPod("a", fault(f)))
			counts := map[time.Duration]int32{}
			for _, at := range []time.Duration{9 * time.Second, 25 * time.Second, 50 * time.Second, 1600 * time.Second} {
				k.after(at - k.clock.Now().Sub(epoch))
				counts[at/time.Second] = k.pod("a").Status.ContainerStatuses[0].RestartCount
			}
			// One restart at once, then after 10, 20, 40, 80, 160, 300, 300, ... seconds.
			require.Equal(t, map[time.Duration]int32{9: 1, 25: 2, 50: 3, 1600: 10}, counts)
			s := k.pod("a").Status.ContainerStatuses[0]
			require.Equal(t, "CrashLoopBackOff", s.State.Waiting.Reason)
			require.Equal(t, "back-off 5m0s restarting failed container=main pod=a_default("+string(k.pod("a").UID)+")", s.State.Waiting.Message)
			require.Equal(t, want.code, s.LastTerminationState.Terminated.ExitCode)
			require.Equal(t, want.reason, s.LastTerminationState.Terminated.Reason)
			require.Equal(t, corev1.PodRunning, k.pod("a").Status.Phase)
			require.Contains(t, k.reasons("a"), "BackOff")

			edit(k, podKind, "default", "a", func(p *corev1.Pod) { p.Annotations = nil })
			k.after(301 * time.Second)
			require.Equal(t, 1, k.running(), "healed by taking the fault away")
		})
	}
}

func TestImagePullError(t *testing.T) {
	k := newCluster(t, 1, Options{Events: true})
	k.make(podKind, newPod("a", fault(FaultPull)))
	k.settle()
	require.Equal(t, "ErrImagePull", k.pod("a").Status.ContainerStatuses[0].State.Waiting.Reason)
	k.after(2 * time.Second)
	w := k.pod("a").Status.ContainerStatuses[0].State.Waiting
	require.Equal(t, "ImagePullBackOff", w.Reason)
	require.Contains(t, w.Message, `Back-off pulling image "docker.io/library/a:1"`)
	require.Equal(t, corev1.PodPending, k.pod("a").Status.Phase)
	edit(k, podKind, "default", "a", func(p *corev1.Pod) { p.Annotations = nil })
	k.after(10 * time.Second)
	require.Equal(t, 1, k.running())
}

func TestNotReadyComesAndGoes(t *testing.T) {
	k := newCluster(t, 1, Options{Events: true})
	k.make(podKind, newPod("a"))
	k.settle()
	require.Equal(t, 1, k.running())
	edit(k, podKind, "default", "a", fault(FaultNotReady))
	k.settle()
	require.Zero(t, k.running())
	require.Equal(t, "containers with unready status: [main]", condition(k.pod("a"), corev1.PodReady).Message)
	require.Contains(t, k.reasons("a"), "Unhealthy")
	edit(k, podKind, "default", "a", fault(""))
	k.settle()
	require.Equal(t, 1, k.running())
	edit(k, podKind, "default", "a", fault("frobnicate"))
	k.settle()
	require.Equal(t, 1, k.running())
	require.Contains(t, k.reasons("a"), "UnknownFault")
}

func TestPodWaitsForWhatItMounts(t *testing.T) {
	k := newCluster(t, 1, Options{Events: true})
	k.make(podKind, newPod("a", func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "cfg", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}}
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "login"}, Key: "password"}}}}
	}))
	k.settle()
	require.Equal(t, "ContainerCreating", k.pod("a").Status.ContainerStatuses[0].State.Waiting.Reason)
	require.Contains(t, k.reasons("a"), "FailedMount")
	k.make(configMapKind, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "settings"}})
	k.settle()
	w := k.pod("a").Status.ContainerStatuses[0].State.Waiting
	require.Equal(t, "CreateContainerConfigError", w.Reason)
	require.Equal(t, `secret "login" not found`, w.Message)
	k.make(secretKind, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "login"}, Data: map[string][]byte{"user": []byte("x")}})
	k.settle()
	require.Equal(t, "couldn't find key password in Secret default/login", k.pod("a").Status.ContainerStatuses[0].State.Waiting.Message)
	edit(k, secretKind, "default", "login", func(s *corev1.Secret) { s.Data["password"] = []byte("y") })
	k.settle()
	require.Equal(t, 1, k.running())
}

func TestPendingPodIsScheduledWhenThereIsRoom(t *testing.T) {
	k := newCluster(t, 0, Options{Events: true})
	k.make(podKind, newPod("a"))
	k.settle()
	c := condition(k.pod("a"), corev1.PodScheduled)
	require.Equal(t, corev1.ConditionFalse, c.Status)
	require.Equal(t, "Unschedulable", c.Reason)
	require.Equal(t, "no nodes available to schedule pods", c.Message)
	require.Equal(t, []string{"FailedScheduling"}, k.reasons("a"))
	k.node("late")
	k.settle()
	require.Equal(t, 1, k.running())
	require.True(t, strings.HasPrefix(k.pod("a").Status.PodIP, "10.244.0."))
}

func TestPodThatEndsByItself(t *testing.T) {
	k := newCluster(t, 1, Options{Delays: Fast})
	k.make(podKind, newPod("a", func(p *corev1.Pod) {
		p.Spec.RestartPolicy = corev1.RestartPolicyNever
		p.Annotations = map[string]string{DurationAnnotation: "40s"}
	}))
	k.after(30 * time.Second)
	require.Equal(t, corev1.PodRunning, k.pod("a").Status.Phase)
	k.after(20 * time.Second)
	p := k.pod("a")
	require.Equal(t, corev1.PodSucceeded, p.Status.Phase)
	require.Equal(t, "PodCompleted", condition(p, corev1.PodReady).Reason)
	end := p.Status.ContainerStatuses[0].State.Terminated
	require.Equal(t, 40*time.Second, end.FinishedAt.Sub(end.StartedAt.Time).Round(time.Second))
}

func TestUnreachableNodeLosesItsPods(t *testing.T) {
	k := newCluster(t, 2, Options{Events: true})
	k.make(deploymentKind, newDeployment("web", 2))
	k.settle()
	edit(k, nodeKind, "", "node-0", func(n *corev1.Node) { n.Annotations = map[string]string{FaultAnnotation: FaultUnreachable} })
	k.settle()
	require.Equal(t, corev1.ConditionUnknown, nodeCondition(must[corev1.Node](k, nodeKind, "", "node-0"), corev1.NodeReady).Status)
	require.Equal(t, 1, k.running())
	k.after(301 * time.Second)
	require.Equal(t, 2, k.running(), "replaced on the other node")
	require.Len(t, k.pods(), 3, "nobody confirms the end of the lost one")
	edit(k, nodeKind, "", "node-0", func(n *corev1.Node) { n.Annotations = nil })
	k.settle()
	require.Len(t, k.pods(), 2)
	require.Equal(t, corev1.ConditionTrue, nodeCondition(must[corev1.Node](k, nodeKind, "", "node-0"), corev1.NodeReady).Status)

	k.drop(nodeKind, "", "node-1")
	k.settle()
	require.Equal(t, 2, k.running())
	for _, p := range k.pods() {
		require.Equal(t, "node-0", p.Spec.NodeName)
	}
}

func TestImageChangedInPlace(t *testing.T) {
	k := newCluster(t, 1, Options{Delays: Fast})
	k.make(podKind, newPod("a"))
	k.after(5 * time.Second)
	edit(k, podKind, "default", "a", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "b:2" })
	k.after(5 * time.Second)
	s := k.pod("a").Status.ContainerStatuses[0]
	require.EqualValues(t, 1, s.RestartCount)
	require.Equal(t, "b:2", s.Image)
	require.True(t, s.Ready)
}

func TestReadinessGate(t *testing.T) {
	k := newCluster(t, 1, Options{})
	k.make(podKind, newPod("a", func(p *corev1.Pod) {
		p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/ok"}}
	}))
	k.settle()
	require.Zero(t, k.running())
	p := k.pod("a")
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: "example.com/ok", Status: corev1.ConditionTrue})
	_, err := k.Update(resources[podKind], p, "status")
	require.NoError(t, err)
	k.settle()
	require.Equal(t, 1, k.running())
}
