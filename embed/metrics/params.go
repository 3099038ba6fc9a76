package metrics

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// The ends of time as Prometheus' API has them: the largest range whose ends
// have a textual form, which clients send as "no limit".
var (
	minTime = time.Unix(math.MinInt64/1000+62135596801, 0).UTC()
	maxTime = time.Unix(math.MaxInt64/1000-62135596801, 999999999).UTC()
)

// parseTime reads Unix seconds or RFC 3339.
func parseTime(s string) (time.Time, error) {
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) <= math.MaxInt64/1000 {
		sec, frac := math.Modf(f)
		ms := math.Round(frac * 1000)
		return time.Unix(int64(sec), int64(ms)*int64(time.Millisecond)).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, t := range []time.Time{minTime, maxTime} { // years of more than 4 digits do not parse
		if s == t.Format(time.RFC3339Nano) {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", s)
}

// parseDuration reads seconds or a duration such as 5m.
func parseDuration(s string) (time.Duration, error) {
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		d := f * float64(time.Second)
		if math.IsNaN(d) || d >= math.MaxInt64 || d <= math.MinInt64 {
			return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", s)
		}
		return time.Duration(d), nil
	}
	if d, err := model.ParseDuration(s); err == nil {
		return time.Duration(d), nil
	}
	return 0, fmt.Errorf("cannot parse %q to a valid duration", s)
}

// params reads the arguments of a request; the first bad one is kept in err,
// so that callers read them all and check once.
type params struct {
	r   *http.Request
	err *apiError
}

func (p *params) fail(name string, err error) {
	if p.err == nil {
		p.err = badData(fmt.Errorf("invalid parameter %q: %w", name, err))
	}
}

// time of the argument, def when it is absent.
func (p *params) time(name string, def time.Time) time.Time {
	s := p.r.FormValue(name)
	if s == "" {
		return def
	}
	t, err := parseTime(s)
	if err != nil {
		p.fail(name, fmt.Errorf("invalid time value for '%s': %w", name, err))
	}
	return t
}

// mustTime is a time that has no default.
func (p *params) mustTime(name string) time.Time {
	t, err := parseTime(p.r.FormValue(name))
	if err != nil {
		p.fail(name, err)
	}
	return t
}

// duration of the argument; ok is false when it is absent.
func (p *params) duration(name string) (d time.Duration, ok bool) {
	s := p.r.FormValue(name)
	if s == "" {
		return 0, false
	}
	d, err := parseDuration(s)
	if err != nil {
		p.fail(name, err)
	}
	return d, true
}

// limit of the number of results; 0 means none.
func (p *params) limit() int {
	s := p.r.FormValue("limit")
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err == nil && n < 0 {
		err = errors.New("limit must be non-negative")
	}
	if err != nil {
		p.fail("limit", err)
	}
	return n
}

// window of the arguments start and end, everything when they are absent.
func (p *params) window() (start, end time.Time) {
	start, end = p.time("start", minTime), p.time("end", maxTime)
	return start, end
}

// matcherSets parses the arguments match[].
func (s *Store) matcherSets(p *params) [][]*labels.Matcher {
	sets, err := s.parser.ParseMetricSelectors(p.r.Form["match[]"])
	if err == nil {
		for _, set := range sets {
			if !selective(set) {
				err = errors.New("match[] must contain at least one non-empty matcher")
			}
		}
	}
	if err != nil && p.err == nil {
		p.err = badData(err)
	}
	return sets
}

// selective tells whether the matchers rule out series without their labels.
func selective(ms []*labels.Matcher) bool {
	for _, m := range ms {
		if !m.Matches("") {
			return true
		}
	}
	return false
}

// hintLimit asks for one result more than the limit, to know that there are more.
func hintLimit(limit int) int {
	if limit > 0 && limit < math.MaxInt {
		return limit + 1
	}
	return limit
}
