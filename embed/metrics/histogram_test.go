package metrics

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	prompbv1 "github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
)

// exponential has observations below, around and above zero.
func exponential() *histogram.Histogram {
	return &histogram.Histogram{
		Schema: 0, ZeroThreshold: 0.5, ZeroCount: 2, Count: 13, Sum: 21.5,
		NegativeSpans: []histogram.Span{{Offset: 1, Length: 1}}, NegativeBuckets: []int64{1}, // 1 in [-2, -1)
		PositiveSpans: []histogram.Span{{Offset: 1, Length: 3}}, PositiveBuckets: []int64{4, -4, 6}, // 4, 0, 6 up to 2, 4, 8
	}
}

func custom() *histogram.Histogram {
	return &histogram.Histogram{
		Schema: histogram.CustomBucketsSchema, Count: 6, Sum: 9, CustomValues: []float64{0.1, 2.5},
		PositiveSpans: []histogram.Span{{Length: 3}}, PositiveBuckets: []int64{1, 1, 1}, // 1, 2, 3
	}
}

// sendHistogram writes one native histogram by the given version.
func sendHistogram(s *Store, version protocol, ts int64, ih *histogram.Histogram, fh *histogram.FloatHistogram) (status int, written, message string) {
	if version == protocolV1 {
		var m prompbv1.Histogram
		if ih != nil {
			m = prompbv1.FromIntHistogram(ts, ih)
		} else {
			m = prompbv1.FromFloatHistogram(ts, fh)
		}
		w := post(s.InsertHandler(), writePath, snappy.Encode(nil, marshal(&prompbv1.WriteRequest{Timeseries: []prompbv1.TimeSeries{{
			Labels: []prompbv1.Label{{Name: "__name__", Value: "h"}, {Name: "job", Value: "j"}}, Histograms: []prompbv1.Histogram{m},
		}}})), "Content-Type", typeV1)
		return w.Code, "1", w.Body.String()
	}
	var m writev2.Histogram
	if ih != nil {
		m = writev2.FromIntHistogram(0, ts, ih)
	} else {
		m = writev2.FromFloatHistogram(0, ts, fh)
	}
	req := requestV2(ts, []string{"__name__", "h", "job", "j"})
	req.Timeseries[0].Samples, req.Timeseries[0].Histograms = nil, []writev2.Histogram{m}
	w := post(s.InsertHandler(), writePath, snappy.Encode(nil, marshal(req)), "Content-Type", typeV2)
	return w.Code, w.Header().Get("X-Prometheus-Remote-Write-Histograms-Written"), w.Body.String()
}

func TestNativeHistogramsBecomeClassic(t *testing.T) {
	f := func(ih *histogram.Histogram, want ...string) {
		t.Helper()
		for _, version := range []protocol{protocolV1, protocolV2} {
			for _, floats := range []bool{false, true} {
				s := open(t, Options{})
				var fh *histogram.FloatHistogram
				h := ih
				if floats {
					h, fh = nil, ih.ToFloat(nil)
				}
				status, written, message := sendHistogram(s, version, noon.UnixMilli(), h, fh)
				require.Equal(t, http.StatusNoContent, status, message)
				require.Equal(t, "1", written)
				require.Equal(t, want, instant(t, s, `{__name__=~".+"}`))
				st := balanced(t, s)
				require.EqualValues(t, len(want), st.Received)
				require.EqualValues(t, 1, st.NativeHistograms)
			}
		}
	}
	f(exponential(),
		`{__name__="h_bucket", job="j", le="+Inf"} 13`,
		`{__name__="h_bucket", job="j", le="-1"} 1`,
		`{__name__="h_bucket", job="j", le="0.5"} 3`,
		`{__name__="h_bucket", job="j", le="2"} 7`,
		`{__name__="h_bucket", job="j", le="4"} 7`,
		`{__name__="h_bucket", job="j", le="8"} 13`,
		`{__name__="h_count", job="j"} 13`,
		`{__name__="h_sum", job="j"} 21.5`)
	f(custom(),
		`{__name__="h_bucket", job="j", le="+Inf"} 6`,
		`{__name__="h_bucket", job="j", le="0.1"} 1`,
		`{__name__="h_bucket", job="j", le="2.5"} 3`,
		`{__name__="h_count", job="j"} 6`,
		`{__name__="h_sum", job="j"} 9`)
	f(&histogram.Histogram{},
		`{__name__="h_bucket", job="j", le="+Inf"} 0`,
		`{__name__="h_count", job="j"} 0`,
		`{__name__="h_sum", job="j"} 0`)
}

func TestConvertedHistogramAnswersQuantiles(t *testing.T) {
	s := open(t, Options{})
	status, _, message := sendHistogram(s, protocolV2, noon.UnixMilli(), custom(), nil)
	require.Equal(t, http.StatusNoContent, status, message)
	require.Equal(t, []string{`{job="j"} 2.5`}, instant(t, s, "histogram_quantile(0.9, h_bucket)"))
}

func TestInvalidHistograms(t *testing.T) {
	f := func(name string, spoil func(*histogram.Histogram)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			for _, version := range []protocol{protocolV1, protocolV2} {
				s := open(t, Options{})
				h := exponential()
				spoil(h)
				status, _, message := sendHistogram(s, version, noon.UnixMilli(), h, nil)
				require.Equal(t, http.StatusBadRequest, status)
				require.Contains(t, message, "invalid histogram")
				require.Equal(t, map[string]int64{ReasonInvalidHistogram: 1}, balanced(t, s).Dropped)
			}
		})
	}
	f("count", func(h *histogram.Histogram) { h.Count++ })
	f("schema", func(h *histogram.Histogram) { h.Schema = 100 })
	f("spans", func(h *histogram.Histogram) { h.PositiveSpans[0].Length = 4e9 })
	f("negative bucket", func(h *histogram.Histogram) { h.PositiveBuckets[0] = -4 })
	f("bounds", func(h *histogram.Histogram) { h.CustomValues = []float64{1} })
}

func TestHistogramOutsideTheRetention(t *testing.T) {
	s := open(t, Options{})
	status, written, message := sendHistogram(s, protocolV2, noon.Add(-365*24*time.Hour).UnixMilli(), custom(), nil)
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "0", written)
	require.Contains(t, message, "older than the retention")
	require.Equal(t, map[string]int64{ReasonSmallTimestamp: 5}, balanced(t, s).Dropped)
}

func TestStaleHistogramEndsTheSeries(t *testing.T) {
	s := open(t, Options{})
	_, _, _ = sendHistogram(s, protocolV2, noon.Add(-time.Minute).UnixMilli(), custom(), nil)
	status, _, message := sendHistogram(s, protocolV2, noon.UnixMilli(), &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}, nil)
	require.Equal(t, http.StatusNoContent, status, message)
	require.Empty(t, instant(t, s, `h_count or h_sum or h_bucket{le="+Inf"}`))
}

// A sum is NaN when NaN was observed: the rest of the histogram counts.
func TestHistogramWithNaNSum(t *testing.T) {
	s := open(t, Options{})
	h := custom()
	h.Sum = math.NaN()
	status, written, message := sendHistogram(s, protocolV2, noon.UnixMilli(), h, nil)
	require.Equal(t, http.StatusNoContent, status, message)
	require.Equal(t, "1", written)
	require.Equal(t, []string{`{__name__="h_count", job="j"} 6`}, instant(t, s, "h_count or h_sum"))
	require.Equal(t, map[string]int64{ReasonNaN: 1}, balanced(t, s).Dropped)
}
