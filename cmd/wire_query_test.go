package cmd_test

import (
	"net/http"
	"net/url"
	"strings"
)

// badQueries goes to every read path, at management, through the gateway and
// past it.
func (w *wire) badQueries() {
	w.Helper()
	admin := w.testLab.user(admin, "region-1")
	w.user = &admin
	gateway := w.url("region-1", "vmauth")
	for _, base := range []string{w.url("mothership", "promxy"), w.url("region-1", "vmselect") + "/select/0/prometheus", gateway + "/vm/select/0/prometheus"} {
		w.badPromQL(base + "/api/v1")
	}
	for _, base := range []string{w.url("mothership", "logs-multilevel-select"), w.url("region-1", "vlselect"), w.url("region-1", "vlselect-audit-logs"), gateway + "/vls", gateway + "/vlas"} {
		w.badLogsQL(base + "/select/logsql")
	}
	for _, base := range []string{w.url("mothership", "multilevel-select"), w.url("region-1", "vtselect"), gateway + "/vts"} {
		w.badJaeger(base + "/select/jaeger/api")
	}
	w.badJaeger(w.url("region-1", "jaeger-query") + "/api")
}

// form is the body of a POST with pairs of arguments.
func form(pairs ...string) []byte {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return []byte(v.Encode())
}

func (w *wire) badPromQL(base string) {
	w.Helper()
	f := func(status int, message, path string, pairs ...string) {
		w.Helper()
		w.refused(status, message, hostile{url: base + path, contentType: "application/x-www-form-urlencoded", body: form(pairs...)})
	}
	f(400, "no expression found in input", "/query")
	f(400, "unclosed left parenthesis", "/query", "query", "sum(")
	f(400, "unexpected character", "/query", "query", "\xff\xfe\x00")
	f(400, "bytes, at most", "/query", "query", strings.Repeat("(", 100_000)+"1"+strings.Repeat(")", 100_000))
	f(400, "bytes, at most", "/query", "query", strings.Repeat("-", 500_000)+"1")
	f(400, "steps, at most", "/query", "query", "count_over_time(up[100y:1ms])")
	f(400, "duration out of range", "/query", "query", "up[10000000y]")
	f(400, "invalid repeat count", "/query", "query", `{a=~"(x{1000}){1000}"}`)
	f(422, "invalid regular expression in label_replace", "/query", "query", `label_replace(up, "a", "$1", "b", "((")`)
	f(400, `cannot parse \"yesterday\" to a valid timestamp`, "/query", "query", "up", "time", "yesterday")
	f(400, `invalid parameter \"timeout\"`, "/query", "query", "up", "timeout", "soon")
	f(400, `invalid parameter \"limit\"`, "/query", "query", "up", "limit", "-1")
	f(400, `invalid parameter \"semantics\"`, "/query", "query", "up", "semantics", "sql")
	f(413, "large", "/query", "query", strings.Repeat("x", 5<<20))
	f(400, `invalid parameter \"start\"`, "/query_range", "query", "up")
	f(400, `invalid parameter \"start\"`, "/query_range", "query", "up", "start", "NaN", "end", "Inf", "step", "1")
	f(400, "end timestamp must not be before start", "/query_range", "query", "up", "start", "5", "end", "1", "step", "1")
	f(400, "zero or negative query resolution step", "/query_range", "query", "up", "start", "1", "end", "5", "step", "0")
	f(400, "exceeded maximum resolution", "/query_range", "query", "up", "start", "1", "end", "1000000000", "step", "1")
	f(400, "no match[] parameter provided", "/series")
	f(400, "unexpected end of input inside braces", "/series", "match[]", "{")
	f(400, "unexpected end of input inside braces", "/labels", "match[]", "{")
	f(400, "parse error", "/format_query", "query", "(")
	f(404, "", "/nonsense")
	w.refused(400, "limit", hostile{method: http.MethodGet, url: base + "/metadata?limit=x"})
	w.refused(400, "invalid URL escape", hostile{url: base + "/query", contentType: "application/x-www-form-urlencoded", body: []byte("query=%gg")})
}

func (w *wire) badLogsQL(base string) {
	w.Helper()
	f := func(status int, message, path string, pairs ...string) {
		w.Helper()
		w.refused(status, message, hostile{url: base + path, contentType: "application/x-www-form-urlencoded", body: form(pairs...)})
	}
	f(400, "missing query", "/query")
	f(400, "put it into quotes", "/query", "query", "(")
	f(400, "unexpected pipe", "/query", "query", "* | nonsense(")
	f(400, "invalid regexp", "/query", "query", `~"("`)
	f(400, "missing delimiter", "/query", "query", `* | extract "<a><b>"`)
	f(400, `limit`, "/query", "query", "*", "limit", "-1")
	f(400, `start: "x" is not a time`, "/query", "query", "*", "start", "x")
	f(400, "timeout", "/query", "query", "*", "timeout", "x")
	f(400, "extra_filters", "/query", "query", "*", "extra_filters", "(")
	f(413, "large", "/query", "query", strings.Repeat("x", 5<<20))
	f(400, "step", "/hits", "query", "*", "step", "0s")
	f(400, "missing `| stats ...` pipe", "/stats_query", "query", "*")
	f(400, "step", "/stats_query_range", "query", "* | stats count()", "step", "x")
	f(400, "field: missing argument", "/field_values", "query", "*")
	f(400, "put it into quotes", "/field_names", "query", "(")
	f(400, "put it into quotes", "/streams", "query", "(")
	f(400, "can't be tailed", "/tail", "query", "* | stats count()")
	f(404, "", "/nonsense")
}

func (w *wire) badJaeger(base string) {
	w.Helper()
	f := func(status int, message, path string) {
		w.Helper()
		w.refused(status, message, hostile{method: http.MethodGet, url: base + path})
	}
	f(400, "parameter 'service' is required", "/traces")
	f(400, `limit`, "/traces?service=a&limit=x")
	f(400, `start`, "/traces?service=a&start=x")
	f(400, `minDuration: \"x\" is not a duration`, "/traces?service=a&minDuration=x")
	f(400, `tags`, "/traces?service=a&tags=%7B")
	f(400, `\"zzz\" is not a trace id`, "/traces/zzz")
	f(400, "is not a trace id", "/traces/"+strings.Repeat("a", 5000))
	f(404, "trace not found", "/traces/0af7651916cd43dd8448eb211c80319c")
	f(400, "parameter 'service' is required", "/operations")
	f(400, `endTs: \"x\" is not a number`, "/dependencies?endTs=x")
	f(404, "", "/nonsense")
	w.refused(431, "", hostile{method: http.MethodGet, url: base + "/traces?tags=" + strings.Repeat("x", 200_000)})
	w.refused(405, "", hostile{method: http.MethodDelete, url: base + "/services"})
}
