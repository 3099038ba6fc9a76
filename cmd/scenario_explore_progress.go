package cmd

import (
	"fmt"
	"io"

	"koflab/scenarios/explore"
)

// exploreProgress tells how far an exploration is: in one line that is rewritten on a
// terminal, else now and then in a line of its own.
type exploreProgress struct {
	w    io.Writer
	live bool
	last int
}

// progressEvery is after how many runs a line of its own is written.
const progressEvery = 25

func newExploreProgress(w io.Writer) *exploreProgress {
	return &exploreProgress{w: w, live: isTerminal(w)}
}

func (p *exploreProgress) tell(now explore.Progress) {
	line := fmt.Sprintf("%d of %s played, %d failed", now.Played, count(now.Planned, "run", "runs"), now.Failed)
	if now.Shrinking > 0 {
		line += fmt.Sprintf("; making run %d smaller, attempt %d", now.Shrinking, now.Attempt)
	}
	switch {
	case p.live:
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	case now.Shrinking > 0:
		if now.Attempt == 1 {
			fmt.Fprintf(p.w, "koflab: %s\n", line)
		}
	case now.Played-p.last >= progressEvery || now.Played == now.Planned:
		p.last = now.Played
		fmt.Fprintf(p.w, "koflab: %s\n", line)
	}
}

// end takes the line away.
func (p *exploreProgress) end() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
