package kube

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"koflab/embed/kube/store"
)

var (
	founding    = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	deployments = schema.GroupResource{Group: "apps", Resource: "deployments"}
	replicaSets = schema.GroupResource{Group: "apps", Resource: "replicasets"}
	configMaps  = schema.GroupResource{Resource: "configmaps"}
)

func newServer(t testing.TB) *Server {
	t.Helper()
	return New(Options{Name: "test", Seed: 1, Now: func() time.Time { return founding }})
}

func podTemplate() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "a"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "nginx"}}},
	}
}

func deployment(name string) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}, Template: podTemplate(),
		},
	}
}

func owned(name string, owner *store.Object, block bool) *corev1.ConfigMap {
	yes := true
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", OwnerReferences: []metav1.OwnerReference{{
		APIVersion: owner.GVK.GroupVersion().String(), Kind: owner.GVK.Kind, Name: owner.Name, UID: owner.UID,
		Controller: &yes, BlockOwnerDeletion: &block,
	}}}}
}

func TestCreateUpdateStatusAndGeneration(t *testing.T) {
	s := newServer(t)
	o, err := s.Create(deployments, deployment("web"))
	require.NoError(t, err)
	require.EqualValues(t, 1, o.Generation)
	var d appsv1.Deployment
	require.NoError(t, o.Into(&d))
	require.Equal(t, "apps/v1", d.APIVersion)
	require.True(t, d.CreationTimestamp.Time.Equal(founding))

	same, err := s.Update(deployments, &d, "")
	require.NoError(t, err)
	require.Equal(t, o.RV, same.RV, "nothing changed")

	d.Status.Replicas = 3
	two := int32(2)
	d.Spec.Replicas = &two
	o, err = s.Update(deployments, &d, "status")
	require.NoError(t, err)
	require.EqualValues(t, 1, o.Generation)
	_, err = s.Update(deployments, &d, "")
	require.True(t, apierrors.IsConflict(err))
	require.EqualError(t, err, `Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your changes to the latest version and try again`)
	d.ResourceVersion = ""
	d.Status.Replicas = 9
	o, err = s.Update(deployments, &d, "")
	require.NoError(t, err)
	require.EqualValues(t, 2, o.Generation)
	require.NoError(t, o.Into(&d))
	require.EqualValues(t, 3, d.Status.Replicas)
	require.EqualValues(t, 2, *d.Spec.Replicas)
}

func TestCreateRefuses(t *testing.T) {
	s := newServer(t)
	for name, c := range map[string]struct {
		obj  any
		want string
	}{
		"no namespace":  {&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "nope"}}, `namespaces "nope" not found`},
		"no name":       {&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default"}}, `ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required`},
		"bad name":      {&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "X", Namespace: "default"}}, `ConfigMap "X" is invalid: metadata.name: Invalid value: "X": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`},
		"version given": {&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "default", ResourceVersion: "1"}}, "resourceVersion should not be set on objects to be created"},
	} {
		_, err := s.Create(configMaps, c.obj)
		require.EqualError(t, err, c.want, name)
	}
}

func TestIdentityDependsOnSeedAndNameOnly(t *testing.T) {
	uid := func(before ...string) types.UID {
		s := newServer(t)
		for _, b := range before {
			_, err := s.Create(configMaps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: b, Namespace: "default"}})
			require.NoError(t, err)
		}
		o, err := s.Create(configMaps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "default"}})
		require.NoError(t, err)
		return o.UID
	}
	require.Equal(t, uid(), uid("a", "b"))
	s := newServer(t)
	var seen []types.UID
	for range 3 {
		o, err := s.Create(configMaps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "default"}})
		require.NoError(t, err)
		require.NotContains(t, seen, o.UID)
		seen = append(seen, o.UID)
		require.NoError(t, s.Delete(configMaps, "default", "x", metav1.DeleteOptions{}))
	}
}

func TestSubscribersSeeEveryChangeInOrder(t *testing.T) {
	s := newServer(t)
	var got []string
	last := uint64(0)
	cancel := s.Subscribe(func(c store.Change) {
		require.Greater(t, c.Object.RV, last)
		last = c.Object.RV
		got = append(got, string(c.Type)+" "+c.Object.Name)
	})
	o, err := s.Create(deployments, deployment("web"))
	require.NoError(t, err)
	_, err = s.Create(configMaps, owned("dep", o, false))
	require.NoError(t, err)
	require.NoError(t, s.Delete(deployments, "default", "web", metav1.DeleteOptions{}))
	cancel()
	_, err = s.Create(deployments, deployment("web"))
	require.NoError(t, err)
	require.Equal(t, []string{"ADDED web", "ADDED dep", "DELETED web", "DELETED dep"}, got)
	require.Equal(t, watch.Added, watch.EventType("ADDED"))
}

