package cmd

import (
	"context"
	"fmt"
	"os"
	"strings"

	"k8s.io/client-go/tools/clientcmd"

	"koflab/scenarios/conform"
)

// maxSecretFile bounds a file with a token or a password.
const maxSecretFile = 64 << 10

// givenTarget is the installation that the flags name.
func (f *conformFlags) givenTarget() (conform.Target, error) {
	t := conform.Target{
		URL: f.target, Logs: f.logs, Audit: f.audit, Traces: f.traces, Alertmanager: f.alerts,
		InsecureSkipVerify: f.insecure, Auth: conform.Auth{Token: f.token, Username: f.user},
	}
	var err error
	if t.Regions, err = regionArgs(f.regions); err != nil {
		return t, err
	}
	if file, ok := strings.CutPrefix(f.token, "@"); ok {
		if t.Auth.Token, err = secretFile(file); err != nil {
			return t, err
		}
	}
	if f.password != "" {
		if t.Auth.Password, err = secretFile(f.password); err != nil {
			return t, err
		}
	}
	if f.ca != "" {
		if t.CA, err = os.ReadFile(f.ca); err != nil {
			return t, usageError{err}
		}
	}
	if f.kubeconfig != "" {
		rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: f.kubeconfig}
		t.Kubernetes, err = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.context}).ClientConfig()
		if err != nil {
			return t, usagef("--kubeconfig %s: %w", f.kubeconfig, err)
		}
	}
	return t, nil
}

// secretFile reads a file that holds a secret, which a line end may follow.
func secretFile(name string) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", usageError{err}
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || len(s) > maxSecretFile {
		return "", usagef("%s: want a file with a secret in it, of at most 64 KiB", name)
	}
	return s, nil
}

// Endpoints of a lab's clusters, as the stack profiles name them.
const (
	endpointPromxy = "promxy"
	endpointLogs   = "logs-multilevel-select"
	endpointTraces = "multilevel-select"
	endpointVMAuth = "vmauth"
	adminOfRegion  = "(admin)"
)

// labTarget is a running lab as anybody outside would reach it: by its URLs, with
// its CA, and with management's users and kubeconfig.
func labTarget(ctx context.Context, name string) (conform.Target, error) {
	client, err := connect(name)
	if err != nil {
		return conform.Target{}, notRun(err)
	}
	defer client.Close()
	a, err := client.Access(ctx)
	if err != nil {
		return conform.Target{}, notRun(err)
	}
	t := conform.Target{CA: []byte(a.CA)}
	for _, c := range a.Clusters {
		if address := c.Endpoints[endpointPromxy]; address != "" {
			t.URL, t.Logs, t.Traces = address, c.Endpoints[endpointLogs], c.Endpoints[endpointTraces]
			config, err := client.Kubeconfig(ctx, c.Name)
			if err != nil {
				return t, notRun(err)
			}
			if t.Kubernetes, err = clientcmd.RESTConfigFromKubeConfig(config); err != nil {
				return t, notRun(err)
			}
		}
		if address := c.Endpoints[endpointVMAuth]; address != "" {
			r := conform.Region{Name: c.Name, URL: address}
			for _, user := range a.Credentials {
				if user.Region == c.Name && user.Cluster == adminOfRegion {
					r.Username, r.Password = user.Username, user.Password
				}
			}
			t.Regions = append(t.Regions, r)
		}
	}
	if t.URL == "" {
		return t, notRun(fmt.Errorf("lab %s has no promxy: its management cluster is away; see 'koflab status%s'", name, nameArg(name)))
	}
	return t, nil
}
