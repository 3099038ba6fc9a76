package collector

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"koflab/sim/ledger"
)

// receiving starts a lab whose collector listens.
func receiving(t *testing.T, change func(*Config)) *lab {
	return startLab(t, func(c *Config) {
		c.OTLPGRPCAddr, c.OTLPHTTPAddr, c.TelemetryAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
		if change != nil {
			change(c)
		}
	})
}

func (l *lab) post(path, contentType, encoding string, body []byte) (*http.Response, []byte) {
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, "http://"+l.Addrs().OTLPHTTP+path, bytes.NewReader(body))
	require.NoError(l.t, err)
	req.Header.Set("Content-Type", contentType)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	resp, err := l.region.Client().Do(req)
	require.NoError(l.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(l.t, err)
	return resp, answer
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // a buffer takes everything
	z.Close()
	return out.Bytes()
}

func TestOTLPOverHTTP(t *testing.T) {
	l := receiving(t, nil)
	logs, err := plogotlp.NewExportRequestFromLogs(oneLog("proto")).MarshalProto()
	require.NoError(t, err)
	f := func(path, contentType, encoding string, body []byte, code int, want string) {
		t.Helper()
		resp, answer := l.post(path, contentType, encoding, body)
		require.Equal(t, code, resp.StatusCode, string(answer))
		require.Contains(t, string(answer), want)
	}
	f("/v1/logs", protobufType, "", logs, 200, "")
	f("/v1/logs", protobufType, "gzip", zipped(logs), 200, "")
	f("/v1/logs", jsonType+"; charset=utf-8", "", []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"json"}}]}]}]}`), 200, "{}")
	f("/v1/traces", jsonType, "", []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"span"}]}]}]}`), 200, "{}")
	f("/v1/metrics", jsonType, "", []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[{"asDouble":1.5,"timeUnixNano":"1767225600000000000"}]}}]}]}]}`), 200, "{}")
	f("/v1/logs", jsonType, "", nil, 400, "")
	f("/v1/logs", protobufType, "", nil, 200, "")

	f("/v1/logs", protobufType, "", []byte("nonsense"), 400, "")
	f("/v1/logs", jsonType, "", []byte("{"), 400, `"code":3`)
	f("/v1/logs", protobufType, "gzip", []byte("nonsense"), 400, "gzip")
	f("/v1/logs", protobufType, "br", logs, 415, "unsupported Content-Encoding")
	f("/v1/logs", "text/plain", "", logs, 415, "unsupported Content-Type")
	f("/v1/logs", protobufType, "", make([]byte, maxHTTPBody+1), 413, "body exceeds")
	f("/v1/logs", protobufType, "gzip", zipped(make([]byte, maxHTTPBody+1)), 413, "body exceeds")
	f("/v2/logs", protobufType, "", logs, 404, "")
	resp, err := l.region.Client().Get("http://" + l.Addrs().OTLPHTTP + "/v1/logs")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 405, resp.StatusCode)

	l.flush()
	require.ElementsMatch(t, []string{"proto", "proto", "json"}, l.region.storedLogs())
	require.Equal(t, []string{"span"}, l.region.storedSpans())
	require.Equal(t, []string{"0s=1.5s"}, l.region.at(`"g"`, `cluster="c1"`))
}

func TestBackPressure(t *testing.T) {
	l := receiving(t, func(c *Config) { c.QueueSize = 1 })
	l.region.answer(http.StatusServiceUnavailable)
	body, err := plogotlp.NewExportRequestFromLogs(oneLog("x")).MarshalProto()
	require.NoError(t, err)
	resp, _ := l.post("/v1/logs", protobufType, "", body)
	require.Equal(t, 200, resp.StatusCode)
	l.pass(time.Second) // the one batch is in flight now

	resp, answer := l.post("/v1/logs", protobufType, "", body)
	require.Equal(t, 503, resp.StatusCode)
	require.Equal(t, "5", resp.Header.Get("Retry-After"))
	var s spb.Status
	require.NoError(t, proto.Unmarshal(answer, &s))
	require.Equal(t, int32(codes.Unavailable), s.Code)

	conn, err := grpc.NewClient(l.Addrs().OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	_, err = plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(oneLog("x")))
	st := status.Convert(err)
	require.Equal(t, codes.Unavailable, st.Code())
	require.Len(t, st.Details(), 1)
	require.Equal(t, 5*time.Second, st.Details()[0].(*errdetails.RetryInfo).RetryDelay.AsDuration())

	in := l.in(ledger.Logs)
	require.EqualValues(t, 3, in.Offered)
	require.Equal(t, map[string]int64{dropRefused: 2}, in.Dropped)
}

func TestOTLPOverGRPC(t *testing.T) {
	l := receiving(t, nil)
	conn, err := grpc.NewClient(l.Addrs().OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	client := plogotlp.NewGRPCClient(conn)
	_, err = client.Export(t.Context(), plogotlp.NewExportRequestFromLogs(oneLog("x")))
	require.NoError(t, err)
	huge := oneLog(strings.Repeat("x", maxGRPCMessage))
	_, err = client.Export(t.Context(), plogotlp.NewExportRequestFromLogs(huge))
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	err = conn.Invoke(t.Context(), "/opentelemetry.proto.collector.logs.v1.LogsService/Export", &spb.Status{Code: 7, Message: "not OTLP"}, &spb.Status{})
	require.Error(t, err)
	l.flush()
	require.Equal(t, []string{"x"}, l.region.storedLogs())
}

func TestSignalWithoutEndpoint(t *testing.T) {
	l := receiving(t, func(c *Config) { c.TracesOut = Endpoint{} })
	resp, _ := l.post("/v1/traces", protobufType, "", nil)
	require.Equal(t, 404, resp.StatusCode)
	require.Equal(t, codes.Unimplemented, status.Code(grpcError(l.receiveTraces(oneSpan("x"), overGRPC))))
}

func TestReceiveAfterStop(t *testing.T) {
	l := startLab(t, nil)
	l.Kill()
	require.NoError(t, l.receiveLogs(oneLog("x"), overGRPC))
	require.Equal(t, map[string]int64{dropKilled: 1}, l.out(ledger.Logs).Dropped)
	require.Zero(t, l.out(ledger.Logs).Balance())
}

// metric builds one metric of a resource with service attributes.
func metric(build func(pmetric.Metric)) pmetric.Metrics {
	m := pmetric.NewMetrics()
	rm := m.ResourceMetrics().AppendEmpty()
	a := rm.Resource().Attributes()
	a.PutStr("service.name", "shop")
	a.PutStr("service.instance.id", "i1")
	a.PutStr("host.name", "h")
	build(rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
	return m
}

func TestTranslation(t *testing.T) {
	const at = 1767225600000 * 1e6
	f := func(build func(pmetric.Metric), dropped int64, want ...string) {
		t.Helper()
		l := startLab(t, nil)
		require.NoError(t, l.receiveMetrics(t.Context(), metric(build), overGRPC))
		l.flush()
		var got []string
		for _, s := range l.region.stored() {
			got = append(got, fmt.Sprintf("%s %v", s.labels, s.v))
		}
		require.ElementsMatch(t, want, got)
		require.Equal(t, dropped, l.in(ledger.Metrics).Dropped[dropUntranslatable])
		require.EqualValues(t, len(want), l.out(ledger.Metrics).Acknowledged)
	}
	const (
		ids  = `cluster="c1", clusterNamespace="kcm-system", instance="i1", job="shop"`
		info = `{__name__="target_info", cluster="c1", clusterNamespace="kcm-system", host_name="h", instance="i1", job="shop"} 1`
	)
	f(func(m pmetric.Metric) {
		m.SetName("http.server.requests")
		s := m.SetEmptySum()
		s.SetIsMonotonic(true)
		s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := s.DataPoints().AppendEmpty()
		p.SetIntValue(4)
		p.SetTimestamp(at)
		p.Attributes().PutStr("http.method", "GET")
	}, 0, info, `{__name__="http_server_requests_total", cluster="c1", clusterNamespace="kcm-system", http_method="GET", instance="i1", job="shop"} 4`)
	f(func(m pmetric.Metric) {
		m.SetName("process.memory")
		m.SetUnit("By")
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetDoubleValue(1.5)
		p.SetTimestamp(at)
	}, 0, info, `{__name__="process_memory_bytes", `+ids+`} 1.5`)
	f(func(m pmetric.Metric) {
		m.SetName("latency")
		m.SetUnit("s")
		h := m.SetEmptyHistogram()
		h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := h.DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.ExplicitBounds().FromRaw([]float64{1})
		p.BucketCounts().FromRaw([]uint64{2, 3})
		p.SetCount(5)
		p.SetSum(9)
	}, 0, info,
		`{__name__="latency_seconds_bucket", `+ids+`, le="1"} 2`,
		`{__name__="latency_seconds_bucket", `+ids+`, le="+Inf"} 5`,
		`{__name__="latency_seconds_count", `+ids+`} 5`,
		`{__name__="latency_seconds_sum", `+ids+`} 9`)
	f(func(m pmetric.Metric) {
		m.SetName("native")
		h := m.SetEmptyExponentialHistogram()
		h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := h.DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetCount(2)
		p.SetSum(7)
		p.Positive().BucketCounts().FromRaw([]uint64{2})
	}, 0, info, `{__name__="native", `+ids+`} 7`)
	// Remote write knows no deltas.
	f(func(m pmetric.Metric) {
		m.SetName("d")
		s := m.SetEmptySum()
		s.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		s.DataPoints().AppendEmpty().SetTimestamp(at)
		s.DataPoints().AppendEmpty().SetTimestamp(at)
	}, 2)
}

// A client that sends nothing is let go, and many idle ones do not shut out a
// new one for ever: the number of connections is bounded, not the service.
func TestIdleConnections(t *testing.T) {
	l := receiving(t, nil)
	for range 8 {
		c, err := net.Dial("tcp", l.Addrs().OTLPHTTP)
		require.NoError(t, err)
		defer c.Close()
	}
	resp, _ := l.post("/v1/logs", protobufType, "", nil)
	require.Equal(t, 200, resp.StatusCode)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	l.region.Client().CloseIdleConnections()
	require.NoError(t, l.Shutdown(ctx), "connections that never sent a request do not hold a shutdown")
}

func FuzzOTLPBody(f *testing.F) {
	body, err := plogotlp.NewExportRequestFromLogs(oneLog("x")).MarshalProto()
	require.NoError(f, err)
	f.Add("/v1/logs", protobufType, "", body)
	f.Add("/v1/logs", protobufType, "gzip", zipped(body))
	f.Add("/v1/metrics", jsonType, "", []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[{"asDouble":1}]}}]}]}]}`))
	f.Add("/v1/traces", jsonType, "", []byte(`{"resourceSpans":[]}`))
	c, err := New(Config{ID: "c1", To: "r1", Cluster: "c1", Metrics: Endpoint{URL: "http://127.0.0.1:1"},
		LogsOut: Endpoint{URL: "http://127.0.0.1:1"}, TracesOut: Endpoint{URL: "http://127.0.0.1:1"}})
	require.NoError(f, err)
	f.Cleanup(c.Kill)
	h := c.otlpHandler()
	f.Fuzz(func(t *testing.T, path, contentType, encoding string, body []byte) {
		req, err := http.NewRequest(http.MethodPost, "http://x/", bytes.NewReader(body))
		require.NoError(t, err)
		req.URL.Path = path
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Content-Encoding", encoding)
		w := &discard{header: http.Header{}}
		h.ServeHTTP(w, req)
		if w.code >= 500 && w.code != 503 {
			t.Fatalf("%d for a bad body", w.code)
		}
		for _, e := range c.cfg.Ledger.Snapshot() {
			if e.Balance() != 0 {
				t.Fatalf("%+v", e)
			}
		}
	})
}

// discard is a ResponseWriter that keeps the status.
type discard struct {
	header http.Header
	code   int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(code int)        { d.code = code }
