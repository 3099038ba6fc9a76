package control_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"koflab/sim/event"
	"koflab/sim/fault"
	"koflab/topology"
	"koflab/topology/lab/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLab remembers what it was told.
type fakeLab struct {
	control.Lab
	log   *event.Log
	query control.QueryRequest
	calls []string
	down  chan struct{}
}

func (f *fakeLab) Status() control.Status {
	return control.Status{Name: "fake", Phase: control.Ready, Clusters: []control.Cluster{{Name: "child-1"}}}
}

func (f *fakeLab) Access() control.Access { return control.Access{CA: "pem"} }

func (f *fakeLab) Query(_ context.Context, q control.QueryRequest) (control.QueryResponse, error) {
	f.query = q
	if q.Region == "nowhere" {
		return control.QueryResponse{}, errors.New("there is no region")
	}
	return control.QueryResponse{Status: "success", Data: []byte(`{"resultType":"scalar"}`), Warnings: []string{}}, nil
}

func (f *fakeLab) Logs(region string) http.Handler {
	if region == "nowhere" {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, region+"|"+r.URL.Path+"|"+r.FormValue("query"))
	})
}

func (f *fakeLab) Traces(region string) http.Handler { return f.Logs(region) }

func (f *fakeLab) EventsSince(seq int64) []control.Event     { return f.log.Since(seq) }
func (f *fakeLab) Subscribe() (<-chan control.Event, func()) { return f.log.Subscribe() }
func (f *fakeLab) Flush(context.Context) error               { f.calls = append(f.calls, "flush"); return nil }
func (f *fakeLab) Down()                                     { close(f.down) }

func (f *fakeLab) SetListeners(_ context.Context, region string, up bool) error {
	f.calls = append(f.calls, region, map[bool]string{true: "up", false: "down"}[up])
	return nil
}

func (f *fakeLab) CrashRegion(_ context.Context, region string) error {
	return errors.New("no region " + region)
}

func (f *fakeLab) Kubeconfig(cluster string) ([]byte, error) {
	if cluster == "nowhere" {
		return nil, errors.New("there is no cluster")
	}
	return []byte("kind: Config # " + cluster), nil
}

func (f *fakeLab) AddCluster(_ context.Context, r control.AddRequest) (control.Cluster, error) {
	if r.Child == nil {
		return control.Cluster{}, errors.New("want a child")
	}
	return control.Cluster{Name: r.Child.Name}, nil
}

func (f *fakeLab) RemoveCluster(_ context.Context, cluster string) error {
	f.calls = append(f.calls, "remove "+cluster)
	return nil
}

func (f *fakeLab) Faults() []fault.Active {
	return []fault.Active{{ID: "outage", Fault: fault.Fault{Name: "region-down", Target: "region-1", For: time.Minute}, Start: start, End: start.Add(time.Minute)}}
}

func (f *fakeLab) FaultTargets(name string) ([]string, error) {
	if _, err := fault.Lookup(name); err != nil {
		return nil, err
	}
	return []string{"region-1"}, nil
}

func (f *fakeLab) Inject(_ context.Context, q fault.Fault) (fault.Active, error) {
	if err := fault.Validate(q); err != nil {
		return fault.Active{}, err
	}
	return fault.Active{ID: "one", Fault: q, Start: start}, nil
}

func (f *fakeLab) Heal(_ context.Context, id string) error {
	if id != "a b" {
		return errors.New("no fault " + id)
	}
	f.calls = append(f.calls, "heal "+id)
	return nil
}

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func (f *fakeLab) SetCredentials(_ context.Context, cluster string, r control.CredentialsRequest) error {
	f.calls = append(f.calls, cluster, r.Password)
	return nil
}

func serve(t *testing.T) (*fakeLab, *control.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "kof")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := control.Listen(socket)
	require.NoError(t, err)
	info, err := os.Stat(socket)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "only its user may use a lab")
	lab := &fakeLab{log: event.NewLog(time.Now, 10), down: make(chan struct{})}
	server := &http.Server{Handler: control.NewHandler(lab), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }()
	client := control.NewClient(socket)
	t.Cleanup(func() {
		client.Close()
		require.NoError(t, server.Close())
	})
	return lab, client
}

