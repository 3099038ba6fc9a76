package federation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"koflab/embed/traces"
	"koflab/sim/clock"
)

// testSpan is a span to send.
type testSpan struct {
	trace, id, parent byte
	service, name     string
	at                time.Time
}

func insertSpans(t testing.TB, s *traces.Store, spans ...testSpan) {
	td := ptrace.NewTraces()
	for _, one := range spans {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", one.service)
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID(pcommon.TraceID{15: one.trace})
		sp.SetSpanID(pcommon.SpanID{7: one.id})
		if one.parent != 0 {
			sp.SetParentSpanID(pcommon.SpanID{7: one.parent})
		}
		sp.SetName(one.name)
		sp.SetKind(ptrace.SpanKindServer)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(one.at))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(one.at.Add(time.Second)))
	}
	raw, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodPost, "/insert/opentelemetry/v1/traces", bytes.NewReader(raw))
	r.Header.Set("Content-Type", "application/x-protobuf")
	w := httptest.NewRecorder()
	s.InsertHandler().ServeHTTP(w, r)
	require.Equal(t, 2, w.Code/100, w.Body)
}

func newTracesLab(t testing.TB, spans ...[]testSpan) (http.Handler, []*faulty) {
	f, err := New(Options{ErrorMode: Ignore})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	var (
		groups  []Group
		regions []*faulty
	)
	for i, list := range spans {
		s, err := traces.Open(traces.Options{Dir: t.TempDir(), Clock: clock.Real()})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		insertSpans(t, s, list...)
		region := &faulty{Handler: s.SelectHandler()}
		regions = append(regions, region)
		groups = append(groups, Group{Name: fmt.Sprint("r", i), TracesURL: "http://vtselect", Client: &http.Client{Transport: HandlerTransport(region)}})
	}
	require.NoError(t, f.SetGroups(groups))
	return f.TracesHandler(), regions
}

func jaegerData[T any](t testing.TB, h http.Handler, path string, args url.Values) T {
	w := get(h, path, args)
	require.Equal(t, 200, w.Code, w.Body)
	var answer jaegerAnswer[T]
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer.Data
}

// names of spans with their services, to see that processes were kept.
func described(t testing.TB, tr trace) []string {
	var list []string
	for _, s := range tr.Spans {
		var process struct{ ServiceName string }
		require.NoError(t, json.Unmarshal(tr.Processes[s.process], &process))
		var name string
		require.NoError(t, json.Unmarshal(s.fields["operationName"], &name))
		list = append(list, process.ServiceName+"/"+name)
	}
	return list
}

func TestFederatedTraces(t *testing.T) {
	now := time.Now().Add(-10 * time.Minute).UTC().Truncate(time.Second)
	h, regions := newTracesLab(t,
		[]testSpan{{1, 1, 0, "web", "GET /", now}, {2, 1, 0, "web", "GET /old", now.Add(-time.Minute)}},
		[]testSpan{{1, 2, 1, "db", "select", now.Add(time.Millisecond)}, {1, 3, 2, "disk", "read", now.Add(2 * time.Millisecond)}, {3, 1, 0, "web", "GET /new", now.Add(time.Minute)}},
	)
	const id = "00000000000000000000000000000001"
	joined := []string{"web/GET /", "db/select", "disk/read"}
	for _, prefix := range []string{"/select/jaeger/api", "/api"} {
		require.Equal(t, []string{"db", "disk", "web"}, jaegerData[[]string](t, h, prefix+"/services", nil))
		require.Equal(t, []string{"GET /", "GET /new", "GET /old"}, jaegerData[[]string](t, h, prefix+"/services/web/operations", nil))
		found := jaegerData[[]trace](t, h, prefix+"/traces/"+id, nil)
		require.Len(t, found, 1)
		require.Equal(t, joined, described(t, found[0]))
	}
	require.Len(t, jaegerData[[]operation](t, h, "/api/operations", url.Values{"service": {"web"}}), 3)

	period := url.Values{"service": {"web"}, "start": {fmt.Sprint(now.Add(-time.Hour).UnixMicro())}, "end": {fmt.Sprint(now.Add(time.Hour).UnixMicro())}, "limit": {"2"}}
	found := jaegerData[[]trace](t, h, "/api/traces", period)
	require.Len(t, found, 2, "the latest ones")
	require.Equal(t, []string{"web/GET /new"}, described(t, found[0]))
	require.Equal(t, joined, described(t, found[1]), "whole, though the second region has no span of web in it")

	missing := "/api/traces/000000000000000000000000000000ff"
	require.Equal(t, 404, get(h, missing, nil).Code)
	regions[1].fault = status(503, "")
	w := get(h, missing, nil)
	require.Equal(t, 404, w.Code, "all that answered have none")
	require.Equal(t, "0.5", w.Header().Get(CoverageHeader))
	require.Equal(t, 422, get(h, missing, url.Values{"error_mode": {"fail"}}).Code)
	require.Equal(t, []string{"web"}, jaegerData[[]string](t, h, "/api/services", nil))
}

