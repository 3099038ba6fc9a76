package gateway

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"koflab/sim/clock"
)

// The log library, which tests ask for its reading of filters, starts
// goroutines for good when it is loaded. After an error net/http lingers half a
// second on a connection.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

var origin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	adminPassword  = "Secret0fTheAdmin"
	tenantPassword = "Secret0fTenantA1"
)

// seen is what a backend got.
type seen struct {
	route, path, rawPath, query, body, contentType, authorization string
}

// lab is a gateway with the eight routes of KOF and backends that note what
// they get.
type lab struct {
	*Gateway
	last *seen
}

var prefixes = map[string]Kind{
	"/vm/insert": MetricsInsert, "/vm/select": MetricsSelect,
	"/vli": LogsInsert, "/vls": LogsSelect,
	"/vlai": LogsInsert, "/vlas": LogsSelect,
	"/vti": TracesInsert, "/vts": TracesSelect,
}

func newLab(t testing.TB, edit func(*Config)) *lab {
	l := &lab{}
	c := Config{
		Users: []User{
			{Name: "admin-1", Password: adminPassword},
			{Name: "child-a", Password: tenantPassword, Tenant: "a"},
		},
		MaxQueueDuration: -1,
		Clock:            clock.NewVirtual(origin),
	}
	for prefix, kind := range prefixes {
		c.Routes = append(c.Routes, Route{Prefix: prefix, Kind: kind, Backend: l.note(prefix)})
	}
	if edit != nil {
		edit(&c)
	}
	var err error
	l.Gateway, err = New(c)
	require.NoError(t, err)
	return l
}

