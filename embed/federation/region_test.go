package federation

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"
)

// region is a minimal Prometheus: its query API over a test storage.
type region struct {
	storage *teststorage.TestStorage
	engine  *promql.Engine
	fault   atomic.Pointer[http.HandlerFunc] // answers instead when set
	seen    atomic.Int64
}

func newRegion(t testing.TB) *region {
	return &region{storage: teststorage.New(t), engine: testEngine(t)}
}

func testEngine(t testing.TB) *promql.Engine {
	e := promql.NewEngine(engineOptions(Options{MaxSamples: 1 << 22, Timeout: time.Minute}, parser.NewParser(language)))
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// sampleSeries is a series to store.
type sampleSeries struct {
	labels  labels.Labels
	samples samples
}

func (r *region) store(t testing.TB, list ...sampleSeries) {
	store(t, r.storage, list...)
}

func store(t testing.TB, s storage.Storage, list ...sampleSeries) {
	app := s.Appender(t.Context())
	for _, one := range list {
		for _, p := range one.samples {
			_, err := app.Append(0, one.labels, p.t, p.v)
			require.NoError(t, err)
		}
	}
	require.NoError(t, app.Commit())
}

func (r *region) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.seen.Add(1)
	if h := r.fault.Load(); h != nil {
		(*h)(w, req)
		return
	}
	serveAPI(w, req, r.answer)
}

func (r *region) breaks(h http.HandlerFunc) { r.fault.Store(&h) }
func (r *region) heals()                    { r.fault.Store(nil) }

func (r *region) answer(req *http.Request) (answer, Explain, error) {
	path := strings.TrimPrefix(req.URL.Path, "/select/0/prometheus/api/v1/")
	switch {
	case path == "query", path == "query_range":
		q, err := queryRequest(req, path == "query_range")
		if err != nil {
			return answer{}, Explain{}, err
		}
		var query promql.Query
		if q.Step == 0 {
			query, err = r.engine.NewInstantQuery(req.Context(), r.storage, nil, q.Expr, q.Time)
		} else {
			query, err = r.engine.NewRangeQuery(req.Context(), r.storage, nil, q.Expr, q.Start, q.End, q.Step)
		}
		if err != nil {
			return answer{}, Explain{}, badData("%w", err)
		}
		defer query.Close()
		result := query.Exec(req.Context())
		if result.Err != nil {
			return answer{}, Explain{}, &QueryError{Type: "execution", Err: result.Err}
		}
		warnings, infos := result.Warnings.AsStrings(q.Expr, 0, 0)
		return answer{Data: Data{copied(result.Value)}, Warnings: warnings, Infos: infos}, Explain{}, nil
	case path == "metadata":
		return answer{Data: map[string][]metadatum{"up": {{Type: "gauge", Help: "from " + req.Host}}}}, Explain{}, nil
	}
	return r.catalog(req, path)
}

func (r *region) catalog(req *http.Request, path string) (answer, Explain, error) {
	q, err := r.storage.Querier(-1<<40, 1<<50)
	if err != nil {
		return answer{}, Explain{}, err
	}
	defer q.Close()
	matches := [][]*labels.Matcher{{labels.MustNewMatcher(labels.MatchNotEqual, "__name__", "")}}
	if list := req.Form["match[]"]; len(list) > 0 {
		matches = nil
		for _, text := range list {
			ms, err := parser.NewParser(parser.Options{}).ParseMetricSelector(text)
			if err != nil {
				return answer{}, Explain{}, badData("%w", err)
			}
			matches = append(matches, ms)
		}
	}
	var found []labels.Labels
	for _, ms := range matches {
		set := q.Select(req.Context(), true, nil, ms...)
		for set.Next() {
			found = append(found, set.At().Labels())
		}
	}
	set := map[string]bool{}
	switch {
	case path == "series":
		return answer{Data: nonNil(found)}, Explain{}, nil
	case path == "labels":
		for _, ls := range found {
			ls.Range(func(l labels.Label) { set[l.Name] = true })
		}
	default:
		name := strings.TrimSuffix(strings.TrimPrefix(path, "label/"), "/values")
		for _, ls := range found {
			if v := ls.Get(name); v != "" {
				set[v] = true
			}
		}
	}
	return answer{Data: nonNil(sortedKeys(set))}, Explain{}, nil
}

// lab is a federator over regions reached in process.
type lab struct {
	*Federator
	regions []*region
	groups  []Group
}

// newLab makes regions named r1, r2, ... with KOF's group labels.
func newLab(t testing.TB, n int, o Options) *lab {
	f, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	l := &lab{Federator: f}
	for i := range n {
		r := newRegion(t)
		name := "r" + string(rune('1'+i))
		l.regions = append(l.regions, r)
		l.groups = append(l.groups, Group{
			Name:       name,
			Labels:     map[string]string{ClusterLabel: name, ClusterNamespaceLabel: "kof"},
			MetricsURL: "http://" + name + "/select/0/prometheus",
			Client:     &http.Client{Transport: HandlerTransport(r)},
		})
	}
	require.NoError(t, f.SetGroups(l.groups))
	return l
}

func listen(t testing.TB, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func points(start, step int64, values ...float64) samples {
	s := make(samples, len(values))
	for i, v := range values {
		s[i] = sample{start + int64(i)*step, v}
	}
	return s
}

func series1(text string, s samples) sampleSeries {
	ms, err := parser.NewParser(parser.Options{}).ParseMetricSelector(text)
	if err != nil {
		panic(err)
	}
	b := labels.NewScratchBuilder(len(ms))
	for _, m := range ms {
		b.Add(m.Name, m.Value)
	}
	b.Sort()
	return sampleSeries{b.Labels(), s}
}

func groupNames(e Explain) []string {
	var names []string
	for _, g := range e.Groups {
		names = append(names, g.Name)
	}
	slices.Sort(names)
	return names
}
