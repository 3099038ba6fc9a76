package cmd_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"koflab/topology/lab/control"
)

// specFile writes a specification and returns its path; the head that all have
// in common is put before it.
func specFile(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lab.yaml")
	require.NoError(t, os.WriteFile(path, []byte("apiVersion: koflab/v1alpha1\nkind: Lab\n"+body), 0o600))
	return path
}

// TestGatewayMatrix is scenario 2: every prefix of vmauth with every kind of
// credentials.
func TestGatewayMatrix(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "minimal")
	client, base := l.httpClient(), l.url("region-1", "vmauth")
	child, administrator := l.user("child-1", "region-1"), l.user(admin, "region-1")
	wrong := child
	wrong.Password += "x"
	stranger := control.Credentials{Username: "nobody", Password: child.Password}
	trace, traceText := newTraceID()
	now := l.now()

	for _, p := range []struct {
		method, path string
		body         []byte
		want         int
	}{
		{"POST", "/vm/insert/0/prometheus/api/v1/write", l.remoteWrite(now, 1, "__name__", "matrix_probe"), http.StatusNoContent},
		{"GET", "/vm/select/0/prometheus/api/v1/query?query=matrix_probe", nil, http.StatusOK},
		{"POST", "/vli/insert/opentelemetry/v1/logs", l.logRecord(now, "probe", trace), http.StatusOK},
		{"GET", "/vls/select/logsql/query?query=*&limit=1", nil, http.StatusOK},
		{"POST", "/vlai/insert/opentelemetry/v1/logs", l.logRecord(now, "probe", trace), http.StatusOK},
		{"GET", "/vlas/select/logsql/query?query=*&limit=1", nil, http.StatusOK},
		{"POST", "/vti/insert/opentelemetry/v1/traces", l.traceOf(now, trace), http.StatusOK},
		{"GET", "/vts/select/jaeger/api/traces/" + traceText, nil, http.StatusOK},
	} {
		t.Run(p.path, func(t *testing.T) {
			try := func(want int, path string, user *control.Credentials) {
				t.Helper()
				code, answer := l.do(client, p.method, base+path, user, protobuf, p.body)
				assert.Equal(t, want, code, "%v: %s", user, answer)
			}
			try(http.StatusUnauthorized, p.path, nil)
			try(http.StatusUnauthorized, p.path, &wrong)
			try(http.StatusUnauthorized, p.path, &stranger)
			try(http.StatusBadRequest, "/vmx"+p.path, &child)
			try(http.StatusUnauthorized, "/vmx"+p.path, nil)
			try(p.want, p.path, &child)
			try(p.want, p.path, &administrator)
		})
	}
	code, answer := l.get(client, base+"/nowhere", &child)
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, answer, "missing route")
	// What came through the gateway is in the federation's answer, under its region:
	// the child's sample with its tenant, the administrator's as it was written.
	require.Equal(t, map[string]float64{"region-1/PLATFORM": 1, "region-1": 1}, l.rows("count by (promxyCluster, tenant)(matrix_probe)"))
	// The child and the administrator see the same of the child.
	ofChild := l.atRegion(client, base, &child, `count(kube_node_info{cluster="child-1"})`)
	require.Equal(t, map[string]float64{"": 2}, ofChild)
	require.Equal(t, ofChild, l.atRegion(client, base, &administrator, `count(kube_node_info{cluster="child-1"})`))
}

// atRegion asks a region's metrics through its gateway, as hop proofs do. The
// rows are by label values, as those of testLab.rows.
func (l *testLab) atRegion(c *http.Client, gateway string, user *control.Credentials, expr string, args ...string) map[string]float64 {
	l.Helper()
	q := url.Values{"query": {expr}}
	for i := 0; i < len(args); i += 2 {
		q.Add(args[i], args[i+1])
	}
	code, body := l.get(c, gateway+"/vm/select/0/prometheus/api/v1/query?"+q.Encode(), user)
	require.Equal(l, http.StatusOK, code, body)
	var a struct {
		Data struct{ Result model.Vector }
	}
	require.NoError(l, json.Unmarshal([]byte(body), &a), body)
	return rows(a.Data.Result)
}

// logsAtRegion asks a region's store of logs (/vls), audit logs (/vlas) or spans
// (/vts) through its gateway.
func (l *testLab) logsAtRegion(c *http.Client, gateway, prefix string, user *control.Credentials, expr string, args ...string) []map[string]string {
	l.Helper()
	q := url.Values{"query": {expr}}
	for i := 0; i < len(args); i += 2 {
		q.Add(args[i], args[i+1])
	}
	code, body := l.get(c, gateway+prefix+"/select/logsql/query?"+q.Encode(), user)
	require.Equal(l, http.StatusOK, code, body)
	return records(l, body)
}

const tenantSpec = `
regions: [{name: r1, nodes: 1}]
children:
  - {name: ca, tenant: tenant-a, nodes: 1}
  - {name: cb, tenant: tenant-b, nodes: 1}
  - {name: cp, nodes: 1}
`

