package metrics

import (
	"context"
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/api"
	apiv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/stretchr/testify/require"
)

// Prometheus' own remote write client writes, its API client reads back.
func TestPrometheusClients(t *testing.T) {
	for _, message := range []remoteapi.WriteMessageType{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType} {
		for _, semantics := range []string{SemanticsPrometheus, SemanticsKOF} {
			t.Run(string(message)+"/"+semantics, func(t *testing.T) {
				s := open(t, Options{Semantics: semantics})
				base := serve(t, s)
				sendAsPrometheus(t, base, message)
				readAsPrometheus(t, base, semantics)
			})
		}
	}
}

func sendAsPrometheus(t *testing.T, base string, message remoteapi.WriteMessageType) {
	u, err := url.Parse(base + writePath)
	require.NoError(t, err)
	client, err := remote.NewWriteClient("koflab", &remote.ClientConfig{
		URL: &config.URL{URL: u}, Timeout: model.Duration(10 * time.Second), WriteProtoMsg: message,
	})
	require.NoError(t, err)
	encode := encodeV1
	if message == remoteapi.WriteV2MessageType {
		encode = encodeV2
	}
	var points []point
	for i := range 5 {
		points = append(points, at(noon.Add(time.Duration(i-4)*time.Minute), float64(i), "__name__", "up", "job", "peer"))
	}
	stats, err := client.Store(context.Background(), snappy.Encode(nil, encode(points...)), 0)
	require.NoError(t, err)
	if message == remoteapi.WriteV2MessageType {
		require.True(t, stats.Confirmed, "the response headers say what was written")
		require.Equal(t, 5, stats.Samples)
	}

	bad := at(noon, math.NaN(), "__name__", "nan")
	stats, err = client.Store(context.Background(), snappy.Encode(nil, encode(at(noon, 1, "__name__", "good"), bad)), 0)
	if message == remoteapi.WriteV2MessageType {
		require.ErrorContains(t, err, "400 Bad Request")
		require.Equal(t, 1, stats.Samples)
	} else {
		require.NoError(t, err)
	}
	var recoverable remote.RecoverableError
	require.NotErrorAs(t, err, &recoverable, "the sender must not try again")
}

func readAsPrometheus(t *testing.T, base, semantics string) {
	client, err := api.NewClient(api.Config{Address: base + selectPrefix + "/prometheus"})
	require.NoError(t, err)
	defer client.(interface{ CloseIdleConnections() }).CloseIdleConnections()
	prom := apiv1.NewAPI(client)
	ctx := context.Background()

	v, warnings, err := prom.Query(ctx, `up{job="peer"}`, noon)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, model.Vector{{
		Metric: model.Metric{"__name__": "up", "job": "peer"}, Value: 4, Timestamp: model.TimeFromUnix(noon.Unix()),
	}}, v)

	v, _, err = prom.QueryRange(ctx, `up`, apiv1.Range{Start: noon.Add(-4 * time.Minute), End: noon, Step: time.Minute})
	require.NoError(t, err)
	require.Len(t, v.(model.Matrix), 1)
	require.Len(t, v.(model.Matrix)[0].Values, 5)
	require.EqualValues(t, 3, v.(model.Matrix)[0].Values[3].Value)

	series, _, err := prom.Series(ctx, []string{"up"}, noon.Add(-time.Hour), noon)
	require.NoError(t, err)
	require.Equal(t, []model.LabelSet{{"__name__": "up", "job": "peer"}}, series)

	values, _, err := prom.LabelValues(ctx, "__name__", nil, noon.Add(-time.Hour), noon)
	require.NoError(t, err)
	require.Equal(t, model.LabelValues{"good", "up"}, values)

	status, err := prom.TSDB(ctx)
	require.NoError(t, err)
	require.Equal(t, apiv1.Stat{Name: "good", Value: 1}, status.SeriesCountByMetricName[0])

	_, _, err = prom.Query(ctx, "sum(", noon)
	var apiErr *apiv1.Error
	require.ErrorAs(t, err, &apiErr)
	want := apiv1.ErrBadData
	if semantics == SemanticsKOF {
		want = "422" // as vmselect answers
	}
	require.Equal(t, want, apiErr.Type)
}
