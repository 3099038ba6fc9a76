package scenarios

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/scenarios/check"
	"koflab/topology"
	"koflab/topology/document"
)

const header = "apiVersion: koflab/v1alpha1\nkind: Scenario\nname: test\ntitle: A test\n"

func parseText(text string) (*Scenario, error) { return Parse("test.yaml", []byte(text)) }

// problems are those of an error that must be a document's.
func problems(t testing.TB, err error) []document.Problem {
	t.Helper()
	var d *document.Error
	require.ErrorAs(t, err, &d)
	require.NotEmpty(t, d.Problems)
	return d.Problems
}

func TestInvalidFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			lines := strings.Split(string(text), "\n")
			_, err = Parse(filepath.Base(file), text)
			last := 0
			for _, p := range problems(t, err) {
				require.GreaterOrEqual(t, p.Line, max(1, last), "problems come in the order of lines")
				require.LessOrEqual(t, p.Line, len(lines))
				require.GreaterOrEqual(t, p.Column, 1)
				require.LessOrEqual(t, p.Column, len(lines[p.Line-1])+1)
				require.NotEmpty(t, p.Message)
				last = p.Line
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", []byte(err.Error()+"\n"))
		})
	}
}

func TestDefaults(t *testing.T) {
	s, err := parseText(header + "steps: [{run: 1m}]\n")
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Seed)
	require.Equal(t, DefaultTimeout, s.Timeout)
	require.Equal(t, "two-regions", s.Lab.Preset)
	require.Equal(t, "2026-03-02T09:00:00Z", s.Clock.Start.Format(time.RFC3339))
	require.Equal(t, ActionRun, s.Steps[0].Action())
	again := *s
	Default(&again)
	require.Equal(t, *s, again)
	require.NoError(t, Validate(s))
}

func TestOneCheckNeedsNoList(t *testing.T) {
	one, err := parseText(header + "steps: [{run: 1m}, {check: {promql: up, expect: {min: 1}}}]\n")
	require.NoError(t, err)
	list, err := parseText(header + "steps: [{run: 1m}, {check: [{promql: up, expect: {min: 1}}]}]\n")
	require.NoError(t, err)
	require.Equal(t, list, one)
	require.Equal(t, ActionCheck, one.Steps[1].Action())
}

// Numbers and times in YAML are texts where texts are wanted by name.
func TestValuesOfMaps(t *testing.T) {
	s, err := parseText(header + `steps:
  - inject: {fault: cardinality-explosion, target: child-1, with: {series: 50000}}
  - run: 1m
  - check: {promql: up, at: -2m, expect: {series: [{labels: {code: 200, up: true}, value: 1}], tolerance: 1%}}
  - change: {upgrade: {cluster: child-1, release: kof-collectors, values: {a: 1, b: 1.5, c: null, d: [x, 2026-03-02], e: {f: true}}}}
`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"series": "50000"}, s.Steps[0].Inject.With)
	c := s.Steps[2].Check[0]
	require.Equal(t, map[string]string{"code": "200", "up": "true"}, c.Expect.Series[0].Labels)
	require.Equal(t, check.Tolerance{Percent: 1}, c.Expect.Tolerance)
	require.Equal(t, check.Offset(-2*time.Minute), c.At)
	require.Equal(t, map[string]any{
		"a": int64(1), "b": 1.5, "c": nil, "d": []any{"x", "2026-03-02"}, "e": map[string]any{"f": true},
	}, s.Steps[3].Change.Upgrade.Values)
}

func TestTopology(t *testing.T) {
	s, err := parseText(header + "seed: 7\nlab: {spec: {regions: [{name: r1}], children: [{name: c1}]}}\nsteps: [{run: 1m}]\n")
	require.NoError(t, err)
	require.Empty(t, s.Lab.Spec.Regions[0].Namespace, "it stays as it was written")
	lab, err := s.Topology(topology.Overrides{Name: "one"})
	require.NoError(t, err)
	require.NoError(t, topology.Validate(lab))
	require.EqualValues(t, 7, lab.Seed)
	require.Equal(t, "one", lab.Name)
	require.Equal(t, "kcm-system", lab.Regions[0].Namespace)
	s.Lab = Lab{Preset: "minimal"}
	lab, err = s.Topology()
	require.NoError(t, err)
	require.EqualValues(t, 7, lab.Seed)
}

