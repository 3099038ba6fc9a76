package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

func newKubeconfigCommand() *cobra.Command {
	var name, file string
	c := &cobra.Command{
		Use:   "kubeconfig [CLUSTER]",
		Short: "Print a kubeconfig for the lab's clusters, or merge it into a file",
		Long: `Print a kubeconfig for all clusters of the lab, or for one. Contexts are called
LAB-CLUSTER, such as koflab-region-1; the current one is management's. With
--merge the contexts are added to a file, replacing those of the same names; the
file's current context stays if it has one.`,
		Example: `  koflab kubeconfig > k
  kubectl --kubeconfig k --context koflab-region-1 get pods -A
  koflab kubeconfig --merge ~/.kube/config && kubectl --context koflab-mothership get clusterdeployments -A
  koflab kubeconfig child-1 > child-1.yaml && helm --kubeconfig child-1.yaml list -A`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("unexpected argument %q; see '%s --help'", args[1], c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			cluster := ""
			if len(args) == 1 {
				cluster = args[0]
			}
			client, err := connect(name)
			if err != nil {
				return err
			}
			defer client.Close()
			config, err := client.Kubeconfig(c.Context(), cluster)
			if err != nil {
				return err
			}
			if file == "" {
				_, err = c.OutOrStdout().Write(config)
				return err
			}
			n, err := mergeKubeconfig(file, config)
			if err == nil {
				fmt.Fprintf(c.ErrOrStderr(), "koflab: %s merged into %s\n", count(n, "context", "contexts"), file)
			}
			return err
		},
		ValidArgsFunction: completeClusters(&name),
	}
	nameFlag(c, &name)
	c.Flags().StringVar(&file, "merge", "", "add the contexts to this kubeconfig file instead of printing them")
	return c
}

// mergeKubeconfig adds contexts to a file, which is replaced as a whole or not
// at all.
func mergeKubeconfig(file string, more []byte) (int, error) {
	added, err := clientcmd.Load(more)
	if err != nil {
		return 0, err
	}
	config := clientcmdapi.NewConfig()
	old, err := os.ReadFile(file)
	if err == nil {
		config, err = clientcmd.Load(old)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the kubeconfig %s: %w", file, err)
	}
	for name := range added.Contexts {
		config.Contexts[name], config.Clusters[name], config.AuthInfos[name] = added.Contexts[name], added.Clusters[name], added.AuthInfos[name]
	}
	if config.CurrentContext == "" {
		config.CurrentContext = added.CurrentContext
	}
	b, err := clientcmd.Write(*config)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return 0, err
	}
	return len(added.Contexts), replaceFile(file, b, 0o600)
}

// replaceFile writes a file by renaming a complete one over it.
func replaceFile(file string, b []byte, mode os.FileMode) error {
	t, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(t.Name()) // gone already when all went well
	if _, err := t.Write(b); err != nil {
		return errors.Join(err, t.Close())
	}
	if err := errors.Join(t.Chmod(mode), t.Sync(), t.Close()); err != nil {
		return err
	}
	return os.Rename(t.Name(), file)
}

// completeClusters completes the names of a running lab's clusters.
func completeClusters(name *string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		client, err := connect(*name)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer client.Close()
		a, err := client.Access(c.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, cluster := range a.Clusters {
			names = append(names, cluster.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
