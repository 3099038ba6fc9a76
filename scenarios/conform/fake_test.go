package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// fake is an installation in memory: answers to queries by a part of their text,
// Kubernetes objects by path.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	now     time.Time
	vectors map[string][]sample // the longest key that is in a query wins
	failing map[string]string   // queries that end with this error
	explain []groupAnswer
	logs    map[string]string // LogsQL part -> JSON lines
	objects map[string]any    // path -> answer
	asked   []string
	tick    func() // after time has passed
}

func newFake(t *testing.T) *fake {
	f := &fake{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), vectors: map[string][]sample{}, failing: map[string]string{}, logs: map[string]string{}, objects: map[string]any{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query().Get("query")
	f.asked = append(f.asked, r.Method+" "+r.URL.Path+" "+q)
	switch {
	case r.URL.Path == "/api/v1/query" && q == "time()":
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"scalar","result":[%[1]d,"%[1]d"]}}`, f.now.Unix())
	case r.URL.Path == "/api/v1/query":
		f.answer(w, q)
	case r.URL.Path == "/select/logsql/query":
		_, _ = w.Write([]byte(longest(f.logs, q)))
	case f.objects[r.URL.Path] != nil:
		_ = json.NewEncoder(w).Encode(f.objects[r.URL.Path])
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) answer(w http.ResponseWriter, q string) {
	for part, text := range f.failing {
		if strings.Contains(q, part) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprintf(w, `{"status":"error","errorType":"execution","error":%q}`, text)
			return
		}
	}
	type series struct {
		Metric map[string]string `json:"metric"`
		Value  []any             `json:"value"`
	}
	rows := []series{}
	for _, s := range longest(f.vectors, q) {
		rows = append(rows, series{s.labels, []any{f.now.Unix(), strconv.FormatFloat(s.value, 'g', -1, 64)}})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": "success", "data": map[string]any{"resultType": "vector", "result": rows},
		"explain": map[string]any{"groups": f.explain},
	})
}

func longest[T any](of map[string]T, q string) T {
	best := ""
	for part := range of {
		if strings.Contains(q, part) && len(part) > len(best) {
			best = part
		}
	}
	return of[best]
}

// of makes a sample of label pairs.
func of(value float64, pairs ...string) sample {
	s := sample{map[string]string{}, value}
	for i := 0; i < len(pairs); i += 2 {
		s.labels[pairs[i]] = pairs[i+1]
	}
	return s
}

// up sets the series of up by cluster and region, seen now.
func (f *fake) up(clusters ...[]string) {
	regions := map[string]bool{}
	for _, c := range clusters {
		pairs := append([]string{"clusterNamespace", "kcm-system"}, c...)
		f.vectors["(up offset "] = append(f.vectors["(up offset "], of(3, pairs...))
		f.vectors["last_over_time(up["] = append(f.vectors["last_over_time(up["], of(3, pairs...))
		f.vectors["clusterName) (timestamp(up))"] = append(f.vectors["clusterName) (timestamp(up))"], of(float64(f.now.Unix()-10), pairs...))
		if i := slices.Index(c, "promxyCluster"); i >= 0 {
			regions[c[i+1]] = true
		}
	}
	for name := range regions {
		f.vectors["count by (promxyCluster) (up)"] = append(f.vectors["count by (promxyCluster) (up)"], of(9, "promxyCluster", name))
	}
}

// run looks at the fake; time passes at once.
func (f *fake) run(t *testing.T, change func(*Target)) (Report, error) {
	t.Helper()
	target := Target{URL: f.URL}
	if change != nil {
		change(&target)
	}
	return Run(t.Context(), target, Options{Timeout: 5 * time.Second, Wait: func(context.Context, time.Duration) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now = f.now.Add(time.Second)
		if f.tick != nil {
			f.tick()
		}
		return nil
	}})
}

func result(r Report, id string) Result {
	for _, x := range r.Results {
		if x.ID == id {
			return x
		}
	}
	return Result{}
}

func failed(r Report) []string {
	var ids []string
	for _, x := range r.Failures() {
		ids = append(ids, x.ID)
	}
	return ids
}

// kubernetes makes the fake's API that of a management cluster with these objects.
func (f *fake) kubernetes(t *Target, lists map[string][]any) {
	groups := []any{}
	for _, g := range []string{"k0rdent.mirantis.com", "config.projectsveltos.io", "kof.k0rdent.mirantis.com"} {
		groups = append(groups, map[string]any{"name": g, "preferredVersion": map[string]any{"version": "v1beta1"}})
	}
	f.objects["/apis"] = map[string]any{"groups": groups}
	for path, items := range lists {
		f.objects[path] = map[string]any{"items": items}
	}
	t.Kubernetes = &rest.Config{Host: f.URL}
}

func obj(name string, labels map[string]string, more map[string]any) map[string]any {
	o := map[string]any{"metadata": map[string]any{"name": name, "namespace": "kcm-system", "labels": toAny(labels)}}
	for k, v := range more {
		o[k] = v
	}
	return o
}

func toAny(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	return out
}
