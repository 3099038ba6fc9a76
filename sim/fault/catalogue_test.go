package fault

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite docs/faults.md")

// asked are the faults that koflab was to have, with the name of each here.
var asked = map[string]string{
	"partition": "partition", "latency": "latency", "loss": "loss", "bandwidth": "bandwidth", "slow drip": "slow-drip", "reset": "reset",
	"DNS missing": "dns-missing", "certificate expired": "certificate-expired", "certificate of a wrong CA": "certificate-wrong-ca",
	"wrong credentials": "wrong-credentials", "rotated credentials": "rotated-credentials",
	"region down and restarted": "region-down", "child down and restarted": "child-down", "management down and restarted": "management-down",
	"storage replica lost": "storage-replica-lost", "disk full": "disk-full", "unclean kill": "region-crash", "collector killed": "collector-killed",
	"queue too small": "queue-too-small", "clock skew": "clock-skew", "cardinality explosion": "cardinality-explosion", "churn storm": "churn-storm",
	"label collision": "label-collision", "duplicate cluster names": "duplicate-cluster-name", "duplicate scrape": "duplicate-scrape",
	"OOM of a component": "component-oom", "pod crash loop": "pod-crash-loop", "node not ready": "node-not-ready",
	"quota exceeded": "quota-exceeded", "config drift": "config-drift",
}

func TestTheCatalogueIsComplete(t *testing.T) {
	var want []string
	for _, name := range asked {
		want = append(want, name)
	}
	slices.Sort(want)
	require.Equal(t, want, Names())
}

// Every entry says all that somebody has to know before injecting it, and its own
// defaults are within its own bounds.
func TestEntriesAreWhole(t *testing.T) {
	placeholder := regexp.MustCompile(`\{(\w+)\}`)
	for _, s := range Catalogue() {
		t.Run(s.Name, func(t *testing.T) {
			require.Regexp(t, `^[a-z]+(-[a-z]+)*$`, s.Name)
			require.Regexp(t, `^[A-Z].*\.$`, s.Description)
			require.Regexp(t, `\.$`, s.Effect)
			require.True(t, s.On(Embedded))
			require.False(t, s.On("nowhere"))
			for _, m := range s.Providers {
				require.NotEmpty(t, m.How)
			}
			require.NotEmpty(t, s.Targets)
			for _, k := range s.Targets {
				require.NotEmpty(t, k.Syntax())
			}
			known := []string{"target", "cluster", "from", "to", "name"}
			for _, p := range s.Parameters {
				known = append(known, p.Name)
				require.NotEmpty(t, p.Description)
				require.Equal(t, p.Required, p.Default == "", "%s: a default or required", p.Name)
				if !p.Required {
					require.NoError(t, p.check(p.Default), p.Name)
				}
				if p.Type != Text {
					require.NotEmpty(t, p.Range(), "%s has bounds", p.Name)
				}
				_, ok := s.Parameter(p.Name)
				require.True(t, ok)
			}
			for _, m := range placeholder.FindAllStringSubmatch(s.Effect, -1) {
				require.Contains(t, known, m[1])
			}
			f := example(s)
			require.NoError(t, Validate(f))
			require.NotContains(t, s.EffectOf(f), "{")
		})
	}
}

// example is a fault of an entry's first kind of target.
func example(s Spec) Fault {
	f := Fault{Name: s.Name, Target: map[Kind]string{
		Link: "child-1->region-1", Component: "region-1:vmselect-cluster", Workload: "child-1:shop/frontend", Node: "child-1:child-1-md-0",
		Region: "region-1", Child: "child-1", Cluster: "child-1", Management: "mothership",
	}[s.Targets[0]]}
	for _, p := range s.Parameters {
		if p.Required {
			f.With = map[string]string{p.Name: "child-2"}
		}
	}
	return f
}

// TestDocs keeps docs/faults.md what the catalogue says.
func TestDocs(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "faults.md")
	got := docs()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "go test ./sim/fault -run TestDocs -update")
}

func docs() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(docsHead)
	line("| fault | target | does |\n|---|---|---|")
	for _, s := range Catalogue() {
		line("| [%s](#%s) | %s | %s |", s.Name, s.Name, kindsOf(s), cell(s.Description))
	}
	for _, s := range Catalogue() {
		f := example(s)
		line("\n## %s\n\n%s\n", s.Name, s.Description)
		set := ""
		for _, p := range s.Parameters {
			if p.Required {
				set += " --set " + p.Name + "=" + f.With[p.Name]
			}
		}
		if strings.Contains(f.Target, ">") {
			f.Target = "'" + f.Target + "'"
		}
		line("    koflab fault inject %s --target %s%s\n", s.Name, f.Target, set)
		if s.Targets[0] == Link {
			f.Target = strings.Trim(f.Target, "'")
		}
		line("**Expect:** %s\n", s.EffectOf(f))
		line("- Target: %s", kindsOf(s))
		if s.Once {
			line("- Strikes once: what it broke comes back by itself, so there is no duration and nothing to clear.")
		}
		if s.Intensity != "" {
			line("- Intensity: %s", s.Intensity)
		}
		for _, m := range s.Providers {
			line("- How (%s): %s", m.Provider, m.How)
		}
		if s.Needs != "" {
			line("- Needs: %s", s.Needs)
		}
		if len(s.Parameters) > 0 {
			line("\n| parameter | is | type | default | range |\n|---|---|---|---|---|")
		}
		for _, p := range s.Parameters {
			def := "required"
			if !p.Required {
				def = "`" + p.Default + "`"
			}
			line("| `%s` | %s | %s | %s | %s |", p.Name, cell(p.Description), p.Type, def, cell(p.Range()))
		}
	}
	return b.String()
}

func kindsOf(s Spec) string {
	var out []string
	for _, k := range s.Targets {
		out = append(out, "`"+k.Syntax()+"`")
	}
	return strings.Join(out, " or ")
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

const docsHead = `# Faults

What can be broken in a running lab, on purpose. This page is made from the catalogue of ` + "`sim/fault`" + `
(` + "`go test ./sim/fault -run TestDocs -update`" + `).

    koflab fault list
    koflab fault inject region-down --target region-2 --for 3m
    koflab fault inject latency --target 'child-1->region-1' --set latency=2s --as slow
    koflab fault clear slow
    koflab fault clear --all

A fault says what is to be expected of it. It ends after ` + "`--for`" + ` (lab time), when it is cleared, or when the lab
goes down; then everything that it changed is as it was. What follows from it is not undone: records that were dropped stay dropped.
Several faults can be active at a time; two that would change the same thing cannot. All that is random in a fault follows from
the lab's seed.

Targets are written so:

| target | is |
|---|---|
| ` + "`CLUSTER`, `REGION`, `CHILD`, `MANAGEMENT`" + ` | a cluster by its name, or NAMESPACE/NAME where that is not unique; a REGION is any cluster that stores telemetry |
| ` + "`FROM->TO`" + ` | what one cluster dials to another: children to their region, management to the regions it reads; ` + "`*`" + ` is any cluster |
| ` + "`CLUSTER:COMPONENT`" + ` | a component, as ` + "`koflab status CLUSTER`" + ` names it |
| ` + "`CLUSTER:NAMESPACE/NAME`" + ` | a Deployment, StatefulSet or DaemonSet |
| ` + "`CLUSTER:NODE`" + ` | a node |

All faults work on embedded labs with ` + "`--network ingress`" + ` and ` + "`istio`" + `, unless an entry says what it needs. In a file of scenarios
the same names, targets and parameters stand in ` + "`inject`" + `.
`