func TestPropagation(t *testing.T) {
	foreground, orphan := metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan
	s := newServer(t)
	make3 := func() *store.Object {
		o, err := s.Create(deployments, deployment("web"))
		require.NoError(t, err)
		dep := owned("dep", o, true)
		dep.Finalizers = []string{"koflab.dev/hold"}
		_, err = s.Create(configMaps, dep)
		require.NoError(t, err)
		return o
	}
	make3()
	require.NoError(t, s.Delete(deployments, "default", "web", metav1.DeleteOptions{PropagationPolicy: &foreground}))
	o, err := s.Get(deployments, "default", "web")
	require.NoError(t, err, "the owner waits for its dependent")
	require.True(t, o.Deleting)
	dep, err := s.Get(configMaps, "default", "dep")
	require.NoError(t, err)
	require.True(t, dep.Deleting)
	var cm corev1.ConfigMap
	require.NoError(t, dep.Into(&cm))
	cm.Finalizers = nil
	_, err = s.Update(configMaps, &cm, "")
	require.NoError(t, err)
	for gr, name := range map[schema.GroupResource]string{configMaps: "dep", deployments: "web"} {
		_, err = s.Get(gr, "default", name)
		require.True(t, apierrors.IsNotFound(err), name)
	}

	make3()
	require.NoError(t, s.Delete(deployments, "default", "web", metav1.DeleteOptions{PropagationPolicy: &orphan}))
	dep, err = s.Get(configMaps, "default", "dep")
	require.NoError(t, err)
	require.False(t, dep.Deleting)
	require.Empty(t, dep.Owners)
}

func TestNamespaceEndsWhenEmpty(t *testing.T) {
	s := newServer(t)
	_, err := s.Create(namespacesGR, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "x"}})
	require.NoError(t, err)
	_, err = s.Create(configMaps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "x", Finalizers: []string{"koflab.dev/hold"}}})
	require.NoError(t, err)
	require.NoError(t, s.Delete(namespacesGR, "", "x", metav1.DeleteOptions{}))
	o, err := s.Get(namespacesGR, "", "x")
	require.NoError(t, err)
	require.Contains(t, string(o.JSON), "Some content in the namespace has finalizers remaining: koflab.dev/hold in 1 resource instances")
	_, err = s.Create(configMaps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "x"}})
	require.EqualError(t, err, `configmaps "b" is forbidden: unable to create new content in namespace x because it is being terminated`)
	var cm corev1.ConfigMap
	o, err = s.Get(configMaps, "x", "a")
	require.NoError(t, err)
	require.NoError(t, o.Into(&cm))
	cm.Finalizers = nil
	_, err = s.Update(configMaps, &cm, "")
	require.NoError(t, err)
	_, err = s.Get(namespacesGR, "", "x")
	require.True(t, apierrors.IsNotFound(err))
	require.True(t, apierrors.IsForbidden(s.Delete(namespacesGR, "", "kube-system", metav1.DeleteOptions{})))
}

func TestPodsEndGracefully(t *testing.T) {
	s := newServer(t)
	_, err := s.Create(podsGR, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default"}, Spec: corev1.PodSpec{
		NodeName: "n", Containers: podTemplate().Spec.Containers,
	}})
	require.NoError(t, err)
	require.NoError(t, s.Delete(podsGR, "default", "p", metav1.DeleteOptions{}))
	o, err := s.Get(podsGR, "default", "p")
	require.NoError(t, err)
	var p corev1.Pod
	require.NoError(t, o.Into(&p))
	require.True(t, p.DeletionTimestamp.Time.Equal(founding.Add(30*time.Second)))
	zero := int64(0)
	require.NoError(t, s.Delete(podsGR, "default", "p", metav1.DeleteOptions{GracePeriodSeconds: &zero}))
	_, err = s.Get(podsGR, "default", "p")
	require.True(t, apierrors.IsNotFound(err))
}

func groupResource(group, resource string) schema.GroupResource {
	return schema.GroupResource{Group: group, Resource: resource}
}

func TestFinalizersOutliveAPodsGrace(t *testing.T) {
	s := newServer(t)
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default", Finalizers: []string{"batch.kubernetes.io/job-tracking"}}, Spec: podTemplate().Spec}
	p.Spec.NodeName = "n"
	_, err := s.Create(podsGR, p)
	require.NoError(t, err)
	zero := int64(0)
	require.NoError(t, s.Delete(podsGR, "default", "p", metav1.DeleteOptions{}))
	require.NoError(t, s.Delete(podsGR, "default", "p", metav1.DeleteOptions{GracePeriodSeconds: &zero}))
	o, err := s.Get(podsGR, "default", "p")
	require.NoError(t, err)
	require.NoError(t, o.Into(p))
	p.Finalizers = nil
	_, err = s.Update(podsGR, p, "")
	require.NoError(t, err)
	_, err = s.Get(podsGR, "default", "p")
	require.True(t, apierrors.IsNotFound(err))
}
