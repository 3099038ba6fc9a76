package collector

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // clients may compress
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// maxGRPCMessage bounds a message, decompressed, in bytes: otelcol's default.
	maxGRPCMessage = 4 << 20
	// maxGRPCStreams bounds the calls of one connection at a time.
	maxGRPCStreams = 100
	// busyDelay is how long a refused client is asked to wait.
	busyDelay = 5 * time.Second
)

// newGRPCServer serves the three OTLP services.
func (c *Collector) newGRPCServer() *grpc.Server {
	s := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxGRPCMessage),
		grpc.MaxConcurrentStreams(maxGRPCStreams),
		grpc.ConnectionTimeout(headerTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTimeout}),
		grpc.WaitForHandlers(true),
	)
	pmetricotlp.RegisterGRPCServer(s, &metricsService{c: c})
	plogotlp.RegisterGRPCServer(s, &logsService{c: c})
	ptraceotlp.RegisterGRPCServer(s, &tracesService{c: c})
	return s
}

type metricsService struct {
	pmetricotlp.UnimplementedGRPCServer
	c *Collector
}

func (s *metricsService) Export(ctx context.Context, r pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), grpcError(s.c.receiveMetrics(ctx, r.Metrics(), overGRPC))
}

type logsService struct {
	plogotlp.UnimplementedGRPCServer
	c *Collector
}

func (s *logsService) Export(_ context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), grpcError(s.c.receiveLogs(r.Logs(), overGRPC))
}

type tracesService struct {
	ptraceotlp.UnimplementedGRPCServer
	c *Collector
}

func (s *tracesService) Export(_ context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), grpcError(s.c.receiveTraces(r.Traces(), overGRPC))
}

// receiveStatus is what a client is told, in gRPC's terms: a full queue is
// unavailable, with the wait before a retry.
func receiveStatus(err error) *status.Status {
	switch {
	case errors.Is(err, errBusy):
		st := status.New(codes.Unavailable, err.Error())
		if with, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(busyDelay)}); err == nil {
			return with
		}
		return st
	case errors.Is(err, errNoPipeline):
		return status.New(codes.Unimplemented, err.Error())
	default:
		return status.New(codes.Internal, err.Error())
	}
}

func grpcError(err error) error {
	if err == nil {
		return nil
	}
	return receiveStatus(err).Err()
}
