package federation

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"
)

const (
	benchSeries = 1000 // per region
	benchPoints = 240  // one hour at 15 s
)

// benchLab is two regions over HTTP, and one store with the data of both.
func benchLab(b *testing.B) (*lab, *region) {
	l := newLab(b, 2, Options{Timeout: time.Minute})
	one := &region{storage: teststorage.New(b), engine: testEngine(b)}
	for i, r := range l.regions {
		var list []sampleSeries
		for n := range benchSeries {
			s := make(samples, benchPoints)
			for j := range s {
				s[j] = sample{int64(j) * 15_000, float64(j * n)}
			}
			list = append(list, sampleSeries{labels.FromStrings("__name__", "requests_total", "job", fmt.Sprint("job", n%10), "pod", fmt.Sprint("pod", i, n)), s})
		}
		r.store(b, list...)
		store(b, one.storage, list...)
		l.groups[i].MetricsURL = listen(b, r) + "/select/0/prometheus"
		l.groups[i].Client = nil
	}
	require.NoError(b, l.SetGroups(l.groups))
	return l, one
}

var benchQueries = []struct{ name, expr string }{
	{"SumRate", "sum by (job) (rate(requests_total[5m]))"},
	{"Avg", "avg by (job) (requests_total)"},
	{"Topk", "topk(5, rate(requests_total[5m]))"},
	{"Selector", "requests_total"},
	{"Quantile", "quantile(0.9, rate(requests_total[5m]))"},
}

func benchmark(b *testing.B, expr string, f *Federator) {
	for b.Loop() {
		r, err := f.Query(b.Context(), Request{Expr: expr, Time: at(3500)})
		require.NoError(b, err)
		require.NotEmpty(b, r.Data.Value)
	}
}

// BenchmarkFederated queries two regions over HTTP.
func BenchmarkFederated(b *testing.B) {
	l, _ := benchLab(b)
	for _, q := range benchQueries {
		b.Run(q.name, func(b *testing.B) { benchmark(b, q.expr, l.Federator) })
	}
}

// BenchmarkFederatedRange is an hour at 60 s.
func BenchmarkFederatedRange(b *testing.B) {
	l, _ := benchLab(b)
	for _, q := range benchQueries {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				_, err := l.Query(b.Context(), Request{Expr: q.expr, Start: at(0), End: at(3600), Step: time.Minute})
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkDirect queries one store with the data of both regions over HTTP.
func BenchmarkDirect(b *testing.B) {
	_, one := benchLab(b)
	url := listen(b, one)
	for _, q := range benchQueries {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				r, err := http.NewRequest(http.MethodGet, url+"/select/0/prometheus/api/v1/query?time=3500&query="+escape(q.expr), nil)
				require.NoError(b, err)
				require.NotEmpty(b, body(b, http.DefaultClient, r))
			}
		})
	}
}

// BenchmarkDirectEngine evaluates in process, without HTTP.
func BenchmarkDirectEngine(b *testing.B) {
	_, one := benchLab(b)
	for _, q := range benchQueries {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				query, err := one.engine.NewInstantQuery(b.Context(), one.storage, nil, q.expr, at(3500))
				require.NoError(b, err)
				result := query.Exec(b.Context())
				require.NoError(b, result.Err)
				require.NotEmpty(b, result.Value.(promql.Vector))
				query.Close()
			}
		})
	}
}
