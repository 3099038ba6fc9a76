package runner_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/scenarios"
	"koflab/scenarios/report"
	"koflab/scenarios/runner"
)

// parse reads a scenario from its steps, in YAML.
func parse(t *testing.T, name, more string) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Parse(name+".yaml", []byte("apiVersion: koflab/v1alpha1\nkind: Scenario\nname: "+name+"\ntitle: a test\n"+more))
	require.NoError(t, err)
	return s
}

func play(t *testing.T, s *scenarios.Scenario) report.Run {
	t.Helper()
	return pool(t).Play(t.Context(), []*scenarios.Scenario{s}).Runs[0]
}

const tinyLab = "lab: {preset: minimal}\n"

func TestChecksOfAllModes(t *testing.T) {
	run := play(t, parse(t, "modes", tinyLab+`
steps:
  - run: 1m
  - check:
      - {name: now, promql: count(kube_node_info), expect: {min: 1}}
      - {name: later, promql: "time() - 1772442060", expect: {min: 90}, eventually: 5m, every: 10s}
      - {name: not so soon, promql: "time() - 1772442060", expect: {min: 600}, eventually: 2m}
      - {name: all the while, promql: count(kube_node_info), expect: {min: 1}, always: 3m}
      - {name: not for ever, promql: "time() - 1772442060", expect: {max: 60}, always: 3m}
      - {name: never, promql: vector(1), expect: {value: 2}, never: 1m}
      - {name: never say never, promql: "time() - 1772442060", expect: {min: 30}, never: 1m}
  - run: 1h
`))
	require.Equal(t, report.Failed, run.Outcome, run.Error)
	type decided struct {
		outcome  report.Outcome
		took     string
		attempts int
	}
	got := map[string]decided{}
	for _, c := range run.Steps[1].Checks {
		got[c.Name] = decided{c.Outcome, c.Took.String(), c.Attempts}
	}
	require.Equal(t, map[string]decided{
		"now":             {report.Passed, "0s", 1},
		"later":           {report.Passed, "1m30s", 10},
		"not so soon":     {report.Failed, "2m", 9},
		"all the while":   {report.Passed, "3m", 13},
		"not for ever":    {report.Failed, "1m15s", 6},
		"never":           {report.Passed, "1m", 5},
		"never say never": {report.Failed, "30s", 3},
	}, got)
	require.Equal(t, report.Skipped, run.Steps[2].Outcome, "after a failure nothing more happens")
	require.Equal(t, "4m", run.Duration.String())
	require.Equal(t, "koflab scenario run modes.yaml --seed 1", run.Reproduce)
}

func TestTimeoutTellsWhereItWas(t *testing.T) {
	run := play(t, parse(t, "slow", tinyLab+"timeout: 5m\nsteps: [{run: 2m}, {check: {promql: vector(1), expect: {value: 2}, eventually: 10m}}]\n"))
	require.Equal(t, report.Errored, run.Outcome)
	require.Equal(t, report.Errored, run.Steps[1].Outcome)
	require.Contains(t, run.Steps[1].Error, "timeout of 5m")
}

// What cannot be done is told in the words of who refuses it.
func TestStepsThatCannotBeDone(t *testing.T) {
	for what, c := range map[string]struct{ step, want string }{
		"no such object":   {"change: {delete: {cluster: child-1, resource: deployments, namespace: shop, name: nobody}}", `"nobody" not found`},
		"no such resource": {"change: {scale: {cluster: child-1, resource: gadgets, namespace: shop, name: x, replicas: 1}}", `serves no resource "gadgets"`},
		"no such kind":     {"change: {apply: {cluster: child-1, manifest: {apiVersion: example.com/v1, kind: Gadget, metadata: {name: x}}}}", "does not serve example.com/v1, Kind=Gadget"},
		"bad values":       {"change: {upgrade: {cluster: child-1, release: kof-collectors, values: {opencost: {enabled: [1]}}}}", "opencost"},
	} {
		t.Run(what, func(t *testing.T) {
			run := play(t, parse(t, "refused", tinyLab+"steps:\n  - "+c.step+"\n"))
			require.Equal(t, report.Errored, run.Outcome)
			require.Contains(t, run.Steps[0].Error, c.want)
		})
	}
}

