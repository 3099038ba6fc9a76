package metrics

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/bytesutil"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/prompb"
	"github.com/golang/snappy"
)

// insertPrefix is where KOF's vminsert takes metrics; AccountID is always 0 (kof-facts 2.2).
const insertPrefix = "/insert/0/prometheus"

// Limits of a request's body, as vminsert's -maxInsertRequestSize.
const (
	maxBodyBytes    = 32 << 20
	maxDecodedBytes = 64 << 20
)

// InsertHandler serves vminsert's paths for remote write (v1 and v2) and for
// Prometheus text. Arguments extra_label=name=value force labels on all series.
func (s *Store) InsertHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+insertPrefix+"/api/v1/write", s.serveInsert(s.remoteWrite))
	mux.HandleFunc("POST "+insertPrefix+"/api/v1/import/prometheus", s.serveInsert(s.importText))
	return mux
}

// refusal is an error with the status it is answered with.
type refusal struct {
	status int
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Errorf(format, args...)}
}

// serveInsert keeps the store open while insert runs and answers its errors.
func (s *Store) serveInsert(insert func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := s.gate.enter()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer s.gate.leave()
		if err = insert(w, r); err == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		status := http.StatusBadRequest
		var refused *refusal
		if errors.As(err, &refused) {
			status = refused.status
			s.counters.refuse()
		}
		if r.Context().Err() == nil {
			http.Error(w, err.Error(), status)
		}
	}
}

// protocol of a remote write request.
type protocol int

const (
	protocolV1 protocol = iota
	protocolV2
)

// negotiate reads the headers of a remote write request as both versions of
// the specification want them: the message is named by the parameter "proto"
// of the content type, v1 when absent.
func negotiate(h http.Header) (protocol, error) {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "snappy") {
		return 0, refuse(http.StatusUnsupportedMediaType, "content encoding %q: only snappy is supported", e)
	}
	ct := h.Get("Content-Type")
	if ct == "" {
		return protocolV1, nil
	}
	media, params, err := mime.ParseMediaType(ct)
	if err != nil || media != "application/x-protobuf" {
		return 0, refuse(http.StatusUnsupportedMediaType, "content type %q: want application/x-protobuf", ct)
	}
	switch proto := params["proto"]; proto {
	case "", "prometheus.WriteRequest":
		return protocolV1, nil
	case "io.prometheus.write.v2.Request":
		return protocolV2, nil
	default:
		return 0, refuse(http.StatusUnsupportedMediaType, "protobuf message %q: want prometheus.WriteRequest or io.prometheus.write.v2.Request", proto)
	}
}

// remoteWrite stores a request. What the protocol forbids is answered 400
// after the rest was stored. Samples beyond the storage's limits (NaN, out of
// retention, too many labels) are answered 400 to v2 senders, whom the
// response headers tell what was written; v1 senders get 204, as from
// VictoriaMetrics: they could only take 400 for the loss of everything.
func (s *Store) remoteWrite(w http.ResponseWriter, r *http.Request) error {
	version, err := negotiate(r.Header)
	if err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	defer putBody(body)
	decoded, err := unsnappy(body.Bytes())
	if err != nil {
		return err
	}
	defer putBody(decoded)
	decode := (*delivery).decodeV1
	if version == protocolV2 {
		decode = (*delivery).decodeV2
	}
	return s.insert(r, func(d *delivery) error { return decode(d, decoded.Bytes()) }, func(d *delivery) error {
		if version == protocolV1 {
			return d.invalid.err()
		}
		h := w.Header()
		h.Set("X-Prometheus-Remote-Write-Samples-Written", strconv.FormatInt(d.samples, 10))
		h.Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.FormatInt(d.histograms, 10))
		h.Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.FormatInt(d.exemplars, 10))
		return errors.Join(d.invalid.err(), d.unstored.err())
	})
}

