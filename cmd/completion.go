package cmd

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// shells are the shells that koflab writes completion scripts for.
var shells = map[string]func(*cobra.Command, io.Writer) error{
	"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"zsh":        (*cobra.Command).GenZshCompletion,
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
}

func newCompletionCommand() *cobra.Command {
	names := slices.Sorted(maps.Keys(shells))
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell: " + strings.Join(names, ", "),
		Long: `Print a script that makes a shell complete koflab's commands, flags and the names
of labs. Load it in the running shell, or put it where the shell looks for such
scripts at its start.`,
		Example: `  source <(koflab completion bash)
  koflab completion bash > ~/.local/share/bash-completion/completions/koflab
  koflab completion zsh > "${fpath[1]}/_koflab"
  koflab completion fish > ~/.config/fish/completions/koflab.fish`,
		ValidArgs: names,
		Args:      exactly("SHELL"),
		RunE: func(c *cobra.Command, args []string) error {
			generate, ok := shells[args[0]]
			if !ok {
				return usagef("there is no completion for %q; choose one of %s", args[0], strings.Join(names, ", "))
			}
			return generate(c.Root(), c.OutOrStdout())
		},
	}
}
