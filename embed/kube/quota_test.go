package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestQuotasLimitNumbersOfObjects(t *testing.T) {
	configMaps := schema.GroupResource{Resource: "configmaps"}
	s := New(Options{Name: "c"})
	hard := func(namespace string, list corev1.ResourceList) {
		_, err := s.Create(schema.GroupResource{Resource: "namespaces"}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		require.NoError(t, err)
		_, err = s.Create(quotasGR, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "q"}, Spec: corev1.ResourceQuotaSpec{Hard: list}})
		require.NoError(t, err)
	}
	pod := func(namespace, name string) error {
		_, err := s.Create(podsGR, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
		})
		return err
	}
	hard("two", corev1.ResourceList{corev1.ResourcePods: apiresource.MustParse("2")})
	require.NoError(t, pod("two", "a"))
	require.NoError(t, pod("two", "b"))
	err := pod("two", "c")
	require.True(t, apierrors.IsForbidden(err))
	require.EqualError(t, err, `pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2`)

	// A pod that has ended makes room.
	o, err := s.Get(podsGR, "two", "a")
	require.NoError(t, err)
	p := &corev1.Pod{}
	require.NoError(t, o.Into(p))
	p.Status.Phase = corev1.PodSucceeded
	_, err = s.Update(podsGR, p, "status")
	require.NoError(t, err)
	require.NoError(t, pod("two", "c"))
	require.Error(t, pod("two", "d"))

	hard("maps", corev1.ResourceList{"count/configmaps": apiresource.MustParse("1")})
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "maps", Name: "a"}}
	_, err = s.Create(configMaps, m)
	require.NoError(t, err)
	m = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "maps", Name: "b"}}
	_, err = s.Create(configMaps, m)
	require.ErrorContains(t, err, "requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1")
	require.NoError(t, pod("maps", "a"), "other objects are free")
}

func TestTheListenerCanCloseAndOpenAgain(t *testing.T) {
	s := New(Options{Name: "c"})
	require.NoError(t, s.Unlisten(), "nothing listens yet")
	require.NoError(t, s.Listen("127.0.0.1:0", nil))
	addr := s.Addr()
	require.NoError(t, s.Unlisten())
	_, err := s.Create(schema.GroupResource{Resource: "namespaces"}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
	require.NoError(t, err, "the API goes on in process")
	require.NoError(t, s.Listen(addr, nil))
	require.NoError(t, s.Close(t.Context()))
}
