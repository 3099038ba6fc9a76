package check

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/topology"
	"koflab/topology/lab/control"
)

func success(data string, warnings ...string) control.QueryResponse {
	return control.QueryResponse{Status: "success", Data: json.RawMessage(data), Warnings: warnings}
}

func TestPromQL(t *testing.T) {
	for _, c := range []struct {
		name, data string
		rows       []string
		text       string
	}{
		{"vector", `{"resultType":"vector","result":[
			{"metric":{"__name__":"up","job":"b"},"value":[1772442600,"1"]},
			{"metric":{"__name__":"up","job":"a"},"value":[1772442600,"0.5"]}]}`,
			[]string{`up{job="a"} 0.5`, `up{job="b"} 1`}, `2 series: up{job="a"} 0.5, up{job="b"} 1`},
		{"one value", `{"resultType":"vector","result":[{"metric":{},"value":[1772442600,"6"]}]}`, []string{"6"}, "6"},
		{"nothing", `{"resultType":"vector","result":[]}`, []string{}, "no series"},
		{"special values", `{"resultType":"vector","result":[
			{"metric":{"a":"1"},"value":[1,"NaN"]},{"metric":{"a":"2"},"value":[1,"+Inf"]},{"metric":{"a":"3"},"value":[1,"1e+20"]},{"metric":{"a":"4"},"value":[1,"-0"]}]}`,
			[]string{`{a="1"} NaN`, `{a="2"} +Inf`, `{a="3"} 1e+20`, `{a="4"} 0`},
			`4 series: {a="1"} NaN, {a="2"} +Inf, {a="3"} 1e+20, {a="4"} 0`},
		{"matrix", `{"resultType":"matrix","result":[{"metric":{"a":"1"},"values":[[1,"1"],[16,"3"]]}]}`, []string{`{a="1"} 1 to 3 (2 points)`}, `{a="1"} 1 to 3 (2 points)`},
		{"scalar", `{"resultType":"scalar","result":[1772442600,"2.5"]}`, []string{"2.5"}, "2.5"},
		{"string", `{"resultType":"string","result":[1772442600,"text"]}`, []string{"1"}, "1"},
		{"histogram", `{"resultType":"vector","result":[{"metric":{"a":"1"},"histogram":[1,{"count":"7","sum":"9","buckets":[[0,"1","2","7"]]}]}]}`,
			[]string{`{a="1"} 7`}, `{a="1"} 7`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := evaluate(t, Check{PromQL: "up"}, &fakeEnv{answer: success(c.data)})
			require.Equal(t, c.rows, rows(r))
			require.Equal(t, c.text, r.Text)
			require.Empty(t, r.Error)
			require.NotNil(t, r.Body)
			require.Equal(t, now, r.Now)
			require.Equal(t, start, r.Start)
		})
	}
}

func TestPromQLRequest(t *testing.T) {
	env := &fakeEnv{answer: success(`{"resultType":"vector","result":[]}`)}
	evaluate(t, Check{PromQL: "up", Region: "region-1", At: Offset(-2 * time.Minute), ErrorMode: "fail", Semantics: "kof"}, env)
	require.Equal(t, control.QueryRequest{
		Expr: "up", Time: now.Add(-2 * time.Minute), Region: "region-1", ErrorMode: "fail", Semantics: "kof",
	}, env.asked)

	minute := topology.Duration(time.Minute)
	env.answer = success(`{"resultType":"matrix","result":[]}`)
	evaluate(t, Check{PromQL: "up", Range: 5 * minute}, env)
	require.Equal(t, control.QueryRequest{Expr: "up", Time: now, Start: now.Add(-5 * time.Minute), End: now, Step: 15 * time.Second}, env.asked)
	evaluate(t, Check{PromQL: "up", Range: 5 * minute, Step: minute}, env)
	require.Equal(t, time.Minute, env.asked.Step)
}

