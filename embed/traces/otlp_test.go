package traces

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"koflab/embed/logstore"
	"koflab/sim/clock"
)

// JSON and protobuf on every path store the same spans.
func TestEncodingsAgree(t *testing.T) {
	request := ptraceotlp.NewExportRequestFromTraces(shop())
	protobuf, err := request.MarshalProto()
	require.NoError(t, err)
	json, err := request.MarshalJSON()
	require.NoError(t, err)
	want := ""
	for path, body := range map[string][]byte{
		"/insert/opentelemetry/v1/traces": protobuf,
		"/v1/traces":                      json,
		"/collector/v1/traces":            protobuf,
	} {
		s := open(t, Options{})
		contentType := "application/x-protobuf"
		if bytes.HasPrefix(body, []byte("{")) {
			contentType = "application/json"
		}
		w := post(s, path, contentType, body)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		_, got := get(s, "/api/traces/1", nil)
		if want == "" {
			want = got
		}
		require.Equal(t, want, got, path)
	}
}

func TestSpansAsRows(t *testing.T) {
	s := open(t, Options{})
	send(t, s, shop(), "extra_fields=resource_attr:tenant=T")
	_, body := get(s, "/select/logsql/query", url.Values{"query": {`status_code:=2 | delete _stream_id`}})
	golden(t, "row", body)
	for filter, want := range map[string]string{
		"*":                            "5",
		`"resource_attr:tenant":="T"`:  "5",
		`{"resource_attr:tenant"="T"}`: "5",
		`{"resource_attr:service.name"="cart",name="query"} kind:=3`: "1",
		`duration:>=1s`: "1",
		`_msg:="-"`:     "5",
	} {
		_, body := get(s, "/select/logsql/query", url.Values{"query": {filter + " | stats count() n"}})
		require.JSONEq(t, `{"n":"`+want+`"}`, body, filter)
	}
}

func TestUnusualSpans(t *testing.T) {
	s := open(t, Options{})
	spans := ptrace.NewTraces()
	none := spans.ResourceSpans().AppendEmpty()
	newSpan(none, 1, 1, 0, "", -time.Minute)
	backwards := newSpan(none, 2, 1, 0, "ends before it starts", -time.Minute)
	backwards.SetEndTimestamp(1)
	timeless := newSpan(none, 3, 1, 0, "timeless", 0)
	timeless.SetStartTimestamp(0)
	timeless.SetEndTimestamp(0)
	newSpan(none, 0, 1, 0, "no trace id", 0)
	newSpan(none, 4, 0, 0, "no span id", 0)
	newSpan(none, 5, 1, 0, "old", -30*24*time.Hour)
	huge := newSpan(none, 6, 1, 0, "huge", 0)
	huge.Attributes().PutStr("x", strings.Repeat("x", 1<<20))
	many := newSpan(none, 7, 1, 0, "many events", 0)
	for range 300 {
		many.Events().AppendEmpty().SetName("e")
	}
	send(t, s, spans, "")
	st := s.Stats()
	require.EqualValues(t, 8, st.Received)
	require.Equal(t, map[logstore.Reason]int64{logstore.Malformed: 2, logstore.TooOld: 1, logstore.TooLong: 1}, st.Dropped)

	one := search(t, s, url.Values{"traceID": {"1"}})[0]
	require.Equal(t, noService, one.Processes["p1"].ServiceName)
	require.Equal(t, "-", one.Spans[0].OperationName)
	require.Zero(t, search(t, s, url.Values{"traceID": {"2"}})[0].Spans[0].Duration)
	require.Equal(t, start.UnixMicro(), search(t, s, url.Values{"traceID": {"3"}})[0].Spans[0].StartTime)
	require.Len(t, search(t, s, url.Values{"traceID": {"7"}})[0].Spans[0].Logs, 300)
}

