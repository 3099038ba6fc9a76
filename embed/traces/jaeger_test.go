package traces

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a JSON answer with testdata/name.json.
func golden(t *testing.T, name, got string) {
	t.Helper()
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, []byte(got), "", "  "), got)
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, append(indented.Bytes(), '\n'), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), indented.String()+"\n")
}

// shop is a trace through three services, and another trace of one span.
func shop() ptrace.Traces {
	spans := ptrace.NewTraces()
	web := newService(spans, "web")
	web.Resource().Attributes().PutStr("k8s.cluster.name", "child-1")
	web.Resource().Attributes().PutInt("process.pid", 42)
	root := newSpan(web, 1, 1, 0, "GET /cart", -time.Minute)
	root.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(-time.Minute + time.Second)))
	root.Attributes().PutInt("http.status_code", 500)
	root.Attributes().PutBool("retry", true)
	root.Attributes().PutDouble("load", 0.5)
	root.Attributes().PutStr("digits", "200")
	root.Attributes().PutEmptyBytes("raw").FromRaw([]byte{1, 2})
	root.Attributes().PutEmptySlice("list").AppendEmpty().SetStr("a")
	root.Attributes().PutEmptyMap("map").PutInt("inner", 1)
	root.TraceState().FromRaw("vendor=1")
	root.Status().SetCode(ptrace.StatusCodeError)
	root.Status().SetMessage("boom")
	ev := root.Events().AppendEmpty()
	ev.SetName("exception")
	ev.SetTimestamp(pcommon.NewTimestampFromTime(start.Add(-time.Minute + time.Millisecond)))
	ev.Attributes().PutStr("exception.type", "Timeout")
	ev.Attributes().PutInt("attempt", 3)
	link := root.Links().AppendEmpty()
	link.SetTraceID(pcommon.TraceID{15: 9})
	link.SetSpanID(pcommon.SpanID{7: 9})
	web.ScopeSpans().At(0).Scope().SetName("net/http")
	web.ScopeSpans().At(0).Scope().SetVersion("1.0")

	cart := newService(spans, "cart")
	call := newSpan(cart, 1, 2, 1, "load cart", -time.Minute+2*time.Millisecond)
	call.Status().SetCode(ptrace.StatusCodeOk)
	newSpan(cart, 1, 3, 2, "query", -time.Minute+3*time.Millisecond).SetKind(ptrace.SpanKindClient)
	newSpan(newService(spans, "db"), 1, 4, 3, "SELECT", -time.Minute+4*time.Millisecond)
	newSpan(web, 2, 1, 0, "GET /", -time.Second)
	return spans
}

func TestJaegerAPI(t *testing.T) {
	s := open(t, Options{})
	send(t, s, shop(), "")
	for name, target := range map[string]string{
		"services":              "/services",
		"operation-names":       "/services/cart/operations",
		"operations":            "/operations?service=cart",
		"operations-of-a-kind":  "/operations?service=cart&spanKind=client",
		"operations-of-no-kind": "/operations?service=cart&spanKind=nonsense",
		"trace":                 "/traces/1",
		"traces-by-id":          "/traces?traceID=2&traceID=00000000000000000000000000000001",
		"search":                "/traces?service=web&limit=1",
		"dependencies":          "/dependencies?lookback=3600000",
	} {
		t.Run(name, func(t *testing.T) {
			for _, prefix := range []string{"/select/jaeger/api", "/api"} {
				path, query, _ := strings.Cut(prefix+target, "?")
				args, err := url.ParseQuery(query)
				require.NoError(t, err)
				code, body := get(s, path, args)
				require.Equal(t, http.StatusOK, code, body)
				golden(t, name, body)
			}
		})
	}
}
