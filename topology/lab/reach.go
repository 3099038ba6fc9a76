package lab

import (
	"maps"
	"net/http"

	"k8s.io/client-go/rest"

	"koflab/sim/ledger"
	"koflab/topology"
)

// RESTConfig reaches the Kubernetes API of a cluster, without a socket.
func (l *Lab) RESTConfig(id string) (*rest.Config, error) {
	c := l.cluster(id)
	if c == nil {
		return nil, l.noCluster(id)
	}
	return c.embedded.RESTConfig(), nil
}

// Client returns an HTTP client in the network of a cluster, which resolves the
// lab's names, feels the faults on the way and trusts the lab's CA.
func (l *Lab) Client(from string) (*http.Client, error) {
	c := l.cluster(from)
	if c == nil {
		return nil, l.noCluster(from)
	}
	return l.client(c.ID, c.Name)
}

// URLs are where other clusters write and read what a cluster stores, by signal;
// none for a cluster that stores nothing.
func (l *Lab) URLs(id string) map[string]topology.Endpoint {
	c := l.cluster(id)
	if c == nil {
		return nil
	}
	return maps.Clone(c.view().planned.URLs)
}

// Flow returns the accounts of all hops between clusters, and of those from what is
// observed in a cluster to its collectors.
func (l *Lab) Flow() []ledger.Entry { return l.ledger.Snapshot() }

// Done is closed when the lab has been told to go down.
func (l *Lab) Done() <-chan struct{} { return l.down }
