package federation

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSuspend(t *testing.T) {
	l := outage(t, Ignore, nil, Options{})
	ask := func() int {
		return get(l.MetricsHandler(), "/api/v1/query", url.Values{"query": {"up"}, "time": {"20"}}).Code
	}
	require.Equal(t, http.StatusOK, ask())
	l.Suspend("management is away")
	r := get(l.MetricsHandler(), "/api/v1/query", url.Values{"query": {"up"}, "time": {"20"}})
	require.Equal(t, http.StatusServiceUnavailable, r.Code)
	require.JSONEq(t, `{"status":"error","errorType":"unavailable","error":"management is away"}`, r.Body.String())
	require.NotEqual(t, http.StatusOK, get(l.LogsHandler(), "/select/logsql/query", url.Values{"query": {"*"}}).Code)
	l.Resume()
	require.Equal(t, http.StatusOK, ask())
}
