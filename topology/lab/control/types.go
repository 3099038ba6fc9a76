// Package control is a running lab's control API: HTTP and JSON over a Unix
// socket in the lab's runtime directory (docs/control-api.md). It holds the
// types, the client that every command uses, and the server.
package control

import (
	"encoding/json"
	"time"

	"koflab/sim/event"
	"koflab/sim/fault"
	"koflab/topology"
)

// Phases of a lab.
const (
	Starting = "starting"
	Ready    = "ready"
	Stopping = "stopping"
)

// Status is the state of the whole lab at one instant.
type Status struct {
	Name     string `json:"name"`
	Provider string `json:"provider"`
	Stack    string `json:"stack"`
	Seed     int64  `json:"seed"`
	Phase    string `json:"phase"`
	// ReadyInSeconds is real time from the start of the process to the first
	// correct federated answer; 0 before that.
	ReadyInSeconds float64   `json:"readyInSeconds"`
	Clock          Clock     `json:"clock"`
	Clusters       []Cluster `json:"clusters"`
	Flow           []Flow    `json:"flow"`
	// Faults are those that are active, in the order of their injection.
	Faults []fault.Active `json:"faults"`
}

// Clock is the lab's time. Speed is lab seconds per real second.
type Clock struct {
	Mode  string    `json:"mode"`
	Now   time.Time `json:"now"`
	Speed float64   `json:"speed"`
}

// Cluster is one cluster of the lab.
type Cluster struct {
	Name string `json:"name"`
	// Namespace of its ClusterDeployment.
	Namespace string `json:"namespace"`
	// Role is management, regional or child.
	Role string `json:"role"`
	// Region names the cluster that stores this one's telemetry; empty if none does.
	Region     string            `json:"region"`
	Ready      bool              `json:"ready"`
	Message    string            `json:"message,omitempty"`
	Endpoints  map[string]string `json:"endpoints"`
	Components []Component       `json:"components"`
}

// Component is one part of the stack on a cluster.
type Component struct {
	Name      string `json:"name"`
	Chart     string `json:"chart"`
	Version   string `json:"version"`
	Namespace string `json:"namespace"`
	// State is running (an engine of koflab does its work), simulated (a pod that
	// only exists, with logs and metrics), failed, stopped while the cluster is off
	// the network, or absent where koflab has no chart of it.
	State string `json:"state"`
	// BackedBy names the package of koflab that does the component's work.
	BackedBy string `json:"backedBy"`
	// Message is why it failed or is absent.
	Message string `json:"message,omitempty"`
}

// Flow is one hop of one signal: offered = acknowledged + queued + sum(dropped).
type Flow struct {
	From         string           `json:"from"`
	To           string           `json:"to"`
	Signal       string           `json:"signal"`
	Offered      int64            `json:"offered"`
	Acknowledged int64            `json:"acknowledged"`
	Queued       int64            `json:"queued"`
	Duplicated   int64            `json:"duplicated"`
	Dropped      map[string]int64 `json:"dropped"`
	// RatePerSecond is records acknowledged per second of lab time, of late.
	RatePerSecond float64 `json:"ratePerSecond"`
}

// Credentials opens a cluster's endpoints.
type Credentials struct {
	Cluster  string `json:"cluster"`
	Region   string `json:"region"`
	Username string `json:"username"`
	Password string `json:"password"`
	Tenant   string `json:"tenant,omitempty"`
}

// Access is what a client outside the lab needs: every URL, the credentials
// and the lab's CA certificate (PEM).
type Access struct {
	Clusters    []Cluster     `json:"clusters"`
	Credentials []Credentials `json:"credentials"`
	CA          string        `json:"ca"`
}

// QueryRequest asks the federation, or one region, for metrics.
type QueryRequest struct {
	Expr string `json:"expr"`
	// Time is the instant; zero means the lab's now. Start, End and Step ask for a range.
	Time  time.Time     `json:"time,omitzero"`
	Start time.Time     `json:"start,omitzero"`
	End   time.Time     `json:"end,omitzero"`
	Step  time.Duration `json:"step,omitempty"`
	// Region asks one region alone.
	Region string `json:"region,omitempty"`
	// ErrorMode is fail, downgrade or ignore; empty means the lab's.
	ErrorMode string `json:"errorMode,omitempty"`
	// Semantics is prometheus or kof; empty means the lab's.
	Semantics string        `json:"semantics,omitempty"`
	Timeout   time.Duration `json:"timeout,omitempty"`
}

// QueryResponse is Prometheus' answer with the explain record beside it.
type QueryResponse struct {
	Status    string          `json:"status"`
	Data      json.RawMessage `json:"data,omitempty"`
	ErrorType string          `json:"errorType,omitempty"`
	Error     string          `json:"error,omitempty"`
	Warnings  []string        `json:"warnings"`
	Explain   json.RawMessage `json:"explain,omitempty"`
}

// Event is an entry of the lab's event log.
type Event = event.Event

// ListenersRequest takes a region off the network, or back.
type ListenersRequest struct {
	Up bool `json:"up"`
}

// CredentialsRequest changes the password that a cluster's collectors use;
// Region makes its region accept the new one too (a proper rotation).
type CredentialsRequest struct {
	Password string `json:"password"`
	Region   bool   `json:"region"`
}

// AddRequest adds one region or child to a running lab.
type AddRequest struct {
	Region *topology.Region `json:"region,omitempty"`
	Child  *topology.Child  `json:"child,omitempty"`
}

// ErrorBody is the body of every answer outside 2xx.
type ErrorBody struct {
	Error string `json:"error"`
	// Field is set for a mistake in a request for a fault: the part of it that is
	// wrong (fault.Problem).
	Field string `json:"field,omitempty"`
}
