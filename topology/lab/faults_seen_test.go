package lab_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// kube opens the API of a cluster, over its socket.
func (f *faulty) kube(cluster string) kubernetes.Interface {
	b, err := f.Kubeconfig(cluster)
	require.NoError(f.t, err)
	config, err := clientcmd.RESTConfigFromKubeConfig(b)
	require.NoError(f.t, err)
	config.QPS, config.Timeout = -1, 5*time.Second
	c, err := kubernetes.NewForConfig(config)
	require.NoError(f.t, err)
	return c
}

// podOf wants a pod of a cluster to be as g wants.
func (f *faulty) podOf(cluster, namespace, prefix string, g func(*corev1.Pod) bool) func() error {
	return func() error {
		list, err := f.kube(cluster).CoreV1().Pods(namespace).List(f.t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range list.Items {
			if p := &list.Items[i]; strings.HasPrefix(p.Name, prefix) && g(p) {
				return nil
			}
		}
		return fmt.Errorf("no pod %s* of %d in %s is so", prefix, len(list.Items), namespace)
	}
}

// unreachable wants a cluster's API to refuse connections.
func (f *faulty) unreachable(cluster string) func() error {
	return func() error {
		_, err := f.kube(cluster).CoreV1().Nodes().List(f.t.Context(), metav1.ListOptions{})
		if err == nil || !strings.Contains(err.Error(), "connection refused") {
			return fmt.Errorf("its API: %w", err)
		}
		return nil
	}
}

// notReady wants the status to say why a cluster is not ready.
func (f *faulty) notReady(cluster, why string) func() error {
	return func() error {
		for _, c := range f.Status().Clusters {
			if c.Name == cluster && (c.Ready || !strings.Contains(c.Message, why)) {
				return fmt.Errorf("%s: ready %t, %q", cluster, c.Ready, c.Message)
			}
		}
		return nil
	}
}

// failed wants a component to have failed.
func (f *faulty) failed(component string) func() error {
	return func() error {
		if s := f.componentStates()[component]; s != "failed" {
			return fmt.Errorf("%s is %q", component, s)
		}
		return nil
	}
}

// slow wants a federated query to take so long, in the lab's time.
func (f *faulty) slow(d time.Duration) func() error {
	return func() error {
		begin := f.Status().Clock.Now
		_, _ = f.query("count(up)") // whether it succeeds is its own matter
		if took := f.Status().Clock.Now.Sub(begin); took < d {
			return fmt.Errorf("it took %s", took)
		}
		return nil
	}
}

// told wants an event after those there are now, of an object or of any for "".
func (f *faulty) told(reason, object, text string) func() error {
	since := int64(0)
	for _, e := range f.EventsSince(0) {
		since = e.Seq
	}
	return func() error {
		for _, e := range f.EventsSince(since) {
			if e.Reason == reason && (object == "" || e.Object == object) && strings.Contains(e.Message, text) {
				return nil
			}
		}
		return fmt.Errorf("no event %s of %s", reason, object)
	}
}

// authorized wants the gateway of a region to answer a user with a status.
func (f *faulty) authorized(region, cluster, password string, want int) func() error {
	return func() error {
		a, user := f.Access(), ""
		for _, c := range a.Credentials {
			if c.Region == region && c.Cluster == cluster {
				user = c.Username
			}
		}
		for _, c := range a.Clusters {
			if c.Name != region {
				continue
			}
			req, err := http.NewRequest(http.MethodGet, c.Endpoints["vmauth"]+"/vm/select/0/prometheus/api/v1/query?query=1", nil)
			if err != nil {
				return err
			}
			req.SetBasicAuth(user, password)
			client := trusting(a.CA)
			defer client.CloseIdleConnections()
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, _ = io.Copy(io.Discard, resp.Body)
			if resp.StatusCode != want {
				return fmt.Errorf("%s at %s with %q: %s", user, region, password, resp.Status)
			}
			return nil
		}
		return errors.New("there is no such region")
	}
}

// refused wants an event of a namespace that says so.
func (f *faulty) refused(cluster, namespace, text string) func() error {
	return func() error {
		list, err := f.kube(cluster).CoreV1().Events(namespace).List(f.t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, e := range list.Items {
			if strings.Contains(e.Message, text) {
				return nil
			}
		}
		return fmt.Errorf("none of %d events says %q", len(list.Items), text)
	}
}
