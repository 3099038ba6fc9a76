package metrics

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
)

// sendExemplars writes a sample of series m with one exemplar per label pair list.
func sendExemplars(t *testing.T, s *Store, exemplars ...[]string) string {
	t.Helper()
	table := writev2.NewSymbolTable()
	ts := writev2.TimeSeries{
		LabelsRefs: []uint32{table.Symbolize("__name__"), table.Symbolize("m")},
		Samples:    []writev2.Sample{{Value: 1, Timestamp: noon.UnixMilli()}},
	}
	for i, pairs := range exemplars {
		e := writev2.Exemplar{Value: float64(i), Timestamp: noon.Add(time.Duration(i) * time.Second).UnixMilli()}
		for _, p := range pairs {
			e.LabelsRefs = append(e.LabelsRefs, table.Symbolize(p))
		}
		ts.Exemplars = append(ts.Exemplars, e)
	}
	body := marshal(&writev2.Request{Symbols: table.Symbols(), Timeseries: []writev2.TimeSeries{ts}})
	w := post(s.InsertHandler(), writePath, snappy.Encode(nil, body), "Content-Type", typeV2)
	require.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
	return w.Header().Get("X-Prometheus-Remote-Write-Exemplars-Written")
}

func TestExemplarsAreKept(t *testing.T) {
	s := open(t, Options{})
	require.Equal(t, "2", sendExemplars(t, s,
		[]string{"trace_id", "abc"},
		[]string{"trace_id", strings.Repeat("x", 128)}, // too long
		nil, // none is needed
	))
	require.JSONEq(t, `[{"seriesLabels":{"__name__":"m"},"exemplars":[
		{"labels":{"trace_id":"abc"},"value":"0","timestamp":`+formatSeconds(noon)+`},
		{"labels":{},"value":"2","timestamp":`+formatSeconds(noon.Add(2*time.Second))+`}]}]`,
		string(decode(t, get(s, "/query_exemplars", "query", "rate(m[5m])")).Data))
	require.JSONEq(t, `[]`, string(decode(t, get(s, "/query_exemplars", "query", "other")).Data))
	require.JSONEq(t, `[]`, string(decode(t, get(s, "/query_exemplars", "query", "m", "end", formatSeconds(noon.Add(-time.Second)))).Data))
	st := balanced(t, s)
	require.EqualValues(t, 2, st.Exemplars)
	require.EqualValues(t, 1, st.ExemplarsDropped)
}

func TestExemplarRingForgetsTheOldest(t *testing.T) {
	var r exemplarRing
	for i := range maxExemplars + 10 {
		require.True(t, r.add(nil, &exemplarSample{t: int64(i)}))
	}
	found := r.find(0, maxExemplars+10, [][]*matcher{nil})
	require.Len(t, found, 1)
	require.Len(t, found[0].Exemplars, maxExemplars)
	require.EqualValues(t, 10, found[0].Exemplars[0].Ts)
}
