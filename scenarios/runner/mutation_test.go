package runner_test

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"koflab/scenarios"
	"koflab/scenarios/report"
)

// mutation switches off what a scenario pins, or part of it: then it must fail.
type mutation struct {
	// off says what is switched off.
	off string
	// mutate changes the lab or the steps, but no check.
	mutate func(s *scenarios.Scenario)
	// fails are the names of the checks that must fail; the first failing step's others
	// may hold.
	fails []string
}

// mutations are those of each scenario of the library, by its name.
func mutations() map[string][]mutation {
	all := map[string][]mutation{}
	for _, part := range []map[string][]mutation{flowMutations, accessMutations, clusterMutations} {
		maps.Copy(all, part)
	}
	return all
}

// A scenario that cannot fail proves nothing.
func TestEveryScenarioFailsWhenItsSubjectIsBroken(t *testing.T) {
	if testing.Short() {
		t.Skip("plays the whole library again")
	}
	only := os.Getenv("SCENARIO") // while writing one
	library, err := scenarios.Library()
	require.NoError(t, err)
	var list []*scenarios.Scenario
	var tried []mutation
	all := mutations()
	for _, s := range library {
		if only != "" && s.Name != only {
			continue
		}
		require.NotEmpty(t, all[s.Name], "nothing switches off what %s pins", s.Name)
		for _, m := range all[s.Name] {
			list, tried = append(list, mutated(t, s, m)), append(tried, m)
		}
	}
	r := pool(t).Play(t.Context(), list)
	for i, run := range r.Runs {
		require.Equal(t, report.Failed, run.Outcome, "%s without %q: %s %s", run.Scenario, tried[i].off, run.Error, firstError(run))
		require.ElementsMatch(t, tried[i].fails, failed(run), "%s without %q", run.Scenario, tried[i].off)
	}
}

// mutated is a copy of a scenario with a mutation, whose checks are as they were.
func mutated(t *testing.T, s *scenarios.Scenario, m mutation) *scenarios.Scenario {
	t.Helper()
	again := copied(t, s, m)
	m.mutate(again)
	return copied(t, again, m) // which checks it
}

func copied(t *testing.T, s *scenarios.Scenario, m mutation) *scenarios.Scenario {
	t.Helper()
	b, err := scenarios.Marshal(s)
	require.NoError(t, err)
	again, err := scenarios.Decode(s.Name, strings.NewReader(string(b)))
	require.NoError(t, err, "%s without %q", s.Name, m.off)
	return again
}

func failed(run report.Run) (names []string) {
	for _, step := range run.Steps {
		for _, c := range step.Checks {
			if c.Outcome == report.Failed {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

func firstError(run report.Run) string {
	for _, step := range run.Steps {
		if step.Error != "" {
			return step.Action + ": " + step.Error
		}
	}
	return ""
}

// insert puts steps before the step with an index, from 0.
func insert(s *scenarios.Scenario, at int, steps ...scenarios.Step) {
	s.Steps = append(s.Steps[:at:at], append(steps, s.Steps[at:]...)...)
}

// drop leaves out the step with an index, from 0.
func drop(s *scenarios.Scenario, at int) { s.Steps = append(s.Steps[:at:at], s.Steps[at+1:]...) }
