package traces

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"koflab/embed/logstore"
)

// trace is a trace in Jaeger's JSON.
type trace struct {
	TraceID   string             `json:"traceID"`
	Spans     []span             `json:"spans"`
	Processes map[string]process `json:"processes"`
	Warnings  []string           `json:"warnings"`
}

// span is a span in Jaeger's JSON; times are microseconds.
type span struct {
	TraceID       string      `json:"traceID"`
	SpanID        string      `json:"spanID"`
	OperationName string      `json:"operationName"`
	References    []reference `json:"references"`
	StartTime     int64       `json:"startTime"`
	Duration      int64       `json:"duration"`
	Tags          []tag       `json:"tags"`
	Logs          []event     `json:"logs"`
	ProcessID     string      `json:"processID"`
	Warnings      []string    `json:"warnings"`
}

type reference struct {
	RefType string `json:"refType"`
	TraceID string `json:"traceID"`
	SpanID  string `json:"spanID"`
}

const (
	childOf     = "CHILD_OF"
	followsFrom = "FOLLOWS_FROM"
)

// tag is a key with a value of type string, bool, int64, float64 or binary.
type tag struct {
	Key   string `json:"key"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

type event struct {
	Timestamp int64 `json:"timestamp"`
	Fields    []tag `json:"fields"`

	name string
}

type process struct {
	ServiceName string `json:"serviceName"`
	Tags        []tag  `json:"tags"`
}

// row is a span as it was stored, with its process.
type row struct {
	span    span
	process process
	events  []event
	links   []reference
}

// newTrace orders a trace's spans by their start and numbers their processes.
func newTrace(id string, rows []row) trace {
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.span.StartTime, b.span.StartTime), cmp.Compare(a.span.SpanID, b.span.SpanID))
	})
	t := trace{TraceID: id, Spans: make([]span, 0, len(rows)), Processes: make(map[string]process)}
	known := make(map[string]string)
	for _, r := range rows {
		key, _ := json.Marshal(r.process) // strings and numbers always can be
		pid, ok := known[string(key)]
		if !ok {
			pid = "p" + strconv.Itoa(len(known)+1)
			known[string(key)] = pid
			t.Processes[pid] = r.process
		}
		r.span.ProcessID = pid
		t.Spans = append(t.Spans, r.span)
	}
	return t
}

// readRows copies the spans out of a block.
func readRows(block *logstorage.DataBlock) []row {
	rows := make([]row, block.RowsCount())
	types := block.GetColumnByName(fieldTypes)
	for i := range rows {
		var kinds map[string]logstore.Kind
		if types != nil {
			kinds = parseTypes(types.Values[i])
		}
		r := &rows[i]
		r.span.References, r.span.Tags, r.process.Tags = []reference{}, []tag{}, []tag{}
		for _, c := range block.Columns {
			if value := c.Values[i]; value != "" {
				r.set(strings.Clone(c.Name), strings.Clone(value), kinds)
			}
		}
		r.finish()
	}
	return rows
}

// set takes over one field.
func (r *row) set(field, value string, kinds map[string]logstore.Kind) {
	switch field {
	case fieldTraceID:
		r.span.TraceID = value
	case fieldSpanID:
		r.span.SpanID = value
	case fieldName:
		r.span.OperationName = value
	case fieldService:
		r.process.ServiceName = value
	case fieldParentID:
		r.span.References = append(r.span.References, reference{RefType: childOf, SpanID: value})
	case fieldStart:
		r.span.StartTime = micros(value)
	case fieldDuration:
		r.span.Duration = micros(value)
	case fieldKind:
		if name := kindName(value); name != "" {
			r.addTag("span.kind", name)
		}
	case fieldStatusCode:
		switch value {
		case statusOK:
			r.addTag("otel.status_code", "OK")
		case statusError:
			r.span.Tags = append(r.span.Tags, tag{"error", "bool", true})
			r.addTag("otel.status_code", "ERROR")
		}
	case fieldStatusMessage:
		r.addTag("otel.status_description", value)
	case fieldTraceState:
		r.addTag("w3c.tracestate", value)
	case fieldScopeName:
		r.addTag("otel.scope.name", value)
	case fieldScopeVersion:
		r.addTag("otel.scope.version", value)
	default:
		r.setAttribute(field, value, kinds[field])
	}
}

func (r *row) addTag(key, value string) {
	r.span.Tags = append(r.span.Tags, tag{key, "string", value})
}

// setAttribute takes over a field with one of the prefixes.
func (r *row) setAttribute(field, value string, kind logstore.Kind) {
	if key, ok := strings.CutPrefix(field, prefixSpan); ok {
		r.span.Tags = append(r.span.Tags, typed(key, value, kind))
	} else if key, ok := strings.CutPrefix(field, prefixResource); ok {
		r.process.Tags = append(r.process.Tags, typed(key, value, kind))
	} else if key, ok := strings.CutPrefix(field, prefixScope); ok {
		r.span.Tags = append(r.span.Tags, typed("otel.scope."+key, value, kind))
	} else if rest, ok := strings.CutPrefix(field, prefixEvent); ok {
		r.setEvent(rest, value, kind)
	} else if rest, ok := strings.CutPrefix(field, prefixLink); ok {
		r.setLink(rest, value)
	}
}

func (r *row) setEvent(field, value string, kind logstore.Kind) {
	name, n, ok := numbered(field)
	if !ok || n > maxNumbered {
		return
	}
	for len(r.events) <= n {
		r.events = append(r.events, event{Fields: []tag{}})
	}
	e := &r.events[n]
	switch name {
	case eventTime:
		e.Timestamp = micros(value)
	case eventName:
		e.name = value
	default:
		e.Fields = append(e.Fields, typed(strings.TrimPrefix(name, eventAttr), value, kind))
	}
}

// maxNumbered bounds the events and links of a span; more don't fit in a row.
const maxNumbered = 2000

func (r *row) setLink(field, value string) {
	name, n, ok := numbered(field)
	if !ok || n > maxNumbered {
		return
	}
	for len(r.links) <= n {
		r.links = append(r.links, reference{RefType: followsFrom})
	}
	l := &r.links[n]
	switch {
	case name == linkTraceID:
		l.TraceID = value
	case name == linkSpanID:
		l.SpanID = value
	case name == linkRefType && value == childOfRefValue:
		l.RefType = childOf
	}
}

// finish puts together what the fields said apart.
func (r *row) finish() {
	for i := range r.span.References {
		r.span.References[i].TraceID = r.span.TraceID
	}
	for _, l := range r.links {
		if l.TraceID != "" && l.SpanID != "" {
			r.span.References = append(r.span.References, l)
		}
	}
	r.span.Logs = r.events
	if r.span.Logs == nil {
		r.span.Logs = []event{}
	}
	// The storage's order depends on what other rows are in a block.
	sortTags(r.span.Tags)
	sortTags(r.process.Tags)
	for i := range r.events {
		e := &r.events[i]
		sortTags(e.Fields)
		if e.name != "" {
			e.Fields = append([]tag{{"event", "string", e.name}}, e.Fields...)
		}
	}
}

func sortTags(tags []tag) {
	slices.SortStableFunc(tags, func(a, b tag) int { return cmp.Compare(a.Key, b.Key) })
}

// micros converts nanoseconds in decimal to microseconds.
func micros(nanos string) int64 {
	n, _ := strconv.ParseInt(nanos, 10, 64) // written by us
	return n / 1000
}

// typed gives a value its type back.
func typed(key, value string, kind logstore.Kind) tag {
	switch kind {
	case logstore.Bool:
		return tag{key, "bool", value == "true"}
	case logstore.Int:
		if _, err := strconv.ParseInt(value, 10, 64); err == nil {
			return tag{key, "int64", json.Number(value)}
		}
	case logstore.Float:
		if f, err := strconv.ParseFloat(value, 64); err == nil && f-f == 0 {
			return tag{key, "float64", f}
		}
	case logstore.Bytes:
		return tag{key, "binary", value}
	}
	return tag{key, "string", value}
}
