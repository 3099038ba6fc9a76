package collector

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

var shop = resource.NewSchemaless(attribute.String("service.name", "shop"), attribute.String("deployment.environment", "test"))

// The OpenTelemetry Go SDK's exporters, with their defaults but for TLS, write
// into the receivers and all of it arrives at the region.
func TestSDKTraces(t *testing.T) {
	l := receiving(t, nil)
	overGRPC, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(l.Addrs().OTLPGRPC), otlptracegrpc.WithInsecure())
	require.NoError(t, err)
	overHTTP, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(l.Addrs().OTLPHTTP), otlptracehttp.WithInsecure(), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	require.NoError(t, err)
	for name, exporter := range map[string]*otlptrace.Exporter{"grpc": overGRPC, "http": overHTTP} {
		p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(shop))
		_, span := p.Tracer("t").Start(t.Context(), name)
		span.End()
		require.NoError(t, p.Shutdown(t.Context()))
	}
	l.flush()
	require.ElementsMatch(t, []string{"grpc", "http"}, l.region.storedSpans())
	require.Equal(t, "shop", l.region.resource["service.name"])
}

func TestSDKLogs(t *testing.T) {
	l := receiving(t, nil)
	overGRPC, err := otlploggrpc.New(t.Context(), otlploggrpc.WithEndpoint(l.Addrs().OTLPGRPC), otlploggrpc.WithInsecure(), otlploggrpc.WithCompressor("gzip"))
	require.NoError(t, err)
	overHTTP, err := otlploghttp.New(t.Context(), otlploghttp.WithEndpoint(l.Addrs().OTLPHTTP), otlploghttp.WithInsecure())
	require.NoError(t, err)
	for name, exporter := range map[string]sdklog.Exporter{"grpc": overGRPC, "http": overHTTP} {
		p := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)), sdklog.WithResource(shop))
		var r otellog.Record
		r.SetBody(attribute.StringValue(name))
		p.Logger("t").Emit(t.Context(), r)
		require.NoError(t, p.Shutdown(t.Context()))
	}
	l.flush()
	require.ElementsMatch(t, []string{"grpc", "http"}, l.region.storedLogs())
	require.Equal(t, "c1", l.region.resource["k8s.cluster.name"])
}

func TestSDKMetrics(t *testing.T) {
	l := receiving(t, nil)
	overGRPC, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpoint(l.Addrs().OTLPGRPC), otlpmetricgrpc.WithInsecure())
	require.NoError(t, err)
	overHTTP, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpoint(l.Addrs().OTLPHTTP), otlpmetrichttp.WithInsecure())
	require.NoError(t, err)
	for name, exporter := range map[string]sdkmetric.Exporter{"grpc": overGRPC, "http": overHTTP} {
		p := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter)), sdkmetric.WithResource(shop))
		counter, err := p.Meter("t").Int64Counter(name + ".orders")
		require.NoError(t, err)
		counter.Add(t.Context(), 3)
		latency, err := p.Meter("t").Float64Histogram(name + ".latency")
		require.NoError(t, err)
		latency.Record(t.Context(), 0.2)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		require.NoError(t, p.Shutdown(ctx))
		cancel()
	}
	l.flush()
	for _, name := range []string{"grpc", "http"} {
		require.Len(t, l.region.at(`"`+name+`_orders_total"`, `job="shop"`, `cluster="c1"`), 1)
		require.Len(t, l.region.at(`"`+name+`_latency_count"`), 1)
		require.Len(t, l.region.at(`"`+name+`_latency_bucket"`, `le="+Inf"`), 1)
	}
	require.NotEmpty(t, l.region.at(`"target_info"`, `deployment_environment="test"`))
}
