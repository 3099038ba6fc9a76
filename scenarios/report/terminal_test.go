package report

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The live line is wiped before every line that stays, and at the end.
func TestTerminalLive(t *testing.T) {
	var b bytes.Buffer
	term := NewTerminal(&b, TerminalOptions{Live: true, Width: 60})
	term.Started("one")
	term.Started("two")
	term.StepStarted("two", Step{Action: "run 5m"})
	term.Ended(Run{Scenario: "one", Outcome: Passed})
	term.Ended(Run{Scenario: "two", Outcome: Skipped, Skipped: "no need"})
	require.NoError(t, term.Summary(Report{}))
	var screen []string // as a terminal shows it
	for _, l := range strings.Split(b.String(), "\n") {
		parts := strings.Split(l, "\r\x1b[K")
		screen = append(screen, parts[len(parts)-1])
	}
	require.Equal(t, []string{
		"✓ one                                 0s  0 checks",
		"– two                           skipped: no need",
		"",
		"0 scenarios: 0 passed; 0 of 0 checks hold; 0s of lab time", "",
	}, screen)
	require.Contains(t, b.String(), "▸ one")
	require.Contains(t, b.String(), "▸ 2 running: one, two")
	require.Contains(t, b.String(), "▸ two  run 5m")
}

// Lines fit, and without Color there is not one escape sequence.
func TestTerminalFits(t *testing.T) {
	long := sample()
	long.Runs[1].Steps[6].Checks[0].Observed = strings.Repeat("observed ", 60) + strings.Repeat("x", 300)
	for _, width := range []int{60, 72, 200} {
		var b bytes.Buffer
		require.NoError(t, WriteTerminal(&b, long, TerminalOptions{Width: width, Steps: true}))
		require.NotContains(t, b.String(), "\x1b")
		for _, l := range strings.Split(b.String(), "\n") {
			if !strings.Contains(l, "scenarios: ") && !strings.Contains(l, "koflab scenario run") { // to copy whole
				require.LessOrEqual(t, len([]rune(l)), width, l)
			}
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestTerminalTellsOfErrorsOnce(t *testing.T) {
	require.EqualError(t, WriteTerminal(brokenPipe{}, sample(), TerminalOptions{}), "broken pipe")
}

func TestTerminalIsSafeForConcurrentUse(t *testing.T) {
	var b bytes.Buffer
	term := NewTerminal(&b, TerminalOptions{Live: true, Steps: true})
	var wg sync.WaitGroup
	for _, run := range many(20).Runs {
		wg.Go(func() {
			term.Started(run.Scenario)
			for _, s := range run.Steps {
				term.StepStarted(run.Scenario, s)
				term.StepEnded(run.Scenario, s)
			}
			term.Ended(run)
		})
	}
	wg.Wait()
	require.NoError(t, term.Summary(many(20)))
	require.Equal(t, 20, strings.Count(b.String(), "12m  1 check\n")+strings.Count(b.String(), "3 of 5 checks hold"))
}
