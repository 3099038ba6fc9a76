package fault

import (
	"fmt"
	"strings"
)

// Suggest is what to choose instead of a name that is none of names: the nearest,
// or all of them, as far as one can read them, if none is near.
func Suggest(got string, names []string) string {
	best, distance := "", min(2, len(got)/3)+1
	for _, n := range names {
		if d := edits(strings.ToLower(got), strings.ToLower(n)); d < distance {
			best, distance = n, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	const limit = 40 // the whole catalogue
	if len(names) > limit {
		return fmt.Sprintf("choose one of %s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
	}
	return "choose one of " + strings.Join(names, ", ")
}

// edits is the number of letters to insert, delete, replace or swap to turn a into b.
func edits(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
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
		before, last = last, row
	}
	return last[len(b)]
}
