package conform

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// client-go keeps the connections of its transports.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// healthy is one region with one child.
func healthy(t *testing.T) *fake {
	f := newFake(t)
	f.up([]string{"cluster", "r1", "promxyCluster", "r1"}, []string{"cluster", "c1", "promxyCluster", "r1", "tenant", "PLATFORM"})
	now := float64(f.now.Unix())
	both := []sample{of(now-10, "cluster", "r1"), of(now-10, "cluster", "c1")}
	ones := []sample{of(1, "cluster", "r1"), of(1, "cluster", "c1")}
	f.vectors["count by (cluster) (kube_node_info)"] = ones
	f.vectors["count by (cluster) (count by (cluster, node) (kube_node_info))"] = ones
	f.vectors["node_uname_info"] = ones
	f.vectors["timestamp(node_total_hourly_cost)"] = both
	f.vectors["container_cpu_allocation"] = ones
	return f
}

func TestHealthy(t *testing.T) {
	f := healthy(t)
	r, err := f.run(t, nil)
	require.NoError(t, err)
	assert.Empty(t, failed(r), "%+v", r.Failures())
	assert.Equal(t, []string{"c1", "r1"}, r.Clusters)
	assert.Equal(t, []string{"r1"}, r.Regions)
	assert.Equal(t, len(r.Results), r.Passed+r.Skipped)
	assert.Equal(t, Pass, result(r, "cluster-silent").Outcome)
	assert.Equal(t, "no kubeconfig of the management cluster was given", result(r, "kof-version").Reason)
	assert.Equal(t, "no --logs URL was given", result(r, "logs-fresh").Reason)
	for _, q := range f.asked {
		assert.True(t, strings.HasPrefix(q, "GET "), "%s: only reading", q)
	}
}

// Each of these changes the healthy installation, and one check names it.
func TestOneCauseOneFailure(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(f *fake)
		want     string
		subjects []string
		evidence string
	}{
		{"silent cluster", func(f *fake) {
			f.up([]string{"cluster", "c2", "promxyCluster", "r1", "tenant", "PLATFORM"})
			rows := f.vectors["clusterName) (timestamp(up))"]
			rows[len(rows)-1].value -= 200
		}, "cluster-silent", []string{"c2"}, "3m30s old"},
		{"no costs", func(f *fake) {
			f.vectors["timestamp(node_total_hourly_cost)"] = f.vectors["timestamp(node_total_hourly_cost)"][:1]
		}, "cost-present", []string{"c1"}, "no node_total_hourly_cost"},
		{"no kube-state-metrics", func(f *fake) {
			for _, q := range []string{"count by (cluster) (kube_node_info)", "timestamp(node_total_hourly_cost)", "container_cpu_allocation"} {
				f.vectors[q] = f.vectors[q][:1]
			}
		}, "kube-state-metrics", []string{"c1"}, "no kube_node_info"},
		{"tenants mixed", func(f *fake) {
			f.up([]string{"cluster", "c1", "promxyCluster", "r1", "tenant", "other"})
		}, "tenant", []string{"c1"}, "PLATFORM, other"},
		{"two regions with one cluster name", func(f *fake) {
			f.up([]string{"cluster", "c1", "promxyCluster", "r2", "tenant", "PLATFORM"})
		}, "cluster-names", []string{"c1"}, "in region r1, and one in namespace kcm-system, in region r2"},
		{"legacy label", func(f *fake) {
			f.up([]string{"clusterName", "c9", "promxyCluster", "r1"})
		}, "labels-legacy", []string{"c9"}, `clusterName="c9"`},
		{"no namespace", func(f *fake) {
			f.up([]string{"cluster", "c1", "promxyCluster", "r1", "tenant", "PLATFORM", "clusterNamespace", ""})
			for _, q := range []string{"last_over_time(up[", "clusterName) (timestamp(up))"} {
				f.vectors[q] = append(f.vectors[q][:1], f.vectors[q][2])
			}
		}, "labels", []string{"c1"}, "no label clusterNamespace"},
		{"series in the future", func(f *fake) {
			f.vectors["offset -"] = []sample{of(-600, "cluster", "c1")}
		}, "clock-skew", []string{"c1"}, "10m0s in the future"},
		{"scraped twice", func(f *fake) {
			now := float64(f.now.Unix())
			f.vectors["timestamp(up{instance"] = []sample{of(now, "cluster", "c1", "instance", "10.0.0.1:80", "job", "a"), of(now, "cluster", "c1", "instance", "10.0.0.1:80", "job", "b")}
		}, "duplicate-scrape", []string{"c1"}, "10.0.0.1:80 has jobs a and b"},
		{"one node in two clusters", func(f *fake) {
			now := float64(f.now.Unix())
			f.vectors["max by (node, cluster) (timestamp(kube_node_info))"] = []sample{of(now, "cluster", "c1", "node", "n"), of(now, "cluster", "r1", "node", "n")}
			f.failing["container_cpu_allocation"] = "many-to-many matching not allowed"
		}, "node-names", []string{"c1", "r1"}, "node n: also in r1"},
		{"pods without owners", func(f *fake) {
			f.vectors["unless on (cluster, namespace, pod) kube_pod_owner"] = []sample{of(4, "cluster", "c1")}
		}, "pod-owners", []string{"c1"}, "4 pods"},
		{"wrong sum", func(f *fake) {
			n := []string{"cluster", "c1", "node", "n"}
			f.vectors["(node_total_hourly_cost)"] = []sample{of(1, n...)}
			f.vectors["(node_cpu_hourly_cost)"] = []sample{of(0.1, n...)}
			f.vectors[`resource="cpu"`] = []sample{of(4, n...)}
		}, "cost-sum", []string{"c1"}, "node n costs 1 an hour"},
		{"dropped", func(f *fake) {
			f.vectors["otelcol_exporter_enqueue_failed_spans"] = []sample{of(7, "cluster", "c1", "exporter", "otlphttp/traces")}
			f.vectors["otelcol_exporter_send_failed_spans"] = []sample{of(7, "cluster", "c1", "exporter", "otlphttp/traces")}
		}, "queue-full", []string{"c1"}, "7 spans of otlphttp/traces"},
		{"full queue", func(f *fake) {
			f.vectors["otelcol_exporter_queue_size / "] = []sample{of(0.9, "cluster", "c1", "exporter", "x")}
		}, "queue-room", []string{"c1"}, "90 % full"},
		{"too many series", func(f *fake) {
			f.vectors["scrape_samples_post_metric_relabeling"] = []sample{of(5e4, "cluster", "c1", "job", "shop", "instance", "i")}
		}, "cardinality", []string{"c1"}, "50000 series"},
		{"region told by promxy", func(f *fake) {
			f.explain = []groupAnswer{{Name: "r1", Answered: true}, {Name: "r2", Error: "dial tcp: lookup vmauth.r2: no such host"}}
		}, "region-name", []string{"r2"}, "no such host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := healthy(t)
			c.change(f)
			r, err := f.run(t, nil)
			require.NoError(t, err)
			require.Equal(t, []string{c.want}, failed(r), "%+v", r.Failures())
			x := result(r, c.want)
			assert.Equal(t, c.subjects, x.Subjects)
			assert.Contains(t, strings.Join(x.Evidence, "\n"), c.evidence)
			assert.NotEmpty(t, x.Fix)
		})
	}
}

