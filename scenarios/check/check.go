// Package check says what must be true in a lab: a Check asks one question, in
// one of several query languages, and says what the answer has to be.
package check

import (
	"koflab/topology"
)

// Check is one thing that must hold: exactly one query, and what is expected of
// its answer.
type Check struct {
	// Name says in a few words what must hold; the query by default. It is unique
	// within its step.
	Name string `json:"name,omitempty" yaml:"name,omitempty" jsonschema:"format=printable"`

	// PromQL is an expression, asked through the federation.
	PromQL string `json:"promql,omitempty" yaml:"promql,omitempty" jsonschema:"oneof_required=promql"`
	// LogsQL is a query of logs, asked of all regions.
	LogsQL string `json:"logsql,omitempty" yaml:"logsql,omitempty" jsonschema:"oneof_required=logsql"`
	// Traces searches traces of all regions.
	Traces *Traces `json:"traces,omitempty" yaml:"traces,omitempty" jsonschema:"oneof_required=traces"`
	// Trace is the ID of one trace, 32 hexadecimal digits.
	Trace string `json:"trace,omitempty" yaml:"trace,omitempty" jsonschema:"oneof_required=trace,format=trace-id"`
	// Ledger counts what was offered, acknowledged, queued, dropped and duplicated
	// between clusters.
	Ledger *Ledger `json:"ledger,omitempty" yaml:"ledger,omitempty" jsonschema:"oneof_required=ledger"`
	// Coverage is a PromQL expression whose explain record is looked at: which
	// regions it needed, which answered and with what warnings.
	Coverage string `json:"coverage,omitempty" yaml:"coverage,omitempty" jsonschema:"oneof_required=coverage"`
	// Objects are Kubernetes objects of one cluster.
	Objects *Objects `json:"objects,omitempty" yaml:"objects,omitempty" jsonschema:"oneof_required=objects"`
	// HTTP is one request through the lab's network and TLS.
	HTTP *HTTP `json:"http,omitempty" yaml:"http,omitempty" jsonschema:"oneof_required=http"`
	// Events are those of the lab's event log since the scenario began.
	Events *Events `json:"events,omitempty" yaml:"events,omitempty" jsonschema:"oneof_required=events"`
	// Oracle compares every stored record with what must be stored. It needs no
	// expect: a single missing, duplicated or altered record fails it. With one, what
	// is expected decides, such as a gap of a known size.
	Oracle *Oracle `json:"oracle,omitempty" yaml:"oracle,omitempty" jsonschema:"oneof_required=oracle"`

	// Region limits promql, logsql, traces and trace to one region's stores.
	Region string `json:"region,omitempty" yaml:"region,omitempty" jsonschema:"format=cluster-name"`
	// At moves the time that promql or coverage is evaluated at away from now, such
	// as -2m.
	At Offset `json:"at,omitempty" yaml:"at,omitempty"`
	// Range makes promql a range query of this length that ends now (or at At).
	Range topology.Duration `json:"range,omitempty" yaml:"range,omitempty"`
	// Step is the distance of the points of a range query, 15s by default.
	Step topology.Duration `json:"step,omitempty" yaml:"step,omitempty"`
	// ErrorMode says what promql and coverage make of regions that fail; the lab's
	// by default.
	ErrorMode string `json:"errorMode,omitempty" yaml:"errorMode,omitempty" jsonschema:"enum=ignore,enum=downgrade,enum=fail"`
	// Semantics of promql and coverage at the regions; the lab's by default.
	Semantics string `json:"semantics,omitempty" yaml:"semantics,omitempty" jsonschema:"enum=prometheus,enum=kof"`
	// Audit makes logsql ask the store of audit logs.
	Audit bool `json:"audit,omitempty" yaml:"audit,omitempty"`

	// Expect is what the answer must be. All that it says must hold.
	Expect Expect `json:"expect,omitzero" yaml:"expect,omitempty"`

	// Eventually gives the expectation so much lab time to come true. At most one of
	// eventually, always and never is given; without any the check looks once, now.
	Eventually topology.Duration `json:"eventually,omitempty" yaml:"eventually,omitempty"`
	// Always wants the expectation to hold now and for so much lab time.
	Always topology.Duration `json:"always,omitempty" yaml:"always,omitempty"`
	// Never wants the expectation not to hold now nor within so much lab time.
	Never topology.Duration `json:"never,omitempty" yaml:"never,omitempty"`
	// Every is how often it is looked at meanwhile, 15s by default.
	Every topology.Duration `json:"every,omitempty" yaml:"every,omitempty"`
}

