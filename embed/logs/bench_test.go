package logs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"golang.org/x/sys/unix"
)

// batchLines is the size of a collector's batch in KOF.
const batchLines = 1000

// kofLogs is a collector's batch: container logs of a node's pods, with the
// attributes that k8sattributes adds.
func kofLogs(rng *rand.Rand, at time.Time, lines int) plog.Logs {
	const pods = 20
	batch := plog.NewLogs()
	for pod := range pods {
		rl := batch.ResourceLogs().AppendEmpty()
		for k, v := range map[string]string{
			"k8s.cluster.name": "child-1", "k8s.cluster.namespace": "kcm-system", "k8s.node.name": "child-1-worker-0",
			"k8s.namespace.name": "shop", "k8s.deployment.name": fmt.Sprintf("svc-%d", pod%5),
			"k8s.pod.name": fmt.Sprintf("svc-%d-7c9f-%04d", pod%5, pod), "k8s.container.name": "app", "service.name": fmt.Sprintf("svc-%d", pod%5),
		} {
			rl.Resource().Attributes().PutStr(k, v)
		}
		records := rl.ScopeLogs().AppendEmpty().LogRecords()
		for i := range lines / pods {
			rec := records.AppendEmpty()
			rec.SetTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(i) * time.Millisecond)))
			severity := []string{"INFO", "INFO", "INFO", "WARN", "ERROR"}[rng.IntN(5)]
			rec.SetSeverityText(severity)
			rec.SetSeverityNumber(plog.SeverityNumberInfo)
			rec.Body().SetStr(fmt.Sprintf("%s request method=GET path=/api/v1/items/%d status=%d duration=%dms user=%d", severity, rng.IntN(10000), 200+rng.IntN(5)*100, rng.IntN(500), rng.IntN(1000)))
			rec.Attributes().PutStr("log.iostream", "stdout")
			rec.Attributes().PutInt("http.status_code", int64(200+rng.IntN(5)*100))
			var trace pcommon.TraceID
			var span pcommon.SpanID
			for j := range trace {
				trace[j] = byte(rng.Uint32())
			}
			for j := range span {
				span[j] = byte(rng.Uint32())
			}
			rec.SetTraceID(trace)
			rec.SetSpanID(span)
		}
	}
	return batch
}

// cpuSeconds is what the process has used so far.
func cpuSeconds(b *testing.B) float64 {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkLogIngest sends OTLP batches through the handler, and reports the
// lines per CPU second, merges included, and the bytes per line on disk.
func BenchmarkLogIngest(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	bodies := make([][]byte, 50)
	for i := range bodies {
		body, err := plogotlp.NewExportRequestFromLogs(kofLogs(rng, start.Add(time.Duration(i)*time.Second), batchLines)).MarshalProto()
		require.NoError(b, err)
		bodies[i] = body
	}
	s := open(b, Options{})
	handler := s.InsertHandler()
	before := cpuSeconds(b)
	lines := 0
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/insert/opentelemetry/v1/logs?extra_fields=tenant=PLATFORM", bytes.NewReader(bodies[lines/batchLines%len(bodies)]))
		r.Header.Set("Content-Type", "application/x-protobuf")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
		lines += batchLines
	}
	cpu := cpuSeconds(b) - before
	b.ReportMetric(float64(lines)/cpu, "lines/cpu-s")
	require.EqualValues(b, lines, s.Stats().Stored)
	require.NoError(b, s.Close())
	reopened := open(b, Options{Dir: s.Dir()})
	b.ReportMetric(float64(reopened.Stats().DiskBytes)/float64(lines), "B/line")
}
