package traces

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/sys/unix"
)

// batchSpans is the size of a collector's batch in KOF.
const batchSpans = 1000

// kofSpans is a collector's batch: traces of 8 spans over 5 services.
func kofSpans(rng *rand.Rand, at time.Time) ptrace.Traces {
	spans := ptrace.NewTraces()
	var services []ptrace.SpanSlice
	for i := range 5 {
		rs := newService(spans, fmt.Sprintf("svc-%d", i))
		for _, k := range []string{"k8s.cluster.name", "k8s.namespace.name", "k8s.pod.name", "k8s.node.name", "k8s.deployment.name"} {
			rs.Resource().Attributes().PutStr(k, fmt.Sprint(k, "-", i))
		}
		services = append(services, rs.ScopeSpans().AppendEmpty().Spans())
	}
	for range batchSpans / 8 {
		var trace pcommon.TraceID
		binary.BigEndian.PutUint64(trace[:], rng.Uint64())
		binary.BigEndian.PutUint64(trace[8:], rng.Uint64())
		var parent pcommon.SpanID
		for i := range 8 {
			sp := services[i%5].AppendEmpty()
			sp.SetTraceID(trace)
			sp.SetParentSpanID(parent)
			binary.BigEndian.PutUint64(parent[:], rng.Uint64())
			sp.SetSpanID(parent)
			sp.SetName(fmt.Sprintf("GET /api/%d", i))
			sp.SetKind(ptrace.SpanKindServer)
			begin := at.Add(time.Duration(rng.IntN(1000)) * time.Millisecond)
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(begin.Add(time.Duration(rng.IntN(500)) * time.Millisecond)))
			sp.Attributes().PutStr("http.method", "GET")
			sp.Attributes().PutInt("http.status_code", int64(200+rng.IntN(4)*100))
			sp.Attributes().PutStr("url.path", fmt.Sprintf("/api/%d/%d", i, rng.IntN(1000)))
		}
	}
	return spans
}

// cpuSeconds is what the process has used so far.
func cpuSeconds(b *testing.B) float64 {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func bodies(b *testing.B, n int) ([][]byte, []string) {
	rng := rand.New(rand.NewPCG(1, 2))
	var list [][]byte
	var ids []string
	for i := range n {
		spans := kofSpans(rng, start.Add(-time.Duration(i)*time.Second))
		body, err := ptraceotlp.NewExportRequestFromTraces(spans).MarshalProto()
		require.NoError(b, err)
		list = append(list, body)
		ids = append(ids, spans.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).TraceID().String())
	}
	return list, ids
}

// BenchmarkSpanIngest sends OTLP batches through the handler, and reports the
// spans per CPU second, merges included, and the bytes per span on disk.
func BenchmarkSpanIngest(b *testing.B) {
	list, _ := bodies(b, 50)
	s := open(b, Options{})
	before := cpuSeconds(b)
	spans := 0
	for b.Loop() {
		w := post(s, "/v1/traces?extra_fields=resource_attr:tenant=PLATFORM", "application/x-protobuf", list[spans/batchSpans%len(list)])
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
		spans += batchSpans
	}
	b.ReportMetric(float64(spans)/(cpuSeconds(b)-before), "spans/cpu-s")
	require.EqualValues(b, spans, s.Stats().Stored)
	require.NoError(b, s.Close())
	reopened := open(b, Options{Dir: s.Dir()})
	b.ReportMetric(float64(reopened.Stats().DiskBytes)/float64(spans), "B/span")
}

// BenchmarkTraceByID looks traces up among 200,000 spans.
func BenchmarkTraceByID(b *testing.B) {
	list, ids := bodies(b, 200)
	s := open(b, Options{})
	for _, body := range list {
		require.Equal(b, http.StatusOK, post(s, "/v1/traces", "application/x-protobuf", body).Code)
	}
	handler := s.SelectHandler()
	i := 0
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/traces/"+ids[i%len(ids)], nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
		i++
	}
}