// Traces is a search of traces.
type Traces struct {
	// Service is the name of the service that took part.
	Service string `json:"service" yaml:"service" jsonschema:"format=printable"`
	// Operation is the name of one of its spans.
	Operation string `json:"operation,omitempty" yaml:"operation,omitempty" jsonschema:"format=printable"`
	// Tags are attributes of one of its spans.
	Tags map[string]string `json:"tags,omitempty" yaml:"tags,omitempty"`
	// Lookback is how far back from now to search, 1h by default.
	Lookback topology.Duration `json:"lookback,omitempty" yaml:"lookback,omitempty"`
	// Limit is the most traces to return, 20 by default.
	Limit int `json:"limit,omitempty" yaml:"limit,omitempty" jsonschema:"minimum=1,maximum=1500"`
}

// Ledger selects entries of the ledger; what is empty selects all.
type Ledger struct {
	// From is the sending cluster.
	From string `json:"from,omitempty" yaml:"from,omitempty" jsonschema:"format=cluster-id"`
	// To is the receiving cluster.
	To string `json:"to,omitempty" yaml:"to,omitempty" jsonschema:"format=cluster-id"`
	// Signal is the kind of telemetry.
	Signal string `json:"signal,omitempty" yaml:"signal,omitempty" jsonschema:"enum=metrics,enum=logs,enum=traces"`
}

// Objects selects Kubernetes objects.
type Objects struct {
	// Cluster is whose objects they are.
	Cluster string `json:"cluster" yaml:"cluster" jsonschema:"format=cluster-id"`
	// Resource is the plural name, such as pods, or with its group where that is
	// ambiguous: clusterdeployments.k0rdent.mirantis.com.
	Resource string `json:"resource" yaml:"resource" jsonschema:"format=dns-name"`
	// Namespace is all namespaces by default.
	Namespace string `json:"namespace,omitempty" yaml:"namespace,omitempty" jsonschema:"format=dns-label"`
	// Name is one object's.
	Name string `json:"name,omitempty" yaml:"name,omitempty" jsonschema:"format=printable"`
	// Selector is a label selector, such as app=cart,tier!=web.
	Selector string `json:"selector,omitempty" yaml:"selector,omitempty" jsonschema:"format=printable"`
}

// HTTP is one request: to a URL, or to a path on a cluster.
type HTTP struct {
	// URL is where to, in the lab's names, such as
	// https://vmauth.region-1.kof.example.com/vm/select/0/prometheus/api/v1/query?query=up.
	URL string `json:"url,omitempty" yaml:"url,omitempty" jsonschema:"oneof_required=url,format=http-url"`
	// Path, with its query if any, is asked of a listener of a cluster.
	Path string `json:"path,omitempty" yaml:"path,omitempty" jsonschema:"oneof_required=path,format=http-path"`
	// Cluster is whose listener the path is asked of, management by default; with a
	// url, whose gateway that leads to where its host does not say so.
	Cluster string `json:"cluster,omitempty" yaml:"cluster,omitempty" jsonschema:"format=cluster-id"`
	// Listener is the listener's name, see 'koflab endpoints'; the gateway, vmauth,
	// by default.
	Listener string `json:"listener,omitempty" yaml:"listener,omitempty" jsonschema:"format=printable"`
	// From is the cluster in whose network the request is made; management by
	// default.
	From string `json:"from,omitempty" yaml:"from,omitempty" jsonschema:"format=cluster-id"`
	// As is who asks: admin, none (the default), or a cluster, with its credentials
	// of the gateway asked.
	As string `json:"as,omitempty" yaml:"as,omitempty" jsonschema:"format=cluster-id"`
	// BasicAuth is a user of your own choice, instead of As.
	BasicAuth *BasicAuth `json:"basicAuth,omitempty" yaml:"basicAuth,omitempty"`
	// Method is GET by default, or POST with a body.
	Method string `json:"method,omitempty" yaml:"method,omitempty" jsonschema:"enum=GET,enum=HEAD,enum=POST,enum=PUT,enum=PATCH,enum=DELETE"`
	// Headers are added to the request.
	Headers map[string]string `json:"headers,omitempty" yaml:"headers,omitempty"`
	// Body is sent with the request.
	Body string `json:"body,omitempty" yaml:"body,omitempty"`
}

