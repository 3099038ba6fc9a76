package logstore

import (
	"encoding/hex"
	"strconv"
	"unsafe"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// Kind is the type that an OTLP value had before it became a field's text.
type Kind byte

// The kinds of values, named by the letters of their first character.
const (
	String Kind = 's'
	Bool   Kind = 'b'
	Int    Kind = 'i'
	Float  Kind = 'f'
	Bytes  Kind = 'x' // base64
	List   Kind = 'l' // JSON
)

// Row builds the fields of one row from OTLP messages without copying their
// texts: it is valid as long as the request's body is.
type Row struct {
	Fields []logstorage.Field
	// Kinds holds the kind of each field.
	Kinds []Kind

	buf []byte // texts made here, such as numbers and joined names
}

// Mark is a row's state to return to, so that rows share their first fields.
type Mark struct{ fields, buf int }

// Mark returns the current state.
func (r *Row) Mark() Mark { return Mark{len(r.Fields), len(r.buf)} }

// Reset drops what was added since the mark; the zero Mark empties the row.
func (r *Row) Reset(m Mark) {
	r.Fields, r.Kinds, r.buf = r.Fields[:m.fields], r.Kinds[:m.fields], r.buf[:m.buf]
}

// Add appends a field.
func (r *Row) Add(name, value string, kind Kind) {
	r.Fields = append(r.Fields, logstorage.Field{Name: name, Value: value})
	r.Kinds = append(r.Kinds, kind)
}

// AddInt appends a decimal number.
func (r *Row) AddInt(name string, v int64) {
	r.Add(name, r.text(strconv.AppendInt(r.buf, v, 10)), Int)
}

// AddHex appends an id in hexadecimal.
func (r *Row) AddHex(name string, id []byte) {
	r.Add(name, r.Hex(id), String)
}

// Hex returns an id as text that lives as long as the row's fields.
func (r *Row) Hex(id []byte) string { return r.text(hex.AppendEncode(r.buf, id)) }

// text takes over the result of appending to r.buf and returns what was appended.
func (r *Row) text(buf []byte) string {
	start := len(r.buf)
	r.buf = buf
	return unsafe.String(unsafe.SliceData(buf[start:]), len(buf)-start)
}

// Join returns prefix followed by name.
func (r *Row) Join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return r.text(append(append(r.buf, prefix...), name...))
}
