package check

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/topology/lab/control"
)

// echo answers with what was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/moved":
		http.Redirect(w, r, "/", http.StatusFound)
		return
	case "/prometheus":
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"tenant":"a"},"value":[1,"2"]}]}}`)
		return
	case "/lines":
		w.Header().Set("Content-Type", "application/stream+json")
		_, _ = io.WriteString(w, `{"_msg":"one","_time":"2026-03-02T09:00:00Z","tenant":"a"}`+"\n"+`{"_msg":"two","_time":"2026-03-02T09:00:01Z","tenant":"b"}`+"\n")
		return
	case "/long":
		_, _ = io.WriteString(w, strings.Repeat("x", maxHTTPBody+1))
		return
	case "/denied":
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "missing\n  'Authorization' header\n")
		return
	case "/broken":
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "x")
		return
	case "/no-lines":
		w.Header().Set("Content-Type", "application/stream+json")
		return
	case "/health":
		_, _ = io.WriteString(w, `{"status":"ok"}`)
		return
	case "/nothing":
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "uri": r.URL.RequestURI(), "user": user, "password": password, "body": string(body), "host": r.Host, "x": r.Header.Get("X-Test"), "close": r.Close,
	})
}

// httpLab has management and a region, whose gateway echoes over TLS.
func httpLab(t *testing.T) (*fakeEnv, *httptest.Server) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(server.Close)
	client := server.Client()
	client.Timeout = time.Nanosecond // is of real time, and must not count
	return &fakeEnv{
		access: control.Access{
			Clusters: []control.Cluster{
				{Name: "mothership", Role: "management", Endpoints: map[string]string{"promxy": server.URL, "vmauth": server.URL + "/"}},
				{Name: "region-1", Role: "regional", Region: "region-1", Endpoints: map[string]string{"vmauth": server.URL}},
			},
			Credentials: []control.Credentials{
				{Cluster: "(admin)", Region: "mothership", Username: "root", Password: "m"},
				{Cluster: "(admin)", Region: "region-1", Username: "root", Password: "r"},
				{Cluster: "child-1", Region: "region-1", Username: "child", Password: "c", Tenant: "a"},
			},
		},
		clients: map[string]*http.Client{"mothership": client, "child-1": client},
	}, server
}

func TestHTTP(t *testing.T) {
	env, server := httpLab(t)
	for _, c := range []struct {
		name  string
		probe HTTP
		from  string
		want  string // a condition on the echo
	}{
		{"defaults", HTTP{Path: "/a?b=1"}, "mothership", `body.method == "GET" && body.uri == "/a?b=1" && body.user == "" && body.close`},
		{"a cluster", HTTP{Path: "/a", Cluster: "region-1", From: "child-1", As: "child-1"}, "child-1", `body.user == "child" && body.password == "c"`},
		{"admin of the gateway", HTTP{Path: "/a", Cluster: "region-1", As: "admin"}, "mothership", `body.password == "r"`},
		{"admin of management", HTTP{Path: "/a", Listener: "promxy", As: "admin"}, "mothership", `body.password == "m"`},
		{"admin at a URL whose gateway is named", HTTP{URL: server.URL + "/a", Cluster: "region-1", As: "admin"}, "mothership", `body.password == "r"`},
		{"admin at a listener's URL", HTTP{URL: server.URL + "/a", As: "admin"}, "mothership", `body.password == "m"`},
		{"credentials of another region", HTTP{Path: "/a", As: "child-1"}, "mothership", `body.user == "child"`},
		{"nobody", HTTP{Path: "/a", As: "none"}, "mothership", `body.user == ""`},
		{"a user of one's own", HTTP{Path: "/a", BasicAuth: &BasicAuth{Username: "u", Password: "p"}}, "mothership", `body.user == "u" && body.password == "p"`},
		{"a body", HTTP{Path: "/a", Body: "text", Headers: map[string]string{"X-Test": "1", "Host": "vmauth.example.com"}}, "mothership",
			`body.method == "POST" && body.body == "text" && body.x == "1" && body.host == "vmauth.example.com"`},
		{"a query as it is read", HTTP{Path: `/a?query=count by (job)(up{job="ü"})`}, "mothership",
			`body.uri == "/a?query=count%20by%20(job)(up%7Bjob=%22%C3%BC%22%7D)"`},
		{"a method", HTTP{Path: "/a", Method: "DELETE"}, "mothership", `body.method == "DELETE"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := evaluate(t, Check{HTTP: &c.probe}, env)
			ok, why := Expect{Status: 200, CEL: c.want}.Holds(r)
			require.True(t, ok, why)
			require.Equal(t, c.from, env.from)
		})
	}
}

