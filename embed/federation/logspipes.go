package federation

import (
	"strings"
)

// LogsQL is taken apart as text, in the canonical form that the parser prints:
// the library keeps its pipes to itself.

// pieces cuts text at the separators that stand outside quotes and brackets.
// Interval notation such as [1, 5) closes what another kind of bracket opened,
// so all kinds count alike.
func pieces(text string, separator byte) []string {
	var list []string
	depth, from := 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'', '`':
			i = endOfQuote(text, i)
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case separator:
			if depth == 0 {
				list = append(list, strings.TrimSpace(text[from:i]))
				from = i + 1
			}
		}
	}
	return append(list, strings.TrimSpace(text[from:]))
}

// endOfQuote returns the index of the quote that ends the one at start.
func endOfQuote(text string, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[start] != '`':
			i++
		case text[i] == text[start]:
			return i
		}
	}
	return len(text)
}

func joinPipes(list ...string) string { return strings.Join(list, " | ") }

// isPipe reports whether the pipe has that name.
func isPipe(pipe, name string) bool {
	rest, ok := strings.CutPrefix(pipe, name)
	return ok && (rest == "" || rest[0] == ' ')
}

// mergesBy are the stats functions whose results over parts of the rows combine
// to the result over all of them, and by what.
var mergesBy = map[string]string{
	"count":       "sum",
	"count_empty": "sum",
	"sum":         "sum",
	"sum_len":     "sum",
	"min":         "min",
	"max":         "max",
}

// mergedStats returns the stats pipe that combines the results of the given one
// from several groups; not ok when their results do not combine.
func mergedStats(pipe string) (string, bool) {
	rest, ok := strings.CutPrefix(pipe, "stats ")
	if !ok || len(pieces(pipe, '|')) > 1 || strings.Contains(pipe, "in(") {
		return "", false // a subquery in an if() would be answered from one group
	}
	merged := "stats "
	if strings.HasPrefix(rest, "by (") {
		end := closing(rest, len("by "))
		merged += rest[:end+1] + " "
		rest = strings.TrimSpace(rest[end+1:])
	}
	grouped := merged != "stats "
	functions := pieces(rest, ',')
	for i, f := range functions {
		name, after, _ := strings.Cut(f, "(")
		by, known := mergesBy[name]
		at := strings.LastIndex(f, " as ")
		// A group without rows answers min and max with nothing, which is less than anything.
		if !known || at < 0 || (by != "sum" && (!grouped || strings.Contains(after, ") if (") || strings.Contains(after, ") if("))) {
			return "", false
		}
		result := f[at+len(" as "):]
		functions[i] = by + "(" + result + ") as " + result
	}
	return merged + strings.Join(functions, ", "), true
}

// closing returns the index of the bracket that closes the one at open.
func closing(text string, open int) int {
	depth := 0
	for i := open; i < len(text); i++ {
		switch text[i] {
		case '"', '\'', '`':
			i = endOfQuote(text, i)
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(text) - 1
}