// importText stores a text exposition, gzip-compressed or not. The argument
// timestamp (Unix milliseconds) is for lines that have none; now by default.
func (s *Store) importText(w http.ResponseWriter, r *http.Request) error {
	t := s.now()
	if arg := r.URL.Query().Get("timestamp"); arg != "" {
		var err error
		if t, err = strconv.ParseInt(arg, 10, 64); err != nil {
			return refuse(http.StatusBadRequest, "argument timestamp=%q: want Unix milliseconds", arg)
		}
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	defer putBody(body)
	text := body
	switch e := r.Header.Get("Content-Encoding"); e {
	case "", "identity":
	case "gzip":
		if text, err = gunzip(body); err != nil {
			return err
		}
		defer putBody(text)
	default:
		return refuse(http.StatusUnsupportedMediaType, "content encoding %q: only gzip is supported", e)
	}
	return s.insert(r, func(d *delivery) error { return d.decodeText(bytesutil.ToUnsafeString(text.Bytes()), t) }, func(d *delivery) error {
		return errors.Join(d.invalid.err(), d.unstored.err())
	})
}

// insert decodes and stores one request; answer says what the sender is told.
func (s *Store) insert(r *http.Request, decode, answer func(*delivery) error) error {
	extra, err := extraLabels(r.URL.Query()["extra_label"])
	if err != nil {
		return err
	}
	select {
	case s.writers <- struct{}{}:
		defer func() { <-s.writers }()
	case <-r.Context().Done():
		return refuse(http.StatusServiceUnavailable, "%w", r.Context().Err())
	case <-s.ctx.Done():
		return refuse(http.StatusServiceUnavailable, "%w", ErrClosed)
	}
	if err := s.writable(); err != nil {
		return err
	}
	d := s.newDelivery(extra)
	defer d.release()
	switch err := decode(d); {
	case errors.Is(err, errTooMuch):
		return refuse(http.StatusRequestEntityTooLarge, "%w", err)
	case err != nil:
		return refuse(http.StatusBadRequest, "cannot read the request: %w", err)
	}
	d.commit()
	return answer(d)
}

// extraLabels parses arguments of the form name=value.
func extraLabels(args []string) ([]prompb.Label, error) {
	var ls []prompb.Label
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, refuse(http.StatusBadRequest, "argument extra_label=%q: want name=value", arg)
		}
		ls = append(ls, prompb.Label{Name: name, Value: value})
	}
	return ls, nil
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooledBytes keeps a rare huge body from pinning its memory.
const maxPooledBytes = 4 << 20

func putBody(b *bytes.Buffer) {
	if b.Cap() <= maxPooledBytes {
		bodies.Put(b)
	}
}

// readBody reads a body of at most maxBodyBytes within the request's deadline.
func readBody(w http.ResponseWriter, r *http.Request) (*bytes.Buffer, error) {
	if deadline, ok := r.Context().Deadline(); ok {
		// Not every ResponseWriter can: then the server's own timeout holds.
		_ = http.NewResponseController(w).SetReadDeadline(deadline)
	}
	buf := bodies.Get().(*bytes.Buffer)
	buf.Reset()
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err == nil {
		return buf, nil
	}
	putBody(buf)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d MiB", maxBodyBytes>>20)
	}
	return nil, refuse(http.StatusBadRequest, "cannot read the body: %w", err)
}

func unsnappy(src []byte) (*bytes.Buffer, error) {
	n, err := snappy.DecodedLen(src)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the body is not snappy-compressed (block format): %w", err)
	}
	if n > maxDecodedBytes {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body decompresses to more than %d MiB", maxDecodedBytes>>20)
	}
	buf := bodies.Get().(*bytes.Buffer)
	buf.Reset()
	buf.Grow(n)
	decoded, err := snappy.Decode(buf.AvailableBuffer()[:n], src)
	if err != nil {
		putBody(buf)
		return nil, refuse(http.StatusBadRequest, "the body is not snappy-compressed (block format): %w", err)
	}
	buf.Write(decoded)
	return buf, nil
}

func gunzip(src io.Reader) (*bytes.Buffer, error) {
	z, err := gzip.NewReader(src)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the body is not gzip-compressed: %w", err)
	}
	buf := bodies.Get().(*bytes.Buffer)
	buf.Reset()
	n, err := buf.ReadFrom(io.LimitReader(z, maxDecodedBytes+1))
	switch {
	case err != nil:
		err = refuse(http.StatusBadRequest, "the body is not gzip-compressed: %w", err)
	case n > maxDecodedBytes:
		err = refuse(http.StatusRequestEntityTooLarge, "the body decompresses to more than %d MiB", maxDecodedBytes>>20)
	default:
		return buf, nil
	}
	putBody(buf)
	return nil, err
}
