package federation

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
)

// maxRequestBody bounds the form of a query.
const maxRequestBody = 4 << 20

// parseForm reads the arguments of a GET or POST within bounds.
func parseForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
	if err := r.ParseForm(); err != nil {
		return badData("cannot read the arguments: %w", err)
	}
	return nil
}

// queryRequest reads the arguments of /api/v1/query and query_range.
func queryRequest(r *http.Request, isRange bool) (Request, error) {
	q := Request{
		Expr:      r.Form.Get("query"),
		ErrorMode: ErrorMode(r.Form.Get("error_mode")),
		Semantics: r.Form.Get("semantics"),
	}
	var err error
	if q.Timeout, err = durationArg(r, "timeout"); err != nil {
		return q, err
	}
	if q.Limit, err = limitArg(r, "limit"); err != nil {
		return q, err
	}
	if !isRange {
		q.Time, err = timeArg(r, "time")
		return q, err
	}
	if q.Start, err = requiredTimeArg(r, "start"); err != nil {
		return q, err
	}
	if q.End, err = requiredTimeArg(r, "end"); err != nil {
		return q, err
	}
	if q.Step, err = durationArg(r, "step"); err != nil {
		return q, err
	}
	if q.Step < time.Millisecond {
		return q, badData("invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer")
	}
	return q, nil
}

// ParseTime reads a time as the query API takes it: Unix seconds with a
// fraction, or RFC 3339.
func ParseTime(s string) (time.Time, error) {
	if t, err := strconv.ParseFloat(s, 64); err == nil {
		if math.IsNaN(t) || math.Abs(t) > math.MaxInt64/1e6 {
			return time.Time{}, fmt.Errorf("%q is no time within range", s)
		}
		whole, part := math.Modf(t)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", s)
	}
	return t, nil
}

// ParseDuration reads a duration as the query API takes it: seconds with a
// fraction, or Prometheus' notation such as 1m30s.
func ParseDuration(s string) (time.Duration, error) {
	if d, err := strconv.ParseFloat(s, 64); err == nil {
		d *= float64(time.Second)
		if math.IsNaN(d) || math.Abs(d) > math.MaxInt64 {
			return 0, fmt.Errorf("cannot parse %q to a valid duration: it overflows", s)
		}
		return time.Duration(d), nil
	}
	d, err := model.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("cannot parse %q to a valid duration", s)
	}
	return time.Duration(d), nil
}

// timeArg returns the zero time for an argument that is not given.
func timeArg(r *http.Request, name string) (time.Time, error) {
	text := r.Form.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := ParseTime(text)
	if err != nil {
		return t, badData("invalid parameter %q: %w", name, err)
	}
	return t, nil
}

func requiredTimeArg(r *http.Request, name string) (time.Time, error) {
	if r.Form.Get(name) == "" {
		return time.Time{}, badData("invalid parameter %q: cannot parse \"\" to a valid timestamp", name)
	}
	return timeArg(r, name)
}

func durationArg(r *http.Request, name string) (time.Duration, error) {
	text := r.Form.Get(name)
	if text == "" {
		return 0, nil
	}
	d, err := ParseDuration(text)
	if err != nil {
		return 0, badData("invalid parameter %q: %w", name, err)
	}
	return d, nil
}

func limitArg(r *http.Request, name string) (int, error) {
	text := r.Form.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, badData("invalid parameter %q: %q is not a count", name, text)
	}
	return n, nil
}
