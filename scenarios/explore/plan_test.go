package explore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"koflab/scenarios"
	"koflab/sim/fault"
)

// What is explored follows from the options alone, and is valid before it is played.
func TestCasesAreValidScenarios(t *testing.T) {
	o := Options{Seed: 1, Count: 240, MaxFaults: 4}
	again := o.Cases()
	struck := map[string]int{}
	for i, c := range o.Cases() {
		require.Equal(t, again[i], c)
		s, ends := c.Scenario("explore-1", "Explored")
		require.NoError(t, scenarios.Validate(s))
		require.Len(t, ends, len(c.Runs))
		b, err := scenarios.Marshal(s)
		require.NoError(t, err)
		_, err = scenarios.Parse("explore-1.yaml", b)
		require.NoError(t, err, "%s", b)
		for _, r := range c.Runs {
			require.NotEmpty(t, r.Strikes)
			for _, k := range r.Strikes {
				struck[k.Fault]++
			}
		}
	}
	for name := range traits {
		require.NotZero(t, struck[name], name)
	}
}

// Whatever is in the catalogue is explored, or it is said why not.
func TestEveryFaultIsExploredOrLeft(t *testing.T) {
	for _, s := range fault.Catalogue() {
		explored, why := traits[s.Name], left[s.Name]
		require.True(t, (explored.targets != nil) != (why != ""), s.Name)
		if why == "" {
			require.Equal(t, s.Once, explored.once, s.Name)
			require.Equal(t, s.Intensity != "", explored.intensity, s.Name)
		}
	}
}
