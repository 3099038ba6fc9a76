package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// whyLimit bounds the explanation of why an expectation does not hold, in
// characters.
const whyLimit = 1000

// IsZero reports whether nothing is expected.
func (e Expect) IsZero() bool {
	return e.Value == nil && e.Min == nil && e.Max == nil && e.Count == nil && len(e.Series) == 0 && len(e.Labels) == 0 &&
		!e.Empty && e.Status == 0 && e.Error == "" && e.Contains == "" && e.CEL == ""
}

// Holds reports whether a result is as expected. If not, why says in at most 1000
// characters what was expected and what was observed, the same for the same result
// in whatever order its rows are.
func (e Expect) Holds(r Result) (ok bool, why string) {
	r.Rows = slices.Clone(r.Rows)
	order(r.Rows)
	if why = e.contradiction(r); why != "" {
		return false, clip(why, whyLimit)
	}
	return true, ""
}

// contradiction is the first expectation that does not hold; "" if all do.
func (e Expect) contradiction(r Result) string {
	if why := e.errorWhy(r); why != "" {
		return why
	}
	if e.IsZero() {
		return r.refuted
	}
	for _, why := range []func(Result) string{
		e.statusWhy, e.rowsWhy, e.countWhy, e.valueWhy, e.boundsWhy, e.seriesWhy, e.labelsWhy, e.containsWhy, e.celWhy,
	} {
		if text := why(r); text != "" {
			return text
		}
	}
	return ""
}

func (e Expect) errorWhy(r Result) string {
	switch {
	case e.Error == "" && r.Error != "":
		return "the query failed: " + oneLine(r.Error)
	case e.Error != "" && r.Error == "":
		return fmt.Sprintf("expected an error with %q, the query answered %s", e.Error, r.Text)
	case e.Error != "" && !strings.Contains(r.Error, e.Error):
		return fmt.Sprintf("expected an error with %q, the error is: %s", e.Error, oneLine(r.Error))
	}
	return ""
}

func (e Expect) statusWhy(r Result) string {
	if e.Status == 0 || e.Status == r.Status {
		return ""
	}
	return fmt.Sprintf("expected status %d, observed %s", e.Status, r.Text)
}

// rowsWhy says that an answer of another form has no rows to speak of.
func (e Expect) rowsWhy(r Result) string {
	if about := e.aboutRows(); r.noRows != "" && len(about) > 0 {
		return fmt.Sprintf("expected %s, but %s: %s", strings.Join(about, ", "), r.noRows, r.Text)
	}
	return ""
}

// aboutRows are the expectations, by name, that are about rows.
func (e Expect) aboutRows() []string {
	var names []string
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"value", e.Value != nil}, {"min", e.Min != nil}, {"max", e.Max != nil}, {"count", e.Count != nil},
		{"series", len(e.Series) > 0}, {"labels", len(e.Labels) > 0}, {"empty", e.Empty},
	} {
		if f.given {
			names = append(names, f.name)
		}
	}
	return names
}

func (e Expect) countWhy(r Result) string {
	switch {
	case e.Count != nil && *e.Count != len(r.Rows):
		return fmt.Sprintf("expected %s, observed %d%s", count(*e.Count, "row", "rows"), len(r.Rows), observed(r))
	case e.Empty && len(r.Rows) > 0:
		return fmt.Sprintf("expected no rows, observed %d%s", len(r.Rows), observed(r))
	}
	return ""
}

func (e Expect) valueWhy(r Result) string {
	if e.Value == nil {
		return ""
	}
	expected := "expected value " + e.quantity(*e.Value)
	if len(r.Rows) != 1 {
		return fmt.Sprintf("%s of one row, observed %s%s", expected, count(len(r.Rows), "row", "rows"), observed(r))
	}
	for _, v := range r.Rows[0].points() {
		if !e.near(*e.Value, v) {
			return fmt.Sprintf("%s, observed %s%s", expected, number(v), e.off(*e.Value, v))
		}
	}
	return ""
}