// What has begun just now need not have all its parts yet.
func TestYoungCluster(t *testing.T) {
	f := healthy(t)
	f.up([]string{"cluster", "c2", "promxyCluster", "r1", "tenant", "PLATFORM"})
	f.vectors["(up offset "] = f.vectors["(up offset "][:2]
	r, err := f.run(t, nil)
	require.NoError(t, err)
	assert.Empty(t, failed(r), "%+v", r.Failures())
	assert.Equal(t, "c2, because it sends for less than 2m0s now; right for the other 2", result(r, "cost-present").Reason)
}

// A clock behind and a backlog both look old; only one of them stays as old as it is.
func TestClockBehind(t *testing.T) {
	for _, c := range []struct {
		name  string
		grows float64 // age by second of the target
		want  string
	}{
		{"clock behind", 0, "clock-skew"},
		{"nothing comes", 1, "cluster-silent"},
		{"a backlog comes", -4, "cluster-silent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := healthy(t)
			f.up([]string{"cluster", "c2", "promxyCluster", "r1", "tenant", "PLATFORM"})
			rows := f.vectors["clusterName) (timestamp(up))"]
			rows[len(rows)-1].value -= 600
			start := f.now
			f.tick = func() {
				f.vectors["max_over_time(timestamp(up{cluster=~"] = []sample{of(600+c.grows*f.now.Sub(start).Seconds(), "cluster", "c2")}
			}
			f.tick()
			r, err := f.run(t, nil)
			require.NoError(t, err)
			assert.Equal(t, []string{c.want}, failed(r), "%+v", r.Failures())
		})
	}
}

