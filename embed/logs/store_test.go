package logs

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

// start is the lab's time at the beginning of each test.
var start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Clock == nil {
		o.Clock = clock.NewVirtual(start)
	}
	s, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// post sends a body to the insert handler.
func post(t testing.TB, s *Store, target, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	s.InsertHandler().ServeHTTP(w, r)
	return w
}

// ask gets a path from the select handler.
func ask(s *Store, target string) (int, string) {
	w := httptest.NewRecorder()
	s.SelectHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	body, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(body)
}

// query asks a LogsQL path and returns the body of a 200.
func query(t testing.TB, s *Store, path string, args url.Values) string {
	t.Helper()
	code, body := ask(s, "/select/logsql/"+path+"?"+args.Encode())
	require.Equal(t, http.StatusOK, code, body)
	return body
}
