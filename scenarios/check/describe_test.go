package check

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuery(t *testing.T) {
	for _, c := range []struct {
		check Check
		want  string
	}{
		{Check{PromQL: "sum(\n  up\n)", Region: "region-1", Range: 10 * minute, At: Offset(-minute)}, "promql sum( up ) at region-1 over 10m offset -1m"},
		{Check{LogsQL: "* | count()", Audit: true, Region: "r"}, "logsql * | count() in the audit store at r"},
		{Check{Coverage: "up"}, "coverage up"},
		{Check{Trace: "a1"}, "trace a1"},
		{Check{Traces: &Traces{Service: "cart", Operation: "GET /", Tags: map[string]string{"b": "2", "a": "1"}}}, `traces service=cart operation=GET / a="1" b="2"`},
		{Check{Ledger: &Ledger{From: "a", Signal: "logs"}}, "ledger from=a signal=logs"},
		{Check{Ledger: &Ledger{}}, "ledger"},
		{Check{Objects: &Objects{Cluster: "c", Resource: "pods", Namespace: "shop", Selector: "a=b"}}, "objects pods of c namespace=shop selector=a=b"},
		{Check{HTTP: &HTTP{URL: "https://x/y", BasicAuth: &BasicAuth{Username: "u", Password: "secret"}}}, `http GET https://x/y as "u"`},
		{Check{HTTP: &HTTP{Path: "/y", Body: "b", As: "admin", From: "child-1"}}, "http POST /y of vmauth of management as admin from child-1"},
		{Check{HTTP: &HTTP{Path: "/y", Cluster: "r", Listener: "vmselect", As: "none"}}, "http GET /y of vmselect of r"},
		{Check{Events: &Events{Reason: "A", Object: "b", Level: "Error"}}, "events reason=A object=b level=Error"},
		{Check{Oracle: &Oracle{Clusters: []string{"a", "b"}}}, "oracle clusters=a,b"},
		{Check{Name: "named", PromQL: "up"}, "named"},
		{Check{}, ""},
	} {
		require.Equal(t, c.want, c.check.Title())
	}
}

func TestMode(t *testing.T) {
	for _, c := range []struct {
		check  Check
		mode   string
		length time.Duration
	}{
		{Check{}, "now", 0},
		{Check{Eventually: 2 * minute}, "eventually 2m", 2 * time.Minute},
		{Check{Always: minute}, "always 1m", time.Minute},
		{Check{Never: minute}, "never 1m", time.Minute},
	} {
		require.Equal(t, c.mode, c.check.Mode())
		_, length := c.check.Window()
		require.Equal(t, c.length, length)
	}
	require.Equal(t, 15*time.Second, Check{}.Interval())
	require.Equal(t, time.Minute, Check{Every: minute}.Interval())
}
