package topology

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDurationText(t *testing.T) {
	f := func(text string, want time.Duration, canonical string) {
		t.Helper()
		var d Duration
		require.NoError(t, d.UnmarshalText([]byte(text)))
		require.Equal(t, want, time.Duration(d))
		require.Equal(t, canonical, d.String())
	}
	f("0", 0, "0s")
	f("15s", 15*time.Second, "15s")
	f("90s", 90*time.Second, "1m30s")
	f("1h30m", 90*time.Minute, "1h30m")
	f("24h", 24*time.Hour, "1d")
	f("1w", 7*24*time.Hour, "7d")
	f("30d", 30*24*time.Hour, "30d")
	f("2y", 2*365*24*time.Hour, "2y")
	f("250ms", 250*time.Millisecond, "250ms")
}

func TestDurationRefuses(t *testing.T) {
	for _, text := range []string{"", "1", "7", "1.5h", "-1d", "1 d", "1mo", "10000y", "\x00"} {
		var d Duration
		require.ErrorContains(t, d.UnmarshalText([]byte(text)), "is not a duration", text)
	}
}

func TestDurationInJSON(t *testing.T) {
	b, err := json.Marshal(Retention{Metrics: 30 * day})
	require.NoError(t, err)
	require.JSONEq(t, `{"metrics": "30d"}`, string(b))
	var r Retention
	require.NoError(t, json.Unmarshal([]byte(`{"logs": "7d"}`), &r))
	require.Equal(t, Retention{Logs: 7 * day}, r)
}
