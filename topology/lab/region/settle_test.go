package region_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// A crash costs what came after the stores were settled, and no more.
func TestWhatIsSettledSurvivesACrash(t *testing.T) {
	o := open(t, config(t))
	write := func(n int) {
		code, body := o.do(t, "child", http.MethodPost, importPath, fmt.Appendf(nil, "x{n=%q} 1\n", fmt.Sprint(n)))
		require.Equal(t, http.StatusNoContent, code, body)
	}
	const settled = 20
	for n := range settled {
		write(n)
	}
	require.NoError(t, o.Settle())
	write(settled)
	require.NoError(t, o.Crash())
	stats, err := o.Stats()
	require.NoError(t, err)
	require.EqualValues(t, settled+1, stats["metrics"].Received)
	require.GreaterOrEqual(t, stats["metrics"].Stored, int64(settled))
	require.Equal(t, stats["metrics"].Stored, int64(o.number(t, "/vm/select/0/prometheus/api/v1/query?query=count(last_over_time(x[1h]))", `"value":[`)))
	require.NoError(t, o.Close(t.Context()))
	require.ErrorContains(t, o.Settle(), "closed")
}
