package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"koflab/topology"
)

var updateTopology = flag.Bool("update-topology", false, "rewrite the golden files of the topology command")

// runTopology runs 'koflab topology' with the arguments and returns what it printed.
func runTopology(t *testing.T, in string, args ...string) (out, errOut string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	c := newRootCommand()
	c.SetIn(strings.NewReader(in))
	c.SetOut(&o)
	c.SetErr(&e)
	c.SetArgs(append([]string{"topology"}, args...))
	err = c.Execute()
	return o.String(), e.String(), err
}

func TestTopologyGolden(t *testing.T) {
	f := func(name string, args ...string) {
		t.Run(name, func(t *testing.T) {
			out, errOut, err := runTopology(t, "", args...)
			got := "$ koflab topology " + strings.Join(args, " ") + "\n" + out
			if errOut != "" {
				got += "--- stderr\n" + errOut
			}
			if err != nil {
				got += "--- error\n" + err.Error() + "\n"
			}
			path := filepath.Join("testdata", "topology", name+".golden")
			if *updateTopology {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
	f("help")
	f("presets", "presets")
	f("presets-json", "presets", "-o", "json")
	f("show-minimal", "show", "--preset", "minimal")
	f("tree-two-regions", "show", "-o", "tree")
	f("tree-three-clouds", "show", "--preset", "three-clouds", "-o", "tree")
	f("tree-regionless", "show", "--preset", "regionless", "-o", "tree")
	f("tree-demo", "show", "-f", "testdata/topology/demo.yaml", "-o", "tree")
	f("show-unknown-preset", "show", "--preset", "tow-regions")
	f("validate", "validate", "testdata/topology/demo.yaml", "testdata/topology/broken.yaml", "testdata/topology/absent.yaml")
	f("help-show", "show", "--help")
	f("help-validate", "validate", "--help")
}

func TestTopologyBadInputIsUsage(t *testing.T) {
	for _, args := range [][]string{
		{"nonsense"},
		{"show", "-o", "xml"},
		{"show", "extra"},
		{"show", "--preset", "none"},
		{"show", "-f", "testdata/topology/broken.yaml"},
		{"show", "-f", "testdata/topology/absent.yaml"},
		{"validate"},
		{"validate", "testdata/topology/broken.yaml"},
		{"presets", "extra"},
		{"schema", "extra"},
	} {
		_, _, err := runTopology(t, "", args...)
		var usage usageError
		require.True(t, errors.As(err, &usage), "%v: %v", args, err)
	}
}

// What show prints is a specification that show reads.
func TestTopologyShowReadsItself(t *testing.T) {
	for _, p := range topology.Presets() {
		for _, format := range []string{"yaml", "json"} {
			first, _, err := runTopology(t, "", "show", "--preset", p.Name, "-o", format)
			require.NoError(t, err)
			again, _, err := runTopology(t, first, "show", "-f", "-", "-o", format)
			require.NoError(t, err)
			require.Equal(t, first, again, "%s as %s", p.Name, format)
		}
	}
}

func TestTopologySchemaIsJSON(t *testing.T) {
	out, _, err := runTopology(t, "", "schema")
	require.NoError(t, err)
	require.True(t, json.Valid([]byte(out)))
}

func TestTopologyCompletion(t *testing.T) {
	complete := func(args ...string) string {
		var out bytes.Buffer
		c := newRootCommand()
		c.SetOut(&out)
		c.SetErr(io.Discard)
		c.SetArgs(append([]string{cobra.ShellCompRequestCmd, "topology", "show"}, args...))
		require.NoError(t, c.Execute())
		return out.String()
	}
	require.Contains(t, complete("--preset", ""), strings.Join(presetNames(), "\n")+"\n")
	require.Contains(t, complete("-o", ""), "yaml\njson\ntree\n")
}
