package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"koflab/topology"
)

func newTopologyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "topology",
		Short: "Show and check lab specifications, change running labs",
		Long: `A lab specification says which clusters a lab has, how they are wired and what
they observe. Presets are specifications that come with koflab; a file of your
own starts best as a copy of one.`,
		Example: `  koflab topology presets
  koflab topology show --preset three-clouds -o tree
  koflab topology show --preset minimal > lab.yaml
  koflab topology validate lab.yaml && koflab up -f lab.yaml
  koflab topology add child child-5 --region region-1`,
		RunE: group,
	}
	c.AddCommand(newPresetsCommand(), newShowCommand(), newValidateCommand(), newSchemaCommand(),
		newAddCommand(), newRemoveCommand())
	return c
}

func newPresetsCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "presets",
		Short:   "List the ready-made labs",
		Example: "  koflab topology presets\n  koflab up --preset wide",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			presets := topology.Presets()
			if output != "table" {
				return printAs(c.OutOrStdout(), output, presets)
			}
			var rows [][]string
			for _, p := range presets {
				rows = append(rows, []string{p.Name, p.Description})
			}
			return table(c.OutOrStdout(), []string{"PRESET", "DESCRIPTION"}, rows)
		},
	}
	outputFlag(c, &output, "table", "json", "yaml")
	return c
}

func presetNames() []string {
	var names []string
	for _, p := range topology.Presets() {
		names = append(names, p.Name)
	}
	return names
}

func newShowCommand() *cobra.Command {
	var output, file, preset string
	c := &cobra.Command{
		Use:   "show",
		Short: "Show a specification with all its defaults, or what it makes",
		Long: `Show a specification with everything it leaves to defaults (yaml, json), or the
clusters it makes and where their telemetry goes (tree).`,
		Example: `  koflab topology show > lab.yaml
  koflab topology show -f lab.yaml -o tree
  koflab topology show --preset wide -o json`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			lab, err := loadSpec(c, file, preset)
			if err != nil {
				return usageError{err}
			}
			switch output {
			case "tree":
				return printPlan(c.OutOrStdout(), lab)
			case "json":
				return printAs(c.OutOrStdout(), output, lab)
			}
			b, err := topology.Marshal(lab)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(b)
			return err
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "lab specification (YAML); '-' reads standard input")
	c.Flags().StringVar(&preset, "preset", topology.DefaultPreset, "ready-made lab, see 'koflab topology presets'")
	exclusive(c, "file", "preset")
	_ = c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(presetNames(), cobra.ShellCompDirectiveNoFileComp))
	outputFlag(c, &output, "yaml", "json", "tree")
	return c
}

// loadSpec reads the file if there is one, else the preset.
func loadSpec(c *cobra.Command, file, preset string, overrides ...topology.Overrides) (*topology.Lab, error) {
	switch file {
	case "":
		return topology.Preset(preset, overrides...)
	case "-":
		return topology.Decode("stdin", c.InOrStdin(), overrides...)
	}
	return topology.Load(file, overrides...)
}

func newValidateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check specification files",
		Long: `Check specification files without starting anything. Every problem is printed as
FILE:LINE: what, and what to do. The exit code is 2 if there is any.`,
		Example: "  koflab topology validate lab.yaml\n  koflab topology validate labs/*.yaml",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("FILE is missing; see '%s --help'", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, files []string) error {
			failed := 0
			for _, file := range files {
				if !validate(c, file) {
					failed++
				}
			}
			if failed > 0 {
				return usagef("%d of %d specifications cannot be used", failed, len(files))
			}
			return nil
		},
	}
}

// validate prints what is wrong with a file, and reports whether nothing is.
func validate(c *cobra.Command, file string) bool {
	lab, err := loadSpec(c, file, "")
	var spec *topology.SpecError
	switch {
	case errors.As(err, &spec):
		for _, p := range spec.Problems {
			fmt.Fprintln(c.ErrOrStderr(), p)
		}
	case err != nil:
		fmt.Fprintln(c.ErrOrStderr(), err)
	default:
		fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", file, census(lab))
	}
	return err == nil
}

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of specifications, for editors",
		Long: `Print the JSON Schema of lab specifications. An editor with a YAML language
server completes and checks a file whose first line names it:

  # yaml-language-server: $schema=koflab.schema.json`,
		Example: "  koflab topology schema > koflab.schema.json",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(topology.Schema())
			return err
		},
	}
}

// census counts the clusters of a lab.
func census(lab *topology.Lab) string {
	nodes := 0
	for _, c := range lab.Clusters() {
		nodes += c.Workload.Nodes
	}
	return fmt.Sprintf("1 management, %s, %s, %s",
		count(len(lab.Regions), "region", "regions"), count(len(lab.Children), "child", "children"), count(nodes, "node", "nodes"))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
