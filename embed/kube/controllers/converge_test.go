package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"koflab/embed/kube"
	"koflab/sim/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whatever is done to workloads and nodes, in the end there are as many ready
// pods as wanted (or as fit), and requests fit the nodes at all times.
func TestEverythingConverges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		k := newCluster(t, 2, Options{Delays: rapid.SampledFrom([]Delays{Immediate, Fast}).Draw(r, "delays")})
		defer k.c.Close()
		var zero, some int32 = 0, 2
		k.make(deploymentKind, newDeployment("web", some))
		k.make(statefulSetKind, newStatefulSet("db", some))
		k.make(daemonSetKind, &appsv1.DaemonSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "agent"},
			Spec:       appsv1.DaemonSetSpec{Selector: selector("agent"), Template: template("agent")},
		})
		nodes, image := 2, 1
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			n := rapid.Int32Range(0, 6).Draw(r, "n")
			switch rapid.IntRange(0, 7).Draw(r, "what") {
			case 0:
				edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Replicas = &n })
			case 1:
				edit(k, statefulSetKind, "default", "db", func(s *appsv1.StatefulSet) { s.Spec.Replicas = &n })
			case 2:
				image++
				edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = fmt.Sprint("web:", image) })
			case 3:
				image++
				edit(k, statefulSetKind, "default", "db", func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Image = fmt.Sprint("db:", image) })
			case 4:
				if pods := k.pods(); len(pods) > 0 {
					err := k.Delete(resources[podKind], "default", pods[int(n)%len(pods)].Name, metav1.DeleteOptions{})
					require.True(r, err == nil || ended(err))
				}
			case 5:
				k.node(fmt.Sprint("extra-", nodes))
				nodes++
			case 6:
				if all := list[corev1.Node](k, nodeKind, ""); len(all) > 1 {
					k.drop(nodeKind, "", all[int(n)%len(all)].Name)
				}
			case 7:
				image++
				edit(k, daemonSetKind, "default", "agent", func(d *appsv1.DaemonSet) { d.Spec.Template.Spec.Containers[0].Image = fmt.Sprint("agent:", image) })
			}
			k.clock.Advance(time.Duration(n) * 100 * time.Millisecond)
			k.settle()
			checkRoom(r, k)
		}
		k.after(2 * time.Minute)
		checkRoom(r, k)
		count := map[string]int32{}
		for _, p := range k.pods() {
			require.True(r, hasCondition(p, corev1.PodReady, corev1.ConditionTrue), p.Name)
			require.Nil(r, p.DeletionTimestamp)
			count[p.Labels["app"]]++
		}
		d := must[appsv1.Deployment](k, deploymentKind, "default", "web")
		require.Equal(r, *d.Spec.Replicas, count["web"])
		require.Equal(r, *d.Spec.Replicas, d.Status.AvailableReplicas)
		require.Equal(r, *d.Spec.Replicas, d.Status.UpdatedReplicas)
		s := must[appsv1.StatefulSet](k, statefulSetKind, "default", "db")
		require.Equal(r, *s.Spec.Replicas, count["db"])
		require.Equal(r, *s.Spec.Replicas, s.Status.ReadyReplicas)
		require.Equal(r, s.Status.UpdateRevision, s.Status.CurrentRevision)
		require.EqualValues(r, len(list[corev1.Node](k, nodeKind, "")), count["agent"])
		edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Replicas = &zero })
		edit(k, statefulSetKind, "default", "db", func(s *appsv1.StatefulSet) { s.Spec.Replicas = &zero })
		k.after(time.Minute)
		for _, p := range k.pods() {
			require.Equal(r, "agent", p.Labels["app"])
		}
	})
}

// checkRoom holds the pods on each node against what it has, and the scheduler's
// own account against the objects.
func checkRoom(t require.TestingT, k *cluster) {
	used := map[string]amounts{}
	ips := map[string]string{}
	for _, p := range k.pods() {
		if p.Spec.NodeName == "" || finished(p) {
			continue
		}
		a := used[p.Spec.NodeName]
		a.add(requestsOf(p), 1)
		used[p.Spec.NodeName] = a
		if ip := p.Status.PodIP; ip != "" {
			require.Empty(t, ips[ip], "address %s of %s", ip, p.Name)
			ips[ip] = p.Name
		}
	}
	for _, n := range list[corev1.Node](k, nodeKind, "") {
		room, have := amountsOf(n.Status.Allocatable), used[n.Name]
		var none amounts
		require.Empty(t, room.lacking(&none, have), n.Name)
	}
}

// BenchmarkFounding brings up what a small cluster runs, without delays: three
// nodes, eight Deployments, two StatefulSets, two DaemonSets, ten Services.
func BenchmarkFounding(b *testing.B) {
	for b.Loop() {
		v := clock.NewVirtual(epoch)
		s := kube.New(kube.Options{Name: "bench", Seed: 7, Now: v.Now})
		c := Run(context.Background(), s, Options{Clock: v, Seed: 7})
		k := &cluster{TB: b, Server: s, c: c, clock: v}
		for i := range 3 {
			k.node(fmt.Sprint("node-", i))
		}
		for i := range 10 {
			name := fmt.Sprint("app-", i)
			k.make(serviceKind, &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
				Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 80}}},
			})
			if i < 8 {
				k.make(deploymentKind, newDeployment(name, 1))
			} else {
				k.make(statefulSetKind, newStatefulSet(name, 1))
			}
		}
		for _, name := range []string{"agent", "exporter"} {
			k.make(daemonSetKind, &appsv1.DaemonSet{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
				Spec:       appsv1.DaemonSetSpec{Selector: selector(name), Template: template(name)},
			})
		}
		k.settle()
		require.Equal(b, 16, k.running())
		c.Close()
	}
}

// BenchmarkManyPods scales one Deployment to a thousand pods and back.
func BenchmarkManyPods(b *testing.B) {
	k := newCluster(b, 20, Options{})
	d := newDeployment("web", 0)
	d.Spec.Template.Spec.Containers[0].Resources = corev1.ResourceRequirements{}
	k.make(deploymentKind, d)
	for b.Loop() {
		for _, n := range []int32{1000, 0} {
			edit(k, deploymentKind, "default", "web", func(d *appsv1.Deployment) { d.Spec.Replicas = &n })
			k.settle()
			require.EqualValues(b, n, k.running())
		}
	}
}
