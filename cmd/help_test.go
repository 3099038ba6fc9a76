package cmd

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

var updateHelp = flag.Bool("update-help", false, "rewrite the golden files of the commands' help")

// Every command explains itself, with examples that work as they stand there.
func TestHelpGolden(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		name := strings.ReplaceAll(c.CommandPath(), " ", "-")
		t.Run(name, func(t *testing.T) {
			require.NotEmpty(t, c.Short)
			require.NotEmpty(t, c.Example)
			args := append(strings.Fields(c.CommandPath())[1:], "--help")
			out, errOut, code := runMain("", args...)
			require.Zero(t, code)
			require.Empty(t, errOut)
			path := filepath.Join("testdata", "help", name+".golden")
			if *updateHelp {
				require.NoError(t, os.WriteFile(path, []byte(out), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), out)
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
}

// The flags in the examples are the commands' own.
func TestExamplesParse(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			line, _, _ = strings.Cut(line, "#")
			_, line, ok := strings.Cut(line, "koflab ")
			if !ok {
				continue
			}
			line = strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("|>&)", r) })[0]
			sub, args, err := newRoot().Find(strings.Fields(line))
			require.NoError(t, err, line)
			require.True(t, sub.HasParent(), line)
			require.NoError(t, sub.ParseFlags(args), line)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
}

// newRoot is the root command with all that it gets when it runs.
func newRoot() *cobra.Command {
	root := newRootCommand()
	root.InitDefaultHelpCmd()
	return root
}

// runMain runs koflab in this process.
func runMain(in string, args ...string) (stdout, stderr string, code int) {
	var out, errOut bytes.Buffer
	code = Main(args, strings.NewReader(in), &out, &errOut)
	return out.String(), errOut.String(), code
}
