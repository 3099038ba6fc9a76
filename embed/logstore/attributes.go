package logstore

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/VictoriaMetrics/easyproto"
)

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
