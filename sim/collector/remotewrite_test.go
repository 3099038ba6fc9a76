package collector

import (
	"math"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What is encoded by hand is what the protocol's own types decode.
func TestEncodeWrite(t *testing.T) {
	name := rapid.StringMatching(`[a-zA-Z_][a-zA-Z0-9_]{0,200}`)
	rapid.Check(t, func(t *rapid.T) {
		external := newExternalLabels("cluster", rapid.String().Draw(t, "cluster"), "clusterNamespace", "n")
		var points []point
		var want []sample
		for range rapid.IntRange(1, 6).Draw(t, "series") {
			own := rapid.MapOfN(name, rapid.StringN(1, 300, -1), 0, 8).Draw(t, "labels")
			l := labels.FromMap(own)
			b := labels.NewBuilder(l)
			for _, x := range external {
				if !l.Has(x.Name) {
					b.Set(x.Name, x.Value)
				}
			}
			s := &series{encoded: external.encode(l)}
			for range rapid.IntRange(1, 4).Draw(t, "points") {
				p := point{series: s, t: rapid.Int64().Draw(t, "t"), v: rapid.Float64().Draw(t, "v")}
				points = append(points, p)
				want = append(want, sample{b.Labels().String(), p.t, p.v})
			}
		}
		require.Equal(t, want, decodeWrite(t, "application/x-protobuf", encodeWrite(RemoteWriteV1, points)))
		require.Equal(t, want, decodeWrite(t, "application/x-protobuf;proto=io.prometheus.write.v2.Request", encodeWrite(RemoteWriteV2, points)))
	})
}

func TestEncodeSpecialValues(t *testing.T) {
	app := &pointAppender{external: newExternalLabels("cluster", "c1")}
	l := labels.FromStrings("__name__", "m")
	for _, v := range []float64{0, math.Inf(1), -1} {
		_, err := app.Append(0, l, 0, 5, v, nil, nil, storage.AppendV2Options{})
		require.NoError(t, err)
	}
	_, err := app.Append(0, l, 0, 6, 0, &histogram.Histogram{Sum: 4, Count: 2}, nil, storage.AppendV2Options{})
	require.NoError(t, err)
	_, err = app.Append(0, l, 0, 7, 0, nil, &histogram.FloatHistogram{Sum: 5, Count: 2.5}, storage.AppendV2Options{})
	require.NoError(t, err)
	for _, v := range []RemoteWriteVersion{RemoteWriteV1, RemoteWriteV2} {
		contentType := map[RemoteWriteVersion]string{RemoteWriteV1: "application/x-protobuf", RemoteWriteV2: "v2"}[v]
		var got []float64
		for _, s := range decodeWrite(t, contentType, encodeWrite(v, app.points)) {
			require.Equal(t, `{__name__="m", cluster="c1"}`, s.labels)
			got = append(got, s.v)
		}
		require.Equal(t, []float64{0, math.Inf(1), -1, 4, 5}, got)
	}
	require.NoError(t, app.Rollback())
	require.Empty(t, app.points)
}
