package traces

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/VictoriaMetrics/easyproto"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"koflab/embed/logstore"
)

func (s *Store) otlpHandler() http.Handler {
	return s.Handler(logstore.OTLP{
		DefaultMessage: "-", // a span has no message, and no row is without
		FromJSON: func(data []byte) ([]byte, error) {
			request := ptraceotlp.NewExportRequest()
			if err := request.UnmarshalJSON(data); err != nil {
				return nil, err
			}
			return request.MarshalProto()
		},
		Decode: func(args logstore.InsertArgs, data []byte, batch *logstore.Batch) error {
			d := decoder{args: args, batch: batch, now: s.Now().UnixNano(), index: make(index)}
			if err := logstore.Messages(data, 1, d.resourceSpans); err != nil {
				return err
			}
			d.index.addTo(batch)
			return nil
		},
		Response: func(rejected int64, why string) logstore.Message {
			response := ptraceotlp.NewExportResponse()
			if rejected > 0 {
				response.PartialSuccess().SetRejectedSpans(rejected)
				response.PartialSuccess().SetErrorMessage(why)
			}
			return response
		},
	})
}

// decoder turns an ExportTraceServiceRequest into rows, from the wire format.
type decoder struct {
	args  logstore.InsertArgs
	batch *logstore.Batch
	now   int64
	index index
	row   logstore.Row

	service, name int // places of the stream's fields on the row
	types         []byte
}

// resourceSpans decodes {1: resource, 2: scope_spans...}.
func (d *decoder) resourceSpans(src []byte) error {
	d.row.Reset(logstore.Mark{})
	for _, f := range d.args.ExtraFields {
		d.row.Add(f.Name, f.Value, logstore.String)
	}
	d.service = len(d.row.Fields)
	d.row.Add(fieldService, noService, logstore.String)
	d.name = len(d.row.Fields)
	d.row.Add(fieldName, "", logstore.String)
	err := logstore.Messages(src, 1, func(resource []byte) error {
		return logstore.Messages(resource, 1, func(kv []byte) error { return d.row.AddAttribute(kv, prefixResource) })
	})
	if err != nil {
		return fmt.Errorf("resource: %w", err)
	}
	for _, f := range d.row.Fields[d.name:] {
		if f.Name == fieldService && f.Value != "" {
			d.row.Fields[d.service].Value = f.Value
		}
	}
	mark := d.row.Mark()
	return logstore.Messages(src, 2, func(scope []byte) error {
		d.row.Reset(mark)
		return d.scopeSpans(scope)
	})
}

// scopeSpans decodes {1: scope, 2: spans...}.
func (d *decoder) scopeSpans(src []byte) error {
	if err := logstore.Messages(src, 1, d.scope); err != nil {
		return fmt.Errorf("scope: %w", err)
	}
	mark := d.row.Mark()
	return logstore.Messages(src, 2, func(span []byte) error {
		d.row.Reset(mark)
		if err := d.span(span); err != nil {
			return fmt.Errorf("span: %w", err)
		}
		return nil
	})
}

// scope decodes {1: name, 2: version, 3: attributes...}.
func (d *decoder) scope(src []byte) error {
	name, _, err := easyproto.GetString(src, 1)
	if err != nil {
		return err
	}
	version, _, err := easyproto.GetString(src, 2)
	if err != nil {
		return err
	}
	d.row.Add(fieldScopeName, name, logstore.String)
	d.row.Add(fieldScopeVersion, version, logstore.String)
	return logstore.Messages(src, 3, func(kv []byte) error { return d.row.AddAttribute(kv, prefixScope) })
}

