package logstore

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

func gzipped(t testing.TB, data []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, err := z.Write(data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return buf.Bytes()
}

func zstded(t testing.TB, data []byte) []byte {
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return z.EncodeAll(data, nil)
}

func TestBodies(t *testing.T) {
	s := open(t, Options{MaxBodyBytes: 1000, MaxDecodedBytes: 10_000})
	text := []byte(strings.Repeat("text ", 100))
	bomb := make([]byte, 100_000)
	for name, tc := range map[string]struct {
		encoding string
		body     []byte
		status   int
	}{
		"plain":          {"", text, 200},
		"identity":       {"identity", text, 200},
		"gzip":           {"gzip", gzipped(t, text), 200},
		"zstd":           {"zstd", zstded(t, text), 200},
		"unknown":        {"br", text, 415},
		"too large":      {"", make([]byte, 1001), 413},
		"gzip bomb":      {"gzip", gzipped(t, bomb), 413},
		"zstd bomb":      {"zstd", zstded(t, bomb), 413},
		"not gzip":       {"gzip", text, 400},
		"not zstd":       {"zstd", text, 400},
		"truncated gzip": {"gzip", gzipped(t, text)[:20], 400},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(tc.body))
			r.Header.Set("Content-Encoding", tc.encoding)
			var got []byte
			err := s.withBody(httptest.NewRecorder(), r, func(body []byte) error {
				got = bytes.Clone(body)
				return nil
			})
			if tc.status == 200 {
				require.NoError(t, err)
				require.Equal(t, text, got)
				return
			}
			require.Error(t, err)
			require.Equal(t, tc.status, StatusOf(err), err.Error())
			require.Nil(t, got)
		})
	}
}

func TestFail(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		status int
	}{
		"any error": {errors.New("wrong"), 400},
		"closed":    {ErrClosed, 503},
		"its own":   {Errorf(http.StatusTeapot, "tea: %w", io.EOF), 418},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Fail(w, tc.err)
			require.Equal(t, tc.status, w.Code)
			require.Contains(t, w.Body.String(), tc.err.Error())
		})
	}
}

func TestSlots(t *testing.T) {
	s := newSlots(1)
	release, err := s.take(t.Context())
	require.NoError(t, err)
	waited := make(chan error)
	go func() {
		release, err := s.take(t.Context())
		if err == nil {
			release()
		}
		waited <- err
	}()
	release()
	require.NoError(t, <-waited)
}

func TestParseInsertArgs(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/?extra_fields=tenant=T,a=b=c&extra_fields=d=e&_stream_fields=x,y&ignore_fields=i*", nil)
	r.Header.Set("VL-Msg-Field", "message,text")
	r.Header.Set("VL-Stream-Fields", "overridden")
	args, err := ParseInsertArgs(r)
	require.NoError(t, err)
	require.Equal(t, InsertArgs{
		ExtraFields:   fieldsOf("tenant", "T", "a", "b=c", "d", "e"),
		StreamFields:  []string{"x", "y"},
		MessageFields: []string{"message", "text"},
		IgnoreFields:  []string{"i*"},
	}, args)

	for _, bad := range []string{"tenant", "=T", "tenant="} {
		_, err := ParseInsertArgs(httptest.NewRequest(http.MethodPost, "/?extra_fields="+bad, nil))
		require.ErrorContains(t, err, "is not name=value", bad)
	}
}
