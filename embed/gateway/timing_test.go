package gateway

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// nowhere is a response that costs nothing.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header         { return w.header }
func (w nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w nowhere) WriteHeader(int)             {}

// BenchmarkGateway is what the gateway adds to a request, its backend doing
// nothing: credentials, limits, route, and the tenant's args.
func BenchmarkGateway(b *testing.B) {
	l := newLab(b, nil)
	for prefix, kind := range prefixes {
		for i := range l.routes {
			if l.routes[i].Prefix == prefix {
				l.routes[i] = route{Route{prefix, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), kind}}
			}
		}
	}
	run := func(name, user, password, method, target string) {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(method, target, nil)
			r.SetBasicAuth(user, password)
			w := nowhere{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				l.ServeHTTP(w, r)
			}
			require.Empty(b, w.header)
		})
	}
	const write, read = "/vm/insert/0/prometheus/api/v1/write", "/vm/select/0/prometheus/api/v1/query?query=sum(up)&time=1"
	run("write/tenant", "child-a", tenantPassword, "POST", write)
	run("write/admin", "admin-1", adminPassword, "POST", write)
	run("read/tenant", "child-a", tenantPassword, "GET", read)
	run("read/admin", "admin-1", adminPassword, "GET", read)
}
