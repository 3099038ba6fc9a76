package release

import (
	"fmt"
	"strings"
)

// context is how many unchanged lines a diff shows around a change.
const contextLines = 3

// line is one line of a diff: kept ' ', removed '-' or added '+'.
type line struct {
	op   byte
	text string
}

// unified is a unified diff of two texts.
func unified(from, to, a, b string) string {
	lines := compareLines(splitLines(a), splitLines(b))
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", from, to)
	for start := 0; start < len(lines); {
		if lines[start].op == ' ' {
			start++
			continue
		}
		// A hunk runs to the last change that is near enough to the one before.
		end := start + 1
		for i := end; i < len(lines) && i-end < 2*contextLines+1; i++ {
			if lines[i].op != ' ' {
				end = i + 1
			}
		}
		writeHunk(&out, lines, max(0, start-contextLines), min(len(lines), end+contextLines))
		start = end
	}
	return out.String()
}

func writeHunk(out *strings.Builder, lines []line, start, end int) {
	fromLine, toLine := 1, 1
	for _, l := range lines[:start] {
		if l.op != '+' {
			fromLine++
		}
		if l.op != '-' {
			toLine++
		}
	}
	var from, to int
	for _, l := range lines[start:end] {
		if l.op != '+' {
			from++
		}
		if l.op != '-' {
			to++
		}
	}
	if from == 0 {
		fromLine--
	}
	if to == 0 {
		toLine--
	}
	fmt.Fprintf(out, "@@ -%d,%d +%d,%d @@\n", fromLine, from, toLine, to)
	for _, l := range lines[start:end] {
		fmt.Fprintf(out, "%c%s\n", l.op, l.text)
	}
}

func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// maxTable bounds the table of the comparison. Texts whose differing parts are
// larger are shown as one change: such a diff is not read line by line.
const maxTable = 4 << 20

// compareLines finds a longest common subsequence of what remains between the
// common beginning and end.
func compareLines(a, b []string) []line {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []line
	for _, s := range a[:head] {
		out = append(out, line{' ', s})
	}
	out = append(out, compareMiddle(a[head:len(a)-tail], b[head:len(b)-tail])...)
	for _, s := range a[len(a)-tail:] {
		out = append(out, line{' ', s})
	}
	return out
}

func compareMiddle(a, b []string) []line {
	var out []line
	width := len(b) + 1
	if (len(a)+1)*width > maxTable {
		for _, s := range a {
			out = append(out, line{'-', s})
		}
		for _, s := range b {
			out = append(out, line{'+', s})
		}
		return out
	}
	// common[i*width+j] is the length of the longest common part of a[i:], b[j:].
	common := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, line{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[(i+1)*width+j] >= common[i*width+j+1]:
			out = append(out, line{'-', a[i]})
			i++
		default:
			out = append(out, line{'+', b[j]})
			j++
		}
	}
	return out
}
