package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// line makes text safe to show in one line: what is not printable, such as
// escape sequences of terminals, newlines and marks that reverse the direction
// of writing, becomes visible as \x1b, \n and \u202e.
func line(s string) string { return visible(s, "") }

// block is line for text of several lines: newlines and tabs stay.
func block(s string) string { return visible(s, "\n\t") }

func visible(s, keep string) string {
	printable := func(r rune, size int) bool {
		if r == utf8.RuneError && size == 1 {
			return false
		}
		return unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) || r == '\u200d' || strings.ContainsRune(keep, r)
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case printable(r, size):
			b.WriteString(s[i : i+size])
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}

// clip shortens text to a number of characters.
func clip(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return strings.TrimRight(string(r[:max(0, limit-1)]), " ") + "…"
}

// short writes a duration to read: as exact as one cares at its size.
func short(d Duration) string {
	t := time.Duration(d)
	switch abs := t.Abs(); {
	case abs >= time.Minute:
		t = t.Round(time.Second)
	case abs >= time.Second:
		t = t.Round(10 * time.Millisecond)
	case abs >= time.Millisecond:
		t = t.Round(10 * time.Microsecond)
	}
	return Duration(t).String()
}

// seconds writes a duration as seconds with milliseconds, as JUnit has it.
func seconds(d Duration) string {
	return strconv.FormatFloat(max(0, time.Duration(d).Seconds()), 'f', 3, 64)
}

// plural writes a number with its noun: "1 check", "2 checks".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(int64(n)) + " " + noun + "s"
}

// thousands writes a count in groups of three digits: 12,345.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign, digits := "", s
	if n < 0 {
		sign, digits = "-", s[1:]
	}
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return sign + strings.Join(append([]string{digits}, groups...), ",")
}

// figure writes a measured value with three digits that count: 0.42, 16.7, 1,240.
func figure(v float64) string {
	switch {
	case v >= 100 && v < 1e15:
		return thousands(int64(v + 0.5))
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
}
