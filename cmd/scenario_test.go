package cmd

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"koflab/scenarios"
)

// runScenario runs 'koflab scenario' with the arguments and returns what it printed
// and its exit code.
func runScenario(in string, args ...string) (out, errOut string, code int) {
	var o, e bytes.Buffer
	code = Main(append([]string{"scenario"}, args...), strings.NewReader(in), &o, &e)
	return o.String(), e.String(), code
}

func TestScenarioList(t *testing.T) {
	out, errOut, code := runScenario("", "list", "--tag", "tenancy")
	require.Zero(t, code, errOut)
	require.Regexp(t, `(?m)^SCENARIO +NO +TAGS +TITLE$`, out)
	require.Regexp(t, `(?m)^tenant-isolation +32 +smoke,tenancy +A tenant reads`, out)
	require.NotContains(t, out, "healthy-baseline")

	out, _, code = runScenario("", "list", "-o", "name")
	require.Zero(t, code)
	all, err := scenarios.Library()
	require.NoError(t, err)
	require.Len(t, strings.Fields(out), len(all))

	out, _, code = runScenario("", "list", "-o", "json")
	require.Zero(t, code)
	var infos []scenarioInfo
	require.NoError(t, json.Unmarshal([]byte(out), &infos))
	require.Len(t, infos, len(all))

	_, errOut, code = runScenario("", "list", "--tag", "smoek")
	require.Equal(t, exitUsage, code)
	require.Equal(t, "koflab: there is no tag \"smoek\", did you mean \"smoke\"?\n", errOut)
}

func TestScenarioShow(t *testing.T) {
	out, errOut, code := runScenario("", "show", "audit-routing")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "\nname: audit-routing\n")
	_, errOut, code = runScenario(out, "validate", "-")
	require.Zero(t, code, errOut)
	out, _, code = runScenario("", "show", "tenant-isolation", "-o", "json")
	require.Zero(t, code)
	_, errOut, code = runScenario(out, "validate", "-")
	require.Zero(t, code, errOut)
	_, errOut, code = runScenario("", "show", "audit-routin")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errOut, `did you mean "audit-routing"?`)
}

func TestScenarioNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	out, errOut, code := runScenario("", "new", "mine", "--file", file)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "koflab scenario validate "+file)
	out, errOut, code = runScenario("", "validate", file)
	require.Zero(t, code, errOut)
	require.Equal(t, file+": 7 steps, 3 checks\n", out)

	_, errOut, code = runScenario("", "new", "mine", "--file", file)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errOut, "exists, choose another name")
	_, _, code = runScenario("", "new", "Not A Name", "--file", "-")
	require.Equal(t, exitUsage, code)
	out, _, code = runScenario("", "new", "other", "--file", "-")
	require.Zero(t, code)
	require.Contains(t, out, "\nname: other ")
}

func TestScenarioValidate(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(bad, []byte(`apiVersion: koflab/v1alpha1
kind: Scenario
name: bad
title: It has mistakes
steps:
  - check: {promql: up, expect: {min: 1}}
  - inject: {fault: region-dwn, target: region-2}
  - check: {promql: "sum(", expect: {min: 1}, eventualy: 1m}
`), 0o644))
	good := filepath.Join("..", "scenarios", "library", "audit-routing.yaml")
	out, errOut, code := runScenario("", "validate", bad, good, "absent.yaml")
	require.Equal(t, exitUsage, code)
	require.Equal(t, good+": 3 steps, 4 checks\n", out)
	require.Equal(t, strings.Join([]string{
		bad + `:6:13: promql is asked before any lab time has passed or anything was sent, put a step such as "run: 1m" before it`,
		bad + `:7:14: there is no fault "region-dwn", did you mean "region-down"?`,
		bad + `:8:13: promql: 1:5: parse error: unclosed left parenthesis`,
		bad + `:8:47: unknown field "eventualy" in steps[2].check[0], did you mean "eventually"?`,
		`open absent.yaml: no such file or directory`,
		"koflab: 2 of 3 scenarios cannot be used\n",
	}, "\n"), errOut)
	_, _, code = runScenario("", "validate")
	require.Equal(t, exitUsage, code)
}

func TestScenarioSchema(t *testing.T) {
	out, errOut, code := runScenario("", "schema")
	require.Zero(t, code, errOut)
	require.Equal(t, string(scenarios.Schema()), out)
	require.True(t, json.Valid([]byte(out)))
}
