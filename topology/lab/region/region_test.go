package region_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"

	"koflab/embed/gateway"
	"koflab/topology"
	"koflab/topology/lab/region"
)

// config is a region of the default stack on ports that the system picks.
func config(tb testing.TB) region.Config {
	tb.Helper()
	stack, err := topology.Profile(topology.DefaultStack)
	require.NoError(tb, err)
	dir := tb.TempDir()
	day := 24 * time.Hour
	return region.Config{
		Name: "region-1", Dir: filepath.Join(dir, "region"), IP: "127.0.0.1", AnyPort: true, Routes: stack.Routes,
		Listeners: slices.DeleteFunc(slices.Clone(stack.Listeners), func(l topology.Listener) bool { return l.On != topology.TraitStorage }),
		Retention: region.Retention{Metrics: 30 * day, Logs: 7 * day, Traces: 7 * day, Audit: 365 * day},
		Semantics: "prometheus", Stores: 1, MemoryBytes: 256 << 20,
		Users: []region.User{{Name: "admin", Password: "admin-password"}, {Name: "child", Password: "child-password", Tenant: "a"}},
		CADir: filepath.Join(dir, "ca"), Domains: []string{"vmauth.region-1.test"},
		Clock: region.Clock{Origin: time.Now(), Start: time.Now(), Speed: 1},
	}
}

type opened struct {
	*region.Server
	client *http.Client
	url    string
}

func open(tb testing.TB, c region.Config) opened {
	tb.Helper()
	s, err := region.Open(c)
	require.NoError(tb, err)
	ca, err := gateway.LoadOrCreateCA(c.CADir, c.Clock.Open())
	require.NoError(tb, err)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.ClientTLS()}}
	tb.Cleanup(func() {
		client.CloseIdleConnections()
		require.NoError(tb, s.Close(context.Background()))
	})
	return opened{s, client, "https://" + s.Addresses()[region.VMAuth]}
}

func (o opened) do(tb testing.TB, user, method, path string, body []byte) (int, string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, o.url+path, bytes.NewReader(body))
	require.NoError(tb, err)
	req.SetBasicAuth(user, user+"-password")
	resp, err := o.client.Do(req)
	require.NoError(tb, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	return resp.StatusCode, string(b)
}

const importPath = "/vm/insert/0/prometheus/api/v1/import/prometheus"

func TestWritesAndReadsGoThroughTheGateway(t *testing.T) {
	o := open(t, config(t))
	code, body := o.do(t, "child", http.MethodPost, importPath, []byte("x{tenant=\"b\"} 1\n"))
	require.Equal(t, http.StatusNoContent, code, body)
	code, body = o.do(t, "admin", http.MethodGet, "/vm/select/0/prometheus/api/v1/query?query=x", nil)
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, `"tenant":"a"`, "the gateway's tenant replaces the sender's")
	code, _ = o.do(t, "nobody", http.MethodGet, "/vm/select/0/prometheus/api/v1/query?query=x", nil)
	require.Equal(t, http.StatusUnauthorized, code)

	require.NoError(t, o.SetUsers([]region.User{{Name: "nobody", Password: "nobody-password"}}))
	code, _ = o.do(t, "nobody", http.MethodGet, "/vm/select/0/prometheus/api/v1/query?query=x", nil)
	require.Equal(t, http.StatusOK, code)

	stats, err := o.Stats()
	require.NoError(t, err)
	require.Equal(t, int64(1), stats["metrics"].Stored)
}

func TestListenersGoAndComeBackOnTheirAddresses(t *testing.T) {
	o := open(t, config(t))
	before := o.Addresses()
	require.NoError(t, o.SetListening(false))
	require.NoError(t, o.SetListening(false), "twice is as good as once")
	_, err := o.client.Get(o.url + "/health")
	require.Error(t, err)
	require.NoError(t, o.SetListening(true))
	code, _ := o.do(t, "admin", http.MethodGet, "/health", nil)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, before, o.Addresses())
}

func TestRoutesOfAWholeHost(t *testing.T) {
	stack, err := topology.Profile("v1.0")
	require.NoError(t, err)
	c := config(t)
	c.Routes = stack.Routes
	o := open(t, c)
	for host, want := range map[string]int{"jaeger.d": http.StatusOK, "vmauth.d": http.StatusBadRequest} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.url+"/api/services", nil)
		require.NoError(t, err)
		req.Host = host
		req.SetBasicAuth("admin", "admin-password")
		resp, err := o.client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, host)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	c := config(t)
	c.Routes = []topology.Route{{Prefix: "/x", Signal: "metrics", Access: "write", To: "nothing"}}
	_, err := region.Open(c)
	require.ErrorContains(t, err, `there is no service "nothing"`)

	c = config(t)
	first := open(t, c)
	c2 := config(t)
	c2.AnyPort = false
	c2.Listeners = []topology.Listener{{Name: "vminsert", Port: portOf(t, first.Addresses()["vminsert"])}}
	_, err = region.Open(c2)
	require.ErrorContains(t, err, "in use")
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	var port int
	_, err := fmt.Sscanf(addr, "127.0.0.1:%d", &port)
	require.NoError(t, err)
	return port
}

// BenchmarkIngest is remote write as children send it: TLS, basic auth, tenant,
// gateway, storage. The client's side of TLS is part of the CPU time.
func BenchmarkIngest(b *testing.B) {
	o := open(b, config(b))
	o.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // a benchmark of its own server
	const series, scrapes = 5000, 40
	bodies := make([][]byte, scrapes)
	at := time.Now().Add(-24 * time.Hour)
	used, n := 0.0, 0
	for b.Loop() {
		if n%scrapes == 0 {
			b.StopTimer()
			for i := range bodies {
				bodies[i] = writeRequest(series, at.Add(time.Duration(n+i)*15*time.Second), n+i)
			}
			b.StartTimer()
		}
		before := cpuSeconds(b)
		code, body := o.do(b, "child", http.MethodPost, "/vm/insert/0/prometheus/api/v1/write", bodies[n%scrapes])
		require.Equal(b, http.StatusNoContent, code, body)
		used += cpuSeconds(b) - before
		n++
	}
	b.ReportMetric(float64(n*series)/used, "samples/cpu-s")
}

func writeRequest(series int, at time.Time, step int) []byte {
	var req prompb.WriteRequest
	for i := range series {
		req.Timeseries = append(req.Timeseries, prompb.TimeSeries{
			Labels: []prompb.Label{
				{Name: "__name__", Value: fmt.Sprintf("container_cpu_usage_seconds_total_%d", i%50)},
				{Name: "cluster", Value: "child-1"}, {Name: "clusterNamespace", Value: "kcm-system"},
				{Name: "instance", Value: fmt.Sprintf("10.0.0.%d:10250", i%64)}, {Name: "job", Value: "kubelet"},
				{Name: "namespace", Value: fmt.Sprintf("ns-%d", i%20)}, {Name: "pod", Value: fmt.Sprintf("app-7d9f8c6b5-%05d", i)},
			},
			Samples: []prompb.Sample{{Timestamp: at.UnixMilli(), Value: float64(step*20 + i%13)}},
		})
	}
	b, err := req.Marshal()
	if err != nil {
		return nil
	}
	return snappy.Encode(nil, b)
}

func cpuSeconds(tb testing.TB) float64 {
	tb.Helper()
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
