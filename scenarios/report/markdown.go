package report

import (
	"fmt"
	"io"
	"strings"
)

// marks are the signs of outcomes, for terminal and Markdown.
var marks = map[Outcome]string{Passed: "✓", Failed: "✗", Skipped: "–", Errored: "!"}

// WriteMarkdown writes the report for a pull request or a job's summary: a table
// of all scenarios, then each with what it teaches and pins, and what went wrong.
func WriteMarkdown(w io.Writer, r Report) error {
	var b strings.Builder
	b.WriteString("# Scenarios\n\n" + r.Totals().String() + "\n\n")
	if len(r.Runs) > 0 {
		b.WriteString("| | scenario | title | checks | lab time | seed |\n|:-:|---|---|--:|--:|--:|\n")
	}
	names := r.names()
	for i, run := range r.Runs {
		passed, all := run.checkCounts()
		fmt.Fprintf(&b, "| %s | %s | %s | %d/%d | %s | %d |\n", mark(run.Outcome), cell(names[i]), cell(run.Title),
			passed, all, short(run.Duration), run.Seed)
	}
	for i, run := range r.Runs {
		markdownRun(&b, names[i], run)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownRun(b *strings.Builder, name string, run Run) {
	fmt.Fprintf(b, "\n## %s %s\n\n", mark(run.Outcome), inline(name))
	if run.Title != "" {
		fmt.Fprintf(b, "**%s**\n\n", inline(run.Title))
	}
	if run.Skipped != "" {
		fmt.Fprintf(b, "Skipped: %s\n\n", inline(run.Skipped))
	}
	if run.Error != "" {
		fmt.Fprintf(b, "Could not run: %s\n\n", inline(run.Error))
	}
	if teaches := strings.TrimSpace(quoteProse(run.Teaches)); teaches != "" {
		fmt.Fprintf(b, "> %s\n\n", strings.ReplaceAll(teaches, "\n", "\n> "))
	}
	for _, pin := range run.Pins {
		fmt.Fprintf(b, "- pins: %s", inline(pin.Behaviour))
		if pin.Source != "" {
			fmt.Fprintf(b, " (source: %s)", inline(pin.Source))
		}
		b.WriteByte('\n')
	}
	if len(run.Pins) > 0 {
		b.WriteByte('\n')
	}
	for _, f := range run.Faults {
		fmt.Fprintf(b, "- fault %s on %s, %s to %s: %s\n", code(f.Name), code(f.Target), short(f.From), short(f.To), inline(f.Effect))
	}
	if len(run.Faults) > 0 {
		b.WriteByte('\n')
	}
	if len(run.Steps) > 0 {
		b.WriteString("| | at | step | observed |\n|:-:|--:|---|---|\n")
	}
	for _, s := range run.Steps {
		fmt.Fprintf(b, "| %s | %s | %d. %s | %s |\n", mark(s.Outcome), short(s.At), s.Index, cell(stepTitle(s)), cell(s.Error))
		for _, c := range s.Checks {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", mark(c.Outcome), short(c.At), cell(c.Name), cell(c.Observed))
		}
	}
	for c := range run.checks() {
		if c.Outcome.Bad() {
			fmt.Fprintf(b, "\n### %s %s\n\n%s", mark(c.Outcome), inline(c.Name), fence(checkBody(c, run.Reproduce)))
		}
	}
	if run.Outcome.Bad() && run.Reproduce != "" {
		fmt.Fprintf(b, "\nReproduce: %s\n", code(run.Reproduce))
	}
}

// String tells the totals in one line.
func (t Totals) String() string {
	parts := []string{plural(t.Runs, "scenario") + ": " + fmt.Sprint(t.Passed) + " passed"}
	for _, part := range []struct {
		n    int
		what string
	}{{t.Failed, "failed"}, {t.Errored, "could not run"}, {t.Skipped, "skipped"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprint(part.n, " ", part.what))
		}
	}
	return fmt.Sprintf("%s; %s of %s hold; %s of lab time", strings.Join(parts, ", "),
		thousands(int64(t.ChecksPassed)), plural(t.Checks, "check"), short(t.Duration))
}

// checkCounts returns how many checks passed, and how many there are.
func (r Run) checkCounts() (passed, all int) {
	for c := range r.checks() {
		all++
		if c.Outcome == Passed {
			passed++
		}
	}
	return passed, all
}

// stepTitle is a step's title followed by what it does.
func stepTitle(s Step) string {
	if s.Title == "" {
		return s.Action
	}
	return s.Title + " (" + s.Action + ")"
}

func mark(o Outcome) string {
	if m, ok := marks[o]; ok {
		return m
	}
	return "?"
}

// inline makes text that Markdown shows as it is.
func inline(s string) string {
	var b strings.Builder
	for _, r := range line(s) {
		if strings.ContainsRune("\\`*_[]<#!|~&$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// cell is inline, short enough for a table.
func cell(s string) string { return inline(clip(line(s), 160)) }

// code is a code span that holds any text.
func code(s string) string {
	s = line(s)
	if s == "" {
		return ""
	}
	ticks := strings.Repeat("`", longestRun(s)+1)
	if len(ticks) > 1 {
		return ticks + " " + s + " " + ticks
	}
	return ticks + s + ticks
}

// fence is a code block that holds any text.
func fence(s string) string {
	ticks := strings.Repeat("`", max(3, longestRun(s)+1))
	return ticks + "text\n" + strings.Trim(s, "\n") + "\n" + ticks + "\n"
}

// longestRun is the length of the longest run of backticks.
func longestRun(s string) int {
	longest, n := 0, 0
	for _, r := range s {
		if n++; r != '`' {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}
