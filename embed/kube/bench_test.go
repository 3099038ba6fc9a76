package kube

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func benchPod(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: map[string]string{"app": "a", "pod-template-hash": "7d9c8b6f5"}},
		Spec:       podTemplate().Spec,
	}
}

func BenchmarkCreateInProcess(b *testing.B) {
	s := New(Options{Name: "b"})
	for i := 0; b.Loop(); i++ {
		_, err := s.Create(podsGR, benchPod(fmt.Sprint("p", i)))
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}

func BenchmarkUpdateStatusInProcess(b *testing.B) {
	s := New(Options{Name: "b"})
	p := benchPod("p")
	_, err := s.Create(podsGR, p)
	require.NoError(b, err)
	for i := 0; b.Loop(); i++ {
		p.Status.PodIP = fmt.Sprintf("10.0.%d.%d", i/250%250, i%250)
		_, err := s.Update(podsGR, p, "status")
		require.NoError(b, err)
	}
}

func BenchmarkCreateHTTP(b *testing.B) {
	s := New(Options{Name: "b"})
	for i := 0; b.Loop(); i++ {
		resp := call(b, s, "POST", "/api/v1/namespaces/default/pods", mustJSON(b, benchPod(fmt.Sprint("p", i))))
		require.Equal(b, 201, resp.StatusCode)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}

func manyPods(b *testing.B, n int) *Server {
	b.Helper()
	s := New(Options{Name: "b"})
	for i := range n {
		_, err := s.Create(podsGR, benchPod(fmt.Sprint("p", i)))
		require.NoError(b, err)
	}
	return s
}

func BenchmarkList5000Pods(b *testing.B) {
	s := manyPods(b, 5000)
	for name, accept := range map[string]string{"json": "application/json", "table": "application/json;as=Table;v=v1;g=meta.k8s.io"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				resp := call(b, s, "GET", "/api/v1/pods", "", "Accept: "+accept)
				_, err := io.Copy(io.Discard, resp.Body)
				require.NoError(b, err)
			}
		})
	}
	b.Run("node", func(b *testing.B) {
		for b.Loop() {
			call(b, s, "GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn", "")
		}
	})
}

// BenchmarkWatches100 is one change seen by a hundred watches.
func BenchmarkWatches100(b *testing.B) {
	s := manyPods(b, 1)
	type line struct{}
	got := make(chan line, 1000)
	for range 100 {
		r, err := http.NewRequestWithContext(b.Context(), "GET", "http://kube/api/v1/pods?watch=1&resourceVersion="+fmt.Sprint(s.ResourceVersion()), nil)
		require.NoError(b, err)
		resp, err := s.client.RoundTrip(r)
		require.NoError(b, err)
		go func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := resp.Body.Read(buf)
				for _, c := range buf[:n] {
					if c == '\n' {
						got <- line{}
					}
				}
				if err != nil {
					return
				}
			}
		}()
	}
	p := benchPod("p0")
	for i := 0; b.Loop(); i++ {
		p.Labels["i"] = fmt.Sprint(i)
		_, err := s.Update(podsGR, p, "")
		require.NoError(b, err)
		for range 100 {
			<-got
		}
	}
	b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkServer is what a cluster with nothing in it costs.
func BenchmarkServer(b *testing.B) {
	var before, after runtime.MemStats
	var keep []*Server
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		keep = append(keep, New(Options{Name: "b", Now: time.Now}))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(keep)), "heap-B/server")
	runtime.KeepAlive(keep)
}

func BenchmarkCRD(b *testing.B) {
	crd := tree(b, widgetCRD)
	b.Run("shared", func(b *testing.B) {
		for b.Loop() {
			_, err := New(Options{Name: "b"}).Create(crdsGR, crd)
			require.NoError(b, err)
		}
	})
	b.Run("parsed", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			crd.Object["spec"].(map[string]any)["names"].(map[string]any)["shortNames"] = []any{fmt.Sprint("s", i)}
			_, err := New(Options{Name: "b"}).Create(crdsGR, crd)
			require.NoError(b, err)
		}
	})
	b.Run("object", func(b *testing.B) {
		s := widgetServer(b)
		for i := 0; b.Loop(); i++ {
			_, err := s.Create(widgets, widget(b, fmt.Sprint("w", i), "{color: red}"))
			require.NoError(b, err)
		}
	})
}

func BenchmarkDiscovery(b *testing.B) {
	s := newServer(b)
	for name, path := range map[string]string{"aggregated": "/apis", "openapi": "/openapi/v3", "document": "/openapi/v3/apis/apps/v1"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				call(b, s, "GET", path, "", "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
			}
		})
	}
}
