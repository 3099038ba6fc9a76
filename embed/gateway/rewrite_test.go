package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRoutingPaths(t *testing.T) {
	l := newLab(t, func(c *Config) {
		// v0.3 of KOF reads and writes logs below one prefix.
		c.Routes = append(c.Routes, Route{Prefix: "/vls/insert", Kind: LogsInsert, Backend: c.Routes[0].Backend})
		for i, r := range c.Routes {
			c.Routes[i].Backend = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Route", r.Prefix)
				w.Header().Set("Path", req.URL.Path)
				w.Header().Set("Raw-Path", req.URL.RawPath)
			})
		}
	})
	f := func(target, route, path, rawPath string) {
		t.Helper()
		w := l.do("admin", "GET", target, "")
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Equal(t, []string{route, path, rawPath},
			[]string{w.Header().Get("Route"), w.Header().Get("Path"), w.Header().Get("Raw-Path")})
	}
	f("/vm/insert/0/prometheus/api/v1/write", "/vm/insert", "/insert/0/prometheus/api/v1/write", "")
	f("/vm/select", "/vm/select", "/select", "")
	f("/vls/select/logsql/query", "/vls", "/select/logsql/query", "")
	f("/vls/insert/jsonline", "/vls/insert", "/insert/jsonline", "")
	f("/vls", "/vls", "/", "")
	f("/vls/", "/vls", "/", "")
	f("/vls/select/", "/vls", "/select/", "")
	f("//vls///select/x", "/vls", "/select/x", "")
	f("/vls/./select/../select/x", "/vls", "/select/x", "")
	f("/vls/../vts/select/x", "/vts", "/select/x", "")
	f("/vls/%2e%2e/vts/x", "/vts", "/x", "")
	f("/vls/..%2fvts/x", "/vts", "/x", "")
	f("/../../vls/x", "/vls", "/x", "")
	f("/vts/select/jaeger/api/services/a%2Fb/operations", "/vts", "/select/jaeger/api/services/a/b/operations",
		"/select/jaeger/api/services/a%2Fb/operations")
	f("/vts%2Fselect/x%2Fy", "/vts", "/select/x/y", "") // the first segment was not one
}

func TestRequestsWithoutAPath(t *testing.T) {
	l := newLab(t, nil)
	r := httptest.NewRequest("OPTIONS", "*", nil)
	r.SetBasicAuth("admin-1", adminPassword)
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, w.Body.String(), `missing route for "*"`)
}

// kof-facts 2.6.
func TestTenantArgs(t *testing.T) {
	f := func(kind Kind, tenant, name, value string) {
		t.Helper()
		got, err := url.ParseQuery(newTenantArgs(tenant).query(kind, ""))
		require.NoError(t, err)
		require.Equal(t, url.Values{name: {value}}, got)
	}
	f(MetricsInsert, "T", "extra_label", "tenant=T")
	f(LogsInsert, "T", "extra_fields", "tenant=T")
	f(TracesInsert, "T", "extra_fields", "resource_attr:tenant=T")
	f(MetricsSelect, "T", "extra_filters", `{tenant="T"}`)
	f(LogsSelect, "T", "extra_filters", `"tenant":="T"`)
	f(TracesSelect, "T", "extra_filters", `"resource_attr:tenant":="T"`)
	f(MetricsInsert, "a=b&c", "extra_label", "tenant=a=b&c")
	f(MetricsSelect, `a"} or {b="`, "extra_filters", `{tenant="a\"} or {b=\""}`)
	f(LogsSelect, `a" or *`, "extra_filters", `"tenant":="a\" or *"`)
}

// drawTenant draws any tenant the gateway accepts.
func drawTenant(t *rapid.T) string {
	return rapid.String().Filter(func(s string) bool { return s != "" && validTenant(s) == nil }).Draw(t, "tenant")
}

