package cmd_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
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

// killed ends a region's process from outside: the lab says so and starts it
// again, as a kubelet does.
func (l *testLab) killed(whole map[string]float64) {
	l.Helper()
	before := l.regionProcesses()
	victim := slices.Collect(maps.Keys(before))[0]
	require.NoError(l, syscall.Kill(victim, syscall.SIGKILL))
	l.eventually(30*time.Second, "the region is started again", func() error {
		if after := l.regionProcesses(); len(after) != len(before) || after[victim] {
			return fmt.Errorf("processes: %v, before: %v", after, before)
		}
		if got := l.rows("count by (cluster)(kube_node_info)"); !maps.Equal(whole, got) {
			return fmt.Errorf("%v", got)
		}
		for _, c := range l.status().Clusters {
			if !c.Ready {
				return fmt.Errorf("%s is not ready: %s", c.Name, c.Message)
			}
		}
		return nil
	})
	events := l.output("events")
	require.Regexp(l, `RegionEnded\s+region-\d\s+its process has ended \(signal: killed\)`, events)
	require.Regexp(l, `RegionStarted\s+region-\d`, events)
}

// count reads a whole number.
func (l *testLab) count(s string) int64 {
	l.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	require.NoError(l, err)
	return n
}

// TestRegionCrash ends a region as kill -9 does, in the lab's process and in one
// of its own: it comes back with what had reached the disk, says that it was not
// closed in order, and the books say what that has cost.
func TestRegionCrash(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"shared", "process"} {
		t.Run(isolation, func(t *testing.T) {
			l := startLab(t, "--preset", "two-regions", "--speed", fast, "--isolation", isolation)
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

			if isolation == "process" {
				l.killed(whole)
			}

			// What was acknowledged is there, or was reported lost.
			l.silence("region-2", "child-3", "child-4")
			client, base, user := l.httpClient(), l.url("region-2", "vmauth"), l.user(admin, "region-2")
			a, b := l.flow("child-3", "region-2", "traces"), l.flow("child-4", "region-2", "traces")
			stored := l.count(l.logsAtRegion(client, base, "/vts", &user, "* | stats count() n")[0]["n"])
			for _, event := range regexp.MustCompile(`UncleanStart\s+region-2/traces\s.* (\d+) acknowledged records`).FindAllStringSubmatch(l.output("events"), -1) {
				stored += l.count(event[1])
			}
			assert.GreaterOrEqual(t, stored, a.Acknowledged+b.Acknowledged)
			assert.LessOrEqual(t, stored, a.Offered+b.Offered+a.Duplicated+b.Duplicated)
		})
	}
}