// TestTenants are scenarios 32 and 33: what a tenant's user reads and writes is
// the tenant's own, whatever it asks for; the administrator sees all.
func TestTenants(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, tenantSpec), "--speed", "10x")
	client, base := l.httpClient(), l.url("r1", "vmauth")
	a, b, administrator := l.user("ca", "r1"), l.user("cb", "r1"), l.user(admin, "r1")
	require.Equal(t, "tenant-a", a.Tenant)

	// Every store has something of every tenant.
	stores := map[string]string{"/vls": "tenant", "/vlas": "tenant", "/vts": "resource_attr:tenant"}
	tenantsIn := func(prefix string, user *control.Credentials, args ...string) []string {
		field := stores[prefix]
		seen := map[string]bool{}
		for _, r := range l.logsAtRegion(client, base, prefix, user, fmt.Sprintf("* | stats by (%q) count() n", field), args...) {
			seen[r[field]] = true
		}
		return slices.Sorted(maps.Keys(seen))
	}
	for prefix := range stores {
		l.eventually(30*time.Second, prefix+" has something of every tenant", func() error {
			got := tenantsIn(prefix, &administrator)
			for _, want := range []string{"PLATFORM", "tenant-a", "tenant-b"} {
				if !slices.Contains(got, want) {
					return fmt.Errorf("tenants: %q", got)
				}
			}
			return nil
		})
	}

	t.Run("default", func(t *testing.T) {
		byTenant := func(expr string) []string { return slices.Sorted(maps.Keys(l.rows(expr))) }
		assert.Equal(t, []string{"", "PLATFORM", "tenant-a", "tenant-b"}, byTenant("count by (tenant)(up)"))
		assert.Equal(t, []string{"PLATFORM"}, byTenant(`count by (tenant)({cluster="cp"})`))
		assert.Equal(t, []string{""}, byTenant(`count by (tenant)({cluster="r1"})`), "a region's own data have no tenant")
	})
	t.Run("metrics", func(t *testing.T) {
		for _, args := range [][]string{
			nil,
			{"extra_filters", `{tenant="tenant-b"}`},
			{"extra_filters[]", `{tenant="tenant-b"}`},
			{"extra_filters[]", `{tenant=~".*"}`},
			{"extra_label", "tenant=tenant-b"},
		} {
			seen := slices.Collect(maps.Keys(l.atRegion(client, base, &a, "count by (tenant)(up)", args...)))
			assert.Equal(t, []string{"tenant-a"}, seen, args)
			assert.Empty(t, l.atRegion(client, base, &a, `count(up{tenant="tenant-b"})`, args...), args)
			assert.Empty(t, l.atRegion(client, base, &a, `{__name__!="",tenant!="tenant-a"}`, args...), args)
		}
		values := func(user *control.Credentials) []string {
			code, body := l.get(client, base+"/vm/select/0/prometheus/api/v1/label/tenant/values", user)
			require.Equal(t, http.StatusOK, code, body)
			var a struct{ Data []string }
			require.NoError(t, json.Unmarshal([]byte(body), &a))
			return a.Data
		}
		assert.Equal(t, []string{"tenant-a"}, values(&a))
		assert.Equal(t, []string{"PLATFORM", "tenant-a", "tenant-b"}, values(&administrator))
	})
	for prefix, field := range stores {
		t.Run(prefix, func(t *testing.T) {
			for _, args := range [][]string{
				nil,
				{"extra_filters", fmt.Sprintf(`%q:="tenant-b"`, field)},
				{"extra_filters", "*"},
				{"extra_stream_filters", `{tenant="tenant-b"}`},
			} {
				assert.Equal(t, []string{"tenant-a"}, tenantsIn(prefix, &a, args...), args)
				assert.Empty(t, l.logsAtRegion(client, base, prefix, &a, fmt.Sprintf(`%q:="tenant-b"`, field), args...), args)
			}
		})
	}
	t.Run("writes", func(t *testing.T) {
		now := l.now()
		write := func(path string, body []byte) {
			code, answer := l.do(client, "POST", base+path, &a, protobuf, body)
			require.Equal(t, 2, code/100, "%d %s", code, answer)
		}
		write("/vm/insert/0/prometheus/api/v1/write", l.remoteWrite(now, 1, "__name__", "tenant_probe", "by", "label", "tenant", "tenant-b"))
		write("/vm/insert/0/prometheus/api/v1/write?extra_label=tenant=tenant-b", l.remoteWrite(now, 1, "__name__", "tenant_probe", "by", "arg"))
		assert.Equal(t, map[string]float64{"label/tenant-a": 1, "arg/tenant-a": 1},
			l.atRegion(client, base, &administrator, "count by (by, tenant)(tenant_probe)"))
		trace, text := newTraceID()
		for _, store := range []struct{ write, read string }{{"/vli", "/vls"}, {"/vlai", "/vlas"}} {
			write(store.write+"/insert/opentelemetry/v1/logs?extra_fields=tenant=tenant-b", l.logRecord(now, "tenant probe", trace, "tenant", "tenant-b"))
			found := l.logsAtRegion(client, base, store.read, &administrator, `_msg:="tenant probe"`)
			require.Len(t, found, 1)
			assert.Equal(t, "tenant-a", found[0]["tenant"])
		}
		write("/vti/insert/opentelemetry/v1/traces?extra_fields=resource_attr:tenant=tenant-b", l.traceOf(now, trace, "tenant", "tenant-b"))
		look := func(user *control.Credentials) int {
			code, _ := l.get(client, base+"/vts/select/jaeger/api/traces/"+text, user)
			return code
		}
		assert.Equal(t, http.StatusOK, look(&a), "its own trace")
		assert.Equal(t, http.StatusNotFound, look(&b), "another tenant's trace")
		assert.Equal(t, http.StatusOK, look(&administrator))
	})
}