func TestDependenciesAreSummed(t *testing.T) {
	f, err := New(Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	var groups []Group
	for i, text := range []string{`{"data":[{"parent":"a","child":"b","callCount":2}]}`, `{"data":[{"parent":"a","child":"b","callCount":3},{"parent":"b","child":"c","callCount":1}]}`} {
		groups = append(groups, Group{Name: fmt.Sprint(i), TracesURL: "http://x", Client: &http.Client{Transport: HandlerTransport(status(200, text))}})
	}
	require.NoError(t, f.SetGroups(groups))
	require.Equal(t, []dependency{{"a", "b", 5}, {"b", "c", 1}}, jaegerData[[]dependency](t, f.TracesHandler(), "/api/dependencies", nil))
}

func TestJoinTraceRenumbersProcesses(t *testing.T) {
	read := func(text string) trace {
		var tr trace
		require.NoError(t, json.Unmarshal([]byte(text), &tr))
		return tr
	}
	a := read(`{"traceID":"1","spans":[{"spanID":"a","startTime":5,"processID":"p1"}],"processes":{"p1":{"serviceName":"x"}}}`)
	b := read(`{"traceID":"1","spans":[{"spanID":"b","startTime":3,"processID":"p1"},{"spanID":"a","startTime":5,"processID":"p2"}],"processes":{"p1":{"serviceName":"y"},"p2":{"serviceName":"x"}}}`)
	joined := joinTraces([]reply[[]trace]{{data: []trace{a}}, {data: []trace{b}}})
	require.Len(t, joined, 1)
	text, err := json.Marshal(joined[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"traceID":"1","spans":[{"spanID":"b","startTime":3,"processID":"p2"},{"spanID":"a","startTime":5,"processID":"p1"}],"processes":{"p1":{"serviceName":"x"},"p2":{"serviceName":"y"}},"warnings":null}`, string(text))
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte(`{"traceID":"1","spans":[{"spanID":"a","startTime":5,"processID":"p1"}],"processes":{"p1":{}}}`))
	f.Add([]byte(`{"spans":[null,{"processID":3}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var tr trace
		if json.Unmarshal(text, &tr) != nil {
			return
		}
		spans := len(tr.Spans)
		joined := joinTrace(tr, tr)
		if len(joined.Spans) > spans {
			t.Fatalf("a trace joined with itself has %d spans instead of %d", len(joined.Spans), spans)
		}
		if !slices.IsSortedFunc(joined.Spans, func(a, b span) int { return int(max(-1, min(1, a.start/2-b.start/2))) }) {
			t.Fatal("spans out of order")
		}
		if _, err := json.Marshal(joined); err != nil {
			t.Fatal(err)
		}
	})
}

// What the regions refuse is the question's fault, though failures are ignored.
func TestTracesRefusedByRegions(t *testing.T) {
	h, _ := newTracesLab(t, nil, nil)
	f := func(path, want string, args url.Values) {
		t.Helper()
		r := get(h, path, args)
		require.Equal(t, 400, r.Code, r.Body)
		require.Contains(t, r.Body.String(), want)
	}
	f("/select/jaeger/api/traces", `minDuration: \"x\" is not a duration`, url.Values{"service": {"a"}, "minDuration": {"x"}})
	f("/select/jaeger/api/traces/zzz", `\"zzz\" is not a trace id`, nil)
	f("/select/jaeger/api/operations", "parameter 'service' is required", nil)
	f("/select/jaeger/api/dependencies", `endTs: \"x\" is not a number of milliseconds`, url.Values{"endTs": {"x"}})
}