func (l *lab) note(route string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		l.last = &seen{
			route, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, string(body),
			r.Header.Get("Content-Type"), r.Header.Get("Authorization"),
		}
		if err != nil {
			http.Error(w, "cannot read the body", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// do sends a request as a user, "" for none.
func (l *lab) do(user, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	switch user {
	case "admin":
		r.SetBasicAuth("admin-1", adminPassword)
	case "tenant":
		r.SetBasicAuth("child-a", tenantPassword)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	l.last = nil
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return w
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	f := func(edit func(*Config), want string) {
		t.Helper()
		c := Config{
			Users:  []User{{Name: "u", Password: "p"}},
			Routes: []Route{{Prefix: "/vls", Kind: LogsSelect}},
		}
		edit(&c)
		_, err := New(c)
		require.ErrorContains(t, err, want)
	}
	f(func(c *Config) { c.Users[0].Name = "" }, "user 1: the name is empty")
	f(func(c *Config) { c.Users[0].Name = "a:b" }, "cannot carry a colon")
	f(func(c *Config) { c.Users[0].Password = "" }, "u: the password is empty")
	f(func(c *Config) { c.Users = append(c.Users, c.Users[0]) }, `user 2: name "u" is used twice`)
	f(func(c *Config) { c.Users[0].Tenant = "a,b" }, "cannot carry a comma")
	f(func(c *Config) { c.Users[0].Tenant = "a\nb" }, "control characters")
	f(func(c *Config) { c.Users[0].Tenant = "\xff" }, "not valid UTF-8")
	f(func(c *Config) { c.Routes[0].Prefix = "vls" }, `route prefix "vls"`)
	f(func(c *Config) { c.Routes[0].Prefix = "/" }, `route prefix "/"`)
	f(func(c *Config) { c.Routes[0].Prefix = "/vls/" }, `route prefix "/vls/"`)
	f(func(c *Config) { c.Routes[0].Prefix = "/a/../b" }, "clean path segments")
	f(func(c *Config) { c.Routes[0].Kind = 0 }, "unknown kind 0")
	f(func(c *Config) { c.Routes[0].Kind = kinds }, "unknown kind")
	f(func(c *Config) { c.Routes = append(c.Routes, c.Routes[0]) }, "route /vls is given twice")
}

func TestUsersDoNotShowTheirPassword(t *testing.T) {
	u := User{Name: "u", Password: "hidden", Tenant: "a"}
	require.Equal(t, `{u tenant="a"}`, u.String())
	require.Equal(t, u.String(), u.GoString())
}

// The matrix of scenario 2.
func TestCredentialsAndPaths(t *testing.T) {
	l := newLab(t, nil)
	f := func(user, target string, status int, message string) {
		t.Helper()
		w := l.do(user, http.MethodGet, target, "")
		require.Equal(t, status, w.Code, target)
		require.Contains(t, w.Body.String(), message)
		challenge := w.Header().Get("WWW-Authenticate")
		require.Equal(t, status == http.StatusUnauthorized, challenge != "", challenge)
	}
	for prefix := range prefixes {
		for _, user := range []string{"admin", "tenant"} {
			f(user, prefix+"/x/y", http.StatusNoContent, "")
			require.Equal(t, prefix, l.last.route)
			require.Empty(t, l.last.authorization, "credentials end here")
		}
		f("", prefix+"/x/y", http.StatusUnauthorized, "missing 'Authorization' request header")
	}
	f("admin", "/nowhere/select", http.StatusBadRequest, `missing route for "/nowhere/select"`)
	f("admin", "/vm", http.StatusBadRequest, `missing route for "/vm"`)
	f("admin", "/vlsx/select", http.StatusBadRequest, `missing route for "/vlsx/select"`)
	f("admin", "/", http.StatusBadRequest, `missing route for "/"`)
	f("", "/nowhere/select", http.StatusUnauthorized, "missing") // 401 comes first
	require.Equal(t, http.StatusUnauthorized, l.do("", "GET", "/vls/x", "", "Authorization", "Bearer "+adminPassword).Code)
	require.Equal(t, http.StatusUnauthorized, l.do("", "GET", "/vls/x", "", "Authorization", "Basic !").Code)
	wrong := func(name, password string) {
		t.Helper()
		r := httptest.NewRequest("GET", "/vls/x", nil)
		r.SetBasicAuth(name, password)
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		require.Equal(t, http.StatusUnauthorized, w.Code)
		require.NotContains(t, w.Body.String(), password+"!")
	}
	wrong("admin-1", tenantPassword)
	wrong("admin-1", "")
	wrong("nobody", adminPassword)
	wrong("", "")
}

func TestRotationRefusesTheOldPassword(t *testing.T) {
	l := newLab(t, nil)
	require.Equal(t, http.StatusNoContent, l.do("admin", "GET", "/vls/x", "").Code)
	require.NoError(t, l.SetUsers([]User{{Name: "admin-1", Password: "new"}}))
	require.Equal(t, http.StatusUnauthorized, l.do("admin", "GET", "/vls/x", "").Code)
	require.Equal(t, http.StatusUnauthorized, l.do("tenant", "GET", "/vls/x", "").Code)
	require.Error(t, l.SetUsers([]User{{Name: "admin-1"}}))
	require.NoError(t, l.SetUsers([]User{{Name: "admin-1", Password: adminPassword}}), "wrong users changed nothing")
	require.EqualValues(t, 1, l.Stats().Users["admin-1"].Requests)
	require.Contains(t, l.Stats().Users, "child-a", "numbers stay")
}

func TestBodyLimit(t *testing.T) {
	l := newLab(t, func(c *Config) { c.MaxBodyBytes, c.MaxFormBytes = 10, 5 })
	f := func(user, target, body string, known bool, status int, headers ...string) {
		t.Helper()
		r := httptest.NewRequest("POST", target, strings.NewReader(body))
		if !known {
			r.ContentLength = -1
		}
		r.SetBasicAuth("child-a", tenantPassword)
		if user == "admin" {
			r.SetBasicAuth("admin-1", adminPassword)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		require.Equal(t, status, w.Code, w.Body)
	}
	form := []string{"Content-Type", urlencoded}
	f("admin", "/vli/x", "0123456789", true, http.StatusNoContent)
	f("admin", "/vli/x", "0123456789", false, http.StatusNoContent)
	f("admin", "/vli/x", "0123456789+", true, http.StatusRequestEntityTooLarge)
	f("admin", "/vli/x", "0123456789+", false, http.StatusRequestEntityTooLarge)
	f("tenant", "/vls/x", "a=1", true, http.StatusNoContent, form...)
	f("tenant", "/vls/x", "a=1234", true, http.StatusRequestEntityTooLarge, form...)
	f("tenant", "/vls/x", "a=1234567890", false, http.StatusRequestEntityTooLarge, form...)
	f("admin", "/vls/x", "a=1234", true, http.StatusNoContent, form...)
	require.EqualValues(t, 2, l.Stats().Users["admin-1"].Errors)
	require.EqualValues(t, 2, l.Stats().Users["child-a"].Errors)
}

// brokenBody fails as the connection of a client that goes away does.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("gone") }

func TestUnreadableForm(t *testing.T) {
	l := newLab(t, nil)
	r := httptest.NewRequest("POST", "/vls/x", brokenBody{})
	r.SetBasicAuth("child-a", tenantPassword)
	r.Header.Set("Content-Type", urlencoded)
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	require.Equal(t, http.StatusBadRequest, w.Code)
}

func TestConcurrencyLimits(t *testing.T) {
	f := func(edit func(*Config), other string, otherStatus int) *lab {
		t.Helper()
		entered, leave := make(chan struct{}), make(chan struct{})
		l := newLab(t, func(c *Config) {
			c.Routes = append(c.Routes, Route{Prefix: "/slow", Kind: LogsSelect, Backend: http.HandlerFunc(
				func(http.ResponseWriter, *http.Request) { close(entered); <-leave })})
			edit(c)
		})
		done := make(chan struct{})
		go func() { defer close(done); l.do("tenant", "GET", "/slow/x", "") }()
		<-entered
		w := l.do("tenant", "GET", "/vls/x", "")
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		require.Equal(t, otherStatus, l.do(other, "GET", "/vls/x", "").Code)
		close(leave)
		<-done
		require.Equal(t, http.StatusNoContent, l.do("tenant", "GET", "/vls/x", "").Code)
		return l
	}
	l := f(func(c *Config) { c.MaxConcurrentRequests = 1 }, "admin", http.StatusTooManyRequests)
	require.EqualValues(t, 2, l.Stats().LimitReached)
	l = f(func(c *Config) { c.MaxConcurrentRequestsPerUser = 1 }, "admin", http.StatusNoContent)
	require.EqualValues(t, 1, l.Stats().Users["child-a"].LimitReached)
	require.Zero(t, l.Stats().LimitReached)
}

func TestLimitWaitsForItsTurn(t *testing.T) {
	l := newLimit(1)
	require.True(t, l.acquire(t.Context(), 0))
	require.False(t, l.acquire(t.Context(), time.Nanosecond))
	got := make(chan bool)
	go func() { got <- l.acquire(t.Context(), time.Hour) }()
	l.release()
	require.True(t, <-got)
}

func TestBackendDown(t *testing.T) {
	var b Backend
	l := newLab(t, func(c *Config) {
		c.Routes = []Route{{Prefix: "/vls", Kind: LogsSelect, Backend: &b}, {Prefix: "/vli", Kind: LogsInsert}}
	})
	require.Equal(t, http.StatusServiceUnavailable, l.do("admin", "GET", "/vls/x", "").Code)
	require.Equal(t, http.StatusServiceUnavailable, l.do("admin", "POST", "/vli/x", "").Code)
	b.Set(l.note("/vls"))
	require.Equal(t, http.StatusNoContent, l.do("admin", "GET", "/vls/x", "").Code)
	b.Set(nil)
	require.Equal(t, http.StatusServiceUnavailable, l.do("admin", "GET", "/vls/x", "").Code)
	require.Equal(t, UserStats{Requests: 4, Errors: 3, BackendRequests: 4, BackendErrors: 3}, l.Stats().Users["admin-1"])
}

func TestBackendsMayStream(t *testing.T) {
	l := newLab(t, func(c *Config) {
		c.Routes = []Route{{Prefix: "/vls", Kind: LogsSelect, Backend: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, ok := w.(http.Flusher)
			require.True(t, ok)
			require.NoError(t, http.NewResponseController(w).Flush())
		})}}
	})
	w := l.do("admin", "GET", "/vls/select/logsql/tail", "")
	require.True(t, w.Flushed)
	require.Equal(t, http.StatusOK, w.Code)
}

func TestHealth(t *testing.T) {
	w := newLab(t, nil).do("", "GET", "/health", "")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "OK", w.Body.String())
}

func TestMetrics(t *testing.T) {
	l := newLab(t, func(c *Config) {
		c.Users = append(c.Users, User{Name: `od"d`, Password: "p"})
	})
	l.do("", "GET", "/vls/x", "")
	l.do("", "GET", "/vls/x", "", "Authorization", "Basic eDp5")
	l.do("tenant", "GET", "/nowhere", "")
	l.do("tenant", "GET", "/vls/x", "")
	w := l.do("", "GET", "/metrics", "")
	require.Equal(t, http.StatusOK, w.Code)
	require.NotContains(t, w.Body.String(), tenantPassword)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(w.Body)
	require.NoError(t, err)
	value := func(name string, labels map[string]string) float64 {
		t.Helper()
		for _, m := range families[name].GetMetric() {
			match := len(m.GetLabel()) == len(labels)
			for _, l := range m.GetLabel() {
				match = match && labels[l.GetName()] == l.GetValue()
			}
			if match {
				return m.GetUntyped().GetValue()
			}
		}
		t.Fatalf("no %s%v", name, labels)
		return 0
	}
	require.EqualValues(t, 2, value("vmauth_http_request_errors_total", map[string]string{"reason": "invalid_auth_token"}))
	require.EqualValues(t, 1, value("vmauth_http_request_errors_total", map[string]string{"reason": "missing_route"}))
	require.EqualValues(t, 1000, value("vmauth_concurrent_requests_capacity", nil))
	user := map[string]string{"username": "child-a"}
	require.EqualValues(t, 2, value("vmauth_user_requests_total", user))
	require.EqualValues(t, 1, value("vmauth_user_request_backend_requests_total", user))
	require.EqualValues(t, 2, value("vmauth_user_request_duration_seconds_count", user))
	require.Zero(t, value("vmauth_user_requests_total", map[string]string{"username": `od"d`}))
}
