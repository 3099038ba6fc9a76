package logstore

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// Select serves a query in a slot and within the time limit, which a smaller
// timeout argument lowers. fail answers errors.
func (s *Store) Select(serve func(context.Context, http.ResponseWriter, *http.Request) error, fail func(http.ResponseWriter, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := s.selectOne(w, r, serve); err != nil {
			fail(w, err)
		}
	}
}

func (s *Store) selectOne(w http.ResponseWriter, r *http.Request, serve func(context.Context, http.ResponseWriter, *http.Request) error) error {
	args, err := ParseForm(w, r)
	if err != nil {
		return err
	}
	limit, err := durationArg(args, "timeout", s.opts.MaxQueryDuration)
	if err != nil {
		return err
	}
	if limit <= 0 || limit > s.opts.MaxQueryDuration {
		limit = s.opts.MaxQueryDuration
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	release, err := s.queries.take(ctx)
	if err == nil {
		defer release()
		err = serve(ctx, w, r)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Errorf(http.StatusServiceUnavailable, "the query did not finish within %s; narrow its time range or filters", limit)
	}
	return err
}

// Tail runs serve in a slot for tails, without a time limit, until the client
// leaves or the store closes.
func (s *Store) Tail(w http.ResponseWriter, r *http.Request, serve func(context.Context) error) error {
	ctx, cancel := s.bind(r.Context())
	defer cancel()
	release, err := s.tails.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	return serve(ctx)
}

// Now returns the lab's time.
func (s *Store) Now() time.Time { return s.opts.Clock.Now() }

// Speed returns how many lab seconds pass per real second, at least 1.
func (s *Store) Speed() float64 { return max(s.opts.Clock.Speed(), 1) }

// rowsType is VictoriaLogs' content type for a row per line.
const rowsType = "application/stream+json"

// ServeRows answers /select/logsql/query: rows as JSON lines while they are
// found, the newest limit rows when a limit is given, in no particular order
// unless the query sorts them.
func (s *Store) ServeRows(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	q, err := s.ParseQuery(w, r)
	if err != nil {
		return err
	}
	limit, err := q.Int("limit")
	if err != nil {
		return err
	}
	offset, err := q.Int("offset")
	if err != nil {
		return err
	}
	if limit > 0 {
		if q.CanReturnLastNResults() {
			q.AddPipeSortByTimeDesc()
		}
		q.AddPipeOffsetLimit(uint64(offset), uint64(limit))
	}
	out := &rowWriter{w: w}
	ctx, out.stop = context.WithCancel(ctx)
	defer out.stop()
	err = s.Run(ctx, q.Query, out.write)
	return out.finish(err)
}

// rowWriter streams rows from concurrent workers. What is written before the
// first flush can still be replaced by an error.
type rowWriter struct {
	w    http.ResponseWriter
	stop context.CancelFunc

	mu      sync.Mutex
	buf     bytes.Buffer
	started bool
	err     error
}

// rowChunk is how many bytes are collected before they are sent.
const rowChunk = 64 << 10

func (o *rowWriter) write(_ uint, block *logstorage.DataBlock) {
	lines := AppendRows(nil, block)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return
	}
	o.buf.Write(lines)
	if o.buf.Len() >= rowChunk {
		o.send()
	}
}

func (o *rowWriter) send() {
	if !o.started {
		o.started = true
		o.w.Header().Set("Content-Type", rowsType)
	}
	if _, o.err = o.buf.WriteTo(o.w); o.err != nil {
		o.stop() // nobody listens
	}
}

// finish sends the rest. An answer that failed midway is broken off, so that
// the client can't take it for the whole.
func (o *rowWriter) finish(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil && o.err == nil {
		o.send()
	}
	if o.started && (err != nil || o.err != nil) {
		panic(http.ErrAbortHandler) // the server's way to break an answer off
	}
	return err
}

// AppendRows appends the rows of a block as JSON lines.
func AppendRows(dst []byte, block *logstorage.DataBlock) []byte {
	for row := range block.RowsCount() {
		dst = AppendRow(dst, block, row)
	}
	return dst
}

// AppendRow appends a row of a block as a JSON line without its empty fields;
// nothing when all are empty.
func AppendRow(dst []byte, block *logstorage.DataBlock, row int) []byte {
	fields := make([]logstorage.Field, 0, 64)
	for _, c := range block.Columns {
		value := c.Values[row]
		if value == "" {
			continue
		}
		if !utf8.ValidString(value) {
			value = strings.ToValidUTF8(value, "\uFFFD")
		}
		fields = append(fields, logstorage.Field{Name: c.Name, Value: value})
	}
	if len(fields) == 0 {
		return dst
	}
	return append(logstorage.MarshalFieldsToJSON(dst, fields), '\n')
}
