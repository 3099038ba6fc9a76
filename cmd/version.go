package cmd

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version, Commit and Date are stamped by the Makefile; a plain `go build`
// falls back to the module's build information.
var Version, Commit, Date string

// versionInfo is what `koflab version -o json` prints.
type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Date     string `json:"date"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print koflab's version",
		Example: "  koflab version\n  koflab version -o json",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			v := currentVersion()
			if output != "text" {
				return printAs(c.OutOrStdout(), output, v)
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "koflab %s (commit %s, built %s, %s %s)\n", v.Version, v.Commit, v.Date, v.Go, v.Platform)
			return err
		},
	}
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

func currentVersion() versionInfo {
	v := versionInfo{Version: Version, Commit: Commit, Date: Date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if b, ok := debug.ReadBuildInfo(); ok {
		if v.Version == "" {
			v.Version = b.Main.Version
		}
		for _, s := range b.Settings {
			switch {
			case s.Key == "vcs.revision" && v.Commit == "":
				v.Commit = s.Value
			case s.Key == "vcs.time" && v.Date == "":
				v.Date = s.Value
			}
		}
	}
	for _, s := range []*string{&v.Version, &v.Commit, &v.Date} {
		if *s == "" || *s == "(devel)" {
			*s = "unknown"
		}
	}
	if v.Version == "unknown" {
		v.Version = "devel"
	}
	return v
}
