package metrics

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/histogram"
	prompbv1 "github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
)

// What the remote write specifications 1.0 and 2.0 demand of a receiver, as a
// table of our own; docs/remote-write-compliance.md tells how to run the
// official suite against a lab.
func TestRemoteWriteSpecification(t *testing.T) {
	type outcome struct{ status, samples, histograms, exemplars int }
	const (
		snappyBlock = "snappy"
		version2    = "2.0.0"
	)
	ms := noon.UnixMilli()
	// message builds a request whose symbols are the given strings, "" first.
	message := func(symbols []string, series ...writev2.TimeSeries) []byte {
		return marshal(&writev2.Request{Symbols: append([]string{""}, symbols...), Timeseries: series})
	}
	names := []string{"__name__", "m", "job", "j", "trace_id", "t"} // 1 to 6
	refs := []uint32{1, 2, 3, 4}
	one := []writev2.Sample{{Value: 1, Timestamp: ms}}
	native := func(h *histogram.Histogram) []writev2.Histogram {
		return []writev2.Histogram{writev2.FromIntHistogram(0, ms, h)}
	}
	wrongCount := exponential()
	wrongCount.Count++
	v1 := marshal(&prompbv1.WriteRequest{Timeseries: []prompbv1.TimeSeries{{
		Labels: []prompbv1.Label{{Name: "__name__", Value: "m"}}, Samples: []prompbv1.Sample{{Value: 1, Timestamp: ms}},
	}}})

	f := func(rule, contentType, encoding string, body []byte, want outcome) {
		t.Helper()
		t.Run(rule, func(t *testing.T) {
			s := open(t, Options{})
			if encoding == snappyBlock {
				body = snappy.Encode(nil, body)
			}
			w := post(s.InsertHandler(), writePath, body, "Content-Type", contentType, "Content-Encoding", encoding, "X-Prometheus-Remote-Write-Version", version2)
			header := func(kind string) int {
				n, _ := strconv.Atoi(w.Header().Get("X-Prometheus-Remote-Write-" + kind + "-Written"))
				return n
			}
			require.Equal(t, want, outcome{w.Code, header("Samples"), header("Histograms"), header("Exemplars")}, w.Body.String())
			if w.Code/100 == 4 {
				require.NotEmpty(t, w.Body.String(), "an error is explained")
			} else {
				require.Empty(t, w.Body.String())
			}
			balanced(t, s)
		})
	}
	series := func(ts writev2.TimeSeries) []byte { return message(names, ts) }

	f("a v2 message is taken", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Samples: one}), outcome{204, 1, 0, 0})
	f("the parameter may have spaces", "application/x-protobuf; proto=io.prometheus.write.v2.Request", snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Samples: one}), outcome{204, 1, 0, 0})
	f("a v1 message is taken without the parameter", typeV1, snappyBlock, v1, outcome{204, 0, 0, 0})
	f("a v1 message is taken by its name", "application/x-protobuf;proto=prometheus.WriteRequest", snappyBlock, v1, outcome{204, 0, 0, 0})
	f("no content type means v1", "", snappyBlock, v1, outcome{204, 0, 0, 0})
	f("an unknown message is 415", "application/x-protobuf;proto=io.prometheus.write.v3.Request", snappyBlock, v1, outcome{415, 0, 0, 0})
	f("another media type is 415", "application/json", snappyBlock, v1, outcome{415, 0, 0, 0})
	f("another compression is 415", typeV2, "zstd", v1, outcome{415, 0, 0, 0})
	f("an undecodable body is 400", typeV2, "", []byte("not snappy"), outcome{400, 0, 0, 0})
	f("an empty request is fine", typeV2, snappyBlock, nil, outcome{204, 0, 0, 0})
	f("several samples of a series", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Samples: []writev2.Sample{{Value: 1, Timestamp: ms - 1000}, {Value: 2, Timestamp: ms}}}), outcome{204, 2, 0, 0})
	f("start timestamps are accepted", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Samples: []writev2.Sample{{Value: 1, Timestamp: ms, StartTimestamp: ms - 5000}}}), outcome{204, 1, 0, 0})
	f("histograms are counted apart", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Histograms: native(exponential())}), outcome{204, 0, 1, 0})
	f("custom buckets", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Histograms: native(custom())}), outcome{204, 0, 1, 0})
	f("an inconsistent histogram is 400", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Histograms: native(wrongCount)}), outcome{400, 0, 0, 0})
	f("exemplars are counted apart", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Samples: one, Exemplars: []writev2.Exemplar{{LabelsRefs: []uint32{5, 6}, Value: 1, Timestamp: ms}}}), outcome{204, 1, 0, 1})
	f("exemplars of a histogram", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Histograms: native(custom()), Exemplars: []writev2.Exemplar{{Value: 1, Timestamp: ms}}}), outcome{204, 0, 1, 1})
	f("an exemplar outside the symbols is 400", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Samples: one, Exemplars: []writev2.Exemplar{{LabelsRefs: []uint32{5, 99}}}}), outcome{400, 0, 0, 0})
	f("metadata comes along", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Samples: one, Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_GAUGE, HelpRef: 6}}), outcome{204, 1, 0, 0})
	f("metadata outside the symbols is ignored", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Samples: one, Metadata: writev2.Metadata{HelpRef: 99}}), outcome{204, 1, 0, 0})
	f("a series needs samples or histograms", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs}), outcome{400, 0, 0, 0})
	f("a series needs a metric name", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: []uint32{3, 4}, Samples: one}), outcome{400, 0, 0, 0})
	f("the metric name is not empty", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: []uint32{1, 0, 3, 4}, Samples: one}), outcome{400, 0, 0, 0})
	f("label names are not empty", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: []uint32{0, 4, 1, 2}, Samples: one}), outcome{400, 0, 0, 0})
	f("label names are not repeated", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: []uint32{1, 2, 3, 4, 3, 4}, Samples: one}), outcome{400, 0, 0, 0})
	f("unsorted labels are tolerated", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: []uint32{3, 4, 1, 2}, Samples: one}), outcome{204, 1, 0, 0})
	f("references come in pairs", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: []uint32{1, 2, 3}, Samples: one}), outcome{400, 0, 0, 0})
	f("references stay within the symbols", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: []uint32{1, 2, 3, 7}, Samples: one}), outcome{400, 0, 0, 0})
	f("the good part of a bad request is written", typeV2, snappyBlock, message(names,
		writev2.TimeSeries{LabelsRefs: []uint32{3, 4}, Samples: one},
		writev2.TimeSeries{LabelsRefs: refs, Samples: one, Exemplars: []writev2.Exemplar{{Value: 1, Timestamp: ms}}},
		writev2.TimeSeries{LabelsRefs: refs, Histograms: native(wrongCount)},
		writev2.TimeSeries{LabelsRefs: []uint32{1, 4}, Histograms: native(custom())}), outcome{400, 1, 1, 1})
	f("names may be any UTF-8", typeV2, snappyBlock, message([]string{"__name__", "grüße der welt", "a.b/c", "✓"}, writev2.TimeSeries{LabelsRefs: []uint32{1, 2, 3, 4}, Samples: one}), outcome{204, 1, 0, 0})
	f("samples may come out of order", typeV2, snappyBlock, series(writev2.TimeSeries{LabelsRefs: refs, Samples: []writev2.Sample{{Value: 2, Timestamp: ms}, {Value: 1, Timestamp: ms - 60_000}}}), outcome{204, 2, 0, 0})
}

// A receiver must be idempotent enough for retries: a batch sent twice reads as once.
func TestRetriedBatchReadsAsOnce(t *testing.T) {
	s := open(t, Options{})
	for range 2 {
		write(t, s, at(noon.Add(-time.Minute), 1, "__name__", "m"), at(noon, 2, "__name__", "m"))
	}
	require.Equal(t, []string{`{} 2`}, instant(t, s, "count_over_time(m[5m])"))
	require.Equal(t, http.StatusOK, get(s, "/labels").Code)
}
