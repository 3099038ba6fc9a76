package report

import (
	"fmt"
	"strings"
)

// run tells how a scenario went.
func (t *Terminal) run(run Run) []string {
	passed, all := run.checkCounts()
	facts := fmt.Sprintf("%8s  %s", short(run.Duration), plural(all, "check"))
	switch {
	case run.Outcome == Skipped:
		facts = "skipped: " + line(run.Skipped)
	case run.Outcome == Errored:
		facts = "could not run"
	case run.Outcome == Failed && all > 0:
		facts = fmt.Sprintf("%8s  %d of %s hold", short(run.Duration), passed, plural(all, "check"))
	}
	column := min(36, t.o.Width-32)
	head := fmt.Sprintf("%s %-*s  %s", mark(run.Outcome), column, line(run.Scenario), facts)
	lines := []string{t.colorMark(run.Outcome, clip(head, t.o.Width))}
	if !run.Outcome.Bad() {
		return lines
	}
	if run.Error != "" {
		lines = append(lines, t.fact("    ", "error", run.Error)...)
	}
	if !t.o.Steps {
		for _, s := range run.Steps {
			if s.Outcome.Bad() {
				lines = append(lines, t.step("    ", "", s, false)...)
			}
		}
	}
	if run.Reproduce != "" {
		lines = append(lines, t.dim("    reproduce  ")+line(run.Reproduce)) // in one piece, to copy
	}
	return lines
}

// step tells of a step, and of its checks: all, or those that did not pass.
func (t *Terminal) step(indent, name string, s Step, all bool) []string {
	head := fmt.Sprintf("%s%s %6s  %s%d. %s", indent, mark(s.Outcome), short(s.At), line(name), s.Index, line(stepTitle(s)))
	lines := []string{t.colorMark(s.Outcome, clip(head, t.o.Width))}
	indent += "          "
	if s.Error != "" {
		lines = append(lines, t.fact(indent, "error", s.Error)...)
	}
	for _, c := range s.Checks {
		if !all && !c.Outcome.Bad() {
			continue
		}
		head := indent + mark(c.Outcome) + " " + line(c.Name)
		if c.Mode != "" && c.Mode != "now" {
			head += "  (" + line(c.Mode) + ")"
		}
		lines = append(lines, t.colorMark(c.Outcome, clip(head, t.o.Width)))
		if !c.Outcome.Bad() {
			continue
		}
		for _, f := range [][2]string{{c.Kind, c.Query}, {"expected", c.Expected}, {"observed", c.Observed}, {"why", c.Message}} {
			lines = append(lines, t.fact(indent+"  ", f[0], f[1])...)
		}
	}
	return lines
}

// fact is a heading with a text, wrapped beside it.
func (t *Terminal) fact(indent, heading, text string) []string {
	if text == "" {
		return nil
	}
	var lines []string
	lead := fmt.Sprintf("%s%-9s  ", indent, line(heading))
	for _, l := range wrap(block(text), max(20, t.o.Width-len([]rune(lead)))) {
		lines = append(lines, t.dim(lead)+l)
		lead = strings.Repeat(" ", len([]rune(lead)))
	}
	return lines
}

// wrap breaks text into lines of at most so many characters, at blanks if it can.
func wrap(text string, width int) []string {
	var lines []string
	for _, paragraph := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		rest := []rune(strings.ReplaceAll(paragraph, "\t", "    "))
		for len(rest) > width {
			cut := width
			for i := width; i > width/2; i-- {
				if rest[i] == ' ' {
					cut = i
					break
				}
			}
			lines = append(lines, strings.TrimRight(string(rest[:cut]), " "))
			rest = []rune(strings.TrimLeft(string(rest[cut:]), " "))
		}
		lines = append(lines, string(rest))
	}
	return lines
}

// colours are the SGR codes of outcomes.
var colours = map[Outcome]string{Passed: "32", Failed: "31", Skipped: "33", Errored: "35"}

func (t *Terminal) paint(o Outcome, s string) string { return t.sgr(colours[o], s) }

func (t *Terminal) dim(s string) string { return t.sgr("2", s) }

// colorMark paints the first mark of a line.
func (t *Terminal) colorMark(o Outcome, s string) string {
	return strings.Replace(s, mark(o), t.paint(o, mark(o)), 1)
}

func (t *Terminal) sgr(code, s string) string {
	if !t.o.Color || code == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
