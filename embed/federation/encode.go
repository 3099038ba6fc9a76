package federation

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// MarshalJSON writes the result as Prometheus' API does.
func (d Data) MarshalJSON() ([]byte, error) {
	if d.Value == nil {
		return []byte("null"), nil
	}
	dst := append([]byte(`{"resultType":"`), d.Value.Type()...)
	dst = append(dst, `","result":`...)
	switch v := d.Value.(type) {
	case promql.Vector:
		dst = appendVector(dst, v)
	case promql.Matrix:
		dst = appendMatrix(dst, v)
	case promql.Scalar:
		dst = appendPoint(dst, v.T, v.V)
	case promql.String:
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		dst = append(dst, text...)
	default:
		return nil, fmt.Errorf("result of unknown type %T", v)
	}
	return append(dst, '}'), nil
}

func appendVector(dst []byte, v promql.Vector) []byte {
	dst = append(dst, '[')
	for i, s := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendMetric(dst, s.Metric)
		dst = append(dst, `,"value":`...)
		dst = append(appendPoint(dst, s.T, s.F), '}')
	}
	return append(dst, ']')
}

func appendMatrix(dst []byte, m promql.Matrix) []byte {
	dst = append(dst, '[')
	for i, s := range m {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendMetric(dst, s.Metric)
		dst = append(dst, `,"values":[`...)
		for j, p := range s.Floats {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendPoint(dst, p.T, p.F)
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, ']')
}

func appendMetric(dst []byte, l labels.Labels) []byte {
	dst = append(dst, `{"metric":{`...)
	first := true
	l.Range(func(label labels.Label) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendString(dst, label.Name)
		dst = append(dst, ':')
		dst = appendString(dst, label.Value)
	})
	return append(dst, '}')
}

func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s) // strings always marshal
			return append(dst, text...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// appendPoint writes [seconds, "value"], with milliseconds only where needed.
func appendPoint(dst []byte, t int64, v float64) []byte {
	dst = append(dst, '[')
	if t < 0 {
		dst = append(dst, '-')
		t = -t
	}
	dst = strconv.AppendInt(dst, t/1000, 10)
	if ms := t % 1000; ms != 0 {
		dst = append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	}
	dst = append(dst, `,"`...)
	// Very large and small numbers are shorter with an exponent.
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) && !math.IsInf(v, 0) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, v, format, -1, 64)
	return append(dst, `"]`...)
}
