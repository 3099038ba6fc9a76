package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// seriesWhy compares rows with the expected series: each series needs a row of its
// own, each row a series.
func (e Expect) seriesWhy(r Result) string {
	if len(e.Series) == 0 {
		return ""
	}
	series := slices.Clone(e.Series)
	slices.SortStableFunc(series, func(a, b Series) int {
		return cmp.Or(strings.Compare(labelKey(a.Labels), labelKey(b.Labels)), compareValues(a.Value, b.Value))
	})
	m := newMatching(series, r.Rows)
	m.extend(func(s Series, row Row) bool { return e.sameLabels(s, row) && e.sameValue(s, row) })
	if m.complete() {
		return ""
	}
	// What is left differs in its value, or else is missing or unexpected.
	whole := m.pairs()
	m.fix()
	m.extend(e.sameLabels)
	var parts []string
	for _, p := range []struct {
		what  string
		items []string
	}{
		{"missing", m.missing(e.expected)},
		{"unexpected", m.unexpected()},
		{"different", m.different(whole, e.difference)},
	} {
		if len(p.items) > 0 {
			parts = append(parts, fmt.Sprintf("%s: %s", p.what, list(p.items, whyLimit/4, strings.Clone)))
		}
	}
	return fmt.Sprintf("expected %d series, observed %d: %s", len(series), len(r.Rows), strings.Join(parts, "; "))
}

func compareValues(a, b *float64) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

// sameLabels compares the labels that are listed, or with exact all of them. As in
// Prometheus an empty label is one that is not there.
func (e Expect) sameLabels(s Series, row Row) bool {
	for name, value := range s.Labels {
		if row.Labels[name] != value {
			return false
		}
	}
	if e.Exact {
		for name, value := range row.Labels {
			if s.Labels[name] != value {
				return false
			}
		}
	}
	return true
}

func (e Expect) sameValue(s Series, row Row) bool {
	return s.Value == nil || !slices.ContainsFunc(row.points(), func(v float64) bool { return !e.near(*s.Value, v) })
}

// expected writes a series as it is expected.
func (e Expect) expected(s Series) string {
	text := orElse(selector(s.Labels), "{}")
	if s.Value != nil {
		text += " " + e.quantity(*s.Value)
	}
	return text
}

// difference writes a row that has another value than its series.
func (e Expect) difference(s Series, row Row) string {
	v := row.Value
	for _, p := range row.points() {
		if !e.near(*s.Value, p) {
			v = p
			break
		}
	}
	return fmt.Sprintf("%s is %s instead of %s", orElse(selector(s.Labels), "{}"), number(v), e.quantity(*s.Value))
}

// matching gives series rows, one to one and as many as can be: a series that lists
// few labels may suit several rows, so who takes which one matters.
type matching struct {
	series   []Series
	rows     []Row
	rowOf    []int // by series; -1 for none
	seriesOf []int // by row
	fixed    []bool
	postings map[[2]string][]int // rows by label and value
	all      []int
}

func newMatching(series []Series, rows []Row) *matching {
	m := &matching{series: series, rows: rows, fixed: make([]bool, len(rows)), postings: map[[2]string][]int{}}
	m.rowOf, m.seriesOf = slices.Repeat([]int{-1}, len(series)), slices.Repeat([]int{-1}, len(rows))
	for i, row := range rows {
		m.all = append(m.all, i)
		for name, value := range row.Labels {
			m.postings[[2]string{name, value}] = append(m.postings[[2]string{name, value}], i)
		}
	}
	return m
}

// candidates are rows among which those that suit a series are.
func (m *matching) candidates(s Series) []int {
	best := m.all
	for name, value := range s.Labels {
		if value == "" {
			continue // of rows without the label
		}
		if rows := m.postings[[2]string{name, value}]; len(rows) < len(best) {
			best = rows
		}
	}
	return best
}

// extend matches the series that have no row, by augmenting paths.
func (m *matching) extend(suits func(Series, Row) bool) {
	for i := range m.series {
		if m.rowOf[i] >= 0 {
			continue
		}
		m.augment(i, suits, map[int]bool{})
	}
}

func (m *matching) augment(i int, suits func(Series, Row) bool, visited map[int]bool) bool {
	candidates := m.candidates(m.series[i])
	free := func(row int) bool { return m.seriesOf[row] < 0 }
	for _, wantFree := range []bool{true, false} {
		for _, row := range candidates {
			if m.fixed[row] || free(row) != wantFree || visited[row] || !suits(m.series[i], m.rows[row]) {
				continue
			}
			visited[row] = true
			if wantFree || m.augment(m.seriesOf[row], suits, visited) {
				m.rowOf[i], m.seriesOf[row] = row, i
				return true
			}
		}
	}
	return false
}

// fix keeps what is matched.
func (m *matching) fix() {
	for row, series := range m.seriesOf {
		m.fixed[row] = series >= 0
	}
}

func (m *matching) pairs() []int { return slices.Clone(m.rowOf) }

func (m *matching) complete() bool {
	return !slices.Contains(m.rowOf, -1) && !slices.Contains(m.seriesOf, -1)
}

func (m *matching) missing(write func(Series) string) []string {
	var out []string
	for i, row := range m.rowOf {
		if row < 0 {
			out = append(out, write(m.series[i]))
		}
	}
	return out
}

func (m *matching) unexpected() []string {
	var out []string
	for i, series := range m.seriesOf {
		if series < 0 {
			out = append(out, m.rows[i].String())
		}
	}
	return out
}

// different are the pairs that were made after those before.
func (m *matching) different(before []int, write func(Series, Row) string) []string {
	var out []string
	for i, row := range m.rowOf {
		if row >= 0 && before[i] < 0 {
			out = append(out, write(m.series[i], m.rows[row]))
		}
	}
	return out
}
