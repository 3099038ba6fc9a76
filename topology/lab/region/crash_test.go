package region_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"koflab/topology/lab/region"
)

// What a crash costs is counted to the record: the stores' books, what they
// hold, and what was sent agree before and after.
func TestACrashIsCounted(t *testing.T) {
	o := open(t, config(t))
	sent := 0
	for range 3 {
		for range 20 {
			sent++
			code, body := o.do(t, "child", http.MethodPost, importPath, fmt.Appendf(nil, "x{n=%q} 1\n", fmt.Sprint(sent)))
			require.Equal(t, http.StatusNoContent, code, body)
			code, body = o.do(t, "child", http.MethodPost, "/vli/insert/jsonline", fmt.Appendf(nil, `{"_msg":"line %d"}`+"\n", sent))
			require.Equal(t, http.StatusOK, code, body)
		}
		require.NoError(t, o.Crash())
		stats, err := o.Stats()
		require.NoError(t, err)
		for _, name := range []string{"metrics", "logs"} {
			st := stats[name]
			require.True(t, st.Unclean)
			require.EqualValues(t, sent, st.Received, name)
			require.Equal(t, st.Received, st.Stored+st.Dropped[region.DropCrash], name)
		}
		require.EqualValues(t, stats["metrics"].Stored, o.number(t, "/vm/select/0/prometheus/api/v1/query?query=count(last_over_time(x[1h]))%20or%20vector(0)", `"value":[`))
		require.EqualValues(t, stats["logs"].Stored, o.number(t, "/vls/select/logsql/query?query=*%20|%20stats%20count()%20n", `{"n":"`))
	}
}

// number finds the first number after a marker in an answer.
func (o opened) number(t *testing.T, path, marker string) int {
	t.Helper()
	code, body := o.do(t, "admin", http.MethodGet, path, nil)
	require.Equal(t, http.StatusOK, code, body)
	_, rest, ok := strings.Cut(body, marker)
	require.True(t, ok, body)
	if i := strings.IndexByte(rest, ','); strings.HasSuffix(marker, "[") && i >= 0 {
		rest = rest[i+2:] // past the timestamp
	}
	var n int
	_, err := fmt.Sscanf(rest, "%d", &n)
	require.NoError(t, err, body)
	return n
}

func TestTheTallySurvivesTheProcess(t *testing.T) {
	c := config(t)
	o := open(t, c)
	code, _ := o.do(t, "child", http.MethodPost, importPath, []byte("x 1\ny 2\n"))
	require.Equal(t, http.StatusNoContent, code)
	require.NoError(t, o.Crash())
	stats, err := o.Stats()
	require.NoError(t, err)
	lost := stats["metrics"].Lost
	require.NoError(t, o.Close(t.Context()))

	// A new process has no books of the old one's, but its stores.
	again := open(t, c)
	stats, err = again.Stats()
	require.NoError(t, err)
	require.False(t, stats["metrics"].Unclean, "it was closed in order after the crash")
	require.Zero(t, stats["metrics"].Lost)
	require.LessOrEqual(t, lost, int64(2))
}

func TestLossIsNeverMoreThanCameOfLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mark := rapid.Int64Range(0, 1000).Draw(t, "mark")
		total := mark + rapid.Int64Range(0, 1000).Draw(t, "since")
		present := rapid.Int64Range(0, 2500).Draw(t, "present")
		lost := region.LostSince(total, mark, present)
		require.GreaterOrEqual(t, lost, int64(0))
		require.LessOrEqual(t, lost, total-mark)
		if present >= mark && present <= total {
			require.Equal(t, total-present, lost)
		}
	})
}