// span decodes {1: trace id, 2: span id, 3: trace state, 4: parent id, 5: name,
// 6: kind, 7: start, 8: end, 9: attributes..., 10: dropped attributes, 11: events...,
// 12: dropped events, 13: links..., 14: dropped links, 15: status, 16: flags}.
func (d *decoder) span(src []byte) error {
	var traceID, spanID, parentID []byte
	var begin, end uint64
	var kind int32
	var name, state string
	events, links := 0, 0
	var f easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = f.NextField(src); err != nil {
			return err
		}
		ok := true
		var data []byte
		switch f.FieldNum {
		case 1:
			traceID, ok = f.Bytes()
		case 2:
			spanID, ok = f.Bytes()
		case 3:
			state, ok = f.String()
		case 4:
			parentID, ok = f.Bytes()
		case 5:
			name, ok = f.String()
		case 6:
			kind, ok = f.Int32()
		case 7:
			begin, ok = f.Fixed64()
		case 8:
			end, ok = f.Fixed64()
		case 9:
			if data, ok = f.MessageData(); ok {
				err = d.row.AddAttribute(data, prefixSpan)
			}
		case 10:
			ok = d.count(&f, droppedAttributes)
		case 11:
			if data, ok = f.MessageData(); ok {
				err = d.event(data, events)
				events++
			}
		case 12:
			ok = d.count(&f, droppedEvents)
		case 13:
			if data, ok = f.MessageData(); ok {
				err = d.link(data, links)
				links++
			}
		case 14:
			ok = d.count(&f, droppedLinks)
		case 15:
			if data, ok = f.MessageData(); ok {
				err = d.status(data)
			}
		case 16:
			var flags uint32
			if flags, ok = f.Fixed32(); ok && flags != 0 {
				d.row.AddInt(fieldFlags, int64(flags))
			}
		}
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("field %d has the wrong wire type", f.FieldNum)
		}
	}
	if !validID(traceID, 16) || !validID(spanID, 8) {
		d.batch.Reject() // it could never be found
		return nil
	}
	d.row.Fields[d.name].Value = cmp.Or(name, "-")
	d.row.AddHex(fieldTraceID, traceID)
	d.row.AddHex(fieldSpanID, spanID)
	if validID(parentID, 8) {
		d.row.AddHex(fieldParentID, parentID)
	}
	d.row.Add(fieldTraceState, state, logstore.String)
	d.row.AddInt(fieldKind, int64(kind))
	d.emit(d.row.Hex(traceID), begin, end)
	return nil
}

// emit adds the times and the types, and the row to the batch.
func (d *decoder) emit(traceID string, begin, end uint64) {
	from, to := int64(min(begin, math.MaxInt64)), int64(min(end, math.MaxInt64))
	to = max(from, to)
	if to == 0 {
		from, to = d.now, d.now
	}
	if from == 0 {
		from = to
	}
	d.row.AddInt(fieldStart, from)
	d.row.AddInt(fieldEnd, to)
	d.row.AddInt(fieldDuration, to-from)
	d.row.Add(fieldTypes, d.attributeTypes(), logstore.String)
	if d.batch.Add(to, d.row.Fields, d.name+1) {
		d.index.add(traceID, from, to)
	}
}

// attributeTypes lists the attributes on the row that are not strings.
func (d *decoder) attributeTypes() string {
	d.types = d.types[:0]
	for i, kind := range d.row.Kinds {
		if kind != logstore.String && isAttribute(d.row.Fields[i].Name) {
			d.types = appendType(d.types, kind, d.row.Fields[i].Name)
		}
	}
	return string(d.types)
}

// status decodes {2: message, 3: code}.
func (d *decoder) status(src []byte) error {
	message, _, err := easyproto.GetString(src, 2)
	if err != nil {
		return err
	}
	code, _, err := easyproto.GetInt32(src, 3)
	if err != nil {
		return err
	}
	if code < 0 || code > 2 {
		return errors.New("unknown status code")
	}
	d.row.AddInt(fieldStatusCode, int64(code))
	d.row.Add(fieldStatusMessage, message, logstore.String)
	return nil
}

// count adds a count unless it is zero; it reports whether the field is one.
func (d *decoder) count(f *easyproto.FieldContext, name string) bool {
	n, ok := f.Uint32()
	if ok && n > 0 {
		d.row.AddInt(name, int64(n))
	}
	return ok
}

// validID reports whether an id has its length and is not all zeros.
func validID(id []byte, length int) bool {
	if len(id) != length {
		return false
	}
	for _, b := range id {
		if b != 0 {
			return true
		}
	}
	return false
}
