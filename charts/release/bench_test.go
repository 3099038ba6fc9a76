package release

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"koflab/charts"
)

// BenchmarkClusters fills one cluster of each role, over a stand-in API whose
// own share is small: this is what charts and Helm cost per cluster.
func BenchmarkClusters(b *testing.B) {
	for role, names := range map[string][]string{
		"child":      {"cert-manager", "kof-operators", "kof-collectors", "demo-shop"},
		"region":     {"cert-manager", "ingress-nginx", "kof-operators", "kof-storage", "kof-collectors"},
		"management": {"kcm", "cert-manager", "kof-operators", "kof-mothership", "kof-regional", "kof-child"},
	} {
		b.Run(role, func(b *testing.B) {
			var releases []Release
			for _, name := range names {
				ch, err := charts.Load(name)
				require.NoError(b, err)
				releases = append(releases, Release{Name: name, Namespace: "kof", Chart: ch, CreateNamespace: true, SkipWait: true})
			}
			b.ReportAllocs()
			for b.Loop() {
				f := newFakeAPI()
				f.put("namespaces", "kcm-system", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kcm-system"}}`)
				c, _ := f.client(b, func(o *Options) { o.Progress = nil })
				objects := 0
				for _, r := range releases {
					res, err := c.Apply(context.Background(), r)
					require.NoError(b, err)
					objects += res.Created
				}
				b.ReportMetric(float64(objects), "objects")
				b.ReportMetric(float64(f.recordBytes()), "record-bytes")
			}
		})
	}
}

// recordBytes is what release records take in the API server.
func (f *fakeAPI) recordBytes() (n int) {
	for _, u := range f.objects {
		if u.GetKind() == "Secret" {
			n += len(text(u, "data", "release"))
		}
	}
	return n
}