// However odd a tenant's name is, the stores' own parsers read it back as one
// equality with exactly that name.
func TestTenantFiltersMeanTheTenant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tenant := drawTenant(t)
		args := newTenantArgs(tenant)
		matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(args[MetricsSelect].value)
		require.NoError(t, err)
		require.Len(t, matchers, 1)
		require.Equal(t, "tenant", matchers[0].Name)
		require.Equal(t, tenant, matchers[0].Value)
		require.Equal(t, "=", matchers[0].Type.String())

		for kind, field := range map[Kind]string{LogsSelect: "tenant", TracesSelect: "resource_attr:tenant"} {
			filter, err := logstorage.ParseFilter(args[kind].value)
			require.NoError(t, err)
			require.True(t, filter.MatchRow([]logstorage.Field{{Name: field, Value: tenant}}))
			require.False(t, filter.MatchRow([]logstorage.Field{{Name: field, Value: tenant + "x"}}))
			require.False(t, filter.MatchRow([]logstorage.Field{{Name: "other", Value: tenant}}))
		}
		name, value, _ := strings.Cut(args[LogsInsert].value, "=")
		require.Equal(t, "tenant", name)
		require.Equal(t, tenant, value)
	})
}

func TestTenantUsersCannotWidenTheirView(t *testing.T) {
	l := newLab(t, nil)
	f := func(user, method, target, body, contentType, wantQuery, wantBody string) {
		t.Helper()
		w := l.do(user, method, target, body, "Content-Type", contentType)
		require.Equal(t, http.StatusNoContent, w.Code)
		query, err := url.QueryUnescape(l.last.query)
		require.NoError(t, err)
		require.Equal(t, wantQuery, query)
		require.Equal(t, wantBody, l.last.body)
	}
	const filter = `extra_filters={tenant="a"}`
	f("tenant", "GET", "/vm/select/q?query=up", "", "", filter+"&query=up", "")
	f("tenant", "GET", `/vm/select/q?query=up&extra_filters[]={tenant="b"}&extra_filters=%7B%7D&extra_label=tenant=b`, "", "", filter+"&query=up", "")
	f("tenant", "GET", "/vm/select/q?%65xtra_filters=x&a=1;extra_filters=y&b=%zz", "", "", filter, "")
	f("tenant", "POST", "/vm/select/q", "query=up&extra_filters[]=x&extra_label=y", urlencoded, filter, "query=up")
	f("tenant", "POST", "/vm/select/q", "query=up&extra_filters[]=x", urlencoded+"; charset=utf-8; x", filter, "query=up")
	f("tenant", "PUT", "/vls/q", "query=*&extra_stream_filters=x&extra_filters=y&extra_fields=z", strings.ToUpper(urlencoded), `extra_filters="tenant":="a"`, "query=%2A")
	f("tenant", "POST", "/vm/insert/w?extra_label=tenant=b", "extra_label=x", urlencoded, "extra_label=tenant=a", "extra_label=x")
	f("tenant", "POST", "/vli/insert/jsonline?extra_fields=tenant=b&_time_field=t", "{}", "application/json", "_time_field=t&extra_fields=tenant=a", "{}")
	// An administrator's request stays as it is.
	f("admin", "POST", "/vm/select/q?extra_filters[]=x", "extra_label=y;z", urlencoded, "extra_filters[]=x", "extra_label=y;z")
}

func TestInsertedFormsAreData(t *testing.T) {
	l := newLab(t, nil)
	for _, user := range []string{"admin", "tenant"} {
		for _, contentType := range []string{urlencoded, multipart + "; boundary=x"} {
			l.do(user, "POST", "/vli/insert/jsonline", "a=b", "Content-Type", contentType)
			require.Equal(t, "application/octet-stream", l.last.contentType)
			require.Equal(t, "a=b", l.last.body)
		}
	}
	l.do("tenant", "POST", "/vli/insert/opentelemetry/v1/logs", "x", "Content-Type", "application/x-protobuf")
	require.Equal(t, "application/x-protobuf", l.last.contentType)
}