func TestHTTPAnswers(t *testing.T) {
	env, _ := httpLab(t)
	for path, want := range map[string]struct {
		status int
		rows   []string
		text   string
	}{
		"/moved":      {302, []string{}, `302 Found: <a href="/">Found</a>.`},
		"/prometheus": {200, []string{`{tenant="a"} 2`}, `200 OK, {tenant="a"} 2`},
		"/lines":      {200, []string{`"one"`, `"two"`}, `200 OK, 2 lines, the newest "two"`},
		"/denied":     {401, []string{}, "401 Unauthorized: missing 'Authorization' header"},
		"/no-lines":   {200, []string{}, "200 OK, no lines"},
		"/health":     {200, []string{}, `200 OK: {"status":"ok"}`},
		"/nothing":    {204, []string{}, "204 No Content"},
	} {
		r := evaluate(t, Check{HTTP: &HTTP{Path: path}}, env)
		require.Equal(t, want.status, r.Status, path)
		require.Equal(t, want.rows, rows(r), path)
		require.Equal(t, want.text, r.Text, path)
	}
}

// A page that has no rows is not an answer without rows.
func TestHTTPWithoutRows(t *testing.T) {
	env, _ := httpLab(t)
	denied := evaluate(t, Check{HTTP: &HTTP{Path: "/denied"}}, env)
	for _, e := range []Expect{{Empty: true}, {Count: ptr(0)}} {
		ok, why := e.Holds(denied)
		require.False(t, ok)
		require.Contains(t, why, "but the answer is neither one of Prometheus' query API nor log lines: 401 Unauthorized")
	}
	ok, why := Expect{Empty: true}.Holds(evaluate(t, Check{HTTP: &HTTP{Path: "/nothing"}}, env))
	require.True(t, ok, why)
	ok, why = Expect{Status: 401, Contains: "Authorization"}.Holds(denied)
	require.True(t, ok, why)
}

func TestHTTPFailures(t *testing.T) {
	env, server := httpLab(t)
	fail := func(h HTTP) string {
		t.Helper()
		r := evaluate(t, Check{HTTP: &h}, env)
		require.Zero(t, r.Status)
		return r.Error
	}
	require.Equal(t, "the answer exceeds 1 MiB, ask for less", fail(HTTP{Path: "/long"}))
	require.Equal(t, "read the answer: unexpected EOF", fail(HTTP{Path: "/broken"}))
	require.Equal(t, `nothing of region-1 listens as vmaut, did you mean "vmauth"?`, fail(HTTP{Path: "/", Cluster: "region-1", Listener: "vmaut"}))
	require.Equal(t, `there is no cluster "region-9", did you mean "region-1"?`, fail(HTTP{Path: "/", Cluster: "region-9"}))
	require.Equal(t, "no network of nowhere", fail(HTTP{Path: "/", From: "nowhere"}))
	require.Equal(t, "no gateway has credentials of child-2", fail(HTTP{Path: "/", As: "child-2"}))
	env.clients["mothership"] = &http.Client{Transport: &http.Transport{}}
	require.Contains(t, fail(HTTP{Path: "/"}), "certificate signed by unknown authority")
	server.Close()
	require.Equal(t, "dial tcp mothership/promxy: connect: connection refused", fail(HTTP{Path: "/"}))
}

func TestGatewayOfURL(t *testing.T) {
	access := control.Access{Clusters: []control.Cluster{{Name: "region-1"}, {Name: "region-10"}}}
	for target, want := range map[string]string{
		"https://vmauth.region-10.kof.example.com/": "region-10", "https://vmauth.region-1.kof.example.com:443/": "region-1", "https://elsewhere/": "",
	} {
		req, err := http.NewRequest(http.MethodGet, target, nil)
		require.NoError(t, err)
		require.Equal(t, want, gatewayOf(req.URL, access))
	}
}
