package control_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/fault"
)

func TestFaults(t *testing.T) {
	lab, client := serve(t)
	all, err := client.Faults(t.Context())
	require.NoError(t, err)
	require.Equal(t, fault.Catalogue(), all.Catalogue)
	require.Equal(t, lab.Faults(), all.Active)

	f := fault.Fault{Name: "latency", Target: "child-1->region-1", For: 5 * time.Minute, Intensity: 0.5, With: map[string]string{"latency": "2s"}}
	a, err := client.Inject(t.Context(), f)
	require.NoError(t, err)
	require.Equal(t, fault.Active{ID: "one", Fault: f, Start: start}, a)
	_, err = client.Inject(t.Context(), fault.Fault{Name: "latncy"})
	require.Equal(t, fault.Problem{Field: "fault", Message: `there is no fault "latncy", did you mean "latency"?`}, err)

	targets, err := client.FaultTargets(t.Context(), "region-down")
	require.NoError(t, err)
	require.Equal(t, []string{"region-1"}, targets)
	_, err = client.FaultTargets(t.Context(), "region/down")
	require.ErrorContains(t, err, `did you mean "region-down"?`)

	require.NoError(t, client.Heal(t.Context(), "a b"))
	require.Contains(t, lab.calls, "heal a b")
	require.EqualError(t, client.Heal(t.Context(), "x"), "no fault x")
}
