package check

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"koflab/topology"
)

// Offset is a span of time with a sign: -2m is two minutes ago, 1h in an hour.
type Offset time.Duration

// Want says how an offset is written.
func (Offset) Want() string { return "an offset such as -2m or 1h" }

// String writes the offset as Prometheus does, with its sign.
func (o Offset) String() string {
	if o < 0 {
		return "-" + topology.Duration(-o).String()
	}
	return topology.Duration(o).String()
}

// MarshalText makes the offset a string in YAML and JSON.
func (o Offset) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads a Prometheus duration with or without a sign.
func (o *Offset) UnmarshalText(text []byte) error {
	var d topology.Duration
	rest, negative := strings.CutPrefix(string(text), "-")
	if !negative {
		rest = strings.TrimPrefix(rest, "+")
	}
	if err := d.UnmarshalText([]byte(rest)); err != nil {
		return fmt.Errorf("%.40q is no offset, write one such as -2m or 1h", text)
	}
	*o = Offset(d)
	if negative {
		*o = -*o
	}
	return nil
}

// Tolerance is how far a value may be off: by an amount or by a share.
type Tolerance struct {
	// Amount is absolute.
	Amount float64
	// Percent is relative to the expected value.
	Percent float64
}

// Want says how a tolerance is written.
func (Tolerance) Want() string { return "a number such as 0.5 or a share such as 1%" }

// Around is the most that a value may differ from the expected one.
func (t Tolerance) Around(expected float64) float64 {
	return t.Amount + t.Percent/100*math.Abs(expected)
}

// IsZero reports whether values must be equal.
func (t Tolerance) IsZero() bool { return t == Tolerance{} }

// String is the tolerance as it is written: 0.5 or 1%.
func (t Tolerance) String() string {
	if t.Percent != 0 {
		return strconv.FormatFloat(t.Percent, 'g', -1, 64) + "%"
	}
	return strconv.FormatFloat(t.Amount, 'g', -1, 64)
}

// MarshalText makes the tolerance a string in YAML and JSON.
func (t Tolerance) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a number, or a number followed by %.
func (t *Tolerance) UnmarshalText(text []byte) error {
	number, share := strings.CutSuffix(string(text), "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(n >= 0 && n <= math.MaxFloat64) { // refuses NaN too
		return fmt.Errorf("%.40q is no tolerance, write a number such as 0.5 or a share such as 1%%", text)
	}
	*t = Tolerance{Amount: n}
	if share {
		*t = Tolerance{Percent: n}
	}
	return nil
}
