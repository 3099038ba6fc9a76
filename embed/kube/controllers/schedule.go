package controllers

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones of CronJobs on machines that have none
)

// schedule is a parsed cron expression.
type schedule struct {
	minute, hour, day, month, weekday uint64 // sets of bits
	// Cron's oddity: when both day fields are restricted, either may match.
	anyDay, anyWeekday bool
	zone               *time.Location
	every              time.Duration // of @every, else 0
}

var cronMacros = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

var (
	monthNames   = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// parseSchedule reads the five fields of cron, its macros and @every. zone is the
// CronJob's time zone, UTC if nil.
func parseSchedule(text string, zone *string) (*schedule, error) {
	s := &schedule{zone: time.UTC}
	if zone != nil && *zone != "" {
		loc, err := time.LoadLocation(*zone)
		if err != nil {
			return nil, fmt.Errorf("unknown time zone %s", *zone)
		}
		s.zone = loc
	}
	spec := strings.ToLower(strings.TrimSpace(text))
	if d, ok := strings.CutPrefix(spec, "@every "); ok {
		every, err := time.ParseDuration(strings.TrimSpace(d))
		if err != nil || every < time.Second {
			return nil, fmt.Errorf("schedule %q: @every wants a duration of a second or more", text)
		}
		s.every = every
		return s, nil
	}
	if m, ok := cronMacros[spec]; ok {
		spec = m
	}
	f := strings.Fields(spec)
	if len(f) != 5 {
		return nil, fmt.Errorf("schedule %q: expected exactly 5 fields (minute hour day month weekday), found %d", text, len(f))
	}
	for i, field := range []struct {
		set    *uint64
		lo, hi int
		names  []string
	}{
		{&s.minute, 0, 59, nil}, {&s.hour, 0, 23, nil}, {&s.day, 1, 31, nil},
		{&s.month, 1, 12, monthNames}, {&s.weekday, 0, 7, weekdayNames},
	} {
		set, err := cronField(f[i], field.lo, field.hi, field.names)
		if err != nil {
			return nil, fmt.Errorf("schedule %q: %w", text, err)
		}
		*field.set = set
	}
	if s.weekday&(1<<7) != 0 { // 7 is Sunday too
		s.weekday = s.weekday&^(1<<7) | 1
	}
	s.anyDay, s.anyWeekday = f[2][0] == '*' || f[2][0] == '?', f[4][0] == '*' || f[4][0] == '?'
	return s, nil
}

func cronField(field string, lo, hi int, names []string) (uint64, error) {
	var set uint64
	for _, part := range strings.Split(field, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 {
				return 0, fmt.Errorf("field %q: bad step %q", field, stepText)
			}
			step = n
		}
		from, to := lo, hi
		if span != "*" && span != "?" {
			first, last, isRange := strings.Cut(span, "-")
			var err error
			if from, err = cronValue(first, lo, hi, names); err != nil {
				return 0, fmt.Errorf("field %q: %w", field, err)
			}
			switch {
			case isRange:
				if to, err = cronValue(last, lo, hi, names); err != nil {
					return 0, fmt.Errorf("field %q: %w", field, err)
				}
			case !stepped:
				to = from
			}
			if from > to {
				return 0, fmt.Errorf("field %q: %d is after %d", field, from, to)
			}
		}
		for v := from; v <= to; v += step {
			set |= 1 << v
		}
	}
	return set, nil
}

func cronValue(s string, lo, hi int, names []string) (int, error) {
	for i, n := range names {
		if s == n {
			return i + lo, nil
		}
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < lo || v > hi {
		return 0, fmt.Errorf("%q is not in %d-%d", s, lo, hi)
	}
	return v, nil
}

// next returns the first time of the schedule after t; zero if there is none
// within five years (30 February).
func (s *schedule) next(t time.Time) time.Time {
	if s.every > 0 {
		return t.Add(s.every)
	}
	t = t.In(s.zone).Truncate(time.Minute).Add(time.Minute)
	end := t.AddDate(5, 0, 0)
	for t.Before(end) {
		switch y, m, d := t.Date(); {
		case s.month&(1<<m) == 0:
			t = forward(t, time.Date(y, m+1, 1, 0, 0, 0, 0, s.zone))
		case !s.onDay(t):
			t = forward(t, time.Date(y, m, d+1, 0, 0, 0, 0, s.zone))
		case s.hour&(1<<t.Hour()) == 0:
			t = t.Truncate(time.Minute).Add(time.Duration(60-t.Minute()) * time.Minute)
		case s.minute&(1<<t.Minute()) == 0:
			t = t.Add(time.Minute)
		default:
			return t.UTC()
		}
	}
	return time.Time{}
}

// forward returns to, or an hour after from where a midnight that daylight saving
// skipped would lead back.
func forward(from, to time.Time) time.Time {
	if to.After(from) {
		return to
	}
	return from.Add(time.Hour)
}

func (s *schedule) onDay(t time.Time) bool {
	day, weekday := s.day&(1<<t.Day()) != 0, s.weekday&(1<<int(t.Weekday())) != 0
	if s.anyDay || s.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// latest returns the last time of the schedule in (after, now], and whether more
// than one was due. Zero if none was.
func (s *schedule) latest(after, now time.Time) (last time.Time, missed bool) {
	first := s.next(after)
	if first.IsZero() || first.After(now) {
		return time.Time{}, false
	}
	if s.every > 0 {
		last = after.Add(now.Sub(after) / s.every * s.every)
		return last, last.After(first)
	}
	// Far behind (a clock that was set forward) only the last matters: start near
	// the end instead of walking through everything that was missed.
	from := first
	for _, near := range []time.Duration{time.Hour, 25 * time.Hour, 32 * 24 * time.Hour} {
		if t := s.next(now.Add(-near)); t.After(first) && !t.After(now) {
			from = t
			break
		}
	}
	for t := from; !t.IsZero() && !t.After(now); t = s.next(t) {
		last = t
	}
	return last, last.After(first)
}
