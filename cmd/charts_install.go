package cmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"koflab/charts/release"
)

// targetFlags say which cluster a chart is for: one of a running lab, or one of a
// kubeconfig.
type targetFlags struct {
	lab, cluster        string
	kubeconfig, context string
}

func (t *targetFlags) add(c *cobra.Command) {
	nameFlag(c, &t.lab)
	c.Flags().StringVar(&t.cluster, "cluster", "", "cluster of the running lab")
	c.Flags().StringVar(&t.kubeconfig, "kubeconfig", "", "kubeconfig file of a cluster that is not a lab's")
	c.Flags().StringVar(&t.context, "context", "", "context of --kubeconfig (default its current one)")
	exclusive(c, "cluster", "kubeconfig")
	complete := completeClusters(&t.lab)
	_ = c.RegisterFlagCompletionFunc("cluster", func(c *cobra.Command, _ []string, s string) ([]string, cobra.ShellCompDirective) {
		return complete(c, nil, s)
	})
}

// connect returns a client for the cluster that the flags name.
func (t *targetFlags) connect(ctx context.Context, progress func(release.Event)) (*release.Client, error) {
	config, err := t.config(ctx)
	if err != nil {
		return nil, err
	}
	name := t.cluster
	if name == "" {
		name = t.context
	}
	return release.New(release.Options{Config: config, Cluster: name, Progress: progress})
}

func (t *targetFlags) config(ctx context.Context) (*rest.Config, error) {
	switch {
	case t.kubeconfig != "":
		return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
			&clientcmd.ClientConfigLoadingRules{ExplicitPath: t.kubeconfig}, &clientcmd.ConfigOverrides{CurrentContext: t.context}).ClientConfig()
	case t.cluster == "":
		return nil, usagef("--cluster is missing; name a cluster of the lab, see 'koflab status', or give --kubeconfig")
	}
	client, err := connect(t.lab)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	b, err := client.Kubeconfig(ctx, t.cluster)
	if err != nil {
		return nil, err
	}
	return clientcmd.RESTConfigFromKubeConfig(b)
}

func newChartsInstallCommand() *cobra.Command {
	var f releaseFlags
	var t targetFlags
	var reuse, noWait, atomic bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "install CHART",
		Short: "Install or upgrade a chart on a cluster",
		Long: `Install a chart on a cluster of the lab or of a kubeconfig, or upgrade the release
if there is one. What is there already in the same version with the same values
is left alone, so the command can be repeated.

On clusters that a MultiClusterService serves, k0rdent's controllers own the
releases: they bring values back when the ClusterDeployment or the service changes.`,
		Example: `  koflab charts install kof-collectors --cluster child-1 --reuse-values --set opencost.enabled=false
  koflab charts install kof-storage --kubeconfig ~/.kube/config --context kind-region-1 -f values.yaml`,
		Args: oneChart,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := f.release(args[0])
			if err != nil {
				return err
			}
			r.Timeout, r.SkipWait, r.Atomic = timeout, noWait, atomic
			client, err := t.connect(c.Context(), printPhase(c.ErrOrStderr()))
			if err != nil {
				return err
			}
			if reuse {
				if err := client.Reuse(c.Context(), &r); err != nil {
					return err
				}
			}
			result, err := client.Apply(c.Context(), r)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s, revision %d, chart %s-%s: %d created, %d updated, %d deleted\n",
				r.Name, result.Action, result.Revision, result.Chart, result.Version, result.Created, result.Updated, result.Deleted)
			return err
		},
		ValidArgsFunction: completeCharts,
	}
	f.add(c)
	t.add(c)
	c.Flags().BoolVar(&reuse, "reuse-values", false, "start from the values of the deployed release")
	c.Flags().BoolVar(&noWait, "no-wait", false, "return without waiting until the objects are ready")
	c.Flags().BoolVar(&atomic, "atomic", false, "take a failed install or upgrade back")
	c.Flags().DurationVar(&timeout, "timeout", release.DefaultTimeout, "how long the objects may take to become ready")
	return c
}

// printPhase prints what an installation does and waits for, each thing once.
func printPhase(w io.Writer) func(release.Event) {
	last := ""
	return func(e release.Event) {
		if e.Phase == release.Done || e.Message == last {
			return
		}
		last = e.Message
		fmt.Fprintf(w, "koflab: %s: %s\n", e.Release, e.Message)
	}
}

func newChartsDiffCommand() *cobra.Command {
	var f releaseFlags
	var t targetFlags
	var reuse bool
	c := &cobra.Command{
		Use:   "diff CHART",
		Short: "Show what an install or upgrade would change on a cluster",
		Long: `Show what 'koflab charts install' would change, object by object, as a unified
diff. Nothing is changed; values of Secrets are masked.`,
		Example: "  koflab charts diff kof-collectors --cluster child-1 --reuse-values --set opencost.enabled=false",
		Args:    oneChart,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := f.release(args[0])
			if err != nil {
				return err
			}
			client, err := t.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			if reuse {
				if err := client.Reuse(c.Context(), &r); err != nil {
					return err
				}
			}
			d, err := client.Diff(c.Context(), r)
			if err != nil {
				return err
			}
			if d.Empty() {
				_, err = fmt.Fprintln(c.OutOrStdout(), "no changes")
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), d.String())
			return err
		},
		ValidArgsFunction: completeCharts,
	}
	f.add(c)
	t.add(c)
	c.Flags().BoolVar(&reuse, "reuse-values", false, "start from the values of the deployed release")
	return c
}
