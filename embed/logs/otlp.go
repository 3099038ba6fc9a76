package logs

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/VictoriaMetrics/easyproto"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"koflab/embed/logstore"
)

// noMessage is the _msg of rows that came without one, so that every row has it.
const noMessage = "missing _msg field"

func (s *Store) otlpHandler() http.Handler {
	return s.Handler(logstore.OTLP{
		DefaultMessage: noMessage,
		FromJSON: func(data []byte) ([]byte, error) {
			request := plogotlp.NewExportRequest()
			if err := request.UnmarshalJSON(data); err != nil {
				return nil, err
			}
			return request.MarshalProto()
		},
		Decode: func(args logstore.InsertArgs, data []byte, batch *logstore.Batch) error {
			d := decoder{args: args, batch: batch, now: s.Now().UnixNano()}
			return d.request(data)
		},
		Response: func(rejected int64, why string) logstore.Message {
			response := plogotlp.NewExportResponse()
			if rejected > 0 {
				response.PartialSuccess().SetRejectedLogRecords(rejected)
				response.PartialSuccess().SetErrorMessage(why)
			}
			return response
		},
	})
}

// decoder turns an ExportLogsServiceRequest into rows with VictoriaLogs' field
// names. It reads the wire format directly, because building pdata's objects
// first would cost more than all else before the storage.
type decoder struct {
	args  logstore.InsertArgs
	batch *logstore.Batch
	now   int64
	row   logstore.Row
}

// request decodes a list of ResourceLogs.
func (d *decoder) request(src []byte) error {
	return logstore.Messages(src, 1, d.resourceLogs)
}

// resourceLogs decodes {1: resource, 2: scope_logs...}. The resource comes
// first on the row, and its attributes make up the stream.
func (d *decoder) resourceLogs(src []byte) error {
	d.row.Reset(logstore.Mark{})
	for _, f := range d.args.ExtraFields {
		d.row.Add(f.Name, f.Value, logstore.String)
	}
	err := logstore.Messages(src, 1, func(resource []byte) error {
		return logstore.Messages(resource, 1, func(kv []byte) error { return d.row.AddAttribute(kv, "") })
	})
	if err != nil {
		return fmt.Errorf("resource: %w", err)
	}
	streamLen, mark := len(d.row.Fields), d.row.Mark()
	return logstore.Messages(src, 2, func(scope []byte) error {
		d.row.Reset(mark)
		return d.scopeLogs(scope, streamLen)
	})
}

// scopeLogs decodes {1: scope, 2: log_records...}.
func (d *decoder) scopeLogs(src []byte, streamLen int) error {
	if err := logstore.Messages(src, 1, d.scope); err != nil {
		return fmt.Errorf("scope: %w", err)
	}
	mark := d.row.Mark()
	return logstore.Messages(src, 2, func(record []byte) error {
		d.row.Reset(mark)
		if err := d.record(record, streamLen); err != nil {
			return fmt.Errorf("log record: %w", err)
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
	d.row.Add("scope.name", cmp.Or(name, "unknown"), logstore.String)
	d.row.Add("scope.version", cmp.Or(version, "unknown"), logstore.String)
	return logstore.Messages(src, 3, func(kv []byte) error { return d.row.AddAttribute(kv, "scope.attributes.") })
}

// The places of a record's own fields, which come before its attributes so
// that they win over attributes of the same names.
const (
	severity = iota
	severityText
	traceID
	spanID
	eventName
	recordFields
)

var recordNames = [recordFields]string{"severity", "severity_text", "trace_id", "span_id", "event_name"}

// record decodes {1: time, 2: severity number, 3: severity text, 5: body,
// 6: attributes..., 9: trace id, 10: span id, 11: observed time, 12: event name}.
func (d *decoder) record(src []byte, streamLen int) error {
	first := len(d.row.Fields)
	for _, name := range recordNames {
		d.row.Add(name, "", logstore.String)
	}
	var own [recordFields]string
	var at, observed uint64
	var number int32
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
			at, ok = f.Fixed64()
		case 2:
			number, ok = f.Int32()
		case 3:
			own[severityText], ok = f.String()
		case 5:
			if data, ok = f.MessageData(); ok {
				err = d.row.AddValue(data, "_msg")
			}
		case 6:
			if data, ok = f.MessageData(); ok {
				err = d.row.AddAttribute(data, "")
			}
		case 9:
			data, ok = f.Bytes()
			own[traceID] = d.row.Hex(data)
		case 10:
			data, ok = f.Bytes()
			own[spanID] = d.row.Hex(data)
		case 11:
			observed, ok = f.Fixed64()
		case 12:
			own[eventName], ok = f.String()
		}
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("field %d has the wrong wire type", f.FieldNum)
		}
	}
	own[severity] = cmp.Or(own[severityText], severityName(number))
	for i, value := range own {
		d.row.Fields[first+i].Value = value
	}
	d.emit(d.timestamp(at, observed), streamLen)
	return nil
}

// timestamp chooses a record's time: its own, when it was observed, or now.
func (d *decoder) timestamp(at, observed uint64) int64 {
	if at == 0 {
		at = observed
	}
	if at == 0 {
		return d.now
	}
	return int64(min(at, math.MaxInt64))
}

func (d *decoder) emit(ts int64, streamLen int) {
	logstorage.RenameField(d.row.Fields[streamLen:], d.args.MessageFields, "_msg")
	fields := d.row.Fields
	if len(d.args.StreamFields) > 0 {
		streamLen = streamFirst(fields, d.args)
	}
	d.batch.Add(ts, fields, streamLen)
}

// streamFirst moves the fields that were asked to make up the stream to the
// front, behind the extra fields, and returns their number.
func streamFirst(fields []logstorage.Field, args logstore.InsertArgs) int {
	n := len(args.ExtraFields)
	for i := n; i < len(fields); i++ {
		if slices.Contains(args.StreamFields, fields[i].Name) {
			f := fields[i]
			copy(fields[n+1:i+1], fields[n:i])
			fields[n] = f
			n++
		}
	}
	return n
}

// severityName is the name of a severity number as VictoriaLogs writes it.
func severityName(n int32) string {
	if n < 1 || n > 24 {
		return "Unspecified"
	}
	name := [...]string{"Trace", "Debug", "Info", "Warn", "Error", "Fatal"}[(n-1)/4]
	return name + [...]string{"", "2", "3", "4"}[(n-1)%4]
}
