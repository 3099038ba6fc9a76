package cmd

import (
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"koflab/topology"
	"koflab/topology/lab/control"
)

func newAddCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "add",
		Short: "Add a region or a child to a running lab",
		Long: `Add a cluster to a running lab: its ClusterDeployment is written to management,
and k0rdent's and KOF's controllers do the rest. The command returns when the
cluster's telemetry is in the federation's answers. 'kubectl apply' of a
ClusterDeployment does the same.`,
		Example: "  koflab topology add child child-5 --region region-1\n  koflab topology add region region-3 --cloud aws --location eu-west-1",
		RunE:    group,
	}
	c.AddCommand(newAddChildCommand(), newAddRegionCommand())
	return c
}

// clusterFlags are what a region and a child may be given.
type clusterFlags struct {
	lab, output, namespace, cloud, location string
	nodes, workloads                        int
	scrapeInterval                          string
}

func (f *clusterFlags) add(c *cobra.Command) {
	nameFlag(c, &f.lab)
	outputFlag(c, &f.output, "table", "json", "yaml")
	fl := c.Flags()
	fl.StringVarP(&f.namespace, "namespace", "n", "", "namespace of the ClusterDeployment (default "+topology.DefaultNamespace+")")
	fl.StringVar(&f.cloud, "cloud", "", "aws, azure, gcp, openstack, vsphere, docker, adopted or remote")
	fl.StringVar(&f.location, "location", "", "the cloud's region, location or datacenter")
	fl.IntVar(&f.nodes, "nodes", 0, "number of nodes (default 2)")
	fl.IntVar(&f.workloads, "workloads", 0, "number of application workloads")
	fl.StringVar(&f.scrapeInterval, "scrape-interval", "", "of generated targets (default 15s)")
}

func (f *clusterFlags) workload() (topology.Workload, error) {
	w := topology.Workload{Nodes: f.nodes, Workloads: f.workloads}
	if f.scrapeInterval != "" {
		d, err := model.ParseDuration(f.scrapeInterval)
		if err != nil {
			return w, usagef("--scrape-interval %q: want a duration such as 15s", f.scrapeInterval)
		}
		w.ScrapeInterval = topology.Duration(d)
	}
	return w, nil
}

func (f *clusterFlags) run(c *cobra.Command, r control.AddRequest) error {
	client, err := connect(f.lab)
	if err != nil {
		return err
	}
	defer client.Close()
	cluster, err := client.AddCluster(c.Context(), r)
	if err != nil {
		return err
	}
	if f.output != "table" {
		return printAs(c.OutOrStdout(), f.output, cluster)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s %s is in the lab, stored in %s\n", cluster.Role, cluster.Name, cluster.Region)
	return err
}

func newAddChildCommand() *cobra.Command {
	var f clusterFlags
	var region, regionNamespace, tenant string
	c := &cobra.Command{
		Use:     "child NAME",
		Short:   "Add a child cluster",
		Example: "  koflab topology add child child-5 --region region-1 --nodes 3\n  koflab topology add child shop --cloud aws --location us-east-2 --tenant retail",
		Args:    exactly("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := f.workload()
			if err != nil {
				return err
			}
			return f.run(c, control.AddRequest{Child: &topology.Child{
				Name: args[0], Namespace: f.namespace, Cloud: f.cloud, Location: f.location,
				Region: region, RegionNamespace: regionNamespace, Tenant: tenant, Workload: w,
			}})
		},
	}
	f.add(c)
	c.Flags().StringVar(&region, "region", "", "region that stores its telemetry; found by cloud and location when empty")
	c.Flags().StringVar(&regionNamespace, "region-namespace", "", "namespace of --region, in labs with crossNamespace")
	c.Flags().StringVar(&tenant, "tenant", "", "tenant (default that of the stack)")
	return c
}

func newAddRegionCommand() *cobra.Command {
	var f clusterFlags
	var domain string
	c := &cobra.Command{
		Use:     "region NAME",
		Short:   "Add a regional cluster",
		Example: "  koflab topology add region region-3 --cloud aws --location eu-west-1",
		Args:    exactly("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := f.workload()
			if err != nil {
				return err
			}
			return f.run(c, control.AddRequest{Region: &topology.Region{
				Name: args[0], Namespace: f.namespace, Cloud: f.cloud, Location: f.location, Domain: domain, Workload: w,
			}})
		},
	}
	f.add(c)
	c.Flags().StringVar(&domain, "domain", "", "the regional domain (default NAME."+topology.DefaultDomain+")")
	return c
}

func newRemoveCommand() *cobra.Command {
	var lab string
	c := &cobra.Command{
		Use:     "remove CLUSTER",
		Short:   "Remove a region or a child from a running lab",
		Long:    "Remove a cluster by deleting its ClusterDeployment, and wait until nothing of it\nis left. A region goes only after the children that it stores.",
		Example: "  koflab topology remove child-5",
		Args:    exactly("CLUSTER"),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := connect(lab)
			if err != nil {
				return err
			}
			defer client.Close()
			if err := client.RemoveCluster(c.Context(), args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s is gone\n", args[0])
			return err
		},
		ValidArgsFunction: completeClusters(&lab),
	}
	nameFlag(c, &lab)
	return c
}
