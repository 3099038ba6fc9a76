package check

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"k8s.io/client-go/rest"

	"koflab/topology/lab/control"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The libraries keep some goroutines for the life of the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("github.com/VictoriaMetrics/metrics.summariesSwapCron"))
}

var (
	start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	now   = start.Add(10 * time.Minute)
)

// fakeEnv is a lab of canned answers.
type fakeEnv struct {
	answer  control.QueryResponse
	failure error
	logs    map[string]http.Handler
	traces  map[string]http.Handler
	flow    []control.Flow
	events  []control.Event
	kube    map[string]*rest.Config
	access  control.Access
	clients map[string]*http.Client
	verdict control.OracleVerdict

	asked    control.QueryRequest
	from     string
	compared [][]string
}

func (f *fakeEnv) Now() time.Time   { return now }
func (f *fakeEnv) Start() time.Time { return start }

func (f *fakeEnv) Query(_ context.Context, q control.QueryRequest) (control.QueryResponse, error) {
	f.asked = q
	return f.answer, f.failure
}

func (f *fakeEnv) Logs(region string) http.Handler   { return f.logs[region] }
func (f *fakeEnv) Traces(region string) http.Handler { return f.traces[region] }

func (f *fakeEnv) Status() control.Status {
	return control.Status{Clusters: f.access.Clusters, Flow: f.flow}
}

func (f *fakeEnv) EventsSince(seq int64) []control.Event { return f.events[seq:] }

func (f *fakeEnv) RESTConfig(cluster string) (*rest.Config, error) {
	if c := f.kube[cluster]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("there is no cluster %q", cluster)
}

func (f *fakeEnv) Access() control.Access { return f.access }

func (f *fakeEnv) Client(from string) (*http.Client, error) {
	f.from = from
	if c := f.clients[from]; c != nil {
		return c, nil
	}
	return nil, errors.New("no network of " + from)
}

func (f *fakeEnv) Oracle(_ context.Context, clusters, signals []string) (control.OracleVerdict, error) {
	f.compared = [][]string{clusters, signals}
	return f.verdict, f.failure
}

// evaluate asks a check that can be asked.
func evaluate(t *testing.T, c Check, env Env) Result {
	t.Helper()
	r, err := c.Evaluate(t.Context(), env)
	require.NoError(t, err)
	require.LessOrEqual(t, len([]rune(r.Text)), textLimit)
	require.NotEmpty(t, r.Text)
	return r
}

// rows writes rows as text.
func rows(r Result) []string {
	out := []string{}
	for _, row := range r.Rows {
		out = append(out, row.String())
	}
	return out
}

// golden compares with a file in testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// says answers every request alike.
func says(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func ptr[T any](v T) *T { return &v }
