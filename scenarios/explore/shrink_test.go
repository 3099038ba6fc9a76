package explore

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/scenarios"
	"koflab/topology"
)

// shrunk makes the first case of some seed small that fails by a rule.
func shrunk(t *testing.T, fails func(Case) bool) (from, to Case, attempts int) {
	t.Helper()
	for seed := range int64(200) {
		for _, c := range (Options{Seed: seed, Count: perLab, MaxFaults: 4}).Cases() {
			if !fails(c) {
				continue
			}
			s := shrinker{failing: func(c Case) (string, bool) {
				attempts++
				require.NoError(t, c.valid())
				return "it fails", fails(c)
			}, more: func() bool { return attempts < 200 }}
			require.True(t, s.try(c))
			s.shrink()
			return c, s.best, attempts
		}
	}
	t.Fatal("no case fails")
	return
}

func has(r Run, fault string) bool {
	return slices.ContainsFunc(r.Strikes, func(s Strike) bool { return s.Fault == fault })
}

func last(c Case) Run { return c.Runs[len(c.Runs)-1] }

func TestShrinkKeepsWhatIsNeeded(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails func(Case) bool
		want  func(*testing.T, Case)
	}{
		{"one fault", func(c Case) bool { return has(last(c), "disk-full") }, func(t *testing.T, c Case) {
			require.Len(t, c.Runs, 1)
			require.Len(t, c.Runs[0].Strikes, 1)
			require.Empty(t, c.Runs[0].Looks)
			require.LessOrEqual(t, c.Runs[0].Strikes[0].For, topology.Duration(time.Minute))
			require.Len(t, c.Lab.Spec.Regions, 1)
			require.Empty(t, c.Lab.Spec.Children)
		}},
		{"two faults together, for long", func(c Case) bool {
			r := last(c)
			return has(r, "queue-too-small") && slices.ContainsFunc(r.Strikes, func(s Strike) bool {
				return s.Fault == "region-down" && time.Duration(s.For) > 90*time.Second
			})
		}, func(t *testing.T, c Case) {
			require.Len(t, c.Runs, 1)
			require.Len(t, c.Runs[0].Strikes, 2)
			s, _ := c.Scenario("explored", "Explored")
			require.LessOrEqual(t, len(s.Steps), 4) // the last one checks
			require.Len(t, c.Lab.Spec.Children, 1)
		}},
		{"what came before", func(c Case) bool {
			before := slices.ContainsFunc(c.Runs[:len(c.Runs)-1], func(r Run) bool { return has(r, "child-down") })
			return before && has(last(c), "latency")
		}, func(t *testing.T, c Case) {
			require.Len(t, c.Runs, 2)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to, attempts := shrunk(t, c.fails)
			require.True(t, c.fails(to))
			require.Less(t, size(to), size(from))
			c.want(t, to)
			t.Logf("%d attempts, from size %d to %d", attempts, size(from), size(to))
		})
	}
}

// What coverage must say is claimed where it is certain only.
func TestReach(t *testing.T) {
	lab := complete(&topology.Lab{Regions: []topology.Region{{Name: "r1"}, {Name: "r2"}}, Children: []topology.Child{{Name: "c1", Region: "r1"}}})
	run := Run{Strikes: []Strike{{At: time.Minute, Inject: scenarios.Inject{Fault: "region-down", Target: "r1", For: topology.Duration(5 * time.Minute)}}}}
	for at, want := range map[time.Duration]effect{
		0: answers, time.Minute: perhaps, 2 * time.Minute: silent, 4 * time.Minute: silent,
		5 * time.Minute: perhaps, 7 * time.Minute: perhaps, 9 * time.Minute: answers,
	} {
		require.Equal(t, want, reach(lab, run, "r1", at), at)
		require.Equal(t, answers, reach(lab, run, "r2", at), at)
	}
	for _, c := range []struct {
		fault, target string
		r1, r2        effect
	}{
		{"partition", "mothership->r1", silent, answers},
		{"partition", "c1->r1", answers, answers},
		{"reset", "r2", answers, silent},
		{"loss", "r1", perhaps, answers},
		{"management-down", "mothership", perhaps, perhaps},
		{"disk-full", "r1", answers, answers},
		{"component-oom", "r2:vmauth", answers, perhaps},
		{"child-down", "c1", answers, answers},
	} {
		run.Strikes[0].Fault, run.Strikes[0].Target = c.fault, c.target
		require.Equal(t, c.r1, reach(lab, run, "r1", 3*time.Minute), c)
		require.Equal(t, c.r2, reach(lab, run, "r2", 3*time.Minute), c)
	}
}
