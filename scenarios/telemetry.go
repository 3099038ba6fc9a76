package scenarios

import (
	"koflab/scenarios/check"
	"koflab/topology"
)

// Ways for a Send.
const (
	ViaCollector = "collector"
	ViaGateway   = "gateway"
)

// Send is telemetry of your own making. It goes over OTLP to the collector of a
// cluster, as that of an application there; or past all collectors to the gateway
// of a region: metrics in remote write, logs and traces over OTLP. Where an item
// has a count, the text {n} in its names, body, labels and attributes stands for
// the number of the copy, from 1.
type Send struct {
	// To is the cluster whose collector, or the region whose gateway takes it.
	To string `json:"to" yaml:"to" jsonschema:"format=cluster-id"`
	// Via is collector (the default) or gateway.
	Via string `json:"via,omitempty" yaml:"via,omitempty" jsonschema:"enum=collector,enum=gateway"`
	// As is whose credentials the gateway is shown: admin (the default), none, or a
	// cluster.
	As string `json:"as,omitempty" yaml:"as,omitempty" jsonschema:"format=cluster-id"`
	// Logs are log records.
	Logs []Log `json:"logs,omitempty" yaml:"logs,omitempty" jsonschema:"maxItems=1000"`
	// Traces are traces.
	Traces []Trace `json:"traces,omitempty" yaml:"traces,omitempty" jsonschema:"maxItems=1000"`
	// Metrics are samples.
	Metrics []Metric `json:"metrics,omitempty" yaml:"metrics,omitempty" jsonschema:"maxItems=1000"`
}

// Copies makes several of one item.
type Copies struct {
	// Count is how many there are, 1 by default.
	Count int `json:"count,omitempty" yaml:"count,omitempty" jsonschema:"minimum=1,maximum=100000"`
	// Every is how far apart in time they are, 1ms by default. The last one has the
	// time of the item.
	Every topology.Duration `json:"every,omitempty" yaml:"every,omitempty"`
	// At is the item's time: an offset from now, such as -2m; now by default.
	At check.Offset `json:"at,omitempty" yaml:"at,omitempty"`
}

// Log is a log record.
type Log struct {
	// Body is the message.
	Body string `json:"body" yaml:"body"`
	// Severity is INFO by default.
	Severity string `json:"severity,omitempty" yaml:"severity,omitempty" jsonschema:"enum=TRACE,enum=DEBUG,enum=INFO,enum=WARN,enum=ERROR,enum=FATAL"`
	// Service is who says it (service.name), koflab-scenario by default.
	Service string `json:"service,omitempty" yaml:"service,omitempty" jsonschema:"format=printable"`
	// Attributes are the record's own.
	Attributes map[string]any `json:"attributes,omitempty" yaml:"attributes,omitempty"`
	// Resource are attributes of what says it.
	Resource map[string]any `json:"resource,omitempty" yaml:"resource,omitempty"`
	// TraceID is that of the trace it belongs to. Copy n has the ID plus n-1, as
	// copies of a trace have.
	TraceID string `json:"traceID,omitempty" yaml:"traceID,omitempty" jsonschema:"format=trace-id"`
	Copies  `yaml:",inline"`
}

// Trace is a trace.
type Trace struct {
	// ID is made from the seed by default. Copy n has the ID plus n-1.
	ID string `json:"id,omitempty" yaml:"id,omitempty" jsonschema:"format=trace-id"`
	// Spans are its spans, the first is the root.
	Spans []Span `json:"spans" yaml:"spans" jsonschema:"minItems=1,maxItems=1000"`
	// Copies of a trace are as many traces.
	Copies `yaml:",inline"`
}

// Span is a span of a trace.
type Span struct {
	// Name is that of the operation, unique in the trace.
	Name string `json:"name" yaml:"name" jsonschema:"format=printable"`
	// Service is who does it (service.name), koflab-scenario by default.
	Service string `json:"service,omitempty" yaml:"service,omitempty" jsonschema:"format=printable"`
	// Parent is the name of an earlier span; the first span by default.
	Parent string `json:"parent,omitempty" yaml:"parent,omitempty" jsonschema:"format=printable"`
	// Start is how long after the trace it starts, 0s by default.
	Start topology.Duration `json:"start,omitempty" yaml:"start,omitempty"`
	// Duration is how long it takes, 10ms by default.
	Duration topology.Duration `json:"duration,omitempty" yaml:"duration,omitempty"`
	// Attributes are the span's own.
	Attributes map[string]any `json:"attributes,omitempty" yaml:"attributes,omitempty"`
	// Resource are attributes of who does it.
	Resource map[string]any `json:"resource,omitempty" yaml:"resource,omitempty"`
	// Error says what went wrong; nothing by default.
	Error string `json:"error,omitempty" yaml:"error,omitempty" jsonschema:"format=printable"`
}

// Metric is one sample of each of its series.
type Metric struct {
	// Name is as it is stored; a collector adds _total to a counter's that lacks it.
	Name string `json:"name" yaml:"name" jsonschema:"format=metric-name"`
	// Type is gauge (the default) or counter.
	Type string `json:"type,omitempty" yaml:"type,omitempty" jsonschema:"enum=gauge,enum=counter"`
	// Labels are those of the series. Copies differ in those with {n}; without any
	// they are samples of one series.
	Labels map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`
	// ExtraLabels adds so many labels, label_1 and so on, to each series.
	ExtraLabels int `json:"extraLabels,omitempty" yaml:"extraLabels,omitempty" jsonschema:"minimum=1,maximum=1000"`
	// Value is the sample's.
	Value  float64 `json:"value" yaml:"value"`
	Copies `yaml:",inline"`
}
