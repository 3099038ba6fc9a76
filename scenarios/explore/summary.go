package explore

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// WriteSummary tells people of the result.
func (r *Result) WriteSummary(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %s played with seed %d, %s of lab time: %d passed", r.Runs.Played, counted(r.Runs.Planned, "run"), r.Seed, r.LabTime, r.Runs.Passed)
	if r.Runs.Failed > 0 {
		fmt.Fprintf(&b, ", %d failed", r.Runs.Failed)
	}
	if r.Runs.Errored > 0 {
		fmt.Fprintf(&b, ", %d could not be played", r.Runs.Errored)
	}
	b.WriteString("\n\nInvariants\n")
	for _, v := range r.Invariants {
		mark := "✓"
		if v.Held < v.Checked {
			mark = "✗"
		}
		fmt.Fprintf(&b, "  %s %-50s held %d of %s\n", mark, v.Name, v.Held, counted(v.Checked, "time"))
	}
	total := 0
	var tried, not []string
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		if n := r.Faults[name]; n > 0 {
			total += n
			tried = append(tried, fmt.Sprintf("%s %d", name, n))
		} else {
			not = append(not, name)
		}
	}
	fmt.Fprintf(&b, "\n%s injected\n", counted(total, "fault"))
	wrap(&b, tried)
	if len(not) > 0 {
		b.WriteString("not drawn\n")
		wrap(&b, not)
	}
	for _, f := range r.Failures {
		f.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *Failure) write(b *strings.Builder) {
	what := f.Check
	if what == "" {
		what = "a step could not be taken"
	}
	fmt.Fprintf(b, "\n✗ run %d: %s\n  %s\n  faults: %s\n", f.Run, what, f.Message, strings.Join(f.Faults, ", "))
	switch {
	case f.Attempts == 0:
	case f.Repeated:
		fmt.Fprintf(b, "  shrunk from %s to %d in %s\n", counted(f.From, "step"), f.Steps, counted(f.Attempts, "attempt"))
	default:
		b.WriteString("  it did not fail again when it was played once more\n")
	}
	if f.Reproduce != "" {
		fmt.Fprintf(b, "  reproduce: %s\n", f.Reproduce)
	}
}

// lineWidth is how long a line of a list gets, in characters.
const lineWidth = 96

func wrap(b *strings.Builder, words []string) {
	line := " "
	for i, word := range words {
		if i < len(words)-1 {
			word += ","
		}
		if len(line)+1+len(word) > lineWidth {
			fmt.Fprintln(b, line)
			line = " "
		}
		line += " " + word
	}
	fmt.Fprintln(b, line)
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
