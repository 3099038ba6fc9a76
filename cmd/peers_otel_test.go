package cmd_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// sdk is the OpenTelemetry Go SDK as a service uses it, with exporters that know
// nothing of a lab but one URL of `koflab endpoints`.
type sdk struct {
	metrics *sdkmetric.MeterProvider
	logs    *sdklog.LoggerProvider
	traces  *sdktrace.TracerProvider
}

func newSDK(t *testing.T, service string, m sdkmetric.Exporter, l sdklog.Exporter, s sdktrace.SpanExporter) sdk {
	t.Helper()
	r := resource.NewSchemaless(attribute.String("service.name", service))
	return sdk{
		metrics: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(m)), sdkmetric.WithResource(r)),
		logs:    sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(l)), sdklog.WithResource(r)),
		traces:  sdktrace.NewTracerProvider(sdktrace.WithBatcher(s), sdktrace.WithResource(r)),
	}
}

func overGRPC(t *testing.T, service, url string) sdk {
	t.Helper()
	m, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpointURL(url))
	require.NoError(t, err)
	l, err := otlploggrpc.New(t.Context(), otlploggrpc.WithEndpointURL(url))
	require.NoError(t, err)
	s, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpointURL(url))
	require.NoError(t, err)
	return newSDK(t, service, m, l, s)
}

func overHTTP(t *testing.T, service, url string) sdk {
	t.Helper()
	m, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(url+"/v1/metrics"))
	require.NoError(t, err)
	l, err := otlploghttp.New(t.Context(), otlploghttp.WithEndpointURL(url+"/v1/logs"))
	require.NoError(t, err)
	s, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(url+"/v1/traces"))
	require.NoError(t, err)
	return newSDK(t, service, m, l, s)
}

// work is what the service does: it takes seven orders, of which it logs and
// traces one. It returns the trace's ID.
func (s sdk) work(t *testing.T) string {
	t.Helper()
	orders, err := s.metrics.Meter("shop").Int64Counter("orders")
	require.NoError(t, err)
	latency, err := s.metrics.Meter("shop").Float64Histogram("order.latency")
	require.NoError(t, err)
	orders.Add(t.Context(), 7)
	latency.Record(t.Context(), 0.2)
	ctx, span := s.traces.Tracer("shop").Start(t.Context(), "place order")
	var r otellog.Record
	r.SetTimestamp(time.Now())
	r.SetBody(attribute.StringValue("order placed"))
	r.SetSeverity(otellog.SeverityWarn)
	r.SetSeverityText("WARN")
	s.logs.Logger("shop").Emit(ctx, r)
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, s.metrics.Shutdown(ctx))
	require.NoError(t, s.logs.Shutdown(ctx))
	require.NoError(t, s.traces.Shutdown(ctx))
	return span.SpanContext().TraceID().String()
}

// What the OpenTelemetry SDK sends to a child's collectors, by gRPC and by HTTP,
// is found at management, with the child's labels.
func TestOpenTelemetrySDK(t *testing.T) {
	t.Parallel()
	l := startLab(t)
	traces := map[string]string{
		"by-grpc": overGRPC(t, "by-grpc", l.url("child-1", "otlp-grpc")).work(t),
		"by-http": overHTTP(t, "by-http", l.url("child-3", "otlp-http")).work(t),
	}
	l.flush()
	for service, child := range map[string]string{"by-grpc": "child-1", "by-http": "child-3"} {
		v := l.vector(fmt.Sprintf(`orders_total{job=%q}`, service))
		require.Len(t, v, 1)
		require.EqualValues(t, 7, v[0].Value)
		require.EqualValues(t, child, v[0].Metric["cluster"])
		require.EqualValues(t, "kcm-system", v[0].Metric["clusterNamespace"])
		require.EqualValues(t, 1, l.number(fmt.Sprintf(`sum(order_latency_bucket{job=%q, le="0.25"} or order_latency_bucket{job=%q, le="+Inf"})`, service, service)))

		records := l.logs(fmt.Sprintf(`"service.name":=%q`, service))
		require.Len(t, records, 1)
		require.Equal(t, "order placed", records[0]["_msg"])
		require.Equal(t, "WARN", records[0]["severity_text"])
		require.Equal(t, child, records[0]["k8s.cluster.name"])
		require.Equal(t, traces[service], records[0]["trace_id"])

		var found jaegerTraces
		l.getJSON(l.url("mothership", "multilevel-select")+"/select/jaeger/api/traces/"+traces[service], &found)
		require.Equal(t, []string{service}, found.services())
		require.Equal(t, "place order", found.Data[0].Spans[0].OperationName)
		require.Contains(t, l.output("query", "--traces", service), "place order")
	}
	l.balanced()
}
