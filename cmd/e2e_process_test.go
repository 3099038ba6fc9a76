package cmd_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// regionProcesses are the processes of a lab's regions, by process ID.
func (l *testLab) regionProcesses() map[int]bool {
	l.Helper()
	out := map[int]bool{}
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", l.record.PID))
	require.NoError(l, err)
	for _, path := range children {
		b, err := os.ReadFile(path)
		require.NoError(l, err)
		for _, field := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(field)
			require.NoError(l, err)
			if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.Contains(string(b), "component\x00region") && running(pid) {
				out[pid] = true
			}
		}
	}
	return out
}

// TestRegionCrash ends a region as kill -9 does, in the lab's process and in one
// of its own: it comes back with what had reached the disk, says that it was not
// closed in order, and the books say what that has cost.
func TestRegionCrash(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"shared", "process"} {
		t.Run(isolation, func(t *testing.T) {
			l := startLab(t, "--preset", "two-regions", "--speed", "60x", "--isolation", isolation)
			whole := l.rows("count by (cluster)(kube_node_info)")
			processes := map[int]bool{}
			if isolation == "process" {
				processes = l.regionProcesses()
				require.Len(t, processes, 2)
			}
			l.eventually(20*time.Second, "spans arrive", func() error {
				if l.flow("child-3", "region-2", "traces").Acknowledged == 0 {
					return errors.New("none yet")
				}
				return nil
			})

			require.NoError(t, l.control.CrashRegion(t.Context(), "region-2"))

			if isolation == "process" {
				after := l.regionProcesses()
				require.Len(t, after, 2)
				require.NotEqual(t, processes, after, "another process has taken over")
				var ended int
				for pid := range processes {
					if !running(pid) {
						ended++
					}
				}
				require.Equal(t, 1, ended)
			}
			events := l.output("events")
			require.Contains(t, events, "RegionCrashed")
			require.Regexp(t, `UncleanStart\s+region-2/metrics`, events)
			require.NotContains(t, events, "region-1/metrics")
			l.eventually(30*time.Second, "everything is in the answers again", func() error {
				a := l.query("count by (cluster)(kube_node_info)")
				if got := rows(a.vector(l)); !maps.Equal(whole, got) || a.Explain.Coverage != 1 {
					return fmt.Errorf("%v, coverage %v", got, a.Explain.Coverage)
				}
				return nil
			})
			for _, c := range l.status().Clusters {
				assert.True(t, c.Ready, c.Name)
			}
			l.balanced()

			// What the books say the stores have is there.
			l.silence("region-2", "child-3", "child-4")
			client, base, user := l.httpClient(), l.url("region-2", "vmauth"), l.user(admin, "region-2")
			f := l.flow("region-2", "region-2/traces", "traces")
			n := l.logsAtRegion(client, base, "/vts", &user, "* | stats count() n")[0]["n"]
			assert.Equal(t, strconv.FormatInt(f.Acknowledged, 10), n, "%+v", f)
		})
	}
}
