package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// TerminalOptions says how a Terminal writes.
type TerminalOptions struct {
	// Color makes outcomes coloured. Leave it off where NO_COLOR is set or the
	// output is no terminal.
	Color bool
	// Live keeps a last line with what is running, rewritten in place: for
	// terminals only.
	Live bool
	// Width is the number of columns, at least 60; 100 if it is 0.
	Width int
	// Steps prints every step as it ends; else those of runs that did not pass, with
	// the run.
	Steps bool
}

// Terminal tells of runs as they happen. It is safe for concurrent use.
type Terminal struct {
	mu      sync.Mutex
	w       io.Writer
	o       TerminalOptions
	running []string // in the order of their start
	doing   map[string]string
	status  bool // the live line is on the screen
	err     error
}

// NewTerminal returns a printer to w.
func NewTerminal(w io.Writer, o TerminalOptions) *Terminal {
	if o.Width <= 0 {
		o.Width = 100
	}
	o.Width = max(o.Width, 60)
	return &Terminal{w: w, o: o, doing: map[string]string{}}
}

// Started tells that a scenario has begun.
func (t *Terminal) Started(scenario string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = append(t.running, scenario)
	t.write()
}

// StepStarted tells what a scenario is about to do.
func (t *Terminal) StepStarted(scenario string, s Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doing[scenario] = firstOf(s.Title, s.Action)
	t.write()
}

// StepEnded tells how a step went.
func (t *Terminal) StepEnded(scenario string, s Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.o.Steps {
		return
	}
	indent, name := "  ", ""
	if len(t.running) > 1 {
		name = scenario + "  "
	}
	t.write(t.step(indent, name, s, true)...)
}

// Ended tells how a scenario went; of a run that did not pass, why.
func (t *Terminal) Ended(run Run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.running, run.Scenario); i >= 0 {
		t.running = slices.Delete(t.running, i, i+1)
	}
	delete(t.doing, run.Scenario)
	t.write(t.run(run)...)
}

// Summary ends the output with the totals and the names of what did not pass. It
// returns the first error of all writing.
func (t *Terminal) Summary(r Report) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = nil
	names, lines := r.names(), []string{""}
	for i, run := range r.Runs {
		if run.Outcome.Bad() {
			lines = append(lines, t.paint(run.Outcome, mark(run.Outcome))+" "+line(names[i]))
			if run.Reproduce != "" {
				lines = append(lines, t.dim("    "+line(run.Reproduce)))
			}
		}
	}
	if len(lines) > 1 {
		lines = append(lines, "")
	}
	t.write(append(lines, t.paint(r.Outcome(), line(r.Totals().String())))...)
	return t.err
}

// WriteTerminal writes a finished report as if it had been followed.
func WriteTerminal(w io.Writer, r Report, o TerminalOptions) error {
	o.Live = false
	t := NewTerminal(w, o)
	for _, run := range r.Runs {
		if o.Steps {
			for _, s := range run.Steps {
				t.StepEnded(run.Scenario, s)
			}
		}
		t.Ended(run)
	}
	return t.Summary(r)
}

// write puts lines above the live line.
func (t *Terminal) write(lines ...string) {
	var b strings.Builder
	if t.status {
		b.WriteString("\r\x1b[K")
	}
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	if t.status = t.o.Live && len(t.running) > 0; t.status {
		b.WriteString(t.dim(clip(t.live(), t.o.Width-1)))
	}
	if b.Len() == 0 {
		return
	}
	if _, err := io.WriteString(t.w, b.String()); t.err == nil {
		t.err = err
	}
}

// live says what is running.
func (t *Terminal) live() string {
	if len(t.running) == 1 {
		name := t.running[0]
		return line(strings.TrimSuffix("▸ "+name+"  "+t.doing[name], "  "))
	}
	return line(fmt.Sprintf("▸ %d running: %s", len(t.running), strings.Join(t.running, ", ")))
}
