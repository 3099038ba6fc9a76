package lab_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
	"koflab/topology/lab"
	"koflab/topology/lab/control"
)

var virtualStart = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// inVirtualTime brings a lab up at virtualStart.
func inVirtualTime(tb testing.TB, o lab.Options) (*clock.Virtual, *lab.Lab) {
	tb.Helper()
	home(tb)
	procs := runtime.GOMAXPROCS(1)
	v := clock.NewVirtual(virtualStart.Add(-time.Minute))
	o.Clock = v
	var l *lab.Lab
	require.NoError(tb, v.While(tb.Context(), func(ctx context.Context) (err error) {
		l, err = lab.Start(ctx, o, nil)
		return err
	}))
	tb.Cleanup(func() {
		require.NoError(tb, v.While(context.Background(), func(context.Context) error { return l.Close() }))
		v.Close()
		runtime.GOMAXPROCS(procs)
	})
	require.NoError(tb, v.Run(tb.Context(), virtualStart.Sub(v.Now())))
	return v, l
}

// ask asks the federation and returns the data of the answer.
func ask(tb testing.TB, v *clock.Virtual, l *lab.Lab, expr string) string {
	tb.Helper()
	var data string
	require.NoError(tb, v.While(tb.Context(), func(ctx context.Context) error {
		r, err := l.Query(ctx, control.QueryRequest{Expr: expr})
		if err == nil && r.Error != "" {
			err = errors.New(r.Error)
		}
		data = string(r.Data)
		return err
	}))
	return data
}

// An hour of a whole lab passes in seconds, nothing of it gets lost, and another run
// is the same to the byte.
func TestVirtualTime(t *testing.T) {
	if testing.Short() {
		t.Skip("an hour of a lab, twice")
	}
	play := func() string {
		v, l := inVirtualTime(t, lab.Options{Spec: preset(t, "minimal")})
		require.NoError(t, v.Run(t.Context(), time.Hour))
		require.True(t, v.Now().Equal(virtualStart.Add(time.Hour)))
		var out string
		for _, expr := range []string{
			`count by (cluster)(kube_node_info)`, `min by (cluster)(count_over_time(up[1h]))`, `sum by (cluster)(node_total_hourly_cost)`,
		} {
			out += ask(t, v, l, expr) + "\n"
		}
		for _, e := range l.Flow() {
			b, err := json.Marshal(e)
			require.NoError(t, err)
			out += string(b) + "\n"
			require.Empty(t, e.Dropped, "%s", b)
		}
		return out
	}
	var first, second string
	t.Run("one", func(*testing.T) { first = play() })
	t.Run("again", func(*testing.T) { second = play() })
	require.Equal(t, first, second)
	require.Contains(t, first, `"cluster":"child-1"`)
}

func TestVirtualTimeNeedsOneProcess(t *testing.T) {
	home(t)
	v := clock.NewVirtual(virtualStart)
	defer v.Close()
	_, err := lab.Start(t.Context(), lab.Options{Spec: preset(t, "minimal"), Clock: v, Isolation: lab.IsolationProcess}, nil)
	require.ErrorContains(t, err, "leave out --isolation process")
}

// BenchmarkVirtualTime lets a quarter of an hour of the default lab pass: how many
// times faster than real time, with how many series.
func BenchmarkVirtualTime(b *testing.B) {
	v, l := inVirtualTime(b, lab.Options{Spec: preset(b, "two-regions")})
	require.NoError(b, v.Run(b.Context(), time.Minute))
	began := v.Now()
	for b.Loop() {
		if err := v.Run(b.Context(), 15*time.Minute); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(v.Now().Sub(began).Seconds()/b.Elapsed().Seconds(), "x-real-time")
	var answer struct {
		Result []struct{ Value [2]any }
	}
	require.NoError(b, json.Unmarshal([]byte(ask(b, v, l, `count({__name__!=""})`)), &answer))
	var series float64
	_, err := fmt.Sscan(fmt.Sprint(answer.Result[0].Value[1]), &series)
	require.NoError(b, err)
	b.ReportMetric(series, "series")
}
