package cmd_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	apiv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb/agent"
	"github.com/stretchr/testify/require"
)

// A Prometheus agent - its write-ahead log, its queues, its remote write client -
// sends through a region's gateway as a child, in either version of the protocol.
func TestPrometheusRemoteWrite(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "minimal")
	for _, message := range []string{"prometheus.WriteRequest", "io.prometheus.write.v2.Request"} {
		scrape := l.prometheusAgent(message)
		l.eventually(30*time.Second, "what Prometheus sent is at management", func() error {
			scrape()
			v := l.vector(fmt.Sprintf(`peer_value{message=%q}`, message))
			if len(v) != 1 || v[0].Value != 42 {
				return fmt.Errorf("got %v", v)
			}
			require.EqualValues(t, "PLATFORM", v[0].Metric["tenant"], "set by the gateway, as the user's")
			require.EqualValues(t, "peer", v[0].Metric["cluster"], "an external label of the sender")
			return nil
		})
	}
}

// prometheusAgent starts an agent that sends to the region. What it returns
// appends a sample, as a scrape does; the agent sends those that are later than
// its own start.
func (l *testLab) prometheusAgent(message string) func() {
	l.Helper()
	dir, access, child := l.TempDir(), l.access(), l.user("child-1", "region-1")
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(l, os.WriteFile(ca, []byte(access.CA), 0o600))
	conf, err := config.Load(fmt.Sprintf(`
global:
  external_labels: {cluster: peer}
remote_write:
- url: %s/vm/insert/0/prometheus/api/v1/write
  protobuf_message: %s
  basic_auth: {username: %q, password: %q}
  tls_config: {ca_file: %q}
  queue_config: {batch_send_deadline: 100ms}
  metadata_config: {send: false}
`, l.url("region-1", "vmauth"), message, child.Username, child.Password, ca), slog.New(slog.DiscardHandler))
	require.NoError(l, err)
	registry := prometheus.NewRegistry()
	sender := remote.NewStorage(nil, registry, func() (int64, error) { return 0, nil }, dir, 10*time.Second, nil, false)
	db, err := agent.Open(slog.New(slog.DiscardHandler), registry, sender, dir, agent.DefaultOptions())
	require.NoError(l, err)
	db.SetWriteNotified(sender)
	require.NoError(l, sender.ApplyConfig(conf))
	l.Cleanup(func() {
		require.NoError(l, sender.Close())
		require.NoError(l, db.Close())
	})
	return func() {
		l.Helper()
		app := db.Appender(l.Context())
		_, err := app.Append(0, labels.FromStrings("__name__", "peer_value", "message", message), time.Now().UnixMilli(), 42)
		require.NoError(l, err)
		require.NoError(l, app.Commit())
	}
}

// Prometheus' API client, which promtool and many others use, reads management
// and, as its administrator, a region.
func TestPrometheusAPIClient(t *testing.T) {
	t.Parallel()
	l := startLab(t)
	now := l.now()
	admin := l.user(admin, "region-2")
	region := basicAuth{admin.Username, admin.Password, l.httpClient().Transport}
	for _, c := range []struct {
		name, url string
		transport http.RoundTripper
		clusters  model.LabelValues
		nodes     model.SampleValue
	}{
		{"management", l.url("mothership", "promxy"), l.httpClient().Transport, model.LabelValues{"child-1", "child-2", "child-3", "child-4", "region-1", "region-2"}, 11},
		{"region", l.url("region-2", "vmauth") + "/vm/select/0/prometheus", region, model.LabelValues{"child-3", "child-4", "region-2"}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := api.NewClient(api.Config{Address: c.url, RoundTripper: c.transport})
			require.NoError(t, err)
			prom, ctx := apiv1.NewAPI(client), t.Context()

			v, warnings, err := prom.Query(ctx, `sum(count by (cluster)(kube_node_info))`, now)
			require.NoError(t, err)
			require.Empty(t, warnings)
			require.Equal(t, c.nodes, v.(model.Vector)[0].Value)
			v, _, err = prom.QueryRange(ctx, `count(kube_node_info)`, apiv1.Range{Start: now.Add(-time.Minute), End: now, Step: 15 * time.Second})
			require.NoError(t, err)
			points := v.(model.Matrix)[0].Values
			require.Equal(t, c.nodes, points[len(points)-1].Value)

			series, _, err := prom.Series(ctx, []string{`kube_node_info`}, now.Add(-time.Hour), now)
			require.NoError(t, err)
			require.Len(t, series, int(c.nodes))
			names, _, err := prom.LabelNames(ctx, []string{"kube_node_info"}, now.Add(-time.Hour), now)
			require.NoError(t, err)
			require.Subset(t, names, model.LabelNames{"__name__", "cluster", "clusterNamespace", "node"})
			clusters, _, err := prom.LabelValues(ctx, "cluster", []string{"kube_node_info"}, now.Add(-time.Hour), now)
			require.NoError(t, err)
			require.Equal(t, c.clusters, clusters)
			_, err = prom.Metadata(ctx, "", "10")
			require.NoError(t, err)
			build, err := prom.Buildinfo(ctx)
			require.NoError(t, err)
			require.NotEmpty(t, build.Version)

			_, _, err = prom.Query(ctx, "sum(", now)
			var apiErr *apiv1.Error
			require.ErrorAs(t, err, &apiErr)
			require.Equal(t, apiv1.ErrBadData, apiErr.Type)
			require.Contains(t, apiErr.Msg, "unclosed left parenthesis")
		})
	}
	client, err := api.NewClient(api.Config{Address: l.url("region-2", "vmauth") + "/vm/select/0/prometheus", RoundTripper: region})
	require.NoError(t, err)
	stats, err := apiv1.NewAPI(client).TSDB(t.Context())
	require.NoError(t, err)
	require.Positive(t, stats.HeadStats.NumSeries)
	require.NotEmpty(t, stats.SeriesCountByMetricName)
}

// basicAuth adds credentials to each request.
type basicAuth struct {
	username, password string
	next               http.RoundTripper
}

func (b basicAuth) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(b.username, b.password)
	return b.next.RoundTrip(r)
}
