package kube

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestListenAndCloseLeaveNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := newServer(t)
	require.NoError(t, s.Listen("127.0.0.1:0", nil))
	require.Error(t, s.Listen("127.0.0.1:0", nil))
	transport := &http.Transport{}
	c, err := kubernetes.NewForConfig(&rest.Config{Host: "http://" + s.Addr(), Transport: transport, QPS: -1})
	require.NoError(t, err)
	w, err := c.CoreV1().ConfigMaps("").Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	_, err = c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Equal(t, "x", (<-w.ResultChan()).Object.(*corev1.ConfigMap).Name)
	require.NoError(t, s.Close(context.Background()))
	_, open := <-w.ResultChan()
	require.False(t, open)
	transport.CloseIdleConnections()
}

func TestManyClientsAtOnce(t *testing.T) {
	s := newServer(t)
	c, err := kubernetes.NewForConfig(s.RESTConfig())
	require.NoError(t, err)
	_, err = c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "shared"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 25 {
				patch := []byte(`{"data":{"k` + string(rune('a'+i)) + `":"v"}}`)
				if _, err := c.CoreV1().ConfigMaps("default").Patch(context.Background(), "shared", "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
					t.Error(err)
				}
				if _, err := c.CoreV1().ConfigMaps("").List(context.Background(), metav1.ListOptions{}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	got, err := c.CoreV1().ConfigMaps("default").Get(t.Context(), "shared", metav1.GetOptions{})
	require.NoError(t, err)
	require.Len(t, got.Data, 8)
}

func TestListenWithTLS(t *testing.T) {
	other := httptest.NewUnstartedServer(nil) // for its certificate
	other.StartTLS()
	defer other.Close()
	s := newServer(t)
	require.NoError(t, s.Listen("127.0.0.1:0", &tls.Config{Certificates: other.TLS.Certificates, MinVersion: tls.VersionTLS12}))
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})
	config := &rest.Config{Host: "https://" + s.Addr(), TLSClientConfig: rest.TLSClientConfig{CAData: ca, ServerName: "example.com"}}
	client, err := rest.HTTPClientFor(config)
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	c, err := kubernetes.NewForConfigAndClient(config, client)
	require.NoError(t, err)
	w, err := c.CoreV1().Namespaces().Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Equal(t, "default", (<-w.ResultChan()).Object.(*corev1.Namespace).Name)
	w.Stop()
}
