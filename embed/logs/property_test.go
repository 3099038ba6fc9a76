package logs

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"pgregory.net/rapid"

	"koflab/embed/logstore"
	"koflab/sim/clock"
)

func rng() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// Whatever is sent, in whatever batches, over whatever restarts: all of it is
// stored or counted as dropped for the right reason, and found.
func TestEveryRowIsStoredOrCounted(t *testing.T) {
	o := Options{Dir: t.TempDir(), Clock: clock.NewVirtual(start), Retention: 48 * time.Hour, MaxFieldsPerRow: 30, MaxRowBytes: 4000}
	s := open(t, o)
	var received, stored int64 // since the start, and of all starts
	dropped := make(map[logstore.Reason]int64)
	rapid.Check(t, func(rt *rapid.T) {
		if rapid.IntRange(0, 19).Draw(rt, "restart") == 0 {
			require.NoError(rt, s.Close())
			s = open(t, o)
			received, dropped = 0, make(map[logstore.Reason]int64)
		}
		batch := plog.NewLogs()
		for resource := range rapid.IntRange(0, 3).Draw(rt, "resources") {
			rl := batch.ResourceLogs().AppendEmpty()
			rl.Resource().Attributes().PutInt("resource", int64(resource))
			records := rl.ScopeLogs().AppendEmpty().LogRecords()
			for range rapid.IntRange(0, 30).Draw(rt, "records") {
				rec := records.AppendEmpty()
				age := time.Duration(rapid.IntRange(-72, 72).Draw(rt, "age")) * time.Hour
				rec.SetTimestamp(pcommon.NewTimestampFromTime(start.Add(-age)))
				rec.Body().SetStr(rapid.StringN(0, 20, -1).Draw(rt, "body"))
				attributes := rapid.IntRange(0, 40).Draw(rt, "attributes")
				for i := range attributes {
					rec.Attributes().PutStr(fmt.Sprint("a", i), "x")
				}
				received++
				switch {
				case age > 48*time.Hour:
					dropped[logstore.TooOld]++
				case age < -48*time.Hour:
					dropped[logstore.TooNew]++
				case 1+2+recordFields+1+attributes > 30: // resource, scope, own, body
					dropped[logstore.TooManyFields]++
				default:
					stored++
				}
			}
		}
		body, err := plogotlp.NewExportRequestFromLogs(batch).MarshalProto()
		require.NoError(rt, err)
		w := post(t, s, "/insert/opentelemetry/v1/logs", "application/x-protobuf", string(body))
		require.Equal(rt, http.StatusOK, w.Code, w.Body.String())
		st := s.Stats()
		require.Equal(rt, received, st.Received)
		require.Equal(rt, dropped, st.Dropped)
		require.Equal(rt, stored, st.Rows)
		require.JSONEq(rt, fmt.Sprintf(`{"n":"%d"}`, stored), query(t, s, "query", url.Values{"query": {"* | stats count() n"}}))
	})
}

// A row's fields come back as they were sent.
func TestJSONLinesRoundTrip(t *testing.T) {
	s := open(t, Options{})
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		row := rapid.MapOfN(rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9._/-]{0,20}`), rapid.String(), 1, 10).Draw(rt, "row")
		for name, value := range row {
			if value == "" {
				delete(row, name) // no value is no field
			}
		}
		row["n"] = fmt.Sprint(n)
		row["_msg"] = "m"
		line, err := json.Marshal(row)
		require.NoError(rt, err)
		w := post(t, s, "/insert/jsonline", "application/json", string(line)+"\n")
		require.Equal(rt, http.StatusOK, w.Code, w.Body.String())
		got := make(map[string]string)
		answer := query(t, s, "query", url.Values{"query": {fmt.Sprintf(`n:=%d`, n)}})
		require.NoError(rt, json.Unmarshal([]byte(answer), &got), answer)
		for name := range got {
			if strings.HasPrefix(name, "_stream") || name == "_time" {
				delete(got, name)
			}
		}
		require.Equal(rt, row, got)
	})
}
