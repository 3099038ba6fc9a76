package check

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/topology"
)

const twoTraces = `{"data":[
 {"traceID":"b2","processes":{"p1":{"serviceName":"cart","tags":[{"key":"k8s.cluster.name","value":"child-1"}]}},
  "spans":[{"spanID":"s1","operationName":"GET /cart","processID":"p1","startTime":1772442000000000,"duration":1500,"tags":[{"key":"http.status_code","value":200}],"references":[]}]},
 {"traceID":"a1","processes":{"p1":{"serviceName":"cart"},"p2":{"serviceName":"shop"}},
  "spans":[{"spanID":"s2","operationName":"query","processID":"p1","startTime":1772442000500000,"duration":250000,"references":[{"refType":"CHILD_OF","spanID":"s1"}]},
   {"spanID":"s1","operationName":"checkout","processID":"p2","startTime":1772442000400000,"duration":500000,"references":[]}]}],
 "total":2,"errors":null}`

func TestTraces(t *testing.T) {
	var asked *http.Request
	env := &fakeEnv{traces: map[string]http.Handler{"region-1": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r
		says(http.StatusOK, twoTraces).ServeHTTP(w, r)
	})}}
	r := evaluate(t, Check{Region: "region-1", Traces: &Traces{
		Service: "cart", Operation: "GET /cart", Tags: map[string]string{"b": "2", "a": "1"},
		Lookback: topology.Duration(time.Minute), Limit: 7,
	}}, env)
	require.Equal(t, "/select/jaeger/api/traces", asked.URL.Path)
	require.Equal(t, map[string][]string{
		"service": {"cart"}, "operation": {"GET /cart"}, "tags": {`{"a":"1","b":"2"}`}, "limit": {"7"}, "error_mode": {"fail"},
		"start": {"1772442540000000"}, "end": {"1772442600000000"},
	}, map[string][]string(asked.URL.Query()))
	require.Equal(t, []string{
		`{operation="GET /cart", service="cart", services="cart", trace="b2"} 1`,
		`{operation="checkout", service="shop", services="cart,shop", trace="a1"} 2`,
	}, rows(r))
	ok, why := Expect{CEL: `rows[1].fields.seconds == 0.5 && rows[0].fields.spans[0].seconds == 0.0015 && size(body.data) == 2`}.Holds(r)
	require.True(t, ok, why)

	r = evaluate(t, Check{Region: "region-1", Trace: "a1"}, env)
	require.Equal(t, "/select/jaeger/api/traces/a1", asked.URL.Path)
	require.Contains(t, rows(r), `{operation="query", parent="s1", service="cart", span="s2"} 0.25`)
	ok, why = Expect{CEL: `rows.exists(r, r.fields.attributes[?"k8s.cluster.name"].orValue("") == "child-1")`}.Holds(r)
	require.False(t, ok, "optional values are not switched on")
	require.Contains(t, why, "condition: 1:")
	ok, why = Expect{CEL: `rows.exists(r, "k8s.cluster.name" in r.fields.attributes && r.fields.attributes["k8s.cluster.name"] == "child-1")`}.Holds(r)
	require.True(t, ok, why)
}

func TestTracesDefaultsAndFailures(t *testing.T) {
	var asked *http.Request
	env := &fakeEnv{traces: map[string]http.Handler{
		"": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r
			says(http.StatusOK, `{"data":[]}`).ServeHTTP(w, r)
		}),
		"gone":   says(http.StatusNotFound, `{"errors":[{"code":404,"msg":"trace not found"}]}`),
		"broken": says(http.StatusServiceUnavailable, `{"errors":[{"code":503,"msg":"region-1 did not answer"}]}`),
		"odd":    says(http.StatusOK, `[`),
		"mute":   says(http.StatusTeapot, ""),
	}}
	r := evaluate(t, Check{Traces: &Traces{Service: "cart"}}, env)
	require.Equal(t, "no traces", r.Text)
	require.Equal(t, "20", asked.URL.Query().Get("limit"))
	require.Equal(t, "1772439000000000", asked.URL.Query().Get("start"), "an hour back")

	r = evaluate(t, Check{Trace: "a1", Region: "gone"}, env)
	require.Empty(t, r.Error, "that there is none is an answer")
	require.Equal(t, "no such trace", r.Text)
	for region, want := range map[string]string{
		"broken": "region-1 did not answer", "odd": "read the answer", "mute": "the answer is 418 I'm a teapot", "none": `there is no region "none"`,
	} {
		require.Contains(t, evaluate(t, Check{Trace: "a1", Region: region}, env).Error, want)
	}
}
