package logs

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Two tenants send the same resource and even name the other's tenant
// themselves; the gateway's arguments decide, and nothing of one tenant shows
// in any answer to the other.
func TestTenantsSeeOnlyTheirOwn(t *testing.T) {
	s := open(t, Options{})
	for tenant, other := range map[string]string{"alpha": "beta", "beta": "alpha"} {
		for i := range 3 {
			body := fmt.Sprintf(`{"resourceLogs":[{"resource":{"attributes":[{"key":"app","value":{"stringValue":"shared"}},{"key":"tenant","value":{"stringValue":"%s"}}]},
			"scopeLogs":[{"logRecords":[{"timeUnixNano":"%d","body":{"stringValue":"secret-of-%s"},"attributes":[{"key":"only-%s","value":{"stringValue":"value-of-%s"}},{"key":"tenant","value":{"stringValue":"%s"}}]}]}]}]}`,
				other, start.Add(-time.Duration(i)*time.Minute).UnixNano(), tenant, tenant, tenant, other)
			w := post(t, s, "/insert/opentelemetry/v1/logs?extra_fields=tenant="+tenant, "application/json", body)
			require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		}
		w := post(t, s, "/insert/jsonline?_stream_fields=app&extra_fields=tenant="+tenant, "application/json",
			fmt.Sprintf(`{"app":"shared","tenant":%q,"_msg":"secret-of-%s"}`, other, tenant))
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	}
	all := query(t, s, "query", url.Values{"query": {"*"}})
	require.Equal(t, 4, strings.Count(all, "secret-of-alpha"))
	require.Equal(t, 4, strings.Count(all, "secret-of-beta"))

	queries := map[string][]string{
		"query": {
			"*", "tenant:beta", "tenant:=beta or tenant:=alpha", "_stream:{tenant=\"beta\"}", "* or !tenant:alpha",
			"app:in(tenant:=beta | fields app) | fields *", "* | union (tenant:=beta)", "* | join by (app) (tenant:=beta | rename _msg as other) prefix x",
			"options(ignore_global_time_filter=true) *", "* | facets", "* | field_names", "* | field_values tenant", "* | uniq by (tenant)",
			"* | stats by (tenant) values(_msg) m", "* | blocks_count", "* | block_stats", "_msg:in(tenant:=beta | fields _msg)",
		},
		"hits":                {"*", "tenant:=beta"},
		"facets":              {"*", "tenant:=beta"},
		"stats_query":         {"* | stats by (tenant, _msg) count() n", "* | union (tenant:=beta) | stats by (_msg) count() n"},
		"stats_query_range":   {"* | stats by (tenant, _msg) count() n"},
		"field_names":         {"*"},
		"field_values":        {"*", "tenant:=beta"},
		"streams":             {"*", "{tenant=\"beta\"}"},
		"stream_ids":          {"*"},
		"stream_field_names":  {"*"},
		"stream_field_values": {"*"},
	}
	var betaStreams []string
	for line := range strings.SplitSeq(query(t, s, "query", url.Values{"query": {"tenant:=beta | uniq by (_stream_id)"}}), "\n") {
		if _, id, ok := strings.Cut(line, `"_stream_id":"`); ok {
			betaStreams = append(betaStreams, id[:48])
		}
	}
	require.Len(t, betaStreams, 1, "the stream is the same as that of alpha but for the tenant")
	for path, list := range queries {
		for _, q := range list {
			for _, field := range []string{"tenant", "_msg", "only-beta"} {
				args := url.Values{"query": {q}, "field": {field}, "step": {"1m"}, "extra_filters": {`"tenant":="alpha"`}}
				code, body := ask(s, "/select/logsql/"+path+"?"+args.Encode())
				require.Equal(t, http.StatusOK, code, body)
				for _, leak := range append(betaStreams, "secret-of-beta", "value-of-beta", `only-beta":`, `"only-beta"`, `tenant":"beta`, `tenant=\"beta`, `"value":"beta`) {
					if path == "hits" && strings.Contains(leak, "only-beta") { // the name that was asked for
						continue
					}
					require.NotContains(t, body, leak, "%s %s %s", path, q, field)
				}
			}
		}
	}
	// stream_context would read around the filters.
	code, body := ask(s, "/select/logsql/query?"+url.Values{"query": {"* | stream_context before 10"}, "extra_filters": {`"tenant":="alpha"`}}.Encode())
	require.Equal(t, http.StatusBadRequest, code, body)
}
