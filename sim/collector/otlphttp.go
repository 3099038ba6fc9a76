package collector

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"

	// maxHTTPBody bounds a request, decompressed, in bytes: otelcol's default.
	maxHTTPBody = 20 << 20
)

// message is an OTLP request or response in both encodings.
type message interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

type answer interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// otlpHandler serves OTLP over HTTP.
func (c *Collector) otlpHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/metrics", func(w http.ResponseWriter, r *http.Request) {
		req := pmetricotlp.NewExportRequest()
		serveOTLP(w, r, req, pmetricotlp.NewExportResponse(), func(ctx context.Context) error {
			return c.receiveMetrics(ctx, req.Metrics(), overHTTP)
		})
	})
	mux.HandleFunc("POST /v1/logs", func(w http.ResponseWriter, r *http.Request) {
		req := plogotlp.NewExportRequest()
		serveOTLP(w, r, req, plogotlp.NewExportResponse(), func(context.Context) error {
			return c.receiveLogs(req.Logs(), overHTTP)
		})
	})
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		req := ptraceotlp.NewExportRequest()
		serveOTLP(w, r, req, ptraceotlp.NewExportResponse(), func(context.Context) error {
			return c.receiveTraces(req.Traces(), overHTTP)
		})
	})
	return mux
}

// serveOTLP decodes a request, lets receive take it and answers in the encoding
// of the request.
func serveOTLP(w http.ResponseWriter, r *http.Request, req message, resp answer, receive func(context.Context) error) {
	contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || contentType != protobufType && contentType != jsonType {
		http.Error(w, fmt.Sprintf("unsupported Content-Type %q: want %s or %s", r.Header.Get("Content-Type"), protobufType, jsonType), http.StatusUnsupportedMediaType)
		return
	}
	body, code, err := readBody(w, r)
	if err != nil {
		writeStatus(w, contentType, code, status.New(codes.InvalidArgument, err.Error()))
		return
	}
	if contentType == jsonType {
		err = req.UnmarshalJSON(body)
	} else {
		err = req.UnmarshalProto(body)
	}
	if err != nil {
		writeStatus(w, contentType, http.StatusBadRequest, status.New(codes.InvalidArgument, err.Error()))
		return
	}
	if err := receive(r.Context()); err != nil {
		writeStatus(w, contentType, httpCode(err), receiveStatus(err))
		return
	}
	var out []byte
	if contentType == jsonType {
		out, err = resp.MarshalJSON()
	} else {
		out, err = resp.MarshalProto()
	}
	if err != nil {
		writeStatus(w, contentType, http.StatusInternalServerError, status.New(codes.Internal, err.Error()))
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(out) // a client that left is no concern
}

func httpCode(err error) int {
	switch {
	case errors.Is(err, errBusy):
		return http.StatusServiceUnavailable
	case errors.Is(err, errNoPipeline):
		return http.StatusNotFound
	default:
		return http.StatusInternalServerError
	}
}

// readBody returns a request's decompressed body, or the HTTP status that says
// what is wrong with it.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, int, error) {
	var body io.Reader = http.MaxBytesReader(w, r.Body, maxHTTPBody)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("gzip: %w", err)
		}
		body = z
	default:
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("unsupported Content-Encoding %q", encoding)
	}
	b, err := io.ReadAll(io.LimitReader(body, maxHTTPBody+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge) || len(b) > maxHTTPBody:
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("body exceeds %d bytes", maxHTTPBody)
	case err != nil:
		return nil, http.StatusBadRequest, err
	}
	return b, 0, nil
}

// writeStatus answers with a google.rpc.Status in the request's encoding.
func writeStatus(w http.ResponseWriter, contentType string, code int, s *status.Status) {
	marshal := proto.Marshal
	if contentType == jsonType {
		marshal = protojson.Marshal
	}
	body, err := marshal(s.Proto())
	if err != nil {
		http.Error(w, s.Message(), code)
		return
	}
	w.Header().Set("Content-Type", contentType)
	if code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(busyDelay.Seconds())))
	}
	w.WriteHeader(code)
	_, _ = w.Write(body) // a client that left is no concern
}
