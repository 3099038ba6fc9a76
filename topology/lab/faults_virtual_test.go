package lab_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
	"koflab/topology"
	"koflab/topology/lab"
)

// In virtual time the same faults have the same consequences, to the record, in every
// run: those that draw from the seed, and those that pods, roll-outs and crashes follow.
func TestFaultsRepeatThemselves(t *testing.T) {
	if testing.Short() {
		t.Skip("two labs, one after the other: left out with -short")
	}
	run := func() (events, flow []string) {
		home(t)
		v, ctx := clock.NewVirtual(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)), context.Background()
		defer v.Close()
		f := &faulty{t: t}
		while := func(g func(context.Context) error) { require.NoError(t, v.While(ctx, g)) }
		while(func(ctx context.Context) (err error) {
			f.Lab, err = lab.Start(ctx, lab.Options{Spec: faultLab(t, topology.Overrides{}), Clock: v}, nil)
			return err
		})
		defer while(func(context.Context) error { return f.Close() })
		inject := func(name, target string, for_ time.Duration, with ...string) {
			q := f.with(name, target, with...)
			q.For = for_
			while(func(ctx context.Context) error { _, err := f.Inject(ctx, q); return err })
		}
		inject("loss", "c1->r1", 3*time.Minute, "probability", "0.4")
		inject("latency", "r2", 2*time.Minute, "latency", "1s", "jitter", "3s")
		require.NoError(t, v.Run(ctx, 90*time.Second))
		inject("churn-storm", "c2", 2*time.Minute, "series", "50", "every", "20s")
		inject("pod-crash-loop", "c1:shop/frontend", time.Minute)
		inject("region-down", "r2", time.Minute)
		inject("collector-killed", "c1", 0)
		inject("duplicate-cluster-name", "c2", time.Minute, "other", "c1")
		require.NoError(t, v.Run(ctx, 4*time.Minute))
		require.Empty(t, f.Faults())
		for _, e := range f.EventsSince(0) {
			if len(events) == 0 && e.Reason != "FaultInjected" || strings.HasPrefix(e.Reason, "Export") {
				continue // founding the lab, and what the flow tells better
			}
			events = append(events, fmt.Sprint(e.Time.Format(time.RFC3339Nano), " ", e.Reason, " ", e.Object, " ", e.Message))
		}
		slices.Sort(events) // those of one instant come in any order
		for _, w := range f.Status().Flow {
			flow = append(flow, fmt.Sprint(w.From, " ", w.To, " ", w.Signal, ": offered ", w.Offered, " acknowledged ", w.Acknowledged, " queued ", w.Queued, " dropped ", w.Dropped))
		}
		return events, flow
	}
	events, flow := run()
	again, flowAgain := run()
	require.Equal(t, events, again)
	require.Equal(t, flow, flowAgain)
	require.NotEmpty(t, flow)
}