func TestClientAndServerAgree(t *testing.T) {
	lab, c := serve(t)
	ctx := t.Context()
	s, err := c.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, "fake", s.Name)
	a, err := c.Access(ctx)
	require.NoError(t, err)
	require.Equal(t, "pem", a.CA)

	config, err := c.Kubeconfig(ctx, "ns/child")
	require.NoError(t, err)
	require.Equal(t, "kind: Config # ns/child", string(config))
	_, err = c.Kubeconfig(ctx, "nowhere")
	require.EqualError(t, err, "there is no cluster")
	added, err := c.AddCluster(ctx, control.AddRequest{Child: &topology.Child{Name: "child-9"}})
	require.NoError(t, err)
	require.Equal(t, "child-9", added.Name)
	_, err = c.AddCluster(ctx, control.AddRequest{})
	require.EqualError(t, err, "want a child")
	require.NoError(t, c.RemoveCluster(ctx, "ns/child-9"))
	require.Equal(t, "remove ns/child-9", lab.calls[0])
	lab.calls = nil

	q := control.QueryRequest{Expr: "up", Time: time.Unix(1000, 5).UTC(), Step: time.Second, Region: "r", ErrorMode: "fail"}
	r, err := c.Query(ctx, q)
	require.NoError(t, err)
	require.Equal(t, "success", r.Status)
	require.Equal(t, q, lab.query)
	_, err = c.Query(ctx, control.QueryRequest{Expr: "up", Region: "nowhere"})
	require.EqualError(t, err, "there is no region")

	for region, want := range map[string]string{"": "|/select/x|a b", "r/1": "r/1|/select/x|a b"} {
		code, _, body, err := c.Get(ctx, "logs", region, "/select/x", url.Values{"query": {"a b"}})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, want, string(body))
	}
	code, _, body, err := c.Get(ctx, "traces", "nowhere", "/x", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, code)
	require.Contains(t, string(body), "there is no region")

	require.NoError(t, c.Flush(ctx))
	require.NoError(t, c.SetListeners(ctx, "region-1", false))
	require.NoError(t, c.SetCredentials(ctx, "ns/child", control.CredentialsRequest{Password: "p"}))
	require.EqualError(t, c.CrashRegion(ctx, "x"), "no region x")
	require.Equal(t, []string{"flush", "region-1", "down", "ns/child", "p"}, lab.calls)
	require.NoError(t, c.Down(ctx))
	<-lab.down
}

func TestEventsFollow(t *testing.T) {
	lab, c := serve(t)
	lab.log.Add(event.Normal, "One", "x", "first")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	err := c.Events(ctx, 0, true, func(e control.Event) error {
		got = append(got, e.Reason)
		switch e.Reason {
		case "One":
			lab.log.Add(event.Normal, "Two", "x", "second")
		case "Two":
			cancel()
		}
		return nil
	})
	if err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Equal(t, []string{"One", "Two"}, got)

	got = nil
	require.NoError(t, c.Events(t.Context(), 1, false, func(e control.Event) error {
		got = append(got, e.Reason)
		return nil
	}))
	require.Equal(t, []string{"Two"}, got)
}

func TestBadRequests(t *testing.T) {
	h := control.NewHandler(&fakeLab{log: event.NewLog(time.Now, 10)})
	for _, c := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"GET", "/v1/nothing", "", http.StatusNotFound, "no such call: GET /v1/nothing"},
		{"POST", "/v1/query", `{"expr": 1}`, http.StatusBadRequest, "request body"},
		{"POST", "/v1/query", `{"exprr": "up"}`, http.StatusBadRequest, `unknown field \"exprr\"`},
		{"POST", "/v1/query", `{"expr": "` + strings.Repeat("x", 2<<20) + `"}`, http.StatusBadRequest, "too large"},
		{"PUT", "/v1/regions/r/listeners", `nonsense`, http.StatusBadRequest, "request body"},
		{"GET", "/v1/events?since=x", "", http.StatusBadRequest, "want a sequence number"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		require.Equal(t, c.code, w.Code, c.path)
		require.Contains(t, w.Body.String(), c.want)
		require.Contains(t, w.Body.String(), `{"error":`)
	}
}

func TestALabThatIsGone(t *testing.T) {
	c := control.NewClient(filepath.Join(t.TempDir(), "none"))
	_, err := c.Status(t.Context())
	require.ErrorContains(t, err, "does not answer on its control socket")
}

func FuzzControlAPI(f *testing.F) {
	f.Add("POST", "/v1/query", []byte(`{"expr":"up","step":1}`))
	f.Add("PUT", "/v1/clusters/a%2Fb/credentials", []byte(`{"password":"x"}`))
	f.Add("GET", "/v1/events?since=1&follow=false", []byte{})
	h := control.NewHandler(&fakeLab{log: event.NewLog(time.Now, 10), down: make(chan struct{}, 1)})
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		if strings.Contains(path, "follow=true") || strings.Contains(path, "down") || strings.Contains(path, "pprof") {
			t.Skip("waits, ends or measures the process")
		}
		r, err := http.NewRequest(method, "http://koflab"+path, strings.NewReader(string(body)))
		if err != nil {
			t.Skip("no request")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	})
}
