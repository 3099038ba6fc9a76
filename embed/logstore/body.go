package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// HTTPError is an error with the status it is answered with.
type HTTPError struct {
	Status int
	Err    error
}

// Errorf returns an HTTPError.
func Errorf(status int, format string, args ...any) error {
	return &HTTPError{Status: status, Err: fmt.Errorf(format, args...)}
}

func (e *HTTPError) Error() string { return e.Err.Error() }

func (e *HTTPError) Unwrap() error { return e.Err }

// StatusOf returns the status an error is answered with: its own if it is an
// HTTPError, 503 for a closed store, 400 otherwise.
func StatusOf(err error) int {
	var e *HTTPError
	switch {
	case errors.As(err, &e):
		return e.Status
	case errors.Is(err, ErrClosed):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// Fail answers a request with the error as text.
func Fail(w http.ResponseWriter, err error) {
	status := StatusOf(err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, err.Error(), status)
}

var (
	bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	gzips  = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

// maxPooledBody keeps rare large bodies from staying in memory.
const maxPooledBody = 4 << 20

// withBody reads the request's body, decompressed and within the limits, and
// calls use with it. The bytes are reused after use returns.
func (s *Store) withBody(w http.ResponseWriter, r *http.Request, use func([]byte) error) error {
	buf := bodies.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= maxPooledBody {
			buf.Reset()
			bodies.Put(buf)
		}
	}()
	body := http.MaxBytesReader(w, r.Body, s.opts.MaxBodyBytes)
	reader, done, err := decompress(body, r.Header.Get("Content-Encoding"), s.opts.MaxDecodedBytes)
	if err != nil {
		return s.bodyError(err)
	}
	defer done()
	n, err := buf.ReadFrom(io.LimitReader(reader, s.opts.MaxDecodedBytes+1))
	if err != nil {
		return s.bodyError(err)
	}
	if n > s.opts.MaxDecodedBytes {
		return Errorf(http.StatusRequestEntityTooLarge, "the decompressed body is larger than %d bytes", s.opts.MaxDecodedBytes)
	}
	return use(buf.Bytes())
}

func (s *Store) bodyError(err error) error {
	var large *http.MaxBytesError
	var own *HTTPError
	switch {
	case errors.As(err, &own):
		return err
	case errors.As(err, &large):
		return Errorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", s.opts.MaxBodyBytes)
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return Errorf(http.StatusRequestEntityTooLarge, "the decompressed body is larger than %d bytes", s.opts.MaxDecodedBytes)
	}
	return Errorf(http.StatusBadRequest, "read body: %w", err)
}

func decompress(r io.Reader, encoding string, limit int64) (io.Reader, func(), error) {
	switch strings.ToLower(encoding) {
	case "", "identity":
		return r, func() {}, nil
	case "gzip":
		z := gzips.Get().(*gzip.Reader)
		if err := z.Reset(r); err != nil {
			gzips.Put(z)
			return nil, nil, err
		}
		return z, func() { gzips.Put(z) }, nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit)+1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return nil, nil, Errorf(http.StatusUnsupportedMediaType, "unknown Content-Encoding %q: use gzip, zstd or none", encoding)
}