// Regions that are not reached are told apart by asking them directly.
func TestRegionProbes(t *testing.T) {
	secret := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "admin" || password != "right" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`)
	}))
	t.Cleanup(secret.Close)
	secure := httptest.NewUnstartedServer(secret.Config.Handler)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // that its certificate is refused is wanted
	secure.StartTLS()
	t.Cleanup(secure.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		name   string
		region Region
		want   string
	}{
		{"away", Region{URL: gone.URL}, "region-reachable"},
		{"no name", Region{URL: "https://vmauth.nowhere.invalid"}, "region-name"},
		{"certificate", Region{URL: secure.URL}, "region-certificate"},
		{"certificate that nobody checks", Region{URL: secure.URL, Insecure: true, Username: "admin", Password: "right"}, "region-coverage"},
		{"credentials", Region{URL: secret.URL, Username: "admin", Password: "wrong"}, "region-credentials"},
		{"answers, is not in promxy", Region{URL: secret.URL, Username: "admin", Password: "right"}, "region-coverage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := healthy(t)
			c.region.Name = "r2"
			r, err := f.run(t, func(target *Target) { target.Regions = []Region{c.region} })
			require.NoError(t, err)
			require.Equal(t, []string{c.want}, failed(r), "%+v", r.Failures())
			assert.Equal(t, []string{"r2"}, result(r, c.want).Subjects)
		})
	}
}

// What cannot be looked at ends before any check, with a line that says why.
func TestNotAKOF(t *testing.T) {
	page := "<!DOCTYPE html><html><head><title>Log in</title></head></html>"
	for _, c := range []struct {
		name  string
		serve http.HandlerFunc
		want  string
	}{
		{"web page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) }, "it answers a web page, not the API: Log in"},
		{"not JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello\x1b[31m\x00 there") }, "not the JSON asked for"},
		{"other JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[1,2]`) }, "not the JSON asked for"},
		{"JSON of another API", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"hello":1}`) }, "not one of Prometheus' API"},
		{"empty", func(http.ResponseWriter, *http.Request) {}, "not the JSON asked for"},
		{"401", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "wants other credentials"},
		{"500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "out of order", 500) }, "500 Internal Server Error: out of order"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://user:secret@elsewhere/login", 302)
		}, "redirects (302) to https://elsewhere/login"},
		{"broken vector", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1]}]}}`)
		}, "a sample does not read"},
		{"time that is none", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}}`)
		}, "its time() is no time"},
		{"plain Prometheus", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("query") == "time()" {
				fmt.Fprint(w, `{"status":"success","data":{"resultType":"scalar","result":[1,"1000"]}}`)
				return
			}
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"x"},"value":[1,"1"]}]}}`)
		}, "no KOF stands behind it"},
		{"huge", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.CopyN(w, zeros{}, maxBody+10)
		}, "longer than 64 MiB"},
		{"Grafana without a token", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/health" {
				fmt.Fprint(w, `{"database":"ok"}`)
				return
			}
			w.WriteHeader(401)
		}, "give --grafana-token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(c.serve)
			t.Cleanup(srv.Close)
			_, err := Run(t.Context(), Target{URL: srv.URL}, Options{Timeout: 5 * time.Second})
			require.ErrorIs(t, err, ErrNoKOF)
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, err.Error(), "\x1b")
		})
	}
	_, err := Run(t.Context(), Target{URL: "ftp://u:secret@x"}, Options{})
	require.NotErrorIs(t, err, ErrNoKOF)
	require.ErrorContains(t, err, `"ftp://x" is not an http or https URL`)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// Through Grafana the data sources that KOF makes are asked, with its token.
func TestGrafana(t *testing.T) {
	f := healthy(t)
	grafana := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Bearer t0ken", r.Header.Get("Authorization"))
		switch {
		case r.URL.Path == "/api/health":
			fmt.Fprint(w, `{"database":"ok","version":"10.4.18"}`)
		case r.URL.Path == "/api/datasources":
			fmt.Fprint(w, `[{"uid":"x","name":"other","type":"prometheus","isDefault":true},{"uid":"k","name":"kof-metrics","type":"prometheus"}]`)
		case strings.HasPrefix(r.URL.Path, "/api/datasources/proxy/uid/k/"):
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/api/datasources/proxy/uid/k")
			f.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(grafana.Close)
	r, err := Run(t.Context(), Target{URL: grafana.URL, Auth: Auth{Token: "t0ken"}}, Options{Timeout: 5 * time.Second})
	require.NoError(t, err)
	assert.Equal(t, KindGrafana, r.Kind)
	assert.Empty(t, failed(r))
}

// A hostile installation neither ends the run nor gets into the terminal.
func TestHostileNames(t *testing.T) {
	f := healthy(t)
	evil := "c\x1b[2J\n<script>" + strings.Repeat("x", 5000)
	f.up([]string{"cluster", evil, "promxyCluster", "r1"})
	f.logs["stats"] = "{\"k8s.cluster.name\":\"\x1b[31m\",\"n\":\"many\"}\n"
	r, err := f.run(t, func(t *Target) { t.Logs = t.URL })
	require.NoError(t, err)
	var text, junit bytes.Buffer
	require.NoError(t, r.Text(&text))
	require.NoError(t, r.JUnit(&junit))
	assert.NotContains(t, text.String(), "\x1b")
	require.NoError(t, xml.Unmarshal(junit.Bytes(), new(any)))
	for line := range strings.Lines(text.String()) {
		assert.Less(t, len(line), 4000)
	}
}
