package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
)

// runningPod makes a pod that runs on a node.
func runningPod(t testing.TB, s *Server, name string, containers ...string) {
	t.Helper()
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: map[string]string{"app": "a"}}}
	p.Spec.NodeName = "node"
	for _, c := range containers {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: c, Image: "x"})
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		})
	}
	p.Status.Phase = corev1.PodRunning
	_, err := s.Create(podsGR, p)
	require.NoError(t, err)
	_, err = s.Update(podsGR, p, "status")
	require.NoError(t, err)
}

func TestLogs(t *testing.T) {
	var got LogOptions
	s := New(Options{Name: "test", Now: func() time.Time { return founding }, Logs: func(ctx context.Context, ns, pod, container string, o LogOptions) (io.ReadCloser, error) {
		got = o
		if container == "mute" {
			return nil, errors.New("container mute writes no log")
		}
		text := strings.NewReader(ns + "/" + pod + "/" + container + "\n")
		if !o.Follow {
			return io.NopCloser(text), nil
		}
		r, w := io.Pipe()
		go func() {
			_, _ = io.Copy(w, text)
			<-ctx.Done()
			_ = w.Close()
		}()
		return r, nil
	}})
	runningPod(t, s, "one", "c")
	runningPod(t, s, "two", "c", "mute")
	out, failure := kubectl(t, s, "", "logs", "one", "--tail=3", "--since=60s", "--timestamps")
	require.Empty(t, failure)
	require.Equal(t, "default/one/c\n", out)
	require.EqualValues(t, 3, *got.TailLines)
	require.True(t, got.Timestamps)
	require.Equal(t, founding.Add(-time.Minute), got.Since)
	path := "/api/v1/namespaces/default/pods/"
	require.Equal(t, "a container name must be specified for pod two, choose one of: [c mute]", message(t, call(t, s, "GET", path+"two/log", "")))
	require.Equal(t, "container x is not valid for pod two", message(t, call(t, s, "GET", path+"two/log?container=x", "")))
	require.Equal(t, "container mute writes no log", message(t, call(t, s, "GET", path+"two/log?container=mute", "")))
	require.Equal(t, `previous terminated container "c" in pod "one" not found`, message(t, call(t, s, "GET", path+"one/log?previous=true", "")))
	require.Equal(t, "defa", read(t, call(t, s, "GET", path+"one/log?limitBytes=4", "")))

	resp := call(t, s, "GET", path+"one/log?follow=true", "")
	b := make([]byte, 14)
	_, err := io.ReadFull(resp.Body, b)
	require.NoError(t, err)
	require.Equal(t, "default/one/c\n", string(b))
	require.NoError(t, resp.Body.Close())
}

func TestEvictionHonoursBudgets(t *testing.T) {
	s := newServer(t)
	runningPod(t, s, "a", "c")
	runningPod(t, s, "b", "c")
	one := intstr.FromInt32(1)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "pdb", Namespace: "default"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}},
	}
	_, err := s.Create(budgetsGR, budget)
	require.NoError(t, err)
	budget.Status = policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 1, DisruptionsAllowed: 1, DesiredHealthy: 1, CurrentHealthy: 2}
	_, err = s.Update(budgetsGR, budget, "status")
	require.NoError(t, err)
	c, err := kubernetes.NewForConfig(s.RESTConfig())
	require.NoError(t, err)
	evict := func(name string) error {
		return c.PolicyV1().Evictions("default").Evict(context.Background(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}})
	}
	require.NoError(t, evict("a"))
	// By hand: client-go would try again every ten seconds.
	resp := call(t, s, "POST", "/api/v1/namespaces/default/pods/b/eviction", `{}`)
	require.Equal(t, 429, resp.StatusCode)
	require.Equal(t, "10", resp.Header.Get("Retry-After"))
	require.Equal(t, "Cannot evict pod as it would violate the pod's disruption budget.", message(t, resp))
	o, err := s.Get(podsGR, "default", "a")
	require.NoError(t, err)
	require.True(t, o.Deleting)
}

