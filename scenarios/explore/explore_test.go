package explore_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"koflab/scenarios"
	"koflab/scenarios/explore"
)

// A planted defect is found and made small: what is left is a fault, the time that it
// takes, and what does not hold.
func TestFindsAPlantedDefect(t *testing.T) {
	if testing.Short() {
		t.Skip("plays several labs: left out with -short")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	t.Setenv(worker, "acknowledges-503")
	o := explore.Options{Seed: 3, Count: 6, MaxFaults: 3, Parallel: 1, Command: []string{self}}
	r := explore.Explore(context.Background(), o)
	require.NotEmpty(t, r.Failures)
	require.Equal(t, o.Count, r.Runs.Played)
	f := r.Failures[0]
	require.Equal(t, explore.Stored, f.Check, f.Message)
	require.True(t, f.Repeated)
	require.Greater(t, f.From, f.Steps)
	require.LessOrEqual(t, f.Steps, 3)
	require.Len(t, f.Faults, 1)
	require.Contains(t, f.Message, "missing")

	b, err := f.YAML("found", o.Seed)
	require.NoError(t, err)
	s, err := scenarios.Parse("found.yaml", b)
	require.NoError(t, err, "%s", b)
	require.LessOrEqual(t, len(s.Steps), f.Steps+1)
	t.Logf("%s", b)
}
