package traces

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// found lists the last digits of the ids of traces.
func found(traces []trace) string {
	var ids []string
	for _, t := range traces {
		ids = append(ids, strings.TrimLeft(t.TraceID, "0"))
	}
	return strings.Join(ids, " ")
}

func micro(d time.Duration) string { return fmt.Sprint(start.Add(d).UnixMicro()) }

func TestSearch(t *testing.T) {
	s := open(t, Options{})
	spans := ptrace.NewTraces()
	web := newService(spans, "web")
	web.Resource().Attributes().PutStr("zone", "a")
	for i := range 5 { // traces 1 to 5, a minute apart, the first the newest
		at := -time.Duration(i) * time.Minute
		sp := newSpan(web, byte(i+1), 1, 0, []string{"GET", "PUT"}[i%2], at)
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(at + time.Duration(i+1)*100*time.Millisecond)))
		sp.Attributes().PutInt("n", int64(i))
		sp.Attributes().PutStr(`odd "name"`, `it's "quoted"`)
		newSpan(newService(spans, "db"), byte(i+1), 2, 1, "query", at)
	}
	sp := newSpan(web, 6, 1, 0, "GET", -50*time.Hour)
	sp.Status().SetCode(ptrace.StatusCodeError)
	sp.Status().SetMessage("boom")
	sp.SetKind(ptrace.SpanKindClient)
	sp.TraceState().FromRaw("k=v")
	web.ScopeSpans().At(0).Scope().SetName("lib")
	web.ScopeSpans().At(0).Scope().SetVersion("2")
	send(t, s, spans, "")

	for args, want := range map[string]string{
		"service=web":                                                     "1 2 3 4 5",
		"service=web&limit=2":                                             "1 2",
		"service=web&operation=PUT":                                       "2 4",
		"service=db&operation=query&limit=1":                              "1",
		"service=none":                                                    "",
		"service=web&operation=query":                                     "",
		"service=web&start=" + micro(-150*time.Second):                    "1 2 3",
		"service=web&end=" + micro(-150*time.Second):                      "4 5",
		"service=web&lookback=90s":                                        "1 2",
		"service=web&lookback=1m&end=" + micro(0):                         "1 2",
		"service=web&lookback=4d":                                         "1 2 3 4 5 6",
		"service=web&lookback=1w&limit=6":                                 "1 2 3 4 5 6",
		"service=web&lookback=custom&start=0":                             "1 2 3 4 5 6",
		"service=web&minDuration=300ms":                                   "3 4 5",
		"service=web&minDuration=200ms&maxDuration=300ms":                 "2 3",
		`service=web&tags={"n":"1"}`:                                      "2",
		`service=web&tags={"n":1}`:                                        "2",
		`service=web&tag=n:1`:                                             "2",
		`service=web&tags={"zone":"a"}&limit=1`:                           "1",
		`service=web&tags={"zone":"b"}`:                                   "",
		`service=web&tags={"n":"1","zone":"a"}`:                           "2",
		`service=web&tags={"n":"1","zone":"b"}`:                           "",
		`service=web&tags={"odd \"name\"":"it's \"quoted\""}&limit=1`:     "1",
		`service=web&lookback=4d&tags={"error":"true"}`:                   "6",
		`service=web&lookback=4d&tags={"error":"false"}`:                  "1 2 3 4 5",
		`service=web&lookback=4d&tags={"span.kind":"client"}`:             "6",
		`service=web&lookback=4d&tags={"otel.status_code":"ERROR"}`:       "6",
		`service=web&lookback=4d&tags={"otel.status_description":"boom"}`: "6",
		`service=web&lookback=4d&tags={"w3c.tracestate":"k=v"}`:           "6",
		`service=web&limit=1&tags={"otel.scope.name":"lib"}`:              "1",
		`service=web&limit=1&tags={"otel.library.version":"2"}`:           "1",
		"traceID=3&traceID=1":                                             "3 1",
		"traceID=" + strings.Repeat("0", 31) + "6":                        "6",
		"traceID=77": "",
	} {
		values, err := url.ParseQuery(args)
		require.NoError(t, err)
		require.Equal(t, want, found(search(t, s, values)), args)
	}
	require.Len(t, search(t, s, url.Values{"service": {"db"}, "limit": {"1"}})[0].Spans, 2, "a found trace is whole")
}

