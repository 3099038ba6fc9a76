package check

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Result is what was observed: the answer to a check's query, in one form for
// all kinds of queries.
type Result struct {
	// Rows are ordered by time, where they have one of their own, then by labels.
	Rows []Row
	// Error is the query's own error.
	Error string
	// Status is the HTTP status, where there is one.
	Status   int
	Warnings []string
	// Body is the answer as decoded JSON, or as text.
	Body any
	// Text is the observed value in one line of at most 200 characters, the same for
	// the same answer.
	Text string
	// Now is when it was observed, Start when the scenario began, in lab time.
	Now, Start time.Time

	// noRows is why there could be none, which is not the same as none.
	noRows string
	// refuted says what contradicts a check without an expectation.
	refuted string
}

// Row is one series, log line, trace, span, object, event or ledger entry.
type Row struct {
	Labels map[string]string
	// Value of the newest point; 1 for what has no value and only exists.
	Value float64
	// Values are the points of a range query.
	Values []Point
	// Time is the row's own: a log line's, a trace's, an event's.
	Time time.Time
	// Fields hold what is no label, for conditions in CEL.
	Fields map[string]any
}

// Point is one value of a series.
type Point struct {
	Time  time.Time
	Value float64
}

// textLimit is how long a Result's Text may be, in characters.
const textLimit = 200

// nameLabel is the label that Prometheus keeps a metric's name in.
const nameLabel = "__name__"

// String writes a row as PromQL writes a series, followed by its value or those it
// has in a range; of a log line it writes the message.
func (r Row) String() string {
	if message, ok := r.Fields["_msg"].(string); ok {
		return strconv.Quote(clip(message, textLimit/2))
	}
	text := number(r.Value)
	if n := len(r.Values); n > 0 {
		least, most := math.Inf(1), math.Inf(-1)
		for _, p := range r.Values {
			least, most = min(least, p.Value), max(most, p.Value) // NaN if any is
		}
		if least < most {
			text = number(least) + " to " + number(most)
		}
		text += " (" + count(n, "point", "points") + ")"
	}
	return strings.TrimPrefix(selector(r.Labels)+" "+text, " ")
}

// selector writes labels as name{label="value"}.
func selector(labels map[string]string) string {
	var b strings.Builder
	b.WriteString(labels[nameLabel])
	sep := "{"
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if name != nameLabel {
			fmt.Fprintf(&b, "%s%s=%q", sep, name, labels[name])
			sep = ", "
		}
	}
	if sep != "{" {
		b.WriteByte('}')
	}
	return b.String()
}

// number writes a value in the shortest form that reads back as it.
func number(v float64) string {
	if v == 0 {
		return "0" // no negative zero
	}
	if whole := int64(v); float64(whole) == v && max(whole, -whole) < 1e15 {
		return strconv.FormatInt(whole, 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// order sorts rows by time, labels and value.
func order(rows []Row) {
	keyed := make([]keyedRow, len(rows))
	for i, row := range rows {
		keyed[i] = keyedRow{row, labelKey(row.Labels)}
	}
	slices.SortStableFunc(keyed, func(a, b keyedRow) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.key, b.key), cmp.Compare(a.Value, b.Value))
	})
	for i, k := range keyed {
		rows[i] = k.Row
	}
}

type keyedRow struct {
	Row
	key string
}

// labelKey is the same for the same labels, and orders them.
func labelKey(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(name + "\x00" + labels[name] + "\x00")
	}
	return b.String()
}

// list joins items within a limit of characters and says how many it left out.
func list[T any](items []T, limit int, write func(T) string) string {
	texts := make([]string, 0, len(items))
	for _, item := range items {
		texts = append(texts, write(item))
		if len(texts) > limit {
			break // more than can be shown
		}
	}
	if all := strings.Join(texts, ", "); len(texts) == len(items) && utf8.RuneCountInString(all) <= limit {
		return all
	}
	for n := len(texts) - 1; n > 0; n-- {
		shown := strings.Join(texts[:n], ", ") + andMore(len(items)-n)
		if utf8.RuneCountInString(shown) <= limit {
			return shown
		}
	}
	more := andMore(len(items) - 1)
	return clip(texts[0], limit-len(more)) + more
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// clip shortens text to a number of characters.
func clip(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return string(r[:max(0, limit-3)]) + "..."
}
