package document

import (
	"fmt"
	"strings"
)

// OrOneOf tells the user which name was probably meant, or else which exist.
func OrOneOf(got string, names []string) string {
	if len(names) == 0 {
		return "there is none yet, add one"
	}
	if n := Nearest(got, names); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return "choose one of " + Names(names)
}

// Names lists the first of many names.
func Names(names []string) string {
	const limit = 12
	if len(names) > limit {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
	}
	return strings.Join(names, ", ")
}

// Nearest is the name closest to got by edits, or "" when none is close.
func Nearest(got string, names []string) string {
	best, bestDistance := "", min(2, len(got)/3)+1
	for _, n := range names {
		if d := distance(strings.ToLower(got), strings.ToLower(n), bestDistance); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	return best
}

// distance counts the single-character edits between a and b, the exchange of
// two neighbours being one; it may stop at limit.
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	var before, last, row []int
	row = make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
