package logstore

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/VictoriaMetrics/easyproto"
	"github.com/valyala/quicktemplate"
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

// maxDepth bounds the nesting of values.
const maxDepth = 32

var errTooDeep = fmt.Errorf("values are nested deeper than %d", maxDepth)

// errWire is any field of a message with the wrong wire type.
var errWire = errors.New("a field has the wrong wire type")

// AddAttribute appends an OTLP KeyValue message as field prefix+key. A map
// becomes a field per leaf, their keys joined with dots. Attributes without
// key or value are left out.
func (r *Row) AddAttribute(src []byte, prefix string) error { return r.addKeyValue(src, prefix, 0) }

func (r *Row) addKeyValue(src []byte, prefix string, depth int) error {
	var key string
	var value []byte
	var f easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = f.NextField(src); err != nil {
			return err
		}
		ok := true
		switch f.FieldNum {
		case 1:
			key, ok = f.String()
		case 2:
			value, ok = f.MessageData()
		}
		if !ok {
			return errWire
		}
	}
	if key == "" || value == nil {
		return nil
	}
	return r.addValue(value, r.Join(prefix, key), depth)
}

// AddValue appends an OTLP AnyValue message as the field name, or the leaves
// of a map under their own keys when name is "_msg".
func (r *Row) AddValue(src []byte, name string) error { return r.addValue(src, name, 0) }

func (r *Row) addValue(src []byte, name string, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	var f easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = f.NextField(src); err != nil {
			return err
		}
		ok := true
		switch f.FieldNum {
		case 1:
			var v string
			v, ok = f.String()
			r.Add(name, v, String)
		case 2:
			var v bool
			v, ok = f.Bool()
			r.Add(name, strconv.FormatBool(v), Bool)
		case 3:
			var v int64
			v, ok = f.Int64()
			r.AddInt(name, v)
		case 4:
			var v float64
			v, ok = f.Double()
			r.Add(name, r.text(strconv.AppendFloat(r.buf, v, 'f', -1, 64)), Float)
		case 5:
			var v []byte
			if v, ok = f.MessageData(); ok {
				list, err := appendList(nil, v, depth+1)
				if err != nil {
					return err
				}
				r.Add(name, string(list), List)
			}
		case 6:
			var v []byte
			if v, ok = f.MessageData(); ok {
				if err := r.addMap(v, name, depth+1); err != nil {
					return err
				}
			}
		case 7:
			var v []byte
			v, ok = f.Bytes()
			r.Add(name, r.text(base64.StdEncoding.AppendEncode(r.buf, v)), Bytes)
		}
		if !ok {
			return errWire
		}
	}
	return nil
}

func (r *Row) addMap(src []byte, name string, depth int) error {
	prefix := ""
	if name != "_msg" {
		prefix = r.Join(name, ".")
	}
	var f easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = f.NextField(src); err != nil {
			return err
		}
		if f.FieldNum != 1 {
			continue
		}
		v, ok := f.MessageData()
		if !ok {
			return errWire
		}
		if err := r.addKeyValue(v, prefix, depth); err != nil {
			return err
		}
	}
	return nil
}

// Messages calls visit for each embedded message with the field number num.
func Messages(src []byte, num uint32, visit func([]byte) error) error {
	var f easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = f.NextField(src); err != nil {
			return err
		}
		if f.FieldNum != num {
			continue
		}
		data, ok := f.MessageData()
		if !ok {
			return fmt.Errorf("field %d: %w", num, errWire)
		}
		if err := visit(data); err != nil {
			return err
		}
	}
	return nil
}

// appendList appends an ArrayValue message as JSON.
func appendList(dst, src []byte, depth int) ([]byte, error) {
	dst = append(dst, '[')
	first := true
	var f easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = f.NextField(src); err != nil {
			return dst, err
		}
		if f.FieldNum != 1 {
			continue
		}
		v, ok := f.MessageData()
		if !ok {
			return dst, errWire
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if dst, err = appendJSON(dst, v, depth); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendObject appends a KeyValueList message as JSON.
func appendObject(dst, src []byte, depth int) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	var f easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = f.NextField(src); err != nil {
			return dst, err
		}
		if f.FieldNum != 1 {
			continue
		}
		kv, ok := f.MessageData()
		if !ok {
			return dst, errWire
		}
		key, _, err := easyproto.GetString(kv, 1)
		if err != nil {
			return dst, err
		}
		value, _, err := easyproto.GetMessageData(kv, 2)
		if err != nil {
			return dst, err
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(quicktemplate.AppendJSONString(dst, key, true), ':')
		if dst, err = appendJSON(dst, value, depth); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendJSON appends an AnyValue message as JSON; one without value is null.
func appendJSON(dst, src []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return dst, errTooDeep
	}
	start := len(dst)
	var f easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = f.NextField(src); err != nil {
			return dst, err
		}
		dst = dst[:start] // of a repeated oneof the last counts
		ok := true
		switch f.FieldNum {
		case 1:
			var v string
			v, ok = f.String()
			dst = quicktemplate.AppendJSONString(dst, v, true)
		case 2:
			var v bool
			v, ok = f.Bool()
			dst = strconv.AppendBool(dst, v)
		case 3:
			var v int64
			v, ok = f.Int64()
			dst = strconv.AppendInt(dst, v, 10)
		case 4:
			var v float64
			v, ok = f.Double()
			dst = appendFloat(dst, v)
		case 5, 6:
			var v []byte
			if v, ok = f.MessageData(); ok {
				if f.FieldNum == 5 {
					dst, err = appendList(dst, v, depth+1)
				} else {
					dst, err = appendObject(dst, v, depth+1)
				}
				if err != nil {
					return dst, err
				}
			}
		case 7:
			var v []byte
			v, ok = f.Bytes()
			dst = append(dst, '"')
			dst = base64.StdEncoding.AppendEncode(dst, v)
			dst = append(dst, '"')
		}
		if !ok {
			return dst, errWire
		}
	}
	if len(dst) == start {
		dst = append(dst, "null"...)
	}
	return dst, nil
}

// appendFloat appends a number; JSON has none for infinities and NaN.
func appendFloat(dst []byte, v float64) []byte {
	if v-v != 0 {
		dst = append(dst, '"')
		dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
		return append(dst, '"')
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}
