package logstore

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/timeutil"
)

// Query is a LogsQL query with its arguments applied.
type Query struct {
	*logstorage.Query
	// From and To are the time range asked for, in Unix nanoseconds, both
	// inclusive; the ends of int64 where the query has no bound.
	From, To int64

	args url.Values
	now  int64
}

// maxQueryForm bounds the form of a POST query.
const maxQueryForm = 1 << 20

// ParseQuery reads a request's query, start, end, time, extra_filters and
// extra_stream_filters arguments, from URL and form, as VictoriaLogs does.
func (s *Store) ParseQuery(w http.ResponseWriter, r *http.Request) (*Query, error) {
	args, err := ParseForm(w, r)
	if err != nil {
		return nil, err
	}
	return s.NewQuery(args.Get("query"), args)
}

// ParseForm returns the arguments of a request's URL and form.
func ParseForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return nil, Errorf(http.StatusMethodNotAllowed, "use GET or POST, not %s", r.Method)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxQueryForm)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, Errorf(http.StatusRequestEntityTooLarge, "the form is larger than %d bytes", maxQueryForm)
		}
		return nil, fmt.Errorf("read arguments: %w", err)
	}
	return r.Form, nil
}

// NewQuery parses a LogsQL query and applies the other arguments to it. The
// extra filters reach every subquery. Rows beyond the retention are left out.
func (s *Store) NewQuery(query string, args url.Values) (*Query, error) {
	q := &Query{args: args, now: s.opts.Clock.Now().UnixNano(), From: minTime, To: maxTime}
	start, hasStart, err := q.time("start")
	if err != nil {
		return nil, err
	}
	end, hasEnd, err := q.time("end")
	if err != nil {
		return nil, err
	}
	at, hasTime, err := q.time("time")
	if err != nil {
		return nil, err
	}
	// The end is exclusive, and "now" belongs to the period it ends.
	switch {
	case hasTime:
		at = before(at)
	case hasEnd:
		at = before(end)
	default:
		at = q.now
	}
	if q.Query, err = logstorage.ParseQueryAtTimestamp(query, at); err != nil {
		return nil, fmt.Errorf("query [%s]: %w", query, err)
	}
	if hasStart || hasEnd {
		if !hasStart {
			start = minTime
		}
		if !hasEnd {
			end = maxTime
		} else {
			end = before(end)
		}
		q.AddTimeFilter(start, end)
	}
	if err := q.addExtraFilters(); err != nil {
		return nil, err
	}
	q.From, q.To = q.GetFilterTimeRange()
	age, err := s.retentionFilter()
	if err != nil {
		return nil, err
	}
	q.AddExtraFilters(age)
	return q, nil
}

func before(t int64) int64 {
	if t == math.MinInt64 {
		return t
	}
	return t - 1
}

// time parses a time argument: RFC 3339 or a part of it, Unix time in
// seconds to nanoseconds, now, or a duration before now.
func (q *Query) time(name string) (int64, bool, error) {
	value := q.args.Get(name)
	if value == "" {
		return 0, false, nil
	}
	t, err := timeutil.ParseTimeAt(value, q.now)
	if err != nil {
		return 0, false, fmt.Errorf("%s: %q is not a time: %w", name, value, err)
	}
	return t, true, nil
}

// Int parses a count argument, 0 when absent.
func (q *Query) Int(name string) (int, error) { return IntArg(q.args, name) }

// IntArg parses a count argument, 0 when absent.
func IntArg(args url.Values, name string) (int, error) {
	value := args.Get(name)
	if value == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: %q is not a count", name, value)
	}
	return n, nil
}

// Duration parses a duration argument such as 5m or 1d, or seconds.
func (q *Query) Duration(name string, otherwise time.Duration) (time.Duration, error) {
	return durationArg(q.args, name, otherwise)
}

func durationArg(args url.Values, name string, otherwise time.Duration) (time.Duration, error) {
	value := args.Get(name)
	if value == "" {
		return otherwise, nil
	}
	d, err := timeutil.ParseDuration(value)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a duration: %w", name, value, err)
	}
	return d, nil
}

// Arg returns an argument, "" when absent; Args all of its values.
func (q *Query) Arg(name string) string    { return q.args.Get(name) }
func (q *Query) Args(name string) []string { return q.args[name] }
