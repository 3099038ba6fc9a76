package metrics

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadOnly(t *testing.T) {
	s := open(t, Options{})
	importText(t, s, "a 1\n")
	s.SetReadOnly(true)
	w := post(s.InsertHandler(), importPath, []byte("b 1\n"))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), "the storage is read-only")
	require.True(t, s.Stats().ReadOnly)
	require.Len(t, instant(t, s, "a"), 1, "what is stored is answered")

	s.SetReadOnly(false)
	importText(t, s, "b 1\n")
	require.Len(t, instant(t, s, "b"), 1)
	require.False(t, s.Stats().ReadOnly)
	balanced(t, s)
}
