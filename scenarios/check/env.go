package check

import (
	"context"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"koflab/topology/lab/control"
)

// Env is the lab that a check looks at.
type Env interface {
	// Now is the lab's time; Start is when the scenario began.
	Now() time.Time
	Start() time.Time
	// Query asks the federation, or one region, for metrics. A query that failed is
	// an answer with status "error".
	Query(ctx context.Context, q control.QueryRequest) (control.QueryResponse, error)
	// Logs and Traces serve the read APIs over all regions, or with a region's name
	// that region's alone; nil if there is no such region.
	Logs(region string) http.Handler
	Traces(region string) http.Handler
	Status() control.Status
	// EventsSince returns the events after a sequence number, oldest first.
	EventsSince(seq int64) []control.Event
	// RESTConfig opens the Kubernetes API of a cluster.
	RESTConfig(cluster string) (*rest.Config, error)
	// Access returns URLs, credentials and the CA certificate.
	Access() control.Access
	// Client returns a client in the network of a cluster, which resolves the lab's
	// names and trusts its CA.
	Client(from string) (*http.Client, error)
	// Oracle compares what is stored with what must be; none selects all.
	Oracle(ctx context.Context, clusters, signals []string) (control.OracleVerdict, error)
}
