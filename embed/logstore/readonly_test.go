package logstore

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadOnly(t *testing.T) {
	s := open(t, Options{})
	add(t, s, start, 3)
	s.SetReadOnly(true)
	err := s.Commit(s.NewBatch(InsertArgs{}, ""))
	require.ErrorContains(t, err, "read-only mode")
	require.Equal(t, http.StatusTooManyRequests, StatusOf(err))
	require.Equal(t, 3, count(t, s, "*"))
	s.SetReadOnly(false)
	add(t, s, start, 2)
	require.Equal(t, 5, count(t, s, "*"))
}
