package logstore

import (
	"encoding/base64"
	"strconv"

	"github.com/VictoriaMetrics/easyproto"
	"github.com/valyala/quicktemplate"
)

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
