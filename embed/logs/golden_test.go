package logs

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares an answer with testdata/name: JSON documents indented, JSON
// lines as they are.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if strings.HasSuffix(name, ".json") {
		var indented bytes.Buffer
		require.NoError(t, json.Indent(&indented, []byte(got), "", "  "), got)
		got = indented.String() + "\n"
	}
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// otlpExample is a request with all that OTLP logs can have.
const otlpExample = `{"resourceLogs":[
{"resource":{"attributes":[
  {"key":"service.name","value":{"stringValue":"web"}},
  {"key":"k8s.cluster.name","value":{"stringValue":"child-1"}},
  {"key":"process.pid","value":{"intValue":"42"}},
  {"key":"node","value":{"kvlistValue":{"values":[{"key":"role","value":{"stringValue":"dev"}},{"key":"load","value":{"doubleValue":0.55}}]}}}]},
 "scopeLogs":[
 {"scope":{"name":"app","version":"1.2","attributes":[{"key":"lib","value":{"stringValue":"zap"}}]},
  "logRecords":[
  {"timeUnixNano":"1772452740000000001","severityNumber":17,"severityText":"ERROR","body":{"stringValue":"failed"},
   "traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7",
   "attributes":[{"key":"http.status_code","value":{"intValue":"500"}},{"key":"ok","value":{"boolValue":false}},
    {"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"a\"b"}]}}},
    {"key":"raw","value":{"bytesValue":"Zm9v"}},
    {"key":"trace_id","value":{"stringValue":"not mine"}}]},
  {"timeUnixNano":"1772452740000000002","severityNumber":10,"body":{"kvlistValue":{"values":[{"key":"event","value":{"kvlistValue":{"values":[{"key":"reason","value":{"stringValue":"Started"}}]}}},{"key":"_msg","value":{"stringValue":"from a map"}}]}}},
  {"observedTimeUnixNano":"1772452740000000003","severityNumber":99,"eventName":"user.login","body":{"arrayValue":{"values":[{"stringValue":"a"},{"boolValue":true}]}}}]},
 {"scope":{},"logRecords":[{"timeUnixNano":"1772452740000000004","body":{"doubleValue":1.5}}]}]},
{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"no","value":{"stringValue":"time, body or resource"}}]}]}]}]}`

// seed fills a store with the example and some JSON lines.
func seed(t testing.TB) *Store {
	s := open(t, Options{})
	w := post(t, s, "/insert/opentelemetry/v1/logs", "application/json", otlpExample)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.JSONEq(t, `{"partialSuccess":{}}`, w.Body.String())
	w = post(t, s, "/insert/jsonline?_stream_fields=app&_time_field=ts&_msg_field=message,text", "application/stream+json", `
{"ts":"2026-03-02T11:00:00Z","app":"cart","message":"one","n":1,"nested":{"a":{"b":true}},"list":[1,2],"null":null}
{"ts":"1772449260","app":"cart","text":"two","n":20}
{"ts":1772449320000,"app":"web","message":"three","n":3}
`)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.Empty(t, w.Body.String())
	return s
}

func TestSelectAnswers(t *testing.T) {
	s := seed(t)
	for name, target := range map[string]string{
		"rows.jsonl":                 "query?query=* | sort by (_time)",
		"newest.jsonl":               "query?query=*&limit=2",
		"hits.json":                  "hits?query=*&step=30m",
		"hits-by-app.json":           "hits?query=_stream:{app!=\"\"}&step=1m&field=app&start=2026-03-02T11:00:00Z&end=2026-03-02T11:03:00Z",
		"hits-top.json":              "hits?query=*&step=1h&field=app&fields_limit=1&offset=15m",
		"hits-none.json":             "hits?query=nothing",
		"facets.json":                "facets?query=app:cart&limit=2",
		"stats.json":                 "stats_query?query=* | stats by (app) count() n, sum(n) total",
		"stats-histogram.json":       "stats_query?query=n:* | stats histogram(n) h",
		"stats-at.json":              "stats_query?query=_time:1h | stats count() n&time=2026-03-02T11:30:00Z",
		"stats-range.json":           "stats_query_range?query=* | stats by (app) count() n&step=1m&start=2026-03-02T11:00:00Z&end=2026-03-02T11:10:00Z",
		"field-names.json":           "field_names?query=app:cart",
		"field-values.json":          "field_values?query=*&field=app",
		"field-values-limit.json":    "field_values?query=app:cart&field=app&limit=1",
		"streams.json":               "streams?query=*",
		"stream-ids.json":            "stream_ids?query=app:cart",
		"stream-field-names.json":    "stream_field_names?query=*",
		"stream-field-values.json":   "stream_field_values?query=*&field=app",
		"stream-field-filtered.json": "stream_field_values?query=*&field=app&extra_stream_filters={app=\"web\"}",
	} {
		t.Run(name, func(t *testing.T) {
			path, args, _ := strings.Cut(target, "?")
			values := make(url.Values)
			for pair := range strings.SplitSeq(args, "&") {
				key, value, _ := strings.Cut(pair, "=")
				values.Add(key, value)
			}
			golden(t, name, query(t, s, path, values))
		})
	}
}

func TestSelectErrors(t *testing.T) {
	s := seed(t)
	for target, want := range map[string]string{
		"query?query=(":                 "query [(]",
		"query":                         "query []",
		"hits?query=*&step=0s":          "step must be more than zero",
		"hits?query=*&step=often":       "step:",
		"hits?query=*&fields_limit=few": "fields_limit:",
		"hits?query=*&step=1ns":         "step",
		"hits?query=*&step=1ms&start=2020-01-01T00:00:00Z&end=2026-03-02T12:00:00Z": "more than 1000000 points",
		"stats_query?query=*":                                  "stats",
		"stats_query_range?query=*|count()&step=-1m":           "step must be more than zero",
		"stats_query_range?query=*|delete _time|stats count()": "_time",
		"field_values?query=*":                                 "field: missing argument",
		"stream_field_values?query=*":                          "field: missing argument",
		"streams?query=*&limit=-1":                             "limit:",
		"facets?query=*&limit=x":                               "limit:",
		"tail?query=* | stats count()":                         "can't be tailed",
		"tail?query=* | fields _msg":                           "drops _time",
		"tail?query=*&refresh_interval=x":                      "refresh_interval:",
	} {
		t.Run(target, func(t *testing.T) {
			path, args, _ := strings.Cut(target, "?")
			code, body := ask(s, "/select/logsql/"+path+"?"+strings.ReplaceAll(args, " ", "+"))
			require.Equal(t, http.StatusBadRequest, code, body)
			require.Contains(t, body, want)
			if strings.HasPrefix(path, "stats") {
				require.Contains(t, body, `"status":"error"`)
			}
		})
	}
	code, _ := ask(s, "/select/logsql/nonsense?query=*")
	require.Equal(t, http.StatusNotFound, code)
}