// The same scenario with the same seed is the same report to the byte, and another
// seed is another.
func TestSameSeedSameReport(t *testing.T) {
	if testing.Short() {
		t.Skip("six labs: CI compares whole scenarios under the race detector")
	}
	s := parse(t, "same", `
lab: {preset: minimal}
steps:
  - run: 2m
  - inject: {fault: latency, target: child-1->region-1, for: 30s, with: {latency: 2s}}
  - run: 1m
  - inject: {fault: region-down, target: region-1, as: outage}
  - run: 2m
  - heal: outage
  - change: {scale: {cluster: child-1, resource: deployments, namespace: shop, name: cart, replicas: 5}}
  - run: 5m
  - check: [{oracle: {}}, {ledger: {}, expect: {cel: body.offered > 0.0}}]
`)
	forms := func(p *runner.Pool, list ...*scenarios.Scenario) string {
		r := p.Play(t.Context(), list)
		var b bytes.Buffer
		for _, write := range []func(report.Report) error{
			func(r report.Report) error { return report.WriteJSON(&b, r) },
			func(r report.Report) error { return report.WriteJUnit(&b, r) },
			func(r report.Report) error { return report.WriteHTML(&b, r) },
		} {
			require.NoError(t, write(r))
		}
		require.Equal(t, report.Passed, r.Outcome(), b.String())
		return b.String()
	}
	p := pool(t)
	first := forms(p, s, s)
	t.Setenv("GOMAXPROCS", "1")
	same(t, first, forms(p, s, s))
	other := *s
	other.Seed = 7
	require.NotEqual(t, first, forms(p, &other, &other))
}

// same compares two long texts, and shows where they begin to differ.
func same(t *testing.T, want, got string) {
	t.Helper()
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		require.Equal(t, a[i], b[i], "line %d", i+1)
	}
	require.Len(t, b, len(a))
}

// view remembers what it is told.
type view struct {
	mu    sync.Mutex
	told  []string
	ended chan struct{}
}

func (v *view) add(s string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.told = append(v.told, s)
}
func (v *view) Started(name string)                    { v.add("begin " + name) }
func (v *view) StepStarted(name string, s report.Step) { v.add(name + ": " + s.Action) }
func (v *view) StepEnded(string, report.Step)          {}
func (v *view) Ended(r report.Run)                     { v.add("end " + r.Scenario) }

func TestFailFast(t *testing.T) {
	p := pool(t)
	v := &view{}
	p.Parallel, p.FailFast, p.View = 1, true, v
	bad := parse(t, "bad", tinyLab+"steps: [{run: 1m}, {check: {promql: vector(1), expect: {value: 2}}}]\n")
	good := parse(t, "good", tinyLab+"steps: [{run: 1m}]\n")
	r := p.Play(t.Context(), []*scenarios.Scenario{good, bad, good})
	require.Equal(t, []report.Outcome{report.Passed, report.Failed, report.Skipped},
		[]report.Outcome{r.Runs[0].Outcome, r.Runs[1].Outcome, r.Runs[2].Outcome})
	require.Contains(t, r.Runs[2].Skipped, "--fail-fast")
	require.Equal(t, []string{"begin good", "good: run 1m", "end good", "begin bad", "bad: run 1m", "bad: check 1 thing", "end bad", "end good"}, v.told)
}

func TestWorkersThatDie(t *testing.T) {
	s := parse(t, "doomed", tinyLab+"steps: [{run: 1m}]\n")
	for script, want := range map[string]string{
		"cat >/dev/null & exit 1":                         "the process ended",
		"echo 'panic: oh no' >&2; echo trace >&2; exit 2": "panic: oh no",
		"echo not json; exec sleep 0.1":                   "the process ended",
	} {
		p := pool(t)
		p.Command = []string{"/bin/sh", "-c", script}
		run := p.Play(t.Context(), []*scenarios.Scenario{s}).Runs[0]
		require.Equal(t, report.Errored, run.Outcome)
		require.Contains(t, run.Error, want)
	}
	p := pool(t)
	p.Command, p.Timeout = []string{"/bin/sh", "-c", "cat >/dev/null"}, 50*time.Millisecond
	run := p.Play(t.Context(), []*scenarios.Scenario{s}).Runs[0]
	require.Contains(t, run.Error, "more than 50ms of real time (--timeout); it was at the start of its lab")

	ctx, cancel := context.WithCancel(t.Context())
	p.Timeout = 0
	time.AfterFunc(50*time.Millisecond, cancel)
	r := p.Play(ctx, []*scenarios.Scenario{s, s, s})
	var errs []string
	for _, run := range r.Runs {
		errs = append(errs, run.Error)
	}
	require.Contains(t, strings.Join(errs, "\n"), "interrupted")
}