func TestPartialSuccess(t *testing.T) {
	s := open(t, Options{})
	spans := ptrace.NewTraces()
	newSpan(newService(spans, "a"), 1, 1, 0, "old", -30*24*time.Hour)
	body, err := ptraceotlp.NewExportRequestFromTraces(spans).MarshalJSON()
	require.NoError(t, err)
	w := post(s, "/v1/traces", "application/json", body)
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"partialSuccess":{"rejectedSpans":"1","errorMessage":"dropped: 1 too_old"}}`, w.Body.String())

	for body, contentType := range map[string]string{"x": "application/x-protobuf", "{": "application/json"} {
		require.Equal(t, http.StatusBadRequest, post(s, "/v1/traces", contentType, []byte(body)).Code)
	}
}

// The OpenTelemetry SDK's own exporter delivers spans that are found by id.
func TestOpenTelemetrySDK(t *testing.T) {
	s := open(t, Options{Clock: clock.Real()})
	server := httptest.NewServer(s.InsertHandler())
	defer server.Close()
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(server.URL+"/v1/traces"), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	require.NoError(t, err)
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "sdk"))))
	ctx, root := provider.Tracer("test").Start(t.Context(), "root", oteltrace.WithSpanKind(oteltrace.SpanKindServer))
	_, child := provider.Tracer("test").Start(ctx, "child", oteltrace.WithAttributes(attribute.Int64("n", 1)))
	child.AddEvent("happened")
	child.End()
	root.End()
	require.NoError(t, provider.Shutdown(t.Context()))

	traces := search(t, s, url.Values{"traceID": {root.SpanContext().TraceID().String()}})
	require.Len(t, traces, 1)
	require.Len(t, traces[0].Spans, 2)
	require.Equal(t, traces, search(t, s, url.Values{"service": {"sdk"}, "tags": {`{"n":"1"}`}}))
}

// Whatever is sent, in whatever batches, over whatever restarts and crashes
// after a flush: each acknowledged span is found by its trace, at once.
func TestEverySpanIsFound(t *testing.T) {
	o := Options{Dir: t.TempDir(), Clock: clock.NewVirtual(start)}
	s := open(t, o)
	want := make(map[pcommon.TraceID]int) // spans by trace
	var next uint64
	rapid.Check(t, func(rt *rapid.T) {
		switch rapid.IntRange(0, 19).Draw(rt, "end") {
		case 0:
			require.NoError(rt, s.Close())
			s = open(t, o)
		case 1: // what a clean close wrote survives the crash that follows
			require.NoError(rt, s.Close())
			s = open(t, o)
			require.NoError(rt, s.Crash())
			s = open(t, o)
		}
		spans := ptrace.NewTraces()
		for range rapid.IntRange(1, 3).Draw(rt, "resources") {
			rs := newService(spans, rapid.StringMatching(`[a-c]`).Draw(rt, "service"))
			for range rapid.IntRange(1, 10).Draw(rt, "spans") {
				next++
				age := time.Duration(rapid.Int64Range(0, int64(6*24*time.Hour)).Draw(rt, "age"))
				sp := newSpan(rs, byte(rapid.IntRange(1, 50).Draw(rt, "trace")), 0, 0, "op", -age)
				sp.SetSpanID(pcommon.SpanID{0: 1, 6: byte(next >> 8), 7: byte(next)})
				want[sp.TraceID()]++
			}
		}
		send(t, s, spans, "")
		for id, n := range want {
			if rand.IntN(10) > 0 {
				continue
			}
			traces := search(t, s, url.Values{"traceID": {id.String()}})
			require.Len(rt, traces, 1)
			require.Len(rt, traces[0].Spans, n)
		}
	})
	total := 0
	for _, n := range want {
		total += n
	}
	_, body := get(s, "/select/logsql/query", url.Values{"query": {"* | stats count() n"}})
	require.JSONEq(t, fmt.Sprintf(`{"n":"%d"}`, total), body)
}

// After a crash that lost rows, whatever span survived is found by its id.
func TestFoundAfterCrash(t *testing.T) {
	o := Options{Dir: t.TempDir(), Clock: clock.NewVirtual(start), FlushInterval: time.Second}
	s := open(t, o)
	for i := range 200 {
		spans := ptrace.NewTraces()
		newSpan(newService(spans, "web"), byte(i), byte(i%7+1), 0, "op", -time.Duration(i)*time.Minute)
		send(t, s, spans, "")
	}
	require.NoError(t, s.Crash())
	s = open(t, o)
	_, body := get(s, "/select/logsql/query", url.Values{"query": {"* | uniq by (trace_id)"}})
	for line := range strings.Lines(body) {
		id := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), `{"trace_id":"`), `"}`)
		require.Len(t, search(t, s, url.Values{"traceID": {id}}), 1)
	}
}

func FuzzOTLP(f *testing.F) {
	s, err := Open(Options{Dir: f.TempDir(), Clock: clock.NewVirtual(start)})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, s.Close()) })
	// Small seeds: the fuzzer takes long to minimise large ones.
	spans := ptrace.NewTraces()
	sp := newSpan(newService(spans, "a"), 1, 1, 2, "op", 0)
	sp.Events().AppendEmpty().Attributes().PutBool("b", true)
	sp.Links().AppendEmpty().SetSpanID(pcommon.SpanID{1})
	sp.Status().SetMessage("m")
	seed, err := ptraceotlp.NewExportRequestFromTraces(spans).MarshalProto()
	require.NoError(f, err)
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		batch := s.NewBatch(logstore.InsertArgs{}, "-")
		d := decoder{batch: batch, now: start.UnixNano(), index: make(index)}
		err := logstore.Messages(data, 1, d.resourceSpans)
		peer := ptraceotlp.NewExportRequest()
		if err == nil && peer.UnmarshalProto(data) == nil {
			require.EqualValues(t, peer.Traces().SpanCount(), batch.Len())
		}
	})
}

func FuzzSearch(f *testing.F) {
	s, err := Open(Options{Dir: f.TempDir(), Clock: clock.NewVirtual(start)})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, s.Close()) })
	f.Add("web", "GET", `{"a":"b","error":"true"}`, "a:b", "1h", "100ms", "1772452740000000")
	f.Add(`"}`, "`", `{"span.kind":"x","otel.status_code":"y"}`, ":", "1w", "-1s", "-1")
	f.Fuzz(func(t *testing.T, service, operation, tags, tag, lookback, duration, end string) {
		args := url.Values{"service": {service}, "operation": {operation}, "tags": {tags}, "tag": {tag}, "lookback": {lookback}, "minDuration": {duration}, "end": {end}}
		query, _, err := s.searchQuery(args)
		if err != nil {
			return
		}
		_, err = s.query(query, args)
		require.NoError(t, err, query) // whatever was asked for, it is quoted right
	})
}

func FuzzTypes(f *testing.F) {
	f.Add("span_attr:a", byte('i'))
	f.Add("event:event_attr:\"x\x00:1", byte('b'))
	f.Fuzz(func(t *testing.T, field string, kind byte) {
		encoded := appendType(appendType(nil, logstore.Int, "span_attr:first"), logstore.Kind(kind), field)
		types := parseTypes(string(encoded))
		require.Equal(t, logstore.Kind(kind), types[field])
		parseTypes(field)
		numbered(field)
	})
}