// boundsWhy wants rows: bounds on nothing would always hold.
func (e Expect) boundsWhy(r Result) string {
	if e.Min == nil && e.Max == nil {
		return ""
	}
	if len(r.Rows) == 0 {
		return "expected " + e.bounds() + ", observed no rows"
	}
	var outside []string
	for _, row := range r.Rows {
		for _, v := range row.points() {
			if e.Min != nil && !(v >= *e.Min) || e.Max != nil && !(v <= *e.Max) { // refuses NaN
				outside = append(outside, Row{Labels: row.Labels, Value: v}.String())
				break
			}
		}
	}
	if len(outside) == 0 {
		return ""
	}
	return fmt.Sprintf("expected %s, %d of %s not: %s", e.bounds(), len(outside), count(len(r.Rows), "row", "rows"), list(outside, whyLimit/2, strings.Clone))
}

func (e Expect) bounds() string {
	switch {
	case e.Min == nil:
		return "values of at most " + number(*e.Max)
	case e.Max == nil:
		return "values of at least " + number(*e.Min)
	}
	return "values from " + number(*e.Min) + " to " + number(*e.Max)
}

func (e Expect) labelsWhy(r Result) string {
	for _, name := range slices.Sorted(maps.Keys(e.Labels)) {
		seen := map[string]bool{}
		for _, row := range r.Rows {
			seen[row.Labels[name]] = true
		}
		expected := slices.Compact(slices.Sorted(slices.Values(e.Labels[name])))
		got := slices.Sorted(maps.Keys(seen))
		if slices.Equal(expected, got) {
			continue
		}
		text := fmt.Sprintf("expected the values of %s to be %s", name, quoted(expected))
		for _, part := range []struct {
			what   string
			values []string
		}{{"missing", without(expected, got)}, {"unexpected", without(got, expected)}} {
			if len(part.values) > 0 {
				text += fmt.Sprintf("; %s: %s", part.what, quoted(part.values))
			}
		}
		return text
	}
	return ""
}

func quoted(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return list(values, whyLimit/4, func(s string) string {
		if s == "" {
			return `""`
		}
		return s
	})
}

func without(all, those []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(those, s) })
}

func (e Expect) containsWhy(r Result) string {
	if e.Contains == "" || strings.Contains(r.text(), e.Contains) {
		return ""
	}
	return fmt.Sprintf("expected an answer with %q, observed %s", e.Contains, r.Text)
}

// text is all of the answer.
func (r Result) text() string {
	switch body := r.Body.(type) {
	case string:
		return body
	case nil:
		var b strings.Builder
		for _, row := range r.Rows {
			fields, err := json.Marshal(row.Fields)
			if err != nil {
				fields = nil // of a value that JSON does not know
			}
			fmt.Fprintf(&b, "%s %s\n", row, fields)
		}
		return b.String()
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Sprint(body)
		}
		return string(text)
	}
}

// observed lists the rows after what was said of them.
func observed(r Result) string {
	if len(r.Rows) == 0 {
		return ""
	}
	return ": " + list(r.Rows, whyLimit/2, Row.String)
}

// points are a row's values: those of a range, or the one.
func (r Row) points() []float64 {
	if len(r.Values) == 0 {
		return []float64{r.Value}
	}
	values := make([]float64, len(r.Values))
	for i, p := range r.Values {
		values[i] = p.Value
	}
	return values
}

// near reports whether a value is the expected one, within the tolerance.
func (e Expect) near(expected, v float64) bool {
	return v == expected || math.IsNaN(v) && math.IsNaN(expected) ||
		!math.IsInf(expected, 0) && math.Abs(v-expected) <= e.Tolerance.Around(expected)
}

// quantity writes an expected value with its tolerance.
func (e Expect) quantity(v float64) string {
	if e.Tolerance.IsZero() {
		return number(v)
	}
	return number(v) + " ± " + e.Tolerance.String()
}

// off says by how much a value is too high or low.
func (e Expect) off(expected, v float64) string {
	d := v - expected
	if math.IsNaN(d) || math.IsInf(d, 0) {
		return ""
	}
	direction := " too high"
	if d < 0 {
		direction = " too low"
	}
	return ", " + strconv.FormatFloat(math.Abs(d), 'g', 6, 64) + direction // without the noise of a subtraction
}