// Values of HTTP.As that are no cluster's.
const (
	AsAdmin = "admin"
	AsNone  = "none"
)

// BasicAuth is a user's name and password; either may be empty.
type BasicAuth struct {
	Username string `json:"username,omitempty" yaml:"username,omitempty"`
	Password string `json:"password,omitempty" yaml:"password,omitempty"`
}

// Events selects entries of the lab's event log; what is empty selects all.
type Events struct {
	// Reason is the event's reason, such as RegionDown.
	Reason string `json:"reason,omitempty" yaml:"reason,omitempty" jsonschema:"format=printable"`
	// Object is what it is about; region-1 is about region-1/vmauth too.
	Object string `json:"object,omitempty" yaml:"object,omitempty" jsonschema:"format=printable"`
	// Level is its severity.
	Level string `json:"level,omitempty" yaml:"level,omitempty" jsonschema:"enum=Normal,enum=Warning,enum=Error"`
}

// Oracle selects what is compared; what is empty selects all.
type Oracle struct {
	// Clusters are those whose telemetry is compared.
	Clusters []string `json:"clusters,omitempty" yaml:"clusters,omitempty" jsonschema:"maxItems=1000"`
	// Signals are metrics, logs and traces.
	Signals []string `json:"signals,omitempty" yaml:"signals,omitempty" jsonschema:"maxItems=3,enum=metrics,enum=logs,enum=traces"`
}

// Expect is what an answer must be. All that is given must hold.
type Expect struct {
	// Value is that of the one row of the answer, at each point of a range. Log
	// lines, objects and events have the value 1, traces the number of their spans,
	// a trace's spans their duration in seconds.
	Value *float64 `json:"value,omitempty" yaml:"value,omitempty"`
	// Tolerance is how far off value and the values of series may be: absolute, such
	// as 0.5, or a share, such as 1%.
	Tolerance Tolerance `json:"tolerance,omitzero" yaml:"tolerance,omitempty"`
	// Min is the least that any row's value may be. Without rows it does not hold.
	Min *float64 `json:"min,omitempty" yaml:"min,omitempty"`
	// Max is the most that any row's value may be. Without rows it does not hold.
	Max *float64 `json:"max,omitempty" yaml:"max,omitempty"`
	// Count is the number of rows.
	Count *int `json:"count,omitempty" yaml:"count,omitempty" jsonschema:"minimum=0,maximum=1000000000"`
	// Series are all rows, in any order.
	Series []Series `json:"series,omitempty" yaml:"series,omitempty" jsonschema:"maxItems=10000"`
	// Exact makes series compare all labels, the name of a metric being __name__; else
	// those not listed are ignored.
	Exact bool `json:"exact,omitempty" yaml:"exact,omitempty"`
	// Labels are, by a label's name, the set of its values in all rows; a row
	// without the label has the value "".
	Labels map[string][]string `json:"labels,omitempty" yaml:"labels,omitempty"`
	// Empty wants no rows.
	Empty bool `json:"empty,omitempty" yaml:"empty,omitempty"`
	// Status is that of the HTTP answer.
	Status int `json:"status,omitempty" yaml:"status,omitempty" jsonschema:"minimum=100,maximum=599"`
	// Error is part of the query's own error; without it an error fails the check.
	Error string `json:"error,omitempty" yaml:"error,omitempty"`
	// Contains is part of the answer's text.
	Contains string `json:"contains,omitempty" yaml:"contains,omitempty"`
	// CEL is a condition in the Common Expression Language on rows, value, values,
	// count, status, error, warnings, body, now and start.
	CEL string `json:"cel,omitempty" yaml:"cel,omitempty"`
}

// Series is one row that must be there.
type Series struct {
	// Labels are the row's.
	Labels map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`
	// Value is the row's; any by default.
	Value *float64 `json:"value,omitempty" yaml:"value,omitempty"`
}

// Problem is something wrong with a check, in one of its fields: promql, region,
// expect.cel, http.as and so on, as they are written in YAML.
type Problem struct{ Field, Message string }

func (p Problem) Error() string { return p.Message }
