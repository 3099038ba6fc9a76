package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

// JSON and protobuf, compressed or not, store the same rows.
func TestEncodingsAgree(t *testing.T) {
	request := plogotlp.NewExportRequest()
	require.NoError(t, request.UnmarshalJSON([]byte(otlpExample)))
	protobuf, err := request.MarshalProto()
	require.NoError(t, err)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err = z.Write(protobuf)
	require.NoError(t, err)
	require.NoError(t, z.Close())

	want := ""
	for name, tc := range map[string]struct {
		contentType, encoding string
		body                  []byte
	}{
		"json":     {"application/json; charset=utf-8", "", []byte(otlpExample)},
		"protobuf": {"application/x-protobuf", "", protobuf},
		"gzip":     {"", "gzip", zipped.Bytes()},
	} {
		s := open(t, Options{})
		r := httptest.NewRequest(http.MethodPost, "/insert/opentelemetry/v1/logs", bytes.NewReader(tc.body))
		r.Header.Set("Content-Type", tc.contentType)
		r.Header.Set("Content-Encoding", tc.encoding)
		w := httptest.NewRecorder()
		s.InsertHandler().ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		got := query(t, s, "query", url.Values{"query": {"* | sort by (_time)"}})
		if want == "" {
			want = got
		}
		require.Equal(t, want, got, name)
	}
}

func TestOTLPArguments(t *testing.T) {
	for args, filter := range map[string]string{
		"_stream_fields=service.name":                        `_stream:{service.name="web"} node.role:=dev`,
		"_stream_fields=http.status_code":                    `_stream:{http.status_code="500"} service.name:=web`,
		"_msg_field=nothing,list":                            `_msg:="[1,\"a\\\"b\"]"`,
		"extra_fields=service.name=mine,tenant=T":            `{service.name="mine",tenant="T"} service.name:=mine _msg:failed`,
		"ignore_fields=http.*,ok":                            `http.status_code:="" ok:="" _msg:failed`,
		"_stream_fields=service.name&extra_fields=tenant=T":  `_stream:{tenant="T",service.name="web"} _msg:failed`,
		"_stream_fields=service.name,node.role&extra_fields": `_stream:{node.role="dev",service.name="web"} _msg:failed`,
	} {
		s := open(t, Options{})
		w := post(t, s, "/insert/opentelemetry/v1/logs?"+args, "application/json", otlpExample)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		require.NotEmpty(t, query(t, s, "query", url.Values{"query": {filter}}), args)
	}
}

func TestSeverityNames(t *testing.T) {
	for n := int32(-1); n <= 25; n++ {
		want := "Unspecified"
		if n >= 1 && n <= 24 {
			want = plog.SeverityNumber(n).String()
		}
		require.Equal(t, want, severityName(n))
	}
}

func TestPartialSuccess(t *testing.T) {
	s := open(t, Options{})
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().SetTimestamp(1)
	records.AppendEmpty().SetTimestamp(1 << 63)
	records.AppendEmpty().Body().SetStr(strings.Repeat("x", 300<<10))
	records.AppendEmpty().Body().SetStr("good")
	body, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	require.NoError(t, err)
	w := post(t, s, "/insert/opentelemetry/v1/logs", "application/x-protobuf", string(body))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/x-protobuf", w.Header().Get("Content-Type"))
	response := plogotlp.NewExportResponse()
	require.NoError(t, response.UnmarshalProto(w.Body.Bytes()))
	require.EqualValues(t, 3, response.PartialSuccess().RejectedLogRecords())
	require.Equal(t, "dropped: 1 too_old, 1 too_far_in_future, 1 too_long", response.PartialSuccess().ErrorMessage())
	st := s.Stats()
	require.EqualValues(t, 4, st.Received)
	require.EqualValues(t, 1, st.Stored)
}

