package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"koflab/embed/kube"
	"koflab/sim/clock"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// cluster is an API server with controllers on a virtual clock.
type cluster struct {
	testing.TB
	*kube.Server
	c     *Controllers
	clock *clock.Virtual
}

func newCluster(t testing.TB, nodes int, o Options) *cluster {
	t.Helper()
	v := clock.NewVirtual(epoch)
	s := kube.New(kube.Options{Name: "test", Seed: 7, Now: v.Now})
	o.Clock, o.Seed = v, 7
	k := &cluster{TB: t, Server: s, c: Run(context.Background(), s, o), clock: v}
	t.Cleanup(func() {
		k.c.Close()
		require.NoError(t, s.Close(context.Background()))
	})
	for i := range nodes {
		k.node(fmt.Sprintf("node-%d", i))
	}
	k.settle()
	return k
}

func (k *cluster) settle() {
	k.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(k, k.c.Settle(ctx))
}

// after lets time pass in small steps, so that what follows from what is on time too.
func (k *cluster) after(d time.Duration) {
	k.Helper()
	step := max(d/50, 50*time.Millisecond)
	for d > 0 {
		k.clock.Advance(min(step, d))
		d -= step
		k.settle()
	}
}

func (k *cluster) make(kind kind, o any) {
	k.Helper()
	_, err := k.Create(resources[kind], o)
	require.NoError(k, err)
}

func (k *cluster) drop(kind kind, ns, name string) {
	k.Helper()
	require.NoError(k, k.Delete(resources[kind], ns, name, metav1.DeleteOptions{}))
}

func (k *cluster) node(name string) {
	k.Helper()
	k.make(nodeKind, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("110"),
		}},
	})
}

// get decodes an object; false if there is none.
func get[T any](k *cluster, kind kind, ns, name string) (*T, bool) {
	k.Helper()
	o, err := k.Get(resources[kind], ns, name)
	if apierrors.IsNotFound(err) {
		return nil, false
	}
	require.NoError(k, err)
	v := new(T)
	require.NoError(k, o.Into(v))
	return v, true
}

func must[T any](k *cluster, kind kind, ns, name string) *T {
	k.Helper()
	v, ok := get[T](k, kind, ns, name)
	require.True(k, ok, "%s %s/%s", resources[kind], ns, name)
	return v
}

// edit changes an object.
func edit[T any](k *cluster, kind kind, ns, name string, f func(*T)) {
	k.Helper()
	for {
		v := must[T](k, kind, ns, name)
		f(v)
		_, err := k.Update(resources[kind], v, "")
		if apierrors.IsConflict(err) {
			continue // a controller was faster
		}
		require.NoError(k, err)
		return
	}
}

func list[T any](k *cluster, kind kind, ns string) []*T {
	k.Helper()
	var out []*T
	for _, o := range k.List(resources[kind], ns, labels.Everything()) {
		v := new(T)
		require.NoError(k, o.Into(v))
		out = append(out, v)
	}
	return out
}

func (k *cluster) pods() []*corev1.Pod { k.Helper(); return list[corev1.Pod](k, podKind, "default") }

func (k *cluster) running() (n int) {
	k.Helper()
	for _, p := range k.pods() {
		if p.DeletionTimestamp == nil && hasCondition(p, corev1.PodReady, corev1.ConditionTrue) {
			n++
		}
	}
	return n
}

func template(app string, change ...func(*corev1.PodTemplateSpec)) corev1.PodTemplateSpec {
	t := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "main", Image: "docker.io/library/" + app + ":1",
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi"),
			}},
		}}},
	}
	for _, f := range change {
		f(&t)
	}
	return t
}

func selector(app string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
}

func newDeployment(name string, replicas int32, change ...func(*corev1.PodTemplateSpec)) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: selector(name), Template: template(name, change...)},
	}
}
