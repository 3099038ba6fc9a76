package fault

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Type is how a parameter's value is written.
type Type string

// The types of parameters.
const (
	Duration Type = "duration" // 250ms, 5m; may be negative where Min is
	Number   Type = "number"   // 0.25
	Count    Type = "count"    // 10000
	Bytes    Type = "bytes"    // 512, 64KiB, 1MB
	Choice   Type = "choice"   // one of Values
	Text     Type = "text"
)

// words are what a value of the type is.
func (t Type) words() string {
	switch t {
	case Count:
		return "a whole number"
	case Bytes:
		return "a number of bytes"
	}
	return "a " + string(t)
}

// Parameter is one setting of a fault.
type Parameter struct {
	Name string `json:"name"`
	// Description says what it does, in one line.
	Description string `json:"description"`
	Type        Type   `json:"type"`
	// Default is used where the parameter is not given; empty only where it must be.
	Default string `json:"default,omitempty"`
	// Required says that it must be given.
	Required bool `json:"required,omitempty"`
	// Min and Max bound the value, both included; empty for no bound.
	Min string `json:"min,omitempty"`
	Max string `json:"max,omitempty"`
	// Values are those of a Choice.
	Values []string `json:"values,omitempty"`
}

// Range is the parameter's bounds or choices in words; empty for none.
func (p Parameter) Range() string {
	switch {
	case len(p.Values) > 0:
		return strings.Join(p.Values, ", ")
	case p.Min != "" && p.Max != "":
		return p.Min + " to " + p.Max
	case p.Min != "":
		return "at least " + p.Min
	case p.Max != "":
		return "at most " + p.Max
	}
	return ""
}

// check reports what is wrong with a value.
func (p Parameter) check(text string) error {
	want := func() error {
		bounds := p.Range()
		if p.Type == Choice {
			return fmt.Errorf("%q: %s", text, Suggest(text, p.Values))
		}
		if bounds != "" {
			bounds = ", " + bounds
		}
		return fmt.Errorf("%q: want %s%s, such as %s", text, p.Type.words(), bounds, p.Default)
	}
	switch p.Type {
	case Choice:
		if !slices.Contains(p.Values, text) {
			return want()
		}
		return nil
	case Text:
		return nil
	}
	v, err := p.number(text)
	if err != nil {
		return want()
	}
	for _, bound := range []struct {
		text string
		ok   func(v, b float64) bool
	}{{p.Min, func(v, b float64) bool { return v >= b }}, {p.Max, func(v, b float64) bool { return v <= b }}} {
		if bound.text == "" {
			continue
		}
		b, err := p.number(bound.text)
		if err != nil || !bound.ok(v, b) { // NaN is within no bounds
			return want()
		}
	}
	return nil
}

// number reads a value as a number: of seconds, of bytes, or as it stands.
func (p Parameter) number(text string) (float64, error) {
	switch p.Type {
	case Duration:
		d, err := time.ParseDuration(text)
		return d.Seconds(), err
	case Bytes:
		return parseBytes(text)
	case Count:
		n, err := strconv.ParseInt(text, 10, 64)
		return float64(n), err
	}
	return strconv.ParseFloat(text, 64)
}

var units = []struct {
	suffix string
	bytes  float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

func parseBytes(text string) (float64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		return v * u.bytes, err
	}
	return 0, strconv.ErrSyntax
}

// Values are the parameters of one fault, checked and with defaults.
type Values map[string]string

// Duration returns the value of a Duration.
func (v Values) Duration(name string) time.Duration {
	d, _ := time.ParseDuration(v[name])
	return d
}

// Number returns the value of a Number, a Count or Bytes.
func (v Values) Number(name string) float64 {
	n, _ := parseBytes(v[name])
	return n
}

// Int returns Number as a whole number.
func (v Values) Int(name string) int { return int(v.Number(name)) }
