package traces

import (
	"strconv"
	"strings"

	"koflab/embed/logstore"
)

// The fields of a span's row, named as VictoriaTraces names them. The row's
// time is the span's end; service and name make up its stream.
const (
	fieldService       = "resource_attr:service.name"
	fieldName          = "name"
	fieldTraceID       = "trace_id"
	fieldSpanID        = "span_id"
	fieldParentID      = "parent_span_id"
	fieldTraceState    = "trace_state"
	fieldFlags         = "flags"
	fieldKind          = "kind"
	fieldStart         = "start_time_unix_nano"
	fieldEnd           = "end_time_unix_nano"
	fieldDuration      = "duration" // nanoseconds
	fieldStatusCode    = "status_code"
	fieldStatusMessage = "status_message"
	fieldScopeName     = "scope_name"
	fieldScopeVersion  = "scope_version"

	droppedAttributes = "dropped_attributes_count"
	droppedEvents     = "dropped_events_count"
	droppedLinks      = "dropped_links_count"

	prefixResource = "resource_attr:"
	prefixScope    = "scope_attr:"
	prefixSpan     = "span_attr:"

	// Events and links are numbered: their fields end in ":0", ":1"...
	prefixEvent     = "event:"
	eventTime       = "event_time_unix_nano"
	eventName       = "event_name"
	eventAttr       = "event_attr:"
	prefixLink      = "link:"
	linkTraceID     = "link_trace_id"
	linkSpanID      = "link_span_id"
	linkTraceState  = "link_trace_state"
	linkAttr        = "link_attr:"
	linkRefType     = linkAttr + "opentracing.ref_type"
	childOfRefValue = "child_of"

	// fieldTypes holds the types of attributes that are not strings, which
	// VictoriaTraces forgets and Jaeger's answers have.
	fieldTypes = "attr_types"
)

// noService is the service of spans whose resource has none, as in Jaeger.
const noService = "OTLPResourceNoServiceName"

// spanKinds are Jaeger's names for OTLP's kinds.
var spanKinds = []string{"", "internal", "server", "client", "producer", "consumer"}

// OTLP's status codes.
const (
	statusUnset = "0"
	statusOK    = "1"
	statusError = "2"
)

// appendType appends an entry of fieldTypes: a letter and the quoted field.
func appendType(dst []byte, kind logstore.Kind, field string) []byte {
	return strconv.AppendQuote(append(dst, byte(kind)), field)
}

// parseTypes reads fieldTypes. What can't be read is taken for strings.
func parseTypes(s string) map[string]logstore.Kind {
	types := make(map[string]logstore.Kind)
	for len(s) > 1 {
		kind := logstore.Kind(s[0])
		quoted, err := strconv.QuotedPrefix(s[1:])
		if err != nil {
			break
		}
		if field, err := strconv.Unquote(quoted); err == nil {
			types[field] = kind
		}
		s = s[1+len(quoted):]
	}
	return types
}

// numbered splits the number off a field of an event or link.
func numbered(field string) (name string, n int, ok bool) {
	i := strings.LastIndexByte(field, ':')
	if i < 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(field[i+1:])
	return field[:i], n, err == nil && n >= 0
}

// isAttribute reports whether a field holds an attribute that a sender chose.
func isAttribute(field string) bool {
	for _, prefix := range []string{prefixSpan, prefixResource, prefixEvent + eventAttr, prefixScope, prefixLink + linkAttr} {
		if strings.HasPrefix(field, prefix) {
			return true
		}
	}
	return false
}
