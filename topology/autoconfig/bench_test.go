package autoconfig

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkChild is what one child costs from its ClusterDeployment to its
// services in ready state, with its own API server and all that acts there.
func BenchmarkChild(b *testing.B) {
	w := newWorld(b)
	var children strings.Builder
	w.deploy("regions: [{name: r1}]")
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		fmt.Fprintf(&children, "- {name: c%d, region: r1}\n", i)
	}
	w.deploy("regions: [{name: r1}]\nchildren:\n" + children.String())
	b.StopTimer()
	if got := w.servicesOf(fmt.Sprintf("c%d", b.N-1)); got != "True 3/3" {
		b.Fatal(got)
	}
}
