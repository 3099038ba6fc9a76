package cmd_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAuditRouting is scenario 43: audit records go to the audit store, all
// others to that of logs, whoever made them.
func TestAuditRouting(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "minimal", "--speed", "10x")
	client, base, user := l.httpClient(), l.url("region-1", "vmauth"), l.user(admin, "region-1")
	count := func(prefix, expr string) string {
		return l.logsAtRegion(client, base, prefix, &user, expr+" | stats count() n")[0]["n"]
	}

	receiver := l.url("child-1", "otlp-http") + "/v1/logs"
	trace, _ := newTraceID()
	l.post(receiver, protobuf, l.logRecord(l.now(), "audited", trace, "log_type", "k8s_audit"))
	l.post(receiver, protobuf, l.logRecord(l.now(), "not audited", trace))
	l.post(receiver, protobuf, l.logRecord(l.now(), "otherwise typed", trace, "log_type", "journald"))
	l.flush()
	for _, c := range []struct{ message, logs, audit string }{
		{"audited", "0", "1"}, {"not audited", "1", "0"}, {"otherwise typed", "1", "0"},
	} {
		assert.Equal(t, c.logs, count("/vls", fmt.Sprintf("_msg:=%q", c.message)), "%s in the store of logs", c.message)
		assert.Equal(t, c.audit, count("/vlas", fmt.Sprintf("_msg:=%q", c.message)), "%s in the store of audit logs", c.message)
	}

	const audit = `log_type:="k8s_audit" k8s.cluster.name:="child-1"`
	l.eventually(30*time.Second, "the API server's generated audit log arrives", func() error {
		if count("/vlas", audit+` "audit.k8s.io/v1"`) == "0" {
			return errors.New("none yet")
		}
		return nil
	})
	assert.Equal(t, "0", count("/vls", `log_type:="k8s_audit"`))
	assert.Equal(t, "0", count("/vlas", `-log_type:="k8s_audit"`))
	assert.NotEqual(t, "0", count("/vls", `-log_type:="k8s_audit" k8s.cluster.name:="child-1"`))
	assert.Empty(t, l.logs(`log_type:="k8s_audit"`), "management reads the store of logs")
}

// TestTraceCorrelation is scenario 51: a trace that a child received is found
// from management by its ID, and so are the logs that bear it.
func TestTraceCorrelation(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "two-regions", "--speed", "10x")
	find := func(id string) (jaegerTraces, error) {
		var found jaegerTraces
		out, errOut, code := l.run("query", "--traces", id, "-o", "json")
		if code != 0 {
			return found, errors.New(errOut)
		}
		require.NoError(t, json.Unmarshal([]byte(out), &found))
		require.Len(t, found.Data, 1)
		require.Equal(t, id, found.Data[0].TraceID)
		return found, nil
	}

	t.Run("sent", func(t *testing.T) {
		trace, id := newTraceID()
		_, err := find(id)
		require.ErrorContains(t, err, "no region has a trace "+id)
		at := l.now()
		l.post(l.url("child-3", "otlp-http")+"/v1/traces", protobuf, l.traceOf(at, trace))
		l.post(l.url("child-3", "otlp-http")+"/v1/logs", protobuf, l.logRecord(at, "correlated", trace))
		l.flush()

		var found jaegerTraces
		l.eventually(10*time.Second, "the trace arrives", func() (err error) {
			found, err = find(id)
			return err
		})
		require.Len(t, found.Data[0].Spans, 2)
		require.Equal(t, []string{"probe", "probed"}, found.services())
		for _, s := range found.Data[0].Spans {
			require.InDelta(t, at.UnixMicro(), s.StartTime, 1001)
		}
		logs := l.logs(fmt.Sprintf("trace_id:=%q", id))
		require.Len(t, logs, 1)
		require.Equal(t, "correlated", logs[0]["_msg"])
		require.Equal(t, "child-3", logs[0]["k8s.cluster.name"])
		require.Equal(t, at.UTC().Format(time.RFC3339Nano), logs[0]["_time"])

		_, errOut, code := l.run("query", "--traces", id, "--region", "region-1")
		require.Equal(t, 1, code, "the other region has none of it")
		require.Contains(t, errOut, "no region has a trace "+id)
		require.Contains(t, l.output("query", "--traces", id, "--region", "region-2"), "probed: call probed")
	})

	t.Run("generated", func(t *testing.T) {
		for _, cluster := range []string{"child-1", "child-3"} {
			var record map[string]string
			l.eventually(30*time.Second, cluster+" logs a request", func() error {
				found := l.logs(fmt.Sprintf(`k8s.cluster.name:=%q trace_id:* span_id:* | limit 1`, cluster))
				if len(found) == 0 {
					return errors.New("none yet")
				}
				record = found[0]
				return nil
			})
			// A record is written while its request is on the way, the trace when it ended.
			var found jaegerTraces
			l.eventually(30*time.Second, "the request's trace arrives", func() (err error) {
				found, err = find(record["trace_id"])
				return err
			})
			var ids []string
			for _, s := range found.Data[0].Spans {
				ids = append(ids, s.SpanID)
			}
			assert.Contains(t, ids, record["span_id"])
			assert.Contains(t, found.services(), record["service.name"])
			var labels []string
			for _, w := range l.inventory(cluster).Workloads {
				labels = append(labels, w.Label)
			}
			assert.Subset(t, labels, found.services(), "services bear the label app.kubernetes.io/name")
		}
	})
}