func TestBinding(t *testing.T) {
	s := newServer(t)
	_, err := s.Create(podsGR, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default"}, Spec: podTemplate().Spec})
	require.NoError(t, err)
	c, err := kubernetes.NewForConfig(s.RESTConfig())
	require.NoError(t, err)
	bind := func() error {
		return c.CoreV1().Pods("default").Bind(context.Background(), &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: "p"}, Target: corev1.ObjectReference{Kind: "Node", Name: "n"},
		}, metav1.CreateOptions{})
	}
	require.NoError(t, bind())
	require.ErrorContains(t, bind(), `pod p is already assigned to node "n"`)
}

func TestTokens(t *testing.T) {
	now := founding
	s := New(Options{Name: "test", Seed: 1, Now: func() time.Time { return now }})
	_, err := s.Create(groupResource("", "serviceaccounts"), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "sa", Namespace: "default"}})
	require.NoError(t, err)
	out, failure := kubectl(t, s, "", "create", "token", "sa")
	require.Empty(t, failure)
	c, err := kubernetes.NewForConfig(s.RESTConfig())
	require.NoError(t, err)
	check := func(token string) authenticationv1.TokenReviewStatus {
		r, err := c.AuthenticationV1().TokenReviews().Create(context.Background(), &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
		require.NoError(t, err)
		return r.Status
	}
	token := strings.TrimSpace(out)
	require.Equal(t, "system:serviceaccount:default:sa", check(token).User.Username)
	require.False(t, check(token+"x").Authenticated)
	now = now.Add(2 * time.Hour)
	require.Equal(t, "token is expired", check(token).Error)
	require.Equal(t, 404, call(t, s, "POST", "/api/v1/namespaces/default/serviceaccounts/nobody/token", "{}").StatusCode)
}

func TestProxy(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Method, " ", r.URL.RequestURI(), " ", r.Header.Get("Authorization"))
	}))
	defer backend.Close()
	s := New(Options{Name: "test", Proxy: func(ns, kind, name, port string) (string, error) {
		if port != "http" {
			return "", fmt.Errorf("%s %s/%s has no port %q", kind, ns, name, port)
		}
		return strings.TrimPrefix(backend.URL, "http://"), nil
	}})
	runningPod(t, s, "p", "c")
	path := "/api/v1/namespaces/default/pods/"
	require.Equal(t, "POST /-/reload?a=b ", read(t, call(t, s, "POST", path+"p:http/proxy/-/reload?a=b", "", "Authorization: Bearer x")))
	require.Equal(t, "error trying to reach service: pods default/p has no port \"\"", message(t, call(t, s, "GET", path+"p/proxy/", "")))
	require.Equal(t, 404, call(t, s, "GET", path+"nope:http/proxy/", "").StatusCode)
}

func TestWhatCannotBeDone(t *testing.T) {
	s := newServer(t)
	runningPod(t, s, "p", "c")
	require.Contains(t, message(t, call(t, s, "POST", "/api/v1/namespaces/default/pods/p/exec?command=ls", "")), "exec is not possible: pods of an embedded koflab cluster are simulated")
	require.Equal(t, 404, call(t, s, "GET", cms+"/x/scale", "").StatusCode)
}

func TestScaleShowsSelectors(t *testing.T) {
	s := newServer(t)
	_, err := s.Create(deployments, deployment("web"))
	require.NoError(t, err)
	var v struct {
		Status struct{ Selector string }
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, call(t, s, "GET", deps+"/web/scale", ""))), &v))
	require.Equal(t, "app=a", v.Status.Selector)
	require.Equal(t, 422, call(t, s, "PATCH", deps+"/web/scale", `{"spec":{"replicas":-1}}`, merge).StatusCode)
	require.Equal(t, 200, call(t, s, "PUT", deps+"/web/scale", `{"metadata":{"name":"web"},"spec":{"replicas":4}}`).StatusCode)
	o, err := s.Get(deployments, "default", "web")
	require.NoError(t, err)
	require.EqualValues(t, 2, o.Generation)
}
