package vmselect

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaMetrics/app/vmstorage"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/prompb"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/storage"
	"github.com/stretchr/testify/require"

	"koflab/embed/engine"
)

func TestMain(m *testing.M) {
	flag.Parse() // before engine.Init, which would parse an empty command line
	if err := engine.Init(engine.Options{}); err != nil {
		panic(err)
	}
	m.Run()
}

// testLimits are the same for all tests: the process keeps the first ones.
var testLimits = Limits{MaxSeries: 1 << 20, MaxSamples: 1 << 20}

func TestTemporaryFilesLiveAsLongAsTheUsers(t *testing.T) {
	require.NoError(t, Acquire(testLimits))
	require.NoError(t, Acquire(testLimits))
	dir := process.dir
	require.DirExists(t, dir)
	require.NoError(t, Release())
	require.DirExists(t, dir, "another user is left")
	require.NoError(t, Release())
	require.NoDirExists(t, dir)

	require.NoError(t, Acquire(testLimits))
	require.DirExists(t, dir)
	require.NoError(t, Release())
	require.NoDirExists(t, dir)
}

// store opens a storage with one series per given size of a label value.
func store(t *testing.T, series, size int) *storage.Storage {
	t.Helper()
	require.NoError(t, Acquire(testLimits))
	s := storage.MustOpenStorage(t.TempDir(), storage.OpenOptions{})
	t.Cleanup(func() {
		s.MustClose()
		require.NoError(t, Release())
	})
	value := strings.Repeat("v", size)
	var rows []storage.MetricRow
	for i := range series {
		name := storage.MarshalMetricNameRaw(nil, []prompb.Label{{Name: "__name__", Value: "m"}, {Name: "a", Value: value}, {Name: "i", Value: fmt.Sprint(i)}})
		rows = append(rows, storage.MetricRow{MetricNameRaw: name, Timestamp: time.Now().Add(-time.Minute).UnixMilli(), Value: 1})
	}
	s.AddRows(rows, 64)
	s.DebugFlush()
	return s
}

func TestServe(t *testing.T) {
	s := store(t, 3, 1)
	w := httptest.NewRecorder()
	err := Serve(context.Background(), w, s, Request{Path: "/api/v1/query", Form: url.Values{"query": {"count(m)"}, "nocache": {"1"}}})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), `"3"]`)
	require.Nil(t, vmstorage.Storage, "no request, no storage")

	w = httptest.NewRecorder()
	require.NoError(t, Serve(context.Background(), w, s, Request{Path: "/nothing", Form: url.Values{}}))
	require.Equal(t, http.StatusNotFound, w.Code)
}

func TestAnswersAreBounded(t *testing.T) {
	s := store(t, 18_000, 4000)
	err := Serve(context.Background(), httptest.NewRecorder(), s, Request{Path: "/api/v1/export", Form: url.Values{"match[]": {"m"}}})
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	turn <- struct{}{}
	defer func() { <-turn }()
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := fmt.Errorf("gone")
	cancel(gone)
	require.ErrorIs(t, Serve(ctx, httptest.NewRecorder(), nil, Request{Path: "/api/v1/query"}), gone)
}

func TestServeUI(t *testing.T) {
	w := httptest.NewRecorder()
	ServeUI(w, httptest.NewRequest(http.MethodGet, "/select/0/vmui/", nil), "/vmui/")
	require.Equal(t, http.StatusOK, w.Code)
}
