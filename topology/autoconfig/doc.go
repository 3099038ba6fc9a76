// Package autoconfig does on a management cluster what KCM, Sveltos and
// kof-operator do: it accepts ClusterDeployments, finds the region of every
// child, hands out endpoints and credentials, installs the services that
// MultiClusterServices and ClusterProfiles select a cluster for, and keeps
// promxy, Grafana and the alert rules in step with the regions there are.
//
// It speaks to the Kubernetes API and nothing else, so it serves any management
// cluster and any target whose kubeconfig lies in a Secret.
//
// One goroutine does the bookkeeping on management; a few workers, each with
// one target cluster at a time, do what takes long. All of them only ever
// compare what is with what should be, so it does not matter which event woke
// them, or how many.
package autoconfig