func TestBadRequestsStoreNothing(t *testing.T) {
	s := open(t, Options{MaxBodyBytes: 64 << 10})
	good, err := plogotlp.NewExportRequestFromLogs(kofLogs(rng(), start, 20)).MarshalProto()
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		method, path, contentType, body string
		status                          int
		want                            string
	}{
		"not protobuf":     {"POST", "/insert/opentelemetry/v1/logs", "application/x-protobuf", "nonsense", 400, "decode OTLP"},
		"truncated":        {"POST", "/insert/opentelemetry/v1/logs", "application/x-protobuf", string(good[:len(good)-3]), 400, "decode OTLP"},
		"rows before fail": {"POST", "/insert/opentelemetry/v1/logs", "application/x-protobuf", string(good) + "\x0a\x05", 400, "decode OTLP"},
		"not JSON":         {"POST", "/insert/opentelemetry/v1/logs", "application/json", "{", 400, "decode OTLP JSON"},
		"deep JSON":        {"POST", "/insert/opentelemetry/v1/logs", "application/json", strings.Repeat("[", 10_000), 400, "nested deeper"},
		"content type":     {"POST", "/insert/opentelemetry/v1/logs", "text/plain", "", 415, "text/plain"},
		"method":           {"GET", "/insert/opentelemetry/v1/logs", "", "", 405, "use POST"},
		"too large":        {"POST", "/insert/opentelemetry/v1/logs", "", strings.Repeat("x", 65<<10), 413, "larger than"},
		"extra field":      {"POST", "/insert/opentelemetry/v1/logs?extra_fields=x", "", "", 400, "not name=value"},
		"lines' method":    {"GET", "/insert/jsonline", "", "", 405, "use POST"},
		"no line readable": {"POST", "/insert/jsonline", "", "{\n[]\n", 400, "line 1:"},
		"lines too large":  {"POST", "/insert/jsonline", "", strings.Repeat("x", 65<<10), 413, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
			r.Header.Set("Content-Type", tc.contentType)
			w := httptest.NewRecorder()
			s.InsertHandler().ServeHTTP(w, r)
			require.Equal(t, tc.status, w.Code, w.Body.String())
			message := w.Body.String()
			switch w.Header().Get("Content-Type") {
			case "application/x-protobuf":
				var st status.Status
				require.NoError(t, proto.Unmarshal(w.Body.Bytes(), &st))
				message = st.GetMessage()
			case "application/json":
				require.True(t, json.Valid(w.Body.Bytes()))
			}
			require.Contains(t, message, tc.want)
		})
	}
	require.Zero(t, s.Stats().Stored)
	require.EqualValues(t, 2, s.Stats().Received, "only lines of a readable request count")
}

// The OpenTelemetry SDK's own exporter delivers, and is told of drops.
func TestOpenTelemetrySDK(t *testing.T) {
	s := open(t, Options{})
	server := httptest.NewServer(s.InsertHandler())
	defer server.Close()
	for _, compression := range []otlploghttp.Compression{otlploghttp.NoCompression, otlploghttp.GzipCompression} {
		exporter, err := otlploghttp.New(t.Context(), otlploghttp.WithEndpointURL(server.URL+"/insert/opentelemetry/v1/logs"),
			otlploghttp.WithHeaders(map[string]string{"VL-Extra-Fields": "tenant=T"}), otlploghttp.WithCompression(compression))
		require.NoError(t, err)
		provider := sdklog.NewLoggerProvider(
			sdklog.WithResource(resource.NewSchemaless(attribute.String("service.name", "sdk"))),
			sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))
		logger := provider.Logger("test")
		for i := range 10 {
			var record log.Record
			record.SetTimestamp(start.Add(-time.Duration(i) * time.Second))
			record.SetSeverity(log.SeverityWarn)
			record.SetSeverityText("WARN")
			record.SetBody(attribute.StringValue(fmt.Sprintf("message %d", i)))
			record.AddAttributes(attribute.Int("number", i))
			logger.Emit(context.Background(), record)
		}
		require.NoError(t, provider.Shutdown(t.Context()))
	}
	require.EqualValues(t, 20, s.Stats().Stored)
	require.JSONEq(t, `{"n":"20"}`, query(t, s, "query", url.Values{"query": {
		`{service.name="sdk",tenant="T"} severity_text:=WARN severity:=WARN "message" number:range[0,9] | stats count() n`}}))
}
