package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/timeutil"

	"koflab/embed/logstore"
)

// insertJSONLines serves /insert/jsonline: a JSON object per line. Lines that
// can't be read are dropped and told of; if none could be read the answer is 400.
func (s *Store) insertJSONLines(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		logstore.Fail(w, logstore.Errorf(http.StatusMethodNotAllowed, "use POST, not %s", r.Method))
		return
	}
	var bad error
	batch, err := s.Insert(w, r, noMessage, func(args logstore.InsertArgs, body []byte, batch *logstore.Batch) error {
		if len(args.TimeFields) == 0 {
			args.TimeFields = []string{"_time"}
		}
		d := lineDecoder{args: args, batch: batch, now: s.Now().UnixNano()}
		bad = d.body(body)
		return nil
	})
	if err != nil {
		logstore.Fail(w, err)
		return
	}
	dropped := batch.Dropped()
	if batch.Len() > 0 && dropped[logstore.Malformed] == batch.Len() {
		logstore.Fail(w, bad)
		return
	}
	if len(dropped) == 0 {
		return
	}
	answer := struct {
		Dropped map[logstore.Reason]int64 `json:"dropped"`
		Error   string                    `json:"error,omitempty"`
	}{Dropped: dropped}
	if bad != nil {
		answer.Error = bad.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// lineDecoder turns JSON lines into rows; nested objects become fields whose
// names are joined with dots.
type lineDecoder struct {
	args  logstore.InsertArgs
	batch *logstore.Batch
	now   int64
	row   []logstorage.Field
}

// body decodes all lines and returns the first error.
func (d *lineDecoder) body(body []byte) error {
	var first error
	n := 0
	for line := range bytes.SplitSeq(body, []byte{'\n'}) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if err := d.line(line); err != nil {
			d.batch.Reject()
			if first == nil {
				first = fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	return first
}

func (d *lineDecoder) line(line []byte) error {
	p := logstorage.GetJSONParser()
	defer logstorage.PutJSONParser(p)
	if err := p.ParseLogMessage(line); err != nil {
		return err
	}
	ts, err := d.timestamp(p.Fields)
	if err != nil {
		return err
	}
	logstorage.RenameField(p.Fields, d.args.MessageFields, "_msg")
	d.row = append(append(d.row[:0], d.args.ExtraFields...), p.Fields...)
	streamLen := len(d.args.ExtraFields)
	if len(d.args.StreamFields) > 0 {
		streamLen = streamFirst(d.row, d.args)
	}
	d.batch.Add(ts, d.row, streamLen)
	return nil
}

// timestamp takes a row's time from the first time field that is present and
// blanks it. Rows without one are of now.
func (d *lineDecoder) timestamp(fields []logstorage.Field) (int64, error) {
	for _, name := range d.args.TimeFields {
		i := slices.IndexFunc(fields, func(f logstorage.Field) bool { return f.Name == name })
		if i < 0 {
			continue
		}
		value := fields[i].Value
		fields[i].Value = ""
		if value == "" || value == "0" || value == "-" {
			return d.now, nil
		}
		ts, err := parseTime(value)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		return ts, nil
	}
	return d.now, nil
}

var errTime = errors.New("neither RFC 3339 nor Unix time")

// parseTime parses RFC 3339, or Unix time in seconds, milli-, micro- or nanoseconds.
func parseTime(s string) (int64, error) {
	if len(s) > 4 && s[4] == '-' {
		if ts, ok := logstorage.TryParseTimestampRFC3339Nano(s); ok {
			return ts, nil
		}
	} else if ts, ok := timeutil.TryParseUnixTimestamp(s); ok {
		return ts, nil
	}
	return 0, fmt.Errorf("%q: %w", s, errTime)
}
