package traces

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"koflab/sim/clock"
)

// start is the lab's time at the beginning of each test.
var start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Clock == nil {
		o.Clock = clock.NewVirtual(start)
	}
	s, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// post sends a body to the insert handler.
func post(s *Store, target, contentType string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	s.InsertHandler().ServeHTTP(w, r)
	return w
}

// send posts spans as OTLP protobuf; args are those of the insert path.
func send(t testing.TB, s *Store, spans ptrace.Traces, args string) {
	t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(spans).MarshalProto()
	require.NoError(t, err)
	w := post(s, "/insert/opentelemetry/v1/traces?"+args, "application/x-protobuf", body)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
}

// get asks the select handler.
func get(s *Store, target string, args url.Values) (int, string) {
	w := httptest.NewRecorder()
	s.SelectHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, target+"?"+args.Encode(), nil))
	body, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(body)
}

// answer is Jaeger's answer with traces.
type answer struct {
	Data   []trace       `json:"data"`
	Total  int           `json:"total"`
	Errors []jaegerError `json:"errors"`
}

// search returns the traces that Jaeger's search finds.
func search(t testing.TB, s *Store, args url.Values) []trace {
	t.Helper()
	code, body := get(s, "/select/jaeger/api/traces", args)
	require.Equal(t, http.StatusOK, code, body)
	var a answer
	require.NoError(t, json.Unmarshal([]byte(body), &a))
	return a.Data
}

// newSpan appends a span of 10 ms that starts at an offset from start.
func newSpan(service ptrace.ResourceSpans, trace, id, parent byte, name string, offset time.Duration) ptrace.Span {
	if service.ScopeSpans().Len() == 0 {
		service.ScopeSpans().AppendEmpty()
	}
	sp := service.ScopeSpans().At(0).Spans().AppendEmpty()
	sp.SetTraceID(pcommon.TraceID{15: trace})
	sp.SetSpanID(pcommon.SpanID{7: id})
	if parent != 0 {
		sp.SetParentSpanID(pcommon.SpanID{7: parent})
	}
	sp.SetName(name)
	sp.SetKind(ptrace.SpanKindServer)
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(offset)))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(offset + 10*time.Millisecond)))
	return sp
}

// newService appends a resource with a service name.
func newService(spans ptrace.Traces, name string) ptrace.ResourceSpans {
	rs := spans.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", name)
	return rs
}
