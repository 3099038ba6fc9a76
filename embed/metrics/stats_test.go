package metrics

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStatsFollowTheStorage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	require.Zero(t, s.Stats().Series)
	write(t, s, at(noon, 1, "__name__", "m", "a", "1"), at(noon, 1, "__name__", "m", "a", "2"))
	write(t, s, at(noon.Add(time.Second), 1, "__name__", "m", "a", "2"))
	st := s.Stats()
	require.EqualValues(t, 2, st.Series)
	require.EqualValues(t, 2, st.SeriesCreated)
	require.EqualValues(t, 3, st.Stored)
	require.EqualValues(t, 3, st.Rows)
	write(t, s, at(noon, 1, "__name__", "n"))
	require.EqualValues(t, 3, s.Stats().Series, "a new series is counted")
	require.NoError(t, s.Close())

	s = open(t, Options{Dir: dir})
	st = s.Stats()
	require.EqualValues(t, 3, st.Series)
	require.Zero(t, st.SeriesCreated)
	require.Zero(t, st.Stored, "counted since the store was opened")
	require.Positive(t, st.DiskBytes)
}

// The ledger shows reasons as an object, also when nothing was dropped.
func TestStatsAsJSON(t *testing.T) {
	s := open(t, Options{})
	data, err := json.Marshal(s.Stats())
	require.NoError(t, err)
	require.Contains(t, string(data), `"dropped":{}`)
}

func TestSnapshotIsACopy(t *testing.T) {
	s := open(t, Options{})
	post(s.InsertHandler(), importPath, []byte("m NaN"))
	first := s.Stats()
	post(s.InsertHandler(), importPath, []byte("m NaN"))
	require.EqualValues(t, 1, first.Dropped[ReasonNaN])
	require.EqualValues(t, 2, s.Stats().Dropped[ReasonNaN])
}
