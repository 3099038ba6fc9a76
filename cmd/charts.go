package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"helm.sh/helm/v3/pkg/cli/values"

	"koflab/charts"
	"koflab/charts/release"
	"koflab/topology"
)

func newChartsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "charts",
		Short: "List, render, export and install the stack's Helm charts",
		Long: `The Helm charts of the stack come with koflab. They install on clusters of a lab
and, written to a directory with 'koflab charts export', on any other.`,
		Example: `  koflab charts list
  koflab charts show kof-collectors --values
  koflab charts template kof-storage --set kof.domain=r1.example.com
  koflab charts export ./charts && helm template kof-storage ./charts/kof-storage
  koflab charts diff kof-collectors --cluster child-1 --set prometheus-node-exporter.enabled=false
  koflab charts install kof-collectors --cluster child-1 --reuse-values --set prometheus-node-exporter.enabled=false`,
		RunE: group,
	}
	c.AddCommand(newChartsListCommand(), newChartsShowCommand(), newChartsTemplateCommand(), newChartsExportCommand(),
		newChartsInstallCommand(), newChartsDiffCommand())
	return c
}

func newChartsListCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the charts",
		Example: "  koflab charts list\n  koflab charts list -o json",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			var all []charts.Description
			var rows [][]string
			for _, name := range charts.Names() {
				d, err := charts.Describe(name)
				if err != nil {
					return err
				}
				all = append(all, d)
				rows = append(rows, []string{d.Name, d.Version, d.AppVersion, d.Description})
			}
			if output != "table" {
				return printAs(c.OutOrStdout(), output, all)
			}
			return table(c.OutOrStdout(), []string{"CHART", "VERSION", "APP VERSION", "DESCRIPTION"}, rows)
		},
	}
	outputFlag(c, &output, "table", "json", "yaml")
	return c
}

func newChartsShowCommand() *cobra.Command {
	var output string
	var showValues bool
	c := &cobra.Command{
		Use:     "show CHART",
		Short:   "Show a chart's description or its values",
		Example: "  koflab charts show kof-mothership\n  koflab charts show kof-collectors --values > values.yaml",
		Args:    oneChart,
		RunE: func(c *cobra.Command, args []string) error {
			if showValues {
				b, err := charts.Values(args[0])
				if err != nil {
					return err
				}
				_, err = c.OutOrStdout().Write(b)
				return err
			}
			d, err := charts.Describe(args[0])
			if err != nil {
				return err
			}
			return printAs(c.OutOrStdout(), output, d)
		},
		ValidArgsFunction: completeCharts,
	}
	outputFlag(c, &output, "yaml", "json")
	c.Flags().BoolVar(&showValues, "values", false, "print its values.yaml")
	return c
}

// oneChart wants the name of a chart that there is.
func oneChart(c *cobra.Command, args []string) error {
	if err := exactly("CHART")(c, args); err != nil {
		return err
	}
	if _, err := charts.Describe(args[0]); err != nil {
		return usageError{err}
	}
	return nil
}

func completeCharts(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return charts.Names(), cobra.ShellCompDirectiveNoFileComp
}

// releaseFlags say how to render or install a chart, as helm's flags do.
type releaseFlags struct {
	name, namespace, version string
	values                   values.Options
}

func (f *releaseFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "release", "", "name of the release (default the chart's)")
	c.Flags().StringVarP(&f.namespace, "namespace", "n", "", "namespace of the release (default where KOF has the chart)")
	c.Flags().StringVar(&f.version, "version", "", "version of the chart (default the stack's)")
	c.Flags().StringSliceVarP(&f.values.ValueFiles, "values", "f", nil, "YAML file with values (repeatable)")
	c.Flags().StringArrayVar(&f.values.Values, "set", nil, "set a value, KEY=VALUE[,KEY=VALUE...] (repeatable)")
	c.Flags().StringArrayVar(&f.values.StringValues, "set-string", nil, "set a value as text, KEY=VALUE (repeatable)")
}

// release is the release of a chart as the flags want it.
func (f *releaseFlags) release(chart string) (release.Release, error) {
	loaded, err := charts.LoadVersion(chart, f.version)
	if err != nil {
		return release.Release{}, usageError{err}
	}
	v, err := f.values.MergeValues(nil)
	if err != nil {
		return release.Release{}, usageError{fmt.Errorf("values: %w", err)}
	}
	r := release.Release{Name: f.name, Namespace: f.namespace, Chart: loaded, Values: v, CreateNamespace: true}
	if r.Name == "" {
		r.Name = chart
	}
	if r.Namespace == "" {
		r.Namespace = usualNamespace(chart)
	}
	return r, nil
}

// usualNamespace is where the default stack has a chart.
func usualNamespace(chart string) string {
	if stack, err := topology.Profile(topology.DefaultStack); err == nil {
		for _, c := range stack.Charts {
			if c.Name == chart {
				return c.Namespace
			}
		}
	}
	return "kof"
}

func newChartsTemplateCommand() *cobra.Command {
	var f releaseFlags
	var crds bool
	c := &cobra.Command{
		Use:   "template CHART",
		Short: "Render a chart, as helm template does",
		Example: `  koflab charts template kof-storage --set kof.domain=r1.example.com
  koflab charts template kof-collectors -f values.yaml --include-crds | kubectl apply --dry-run=server -f -`,
		Args: oneChart,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := f.release(args[0])
			if err != nil {
				return err
			}
			text, err := release.Template(r, release.TemplateOptions{IncludeCRDs: crds})
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), text)
			return err
		},
		ValidArgsFunction: completeCharts,
	}
	f.add(c)
	c.Flags().BoolVar(&crds, "include-crds", false, "put the CustomResourceDefinitions first")
	return c
}

func newChartsExportCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "export DIR [CHART...]",
		Short: "Write charts to a directory, each with its dependencies",
		Long: `Write all charts, or those named, to a directory, each complete with the charts it
depends on. Stock helm renders and installs them as koflab does.`,
		Example: "  koflab charts export ./charts\n  koflab charts export ./charts kof-storage --force\n  helm install kof-storage ./charts/kof-storage -n kof --create-namespace",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly("DIR")(c, args)
			}
			for _, name := range args[1:] {
				if _, err := charts.Describe(name); err != nil {
					return usageError{err}
				}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			export := charts.Export
			if force {
				export = charts.ExportOver
			}
			if err := export(args[0], args[1:]...); err != nil {
				return err
			}
			names := args[1:]
			if len(names) == 0 {
				names = charts.Names()
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s written to %s: %s\n", count(len(names), "chart", "charts"), args[0], strings.Join(names, ", "))
			return err
		},
	}
	c.Flags().BoolVar(&force, "force", false, "replace charts that are there")
	return c
}
