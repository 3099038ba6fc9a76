package lab

import (
	"encoding/json"
	"errors"
	"hash/maphash"
	"unsafe"
)

// digest identifies a set of names with values, in whatever order they come: it is
// the sum of a hash of each. Two sets of one digest are the same set; by chance that
// is wrong once in 2^64.
type digest uint64

var nameSeed, valueSeed = maphash.MakeSeed(), maphash.MakeSeed()

// add adds a name with its value; one without a value does not count.
func (d *digest) add(name, value string) {
	if value == "" {
		return
	}
	x := maphash.String(nameSeed, name)*0x9e3779b97f4a7c15 + maphash.String(valueSeed, value)
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	*d += digest(x)
}

// addBytes is add.
func (d *digest) addBytes(name, value []byte) {
	d.add(unsafe.String(unsafe.SliceData(name), len(name)), unsafe.String(unsafe.SliceData(value), len(value)))
}

var errNotFlat = errors.New("want a JSON object of strings")

// eachPair calls f for the names and values of a JSON object of strings, which are
// valid during the call.
func eachPair(object []byte, f func(name, value []byte)) error {
	rest, ok := cutByte(object, '{')
	if !ok {
		return errNotFlat
	}
	if _, empty := cutByte(rest, '}'); empty {
		return nil
	}
	for {
		var name, value []byte
		var err error
		if name, rest, err = cutString(rest); err != nil {
			return err
		}
		if rest, ok = cutByte(rest, ':'); !ok {
			return errNotFlat
		}
		if value, rest, err = cutString(rest); err != nil {
			return err
		}
		f(name, value)
		if after, ok := cutByte(rest, ','); ok {
			rest = after
		} else if _, ok := cutByte(rest, '}'); ok {
			return nil
		} else {
			return errNotFlat
		}
	}
}

func cutByte(b []byte, c byte) (rest []byte, ok bool) {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	if len(b) == 0 || b[0] != c {
		return b, false
	}
	return b[1:], true
}

// cutString takes a JSON string off b.
func cutString(b []byte) (s, rest []byte, err error) {
	b, ok := cutByte(b, '"')
	if !ok {
		return nil, nil, errNotFlat
	}
	escaped := false
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			if !escaped {
				return b[:i], b[i+1:], nil
			}
			var out string
			quoted := append(append([]byte{'"'}, b[:i]...), '"')
			if err := json.Unmarshal(quoted, &out); err != nil {
				return nil, nil, err
			}
			return []byte(out), b[i+1:], nil
		}
	}
	return nil, nil, errNotFlat
}
