package logstore

import (
	"fmt"
	"mime"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

// Message is an OTLP response of pdata.
type Message interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// OTLP is what the OTLP/HTTP handlers of the signals differ in.
type OTLP struct {
	// DefaultMessage is what rows without a message get.
	DefaultMessage string
	// FromJSON turns a JSON request into its protobuf form.
	FromJSON func([]byte) ([]byte, error)
	// Decode adds the rows of a protobuf request.
	Decode func(InsertArgs, []byte, *Batch) error
	// Response makes the answer to a request of which rejected rows were dropped.
	Response func(rejected int64, why string) Message
}

// Handler serves OTLP/HTTP export requests. Dropped rows are told in a partial
// success; a malformed request is answered 400 with a google.rpc.Status, as
// the protocol asks, and nothing of it is stored.
func (s *Store) Handler(p OTLP) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		contentType, isJSON, err := negotiate(r)
		if err != nil {
			failOTLP(w, protobufType, err)
			return
		}
		batch, err := s.Insert(w, r, p.DefaultMessage, func(args InsertArgs, body []byte, b *Batch) error {
			if isJSON {
				if err := checkNesting(body); err != nil {
					return err
				}
				if body, err = p.FromJSON(body); err != nil {
					return fmt.Errorf("decode OTLP JSON: %w", err)
				}
			}
			if err := p.Decode(args, body, b); err != nil {
				return fmt.Errorf("decode OTLP: %w", err)
			}
			return nil
		})
		if err != nil {
			failOTLP(w, contentType, err)
			return
		}
		rejected, why := batch.rejected()
		answer := p.Response(rejected, why)
		marshal := answer.MarshalProto
		if isJSON {
			marshal = answer.MarshalJSON
		}
		data, err := marshal()
		if err != nil {
			failOTLP(w, contentType, Errorf(http.StatusInternalServerError, "encode response: %w", err))
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(data)
	}
}

// rejected returns how many rows were dropped, and why.
func (b *Batch) rejected() (int64, string) {
	var rejected int64
	why := ""
	for _, reason := range reasons {
		if n := b.dropped[reason]; n > 0 {
			rejected += n
			why += fmt.Sprintf("%d %s, ", n, reason)
		}
	}
	if why != "" {
		why = "dropped: " + why[:len(why)-2]
	}
	return rejected, why
}

// negotiate returns the content type of the request, which the answer has too.
func negotiate(r *http.Request) (contentType string, isJSON bool, err error) {
	if r.Method != http.MethodPost {
		return "", false, Errorf(http.StatusMethodNotAllowed, "use POST, not %s", r.Method)
	}
	header := r.Header.Get("Content-Type")
	if header == "" {
		return protobufType, false, nil
	}
	media, _, err := mime.ParseMediaType(header)
	if err != nil {
		return "", false, Errorf(http.StatusUnsupportedMediaType, "Content-Type %q: %w", header, err)
	}
	switch media {
	case jsonType:
		return jsonType, true, nil
	case protobufType, "application/protobuf", "application/octet-stream":
		return protobufType, false, nil
	}
	return "", false, Errorf(http.StatusUnsupportedMediaType, "Content-Type %q: use %s or %s", header, protobufType, jsonType)
}

func failOTLP(w http.ResponseWriter, contentType string, err error) {
	httpStatus := StatusOf(err)
	st := &status.Status{Code: int32(code.Code_INVALID_ARGUMENT), Message: err.Error()}
	if httpStatus == http.StatusServiceUnavailable || httpStatus == http.StatusTooManyRequests {
		st.Code = int32(code.Code_UNAVAILABLE)
		w.Header().Set("Retry-After", "1")
	}
	marshal := proto.Marshal
	if contentType == jsonType {
		marshal = protojson.Marshal
	}
	data, err := marshal(st)
	if err != nil {
		http.Error(w, st.Message, httpStatus)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(httpStatus)
	_, _ = w.Write(data)
}

// maxJSONDepth bounds the nesting of JSON, whose decoder recurses. It is
// above what maxDepth levels of OTLP values need.
const maxJSONDepth = 300

// checkNesting refuses JSON that is nested too deeply.
func checkNesting(data []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			if depth++; depth > maxJSONDepth {
				return fmt.Errorf("JSON is nested deeper than %d", maxJSONDepth)
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return nil
}
