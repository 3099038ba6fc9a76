package cmd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFaultsOfRegionProcesses: faults of regions strike those that are processes of
// their own too, and outlast the end of such a process.
func TestFaultsOfRegionProcesses(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "minimal", "--isolation", "process", "--speed", "30x")
	healthy := l.rows("count by (cluster)(kube_node_info)")
	for _, c := range []struct{ name, seen string }{
		{"region-down", "connection refused"}, {"certificate-expired", "certificate has expired"},
		{"certificate-wrong-ca", "unknown authority"}, {"region-crash", "connection refused"},
	} {
		out := l.output("fault", "inject", c.name, "--target", "region-1")
		require.Contains(t, out, "Expect: ")
		_, errOut, code := l.run("query", "count(up)", "--error-mode", "fail")
		require.Equal(t, 1, code)
		require.Contains(t, errOut, c.seen)
		l.output("fault", "clear", c.name)
		l.eventually(20*time.Second, "the region answers again", func() error {
			if got := l.query("count by (cluster)(kube_node_info)", "--error-mode", "fail"); len(got.vector(l)) != len(healthy) {
				return fmt.Errorf("%v", got)
			}
			return nil
		})
	}

	l.output("fault", "inject", "disk-full", "--target", "region-1")
	waits := func(want bool) func() error {
		return func() error {
			if f := l.flow("child-1", "region-1", "metrics"); (f.Queued > 5000) != want {
				return fmt.Errorf("%+v", f)
			}
			return nil
		}
	}
	l.eventually(20*time.Second, "writes are refused", waits(true))
	require.NotEmpty(t, l.rows("count(up)"), "what is stored is answered")
	require.NoError(t, l.control.CrashRegion(t.Context(), "region-1"))
	passed := l.flow("child-1", "region-1", "metrics").Acknowledged
	l.passTime(time.Minute)
	require.Equal(t, passed, l.flow("child-1", "region-1", "metrics").Acknowledged, "a new process has the fault too")
	require.True(t, strings.Contains(l.output("fault", "list", "--active"), "disk-full"))
	l.output("fault", "clear", "--all")
	l.eventually(20*time.Second, "writes are taken", waits(false))
}
