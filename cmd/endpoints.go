package cmd

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"koflab/topology/lab/control"
)

func newEndpointsCommand() *cobra.Command {
	var name, output string
	var credentials, ca bool
	c := &cobra.Command{
		Use:   "endpoints",
		Short: "Print the lab's URLs, and on request credentials and CA certificate",
		Long: `Print every URL of the lab. They speak the protocols of the KOF parts they stand
for, so a real Prometheus, OpenTelemetry Collector or Grafana can use them.
vmauth wants the lab's CA (--ca) and a user of --credentials.`,
		Example: `  koflab endpoints
  koflab endpoints --credentials
  koflab endpoints --ca > koflab-ca.pem`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := connect(name)
			if err != nil {
				return err
			}
			defer client.Close()
			a, err := client.Access(c.Context())
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if output != "table" {
				if !credentials {
					a.Credentials = nil
				}
				return printAs(out, output, a)
			}
			switch {
			case ca:
				_, err = io.WriteString(out, a.CA)
				return err
			case credentials:
				return printCredentials(out, a.Credentials)
			}
			return printEndpoints(out, a.Clusters)
		},
	}
	nameFlag(c, &name)
	outputFlag(c, &output, "table", "json", "yaml")
	c.Flags().BoolVar(&credentials, "credentials", false, "print users and passwords of the regions' gateways (secrets)")
	c.Flags().BoolVar(&ca, "ca", false, "print the lab's CA certificate as PEM")
	exclusive(c, "credentials", "ca")
	return c
}

func printEndpoints(w io.Writer, clusters []control.Cluster) error {
	var rows [][]string
	for _, c := range clusters {
		for _, name := range slices.Sorted(maps.Keys(c.Endpoints)) {
			rows = append(rows, []string{c.Name, c.Role, name, c.Endpoints[name]})
		}
	}
	return table(w, []string{"CLUSTER", "ROLE", "ENDPOINT", "URL"}, rows)
}

func printCredentials(w io.Writer, creds []control.Credentials) error {
	if len(creds) == 0 {
		_, err := fmt.Fprintln(w, "this lab has no users: inside the mesh, mutual TLS authenticates clients")
		return err
	}
	var rows [][]string
	for _, c := range creds {
		tenant := c.Tenant
		if tenant == "" {
			tenant = "(all)"
		}
		rows = append(rows, []string{c.Cluster, c.Region, c.Username, c.Password, tenant})
	}
	return table(w, []string{"CLUSTER", "REGION", "USERNAME", "PASSWORD", "TENANT"}, rows)
}