func TestTenantFormsMustBeURLEncoded(t *testing.T) {
	l := newLab(t, nil)
	contentType := []string{"Content-Type", multipart + "; boundary=x"}
	require.Equal(t, http.StatusUnsupportedMediaType, l.do("tenant", "POST", "/vls/x", "--x--", contentType...).Code)
	require.Equal(t, http.StatusNoContent, l.do("admin", "POST", "/vls/x", "--x--", contentType...).Code)
}

func TestTenantHeadersAreRemoved(t *testing.T) {
	var got http.Header
	l := newLab(t, func(c *Config) {
		c.Routes = []Route{{Prefix: "/vli", Kind: LogsInsert, Backend: http.HandlerFunc(
			func(_ http.ResponseWriter, r *http.Request) { got = r.Header })}}
	})
	l.do("tenant", "POST", "/vli/x", "", "VL-Extra-Fields", "tenant=b", "VL-Stream-Fields", "app")
	require.Empty(t, got.Get("VL-Extra-Fields"))
	require.Equal(t, "app", got.Get("VL-Stream-Fields"))
}

// FuzzTenant: whatever a tenant's client sends, a backend that parses requests
// as net/http does finds that tenant's arg and no other, below the store's own
// path, or gets nothing at all.
func FuzzTenant(f *testing.F) {
	f.Add("GET", "/vm/select/0/prometheus/api/v1/query", "query=up", "", "")
	f.Add("POST", "/vm/select/../../vls/x", "extra_filters[]=a&extra_label=b", urlencoded, "extra_filters=x&extra_fields=y")
	f.Add("POST", "/vli/%2e%2e/vti/x", "extra_fields=a;b=c", multipart+`; boundary="b"`, "--b\r\nContent-Disposition: form-data; name=\"extra_fields\"\r\n\r\nx\r\n--b--\r\n")
	f.Add("PATCH", "//vts//select/jaeger/api/services/a%2fb/operations", "%65xtra_filters=x&%", "application/x-www-form-urlencoded;;", "extra_filters=%")
	f.Add("POST", "/vm/insert/x", "extra_label", urlencoded+"; a=1; a=2", "extra_label=tenant=b")
	f.Fuzz(func(t *testing.T, method, target, query, contentType, body string) {
		var got *http.Request
		var route Route
		l := newLab(t, func(c *Config) {
			for i, r := range c.Routes {
				c.Routes[i].Backend = http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { got, route = req, r })
			}
		})
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Skip()
		}
		u.RawQuery = query
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		r.Header.Set("Content-Type", contentType)
		r.SetBasicAuth("child-a", tenantPassword)
		l.ServeHTTP(httptest.NewRecorder(), r)
		if got == nil {
			return
		}
		if p := got.URL.Path; !strings.HasPrefix(p, "/") || path.Clean(p) != strings.TrimSuffix(p, "/") && p != "/" {
			t.Fatalf("path %q is not clean", p)
		}
		if _, rest, deep := strings.Cut(route.Prefix[1:], "/"); deep && got.URL.Path != "/"+rest && !strings.HasPrefix(got.URL.Path, "/"+rest+"/") {
			t.Fatalf("path %q left the route %s", got.URL.Path, route.Prefix)
		}
		if raw := got.URL.RawPath; raw != "" {
			if p, err := url.PathUnescape(raw); err != nil || p != got.URL.Path {
				t.Fatalf("raw path %q is not %q", raw, got.URL.Path)
			}
		}
		_ = got.ParseMultipartForm(1 << 20)
		want := newTenantArgs("a")[route.Kind]
		for _, name := range filterArgs {
			values := got.Form[name]
			if name == want.name && (len(values) != 1 || values[0] != want.value) || name != want.name && len(values) > 0 {
				t.Fatalf("%s: %s = %q", route.Prefix, name, values)
			}
			if len(got.PostForm[name]) > 0 || got.MultipartForm != nil && len(got.MultipartForm.Value[name]) > 0 {
				t.Fatalf("%s: %s in the form", route.Prefix, name)
			}
		}
	})
}
