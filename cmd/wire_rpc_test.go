package cmd_test

import (
	"strings"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// rawCodec sends bytes as they are in place of a message.
type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (rawCodec) Name() string { return "proto" }

// badRPCs goes to a child's OTLP/gRPC receiver.
func (w *wire) badRPCs() {
	w.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(w.url("child-1", "otlp-grpc"), "http://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	require.NoError(w, err)
	defer conn.Close()
	f := func(code codes.Code, message, method string, body []byte) {
		w.Helper()
		var answer []byte
		err := conn.Invoke(w.Context(), "/opentelemetry.proto.collector."+method, &body, &answer)
		require.Equal(w, code, status.Code(err), "%s: %v", method, err)
		require.ErrorContains(w, err, message, method)
	}
	trace, _ := newTraceID()
	for method, good := range map[string][]byte{
		"metrics.v1.MetricsService/Export": w.traceOf(w.now(), trace),
		"logs.v1.LogsService/Export":       w.logRecord(w.now(), "x", trace),
		"trace.v1.TraceService/Export":     w.traceOf(w.now(), trace),
	} {
		f(codes.Internal, "unmarshal", method, garbage)
		f(codes.Internal, "unmarshal", method, half(good))
		f(codes.ResourceExhausted, "larger than max", method, oversize())
	}
	f(codes.Unimplemented, "unknown method Nonsense", "logs.v1.LogsService/Nonsense", nil)
	f(codes.Unimplemented, "unknown service", "logs.v9.LogsService/Export", nil)
}