func TestJaegerErrors(t *testing.T) {
	s := open(t, Options{})
	send(t, s, shop(), "")
	for target, want := range map[string]struct {
		code int
		text string
	}{
		"/traces/7":                           {404, "trace not found"},
		"/traces/xyz":                         {400, "not a trace id"},
		"/traces/" + strings.Repeat("1", 33):  {400, "not a trace id"},
		"/traces":                             {400, "parameter 'service' is required"},
		"/operations":                         {400, "parameter 'service' is required"},
		"/traces?traceID=-":                   {400, "not a trace id"},
		"/traces?service=web&limit=x":         {400, "limit"},
		"/traces?service=web&limit=100000":    {400, "limit"},
		"/traces?service=web&start=x":         {400, "start"},
		"/traces?service=web&start=2&end=1":   {400, "start is after end"},
		"/traces?service=web&lookback=soon":   {400, "lookback"},
		"/traces?service=web&minDuration=1":   {400, "minDuration"},
		"/traces?service=web&tags=x":          {400, "tags"},
		"/traces?service=web&tags={\"a\":[]}": {400, "tags"},
		"/traces?service=web&tag=x":           {400, "tag"},
		"/traces?service=web&timeout=x":       {400, "timeout"},
		"/dependencies?endTs=x":               {400, "endTs"},
		"/dependencies?lookback=-1":           {400, "lookback"},
		"/nonsense":                           {404, "unknown path"},
	} {
		path, query, _ := strings.Cut(target, "?")
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		code, body := get(s, "/api"+path, values)
		require.Equal(t, want.code, code, target)
		require.Contains(t, body, want.text, target)
		require.Contains(t, body, fmt.Sprintf(`{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":%d,"msg":`, want.code), target)
	}
	w := post(s, "/api/traces", "", nil)
	require.Equal(t, http.StatusNotFound, w.Code)
}

// Two tenants share service, operation and even trace ids; neither sees
// anything of the other's.
func TestTenantsSeeOnlyTheirOwn(t *testing.T) {
	s := open(t, Options{})
	for tenant, other := range map[string]string{"alpha": "beta", "beta": "alpha"} {
		spans := ptrace.NewTraces()
		rs := newService(spans, "shared")
		rs.Resource().Attributes().PutStr("tenant", other) // a claim that must not count
		newSpan(rs, 1, 1, 0, "GET", -time.Minute).Attributes().PutStr("mark", "secret-of-"+tenant)
		own := newService(spans, "service-of-"+tenant)
		newSpan(own, 1, 2, 1, "operation-of-"+tenant, -time.Minute)
		newSpan(own, map[string]byte{"alpha": 2, "beta": 3}[tenant], 1, 0, "alone", -time.Minute)
		send(t, s, spans, url.Values{"extra_fields": {"resource_attr:tenant=" + tenant}}.Encode())
	}
	for target, args := range map[string]url.Values{
		"/select/jaeger/api/services":                            {},
		"/api/services/shared/operations":                        {},
		"/api/services/service-of-beta/operations":               {},
		"/api/operations?shared":                                 {"service": {"shared"}},
		"/api/operations":                                        {"service": {"service-of-beta"}},
		"/api/traces":                                            {"service": {"shared"}},
		"/api/traces?tags":                                       {"service": {"shared"}, "tags": {`{"tenant":"beta"}`}},
		"/api/traces?ids":                                        {"traceID": {"1", "3"}},
		"/api/traces/1":                                          {},
		"/api/traces/00000000000000000000000000000001":           {},
		"/api/dependencies":                                      {},
		"/select/logsql/query":                                   {"query": {"*"}},
		"/select/logsql/query?beta":                              {"query": {`"resource_attr:tenant":="beta"`}},
		"/select/logsql/query?sub":                               {"query": {`trace_id:in("resource_attr:tenant":="beta" | fields trace_id)`}},
		"/select/logsql/query?fields":                            {"query": {"* | field_values \"resource_attr:service.name\""}},
		"/select/jaeger/api/traces/3":                            {},
		"/select/jaeger/api/services/service-of-beta/operations": {},
	} {
		path, _, _ := strings.Cut(target, "?")
		args.Set("extra_filters", `"resource_attr:tenant":="alpha"`)
		code, body := get(s, path, args)
		if strings.HasSuffix(path, "/3") {
			require.Equal(t, http.StatusNotFound, code, body)
		} else {
			require.Equal(t, http.StatusOK, code, body)
		}
		require.NotContains(t, body, "of-beta", target)
		require.NotContains(t, body, `"beta"`, target)
	}
	require.Len(t, search(t, s, url.Values{"traceID": {"1"}})[0].Spans, 4, "an admin sees both")
	require.Len(t, search(t, s, url.Values{"traceID": {"1"}, "extra_filters": {`"resource_attr:tenant":="alpha"`}})[0].Spans, 2)
}