// What steps change holds for those after them.
func TestStepsFollowTheTopology(t *testing.T) {
	_, err := parseText(header + `steps:
  - change: {addRegion: {name: region-3}}
  - change: {addChild: {name: child-9, region: region-3}}
  - inject: {fault: region-down, target: region-3, for: 1m}
  - inject: {fault: latency, target: child-9->region-3, as: slow}
  - run: 30s
  - heal: region-down
  - heal: slow
  - inject: {fault: region-down, target: region-3}
  - inject: {fault: region-down, target: region-2}
  - heal: region-down-2
  - heal: region-down
  - check: {promql: up, region: region-3, expect: {min: 1}}
  - change: {remove: child-9}
  - change: {remove: region-3}
`)
	require.NoError(t, err)
}

// History is data, as is anything that takes time.
func TestDataBeforeChecks(t *testing.T) {
	for _, before := range []string{
		"lab: {history: 1h}\nsteps:\n", "steps:\n  - run: 1s\n", "steps:\n  - send: {to: child-1, logs: [{body: x}]}\n",
		"steps:\n  - check: {http: {path: /health}, expect: {status: 200}, eventually: 1m}\n",
	} {
		_, err := parseText(header + before + "  - check: {promql: up, expect: {min: 1}}\n")
		require.NoError(t, err, before)
	}
}

func TestMarshalReadsBack(t *testing.T) {
	all, err := Library()
	require.NoError(t, err)
	for _, s := range all {
		require.Equal(t, s, again(t, s))
	}
}

// again is a scenario written and read.
func again(t testing.TB, s *Scenario) *Scenario {
	t.Helper()
	b, err := Marshal(s)
	require.NoError(t, err)
	out, err := Parse(s.Name+".yaml", b)
	require.NoError(t, err, string(b))
	return out
}

func TestValidateNamesFieldsOfScenariosBuiltInCode(t *testing.T) {
	s := &Scenario{Name: "test", Steps: []Step{{Heal: "x"}, {}}}
	Default(s)
	require.EqualError(t, Validate(s), strings.Join([]string{
		"title: has no value, add one",
		"steps[1]: this item of steps has none of run, inject, heal, change, send, check, give one",
		"steps[0].heal: no fault is active that could be healed, inject one in a step before",
	}, "\n"))
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestLoad(t *testing.T) {
	_, err := Decode("test.yaml", brokenReader{})
	require.EqualError(t, err, "read test.yaml: disk on fire")
	_, err = Load(filepath.Join(t.TempDir(), "absent.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	file := filepath.Join(t.TempDir(), "test.yaml")
	require.NoError(t, os.WriteFile(file, []byte(header+"steps: [{run: 1m}]\n"), 0o644))
	_, err = Load(file)
	require.NoError(t, err)
	_, err = parseText(strings.Repeat("#", MaxBytes+1))
	require.EqualError(t, err, "test.yaml:1:1: the file has more than 1048576 bytes, split the scenario into several")
}

// Whatever a file holds, the answer stays short and comes soon.
func TestProblemsAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"steps":  header + "steps:\n" + strings.Repeat("- x\n", 200_000),
		"checks": header + "steps:\n" + strings.Repeat("- check: {promql: '('}\n", 900),
		"fields": header + strings.Repeat("x: 1\n", 150_000),
		"depth":  strings.Repeat("[", 900_000),
	} {
		began := time.Now()
		_, err := parseText(text)
		require.LessOrEqual(t, len(problems(t, err)), document.ProblemLimit+1, name)
		require.Less(t, time.Since(began), 20*time.Second, name)
	}
}

func FuzzParse(f *testing.F) {
	all, err := Library()
	require.NoError(f, err)
	for _, s := range all {
		b, err := Marshal(s)
		require.NoError(f, err)
		f.Add(string(b))
	}
	files, _ := filepath.Glob("testdata/invalid/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("fuzz", []byte(text))
		if err != nil {
			lines := 2 // the end of the file may be at fault
			for _, r := range text {
				if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) { // what YAML takes for a line's end
					lines++
				}
			}
			for _, p := range problems(t, err) {
				if p.Line < 1 || p.Line > lines || p.Column < 1 || p.File != "fuzz" || p.Message == "" {
					t.Fatalf("problem without a place: %+v", p)
				}
			}
			return
		}
		if _, err := s.Topology(); err != nil {
			t.Fatal(fmt.Errorf("a valid scenario has no lab: %w", err))
		}
		require.Equal(t, s, again(t, s))
	})
}
