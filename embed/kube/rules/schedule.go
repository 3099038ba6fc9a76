package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cronFields are the five fields of a schedule with what each may hold.
var cronFields = [...]struct {
	low, high int
	names     string // three letters each, from low on
}{
	{0, 59, ""}, {0, 23, ""}, {1, 31, ""}, {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"}, {0, 6, "sunmontuewedthufrisat"},
}

// checkSchedule finds the mistakes in a cron expression, with the words of the
// parser that Kubernetes uses.
func checkSchedule(s string) error {
	if strings.Contains(s, "TZ") {
		return errors.New("cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
	}
	if strings.HasPrefix(s, "@") {
		switch s {
		case "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly":
			return nil
		}
		every, ok := strings.CutPrefix(s, "@every ")
		if !ok {
			return fmt.Errorf("unrecognized descriptor: %s", s)
		}
		if _, err := time.ParseDuration(every); err != nil {
			return fmt.Errorf("failed to parse duration %s: %w", s, err)
		}
		return nil
	}
	f := strings.Fields(s)
	if len(f) != len(cronFields) {
		return fmt.Errorf("expected exactly %d fields, found %d: %v", len(cronFields), len(f), f)
	}
	for i, text := range f {
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
			if err := checkCronRange(part, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkCronRange checks one "number", "a-b", "*" or any of them with "/step".
func checkCronRange(part string, i int) error {
	limits := cronFields[i]
	span, stepText, stepped := strings.Cut(part, "/")
	first, last, ranged := strings.Cut(span, "-")
	if strings.Contains(stepText, "/") {
		return fmt.Errorf("too many slashes: %s", part)
	}
	if strings.Contains(last, "-") {
		return fmt.Errorf("too many hyphens: %s", part)
	}
	from, to := limits.low, limits.high
	if first != "*" && first != "?" {
		var err error
		if from, err = cronValue(first, i); err != nil {
			return err
		}
		switch {
		case ranged:
			if to, err = cronValue(last, i); err != nil {
				return err
			}
		case !stepped:
			to = from
		}
	}
	step := 1
	if stepped {
		var err error
		if step, err = cronNumber(stepText); err != nil {
			return err
		}
	}
	switch {
	case from < limits.low:
		return fmt.Errorf("beginning of range (%d) below minimum (%d): %s", from, limits.low, part)
	case to > limits.high:
		return fmt.Errorf("end of range (%d) above maximum (%d): %s", to, limits.high, part)
	case from > to:
		return fmt.Errorf("beginning of range (%d) beyond end of range (%d): %s", from, to, part)
	case step == 0:
		return fmt.Errorf("step of range should be a positive number: %s", part)
	}
	return nil
}

func cronValue(s string, i int) (int, error) {
	names := cronFields[i].names
	if len(s) == 3 {
		for at := 0; at < len(names); at += 3 {
			if strings.EqualFold(names[at:at+3], s) {
				return at/3 + cronFields[i].low, nil
			}
		}
	}
	return cronNumber(s)
}

func cronNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("failed to parse int from %s: %w", s, err)
	case n < 0:
		return 0, fmt.Errorf("negative number (%d) not allowed: %s", n, s)
	}
	return n, nil
}
