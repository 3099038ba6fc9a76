package logstore

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// InsertArgs are the arguments that all insert paths share, as VictoriaLogs
// names them; each may also come as a VL- header.
type InsertArgs struct {
	// ExtraFields (extra_fields=name=value,...) are set on every row and win
	// over the sender's fields of those names. They are part of the stream, so
	// that no two tenants ever share one.
	ExtraFields []logstorage.Field
	// StreamFields (_stream_fields) name the fields that make up the stream.
	StreamFields []string
	// MessageFields (_msg_field) name the fields of which the first present
	// becomes the message.
	MessageFields []string
	// TimeFields (_time_field) name the fields that may hold a row's time.
	TimeFields []string
	// IgnoreFields (ignore_fields) are left out; a trailing '*' matches any rest.
	IgnoreFields []string
}

// ParseInsertArgs reads the arguments from the URL and the headers.
func ParseInsertArgs(r *http.Request) (InsertArgs, error) {
	list := func(arg, header string) []string {
		values := r.URL.Query()[arg]
		if len(values) == 0 {
			values = r.Header.Values(header)
		}
		var names []string
		for _, value := range values {
			for name := range strings.SplitSeq(value, ",") {
				if name != "" {
					names = append(names, name)
				}
			}
		}
		return names
	}
	args := InsertArgs{
		StreamFields:  list("_stream_fields", "VL-Stream-Fields"),
		MessageFields: list("_msg_field", "VL-Msg-Field"),
		TimeFields:    list("_time_field", "VL-Time-Field"),
		IgnoreFields:  list("ignore_fields", "VL-Ignore-Fields"),
	}
	for _, extra := range list("extra_fields", "VL-Extra-Fields") {
		name, value, ok := strings.Cut(extra, "=")
		if !ok || name == "" || value == "" {
			return args, fmt.Errorf("extra_fields: %q is not name=value", extra)
		}
		args.ExtraFields = append(args.ExtraFields, logstorage.Field{Name: name, Value: value})
	}
	return args, nil
}

// Insert runs a request's decoding in a slot, with its body, and stores what
// it put into the batch unless it failed.
func (s *Store) Insert(w http.ResponseWriter, r *http.Request, defaultMessage string, decode func(InsertArgs, []byte, *Batch) error) (*Batch, error) {
	args, err := ParseInsertArgs(r)
	if err != nil {
		return nil, err
	}
	release, err := s.inserts.take(r.Context())
	if err != nil {
		return nil, err
	}
	defer release()
	batch := s.NewBatch(args, defaultMessage)
	err = s.withBody(w, r, func(body []byte) error {
		if err := decode(args, body, batch); err != nil {
			batch.release()
			return err
		}
		return s.Commit(batch)
	})
	return batch, err
}
