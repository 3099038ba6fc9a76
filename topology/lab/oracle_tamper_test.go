package lab

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"koflab/sim/ledger"
	"koflab/topology"
	"koflab/topology/lab/control"
)

// tampered is a region whose answers to reads are changed line by line: an empty
// line is one that is not there.
type tampered struct {
	running
	addresses map[string]string
}

func (t *tampered) Addresses() map[string]string { return t.addresses }

func tamper(t *testing.T, s *store, change func(line []byte) []byte) {
	t.Helper()
	behind := s.region
	x := &tampered{running: behind, addresses: maps.Clone(behind.Addresses())}
	for _, service := range []string{"vmselect", "vlselect", "vlselect-audit-logs", "vtselect"} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			req, err := http.NewRequest(r.Method, "http://"+behind.Addresses()[service]+r.URL.Path, r.Body)
			assert.NoError(t, err)
			req.Header = r.Header
			resp, err := http.DefaultClient.Do(req)
			if !assert.NoError(t, err) {
				return
			}
			defer resp.Body.Close()
			w.WriteHeader(resp.StatusCode)
			in := bufio.NewReader(resp.Body)
			for {
				line, err := in.ReadBytes('\n')
				if line = change(bytes.TrimSpace(line)); len(line) > 0 {
					_, _ = w.Write(append(line, '\n'))
				}
				if err == io.EOF {
					return
				}
			}
		}))
		t.Cleanup(proxy.Close)
		x.addresses[service] = strings.TrimPrefix(proxy.URL, "http://")
	}
	s.region = x
	t.Cleanup(func() { s.region = behind })
}

// startJudged starts a small lab with journals.
func startJudged(t *testing.T) *Lab {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	spec, err := topology.Preset("minimal")
	require.NoError(t, err)
	l, err := Start(t.Context(), Options{Spec: spec, Speed: 60, Journal: true}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// TestOracleNamesWhatIsWrong takes records out of a store's answers and changes
// others, one of each kind.
func TestOracleNamesWhatIsWrong(t *testing.T) {
	l := startJudged(t)
	untampered := l.store("region-1").region
	time.Sleep(2 * time.Second) // two minutes of the lab
	once := map[string]bool{}
	first := func(what string) bool {
		defer func() { once[what] = true }()
		return !once[what]
	}
	child := []byte(`"child-1"`)
	tamper(t, l.store("region-1"), func(line []byte) []byte {
		switch {
		case bytes.Contains(line, []byte(`"__name__":"kube_namespace_created"`)) && bytes.Contains(line, child) && first("series"):
			return nil
		case bytes.Contains(line, []byte(`"__name__":"kube_node_info"`)) && bytes.Contains(line, child) && first("value"):
			return bytes.Replace(line, []byte(`"values":[1`), []byte(`"values":[3`), 1)
		case bytes.Contains(line, []byte(`"k8s.cluster.name":`+string(child))) && bytes.Contains(line, []byte(`"severity":"INFO"`)):
			if first("line") {
				return nil
			}
			if first("severity") {
				return bytes.Replace(line, []byte(`"severity":"INFO"`), []byte(`"severity":"WARN"`), 1)
			}
			if first("twice") {
				return bytes.Join([][]byte{line, line}, []byte("\n"))
			}
		case bytes.Contains(line, []byte(`"end_time_unix_nano"`)):
			if first("span") {
				return nil
			}
			if first("duration") {
				return bytes.Replace(line, []byte(`"duration":"`), []byte(`"duration":"1`), 1)
			}
		}
		return line
	})
	v, err := l.Oracle(t.Context(), []string{"child-1"}, nil)
	require.NoError(t, err)
	require.False(t, v.OK())
	require.Len(t, v.Signals, 3)
	logs, metrics, traces := v.Signals[0], v.Signals[1], v.Signals[2]

	assert.Positive(t, metrics.Missing, "samples of the series that is not there")
	assert.EqualValues(t, 1, metrics.Altered)
	assert.Zero(t, metrics.Unexpected+metrics.Duplicated)
	assert.Equal(t, metrics.Expected-metrics.Missing, metrics.Stored)
	text := strings.Join(metrics.Examples, "\n")
	assert.Contains(t, text, `missing: kube_namespace_created{cluster="child-1", `)
	assert.Contains(t, text, `altered: kube_node_info{cluster="child-1", `)
	assert.Contains(t, text, " = 3, must be 1")

	require.Len(t, logs.Examples, 3, logs.Examples)
	assert.Equal(t, [4]int64{1, 0, 1, 1}, [4]int64{logs.Missing, logs.Unexpected, logs.Duplicated, logs.Altered}, logs.Examples)
	assert.Contains(t, logs.Examples[0], "(severity), must be ")
	assert.Contains(t, logs.Examples[1], "missing: ")
	assert.Contains(t, logs.Examples[2], ", 2 times")

	require.Len(t, traces.Examples, 2, traces.Examples)
	assert.Equal(t, [4]int64{1, 0, 0, 1}, [4]int64{traces.Missing, traces.Unexpected, traces.Duplicated, traces.Altered}, traces.Examples)
	assert.Contains(t, traces.Examples[0], "altered: trace ")
	assert.Contains(t, traces.Examples[0], "(duration), must be ")
	assert.Contains(t, traces.Examples[1], "missing: trace ")

	l.store("region-1").region = untampered
	requireLedgerHeld(t, l)
}

// requireLedgerHeld books a record that nobody sent.
func requireLedgerHeld(t *testing.T, l *Lab) {
	a := l.ledger.Account("child-1", "region-1", ledger.Logs)
	a.Offer(1)
	a.Acknowledge(1)
	v, err := l.Oracle(t.Context(), nil, []string{"logs"})
	require.NoError(t, err)
	require.False(t, v.OK())
	var wrong []control.OracleSignal
	for _, s := range v.Signals {
		if s.Mistakes() > 0 {
			wrong = append(wrong, s)
		}
	}
	require.Len(t, wrong, 1)
	require.Equal(t, "child-1", wrong[0].Cluster)
	require.EqualValues(t, 1, wrong[0].Missing)
	require.Contains(t, wrong[0].Examples[0], "ledger: ")
}

func TestOracleNeedsAJournal(t *testing.T) {
	_, err := (&Lab{}).Oracle(t.Context(), nil, nil)
	require.ErrorIs(t, err, control.ErrNoJournal)
}
