package logstore

import (
	"strings"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// Batch collects the rows of one request, so that a request is stored as a
// whole or, when it turns out malformed, not at all. It belongs to one
// goroutine.
type Batch struct {
	opts           *Options
	oldest, newest int64
	ignore         []string // field names to leave out, or prefixes ending in '*'
	fixed          int      // number of fields at the head of each row that others can't override
	defaultMessage string

	chunks  []*logstorage.LogRows
	layout  layout
	rows    int64
	dropped map[Reason]int64
}

// layout is what follows from a row's field names. Rows of a request mostly
// have the names of the row before, so it is worked out once for many rows.
type layout struct {
	names      []string
	streamLen  int
	blank      []int // fields to leave out
	nameTooBig bool
}

// NewBatch returns an empty batch. Rows without a message get defaultMessage,
// unless that is empty. The first fixed fields of each row win over later ones
// of the same name, as do all fields over later ones.
func (s *Store) NewBatch(args InsertArgs, defaultMessage string) *Batch {
	return &Batch{
		opts:           &s.opts,
		oldest:         s.oldest(),
		newest:         s.newest(),
		ignore:         args.IgnoreFields,
		fixed:          len(args.ExtraFields),
		defaultMessage: defaultMessage,
	}
}

// Add takes a copy of a row with its time in Unix nanoseconds. The first
// streamLen fields make up its stream. A row that can't be stored is counted
// by its reason instead, and Add returns false.
func (b *Batch) Add(ts int64, fields []logstorage.Field, streamLen int) bool {
	b.rows++
	if reason := b.check(ts, fields, streamLen); reason != "" {
		b.drop(reason)
		return false
	}
	b.append(logstorage.TenantID{}, ts, fields, streamLen)
	return true
}

// AddIndex takes a row of the store's own, kept apart from what queries see
// and counted nowhere.
func (b *Batch) AddIndex(ts int64, fields []logstorage.Field, streamLen int) {
	if ts >= b.oldest && ts <= b.newest {
		b.append(indexTenant, ts, fields, streamLen)
	}
}

// Reject counts a row that could not even be read.
func (b *Batch) Reject() {
	b.rows++
	b.drop(Malformed)
}

// Dropped returns how many rows were dropped so far, by reason.
func (b *Batch) Dropped() map[Reason]int64 { return b.dropped }

// Len returns the number of rows received so far, dropped ones included.
func (b *Batch) Len() int64 { return b.rows }

func (b *Batch) drop(r Reason) {
	if b.dropped == nil {
		b.dropped = make(map[Reason]int64)
	}
	b.dropped[r]++
}

// rowOverhead and fieldOverhead are what the library adds per row and field
// when it estimates a row's length.
const rowOverhead, fieldOverhead = 64, 6

func (b *Batch) check(ts int64, fields []logstorage.Field, streamLen int) Reason {
	switch {
	case ts < b.oldest:
		return TooOld
	case ts > b.newest:
		return TooNew
	case len(fields) > b.opts.MaxFieldsPerRow:
		return TooManyFields
	}
	size := rowOverhead
	same := len(fields) == len(b.layout.names) && streamLen == b.layout.streamLen
	for i := range fields {
		f := &fields[i]
		size += fieldOverhead + len(f.Name) + len(f.Value)
		if same && b.layout.names[i] != f.Name {
			same = false
		}
	}
	if size > b.opts.MaxRowBytes {
		return TooLong
	}
	if !same {
		b.learn(fields, streamLen)
	}
	if b.layout.nameTooBig {
		return LongName
	}
	for _, i := range b.layout.blank {
		fields[i].Value = "" // the library leaves empty fields out
	}
	return ""
}

// learn works out the layout of rows with the names of fields.
func (b *Batch) learn(fields []logstorage.Field, streamLen int) {
	l := &b.layout
	l.names, l.blank = l.names[:0], l.blank[:0]
	l.streamLen, l.nameTooBig = streamLen, false
	seen := make(map[string]struct{}, len(fields))
	for i := range fields {
		name := strings.Clone(fields[i].Name)
		l.names = append(l.names, name)
		if len(name) > maxNameLength {
			l.nameTooBig = true
		}
		_, twice := seen[name]
		if twice || reserved(name) || i >= b.fixed && b.ignored(name) {
			l.blank = append(l.blank, i)
			continue
		}
		seen[name] = struct{}{}
	}
}

// reserved reports whether the storage itself provides the field.
func reserved(name string) bool {
	return name == "_time" || name == "_stream" || name == "_stream_id"
}

func (b *Batch) ignored(name string) bool {
	for _, pattern := range b.ignore {
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(name, prefix) || name == pattern {
			return true
		}
	}
	return false
}

func (b *Batch) append(tenant logstorage.TenantID, ts int64, fields []logstorage.Field, streamLen int) {
	if n := len(b.chunks); n == 0 || b.chunks[n-1].NeedFlush() {
		b.chunks = append(b.chunks, logstorage.GetLogRows(nil, nil, nil, nil, b.defaultMessage))
	}
	b.chunks[len(b.chunks)-1].MustAdd(tenant, ts, fields, streamPrefix(fields, streamLen))
}

// maxStreamBytes bounds what identifies a stream: the storage's index has
// items of 64 KiB at most and drops larger ones.
const maxStreamBytes = 32 << 10

// streamPrefix returns how many of the first n fields can make up the stream.
func streamPrefix(fields []logstorage.Field, n int) int {
	size := 0
	for i := range n {
		size += len(fields[i].Name) + len(fields[i].Value) + 8
		if size > maxStreamBytes {
			return i
		}
	}
	return n
}

// release gives the memory of the rows back. The batch is empty afterwards.
func (b *Batch) release() {
	for _, chunk := range b.chunks {
		logstorage.PutLogRows(chunk)
	}
	b.chunks = nil
}