func TestPromQLFailures(t *testing.T) {
	lab := control.Access{Clusters: []control.Cluster{
		{Name: "region-1", Endpoints: map[string]string{"vmauth": "https://127.42.1.1:8427", "kubernetes": "https://127.42.1.1:6443"}},
	}}
	failed := control.QueryResponse{
		Status: "error", Error: "region-1: read tcp 127.0.0.1:40112->127.42.1.1:8427: connection reset, then dial tcp 127.42.1.1:8481: refused, as at 127.99.0.1",
		Warnings: []string{"127.42.1.1:41000 and 127.42.1.1 are away"},
	}
	r := evaluate(t, Check{PromQL: "up"}, &fakeEnv{answer: failed, access: lab})
	require.Equal(t, "region-1: read tcp client->region-1/vmauth: connection reset, then dial tcp region-1:8481: refused, as at client", r.Error)
	require.Equal(t, []string{"region-1 and region-1 are away"}, r.Warnings)
	require.Equal(t, "error: "+r.Error, r.Text)
	require.Contains(t, failed.Warnings[0], "127.42.1.1", "the answer itself stays as it is")

	r = evaluate(t, Check{PromQL: "up"}, &fakeEnv{failure: errors.New("there is no region")})
	require.Equal(t, "there is no region", r.Error)
	r = evaluate(t, Check{PromQL: "up"}, &fakeEnv{answer: success("{")})
	require.Contains(t, r.Error, "read the answer")
	r = evaluate(t, Check{PromQL: "up"}, &fakeEnv{answer: success(`{"resultType":"tensor"}`)})
	require.Equal(t, `read the answer: results of type "tensor" are not known`, r.Error)
}

func TestCoverage(t *testing.T) {
	answer := success(`{"resultType":"vector","result":[]}`, "region-2 did not answer: dial tcp 127.42.1.2:443")
	answer.Explain = json.RawMessage(`{"expr":"up","coverage":0.5,"groups":[
		{"name":"region-2","url":"https://x","pushed":["up"],"answered":false,"error":"dial tcp 127.42.1.2:443: refused","seconds":0.1},
		{"name":"region-1","url":"https://x","pushed":["up"],"answered":true,"series":3,"samples":3,"seconds":0.1}]}`)
	env := &fakeEnv{answer: answer}
	r := evaluate(t, Check{Coverage: "up", ErrorMode: "ignore"}, env)
	require.Equal(t, []string{`{region="region-1"} 1`, `{region="region-2"} 0`}, rows(r))
	require.Equal(t, "1 of 2 regions answered, not region-2", r.Text)
	require.Equal(t, []string{"region-2 did not answer: dial tcp client"}, r.Warnings)
	require.Equal(t, "dial tcp client: refused", r.Rows[1].Fields["error"])
	for _, cel := range []string{
		"body.coverage == 0.5 && body.expected == 2 && body.answered == 1 && body.missing == ['region-2']",
		"rows.exists(r, r.labels.region == 'region-1' && r.fields.series == 3)",
		"size(warnings) == 1",
	} {
		ok, why := Expect{CEL: cel}.Holds(r)
		require.True(t, ok, why)
	}

	// A query that fails for want of a region says which.
	env.answer.Status, env.answer.Error = "error", "region-2 did not answer"
	r = evaluate(t, Check{Coverage: "up"}, env)
	require.Len(t, r.Rows, 2)
	require.Empty(t, r.Error)
	r = evaluate(t, Check{Coverage: "up"}, &fakeEnv{answer: control.QueryResponse{Status: "error", Error: "bad"}})
	require.Contains(t, r.Error, "bad")
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 6: "6", -3: "-3", 0.1: "0.1", 1e14: "100000000000000", 1e15: "1e+15", 1.5e300: "1.5e+300", math.Inf(-1): "-Inf",
	} {
		require.Equal(t, want, number(v))
	}
	require.Equal(t, "NaN", number(math.NaN()))
}

func TestList(t *testing.T) {
	items := []string{"alpha", "beta", "gamma"}
	same := func(s string) string { return s }
	require.Equal(t, "alpha, beta, gamma", list(items, 18, same))
	require.Equal(t, "alpha and 2 more", list(items, 17, same))
	require.Equal(t, "... and 2 more", list(items, 14, same))
	require.Empty(t, list(nil, 5, same))
}
