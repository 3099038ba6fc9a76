package runner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"koflab/scenarios"
	"koflab/scenarios/report"
)

// Pool plays many scenarios, several at once.
type Pool struct {
	// Command is the command line of a worker, a process that calls Work.
	Command []string
	// Parallel is how many are played at once, at least 1.
	Parallel int
	// Seed replaces that of all scenarios; 0 keeps each one's.
	Seed int64
	// FailFast begins no other once one has failed.
	FailFast bool
	// Keep leaves the labs running.
	Keep bool
	// Timeout is the most that a scenario may take, in real time; 0 is no limit.
	Timeout time.Duration
	// View is told what goes on; nil for nobody.
	View View
	// Kept is told of each lab that stays, by name.
	Kept func(name string)
}

// View is told of runs and their steps, from several goroutines.
type View interface {
	Started(scenario string)
	StepStarted(scenario string, s report.Step)
	StepEnded(scenario string, s report.Step)
	Ended(run report.Run)
}

// closeTimeout is how long a worker that is told to end may take, in real time.
const closeTimeout = 15 * time.Second

// errFailFast ends what waits behind a failure.
var errFailFast = errors.New("not begun: another scenario has failed before, and --fail-fast was given")

// Play plays scenarios and returns their results in the same order.
func (p *Pool) Play(ctx context.Context, list []*scenarios.Scenario) report.Report {
	r := report.Report{Version: report.Version, Seed: p.Seed, Runs: make([]report.Run, len(list))}
	begun, cancel := context.WithCancelCause(ctx) // done when no other is to begin
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range max(1, min(p.Parallel, len(list))) {
		workers.Go(func() {
			for i := range next {
				run := p.one(ctx, begun, list[i])
				r.Runs[i] = run
				if p.View != nil {
					p.View.Ended(run)
				}
				if run.Outcome.Bad() && p.FailFast {
					cancel(errFailFast)
				}
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	workers.Wait()
	return r
}

// one plays a scenario in a process of its own.
func (p *Pool) one(ctx, begun context.Context, s *scenarios.Scenario) report.Run {
	failed := report.Run{
		Scenario: s.Name, Title: s.Title, Number: s.Number, Teaches: s.Teaches, Tags: s.Tags, Seed: s.Seed, Start: s.Clock.Start,
		Outcome: report.Errored,
	}
	if p.Seed != 0 {
		failed.Seed = p.Seed
	}
	failed.Reproduce = reproduce(s.Name, failed.Seed)
	if begun.Err() != nil {
		if cause := context.Cause(begun); errors.Is(cause, errFailFast) {
			failed.Outcome, failed.Skipped = report.Skipped, cause.Error()
		} else {
			failed.Error = "interrupted before it began"
		}
		return failed
	}
	if p.View != nil {
		p.View.Started(s.Name)
	}
	run, err := p.process(ctx, s)
	if err != nil {
		failed.Error = err.Error()
		return failed
	}
	return run
}

// reproduce is the command line that gives a result again, in the directory of the
// file where the scenario is not of the library.
func reproduce(name string, seed int64) string {
	if _, err := scenarios.Find(name); err != nil {
		name += ".yaml"
	}
	return fmt.Sprintf("koflab scenario run %s --seed %d", name, seed)
}

// process runs a worker to its end.
func (p *Pool) process(ctx context.Context, s *scenarios.Scenario) (report.Run, error) {
	source, err := scenarios.Marshal(s)
	if err != nil {
		return report.Run{}, err
	}
	asked, err := json.Marshal(request{File: s.Name + ".yaml", Source: string(source), Seed: p.Seed, Keep: p.Keep})
	if err != nil {
		return report.Run{}, err
	}
	cmd := exec.Command(p.Command[0], p.Command[1:]...)
	cmd.Env = os.Environ()
	if p.Keep {
		detach(cmd)
	} else {
		// A directory of its own keeps it apart from the user's labs.
		home, err := os.MkdirTemp("", "koflab-")
		if err != nil {
			return report.Run{}, err
		}
		defer os.RemoveAll(home)
		cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+filepath.Join(home, "s"), "XDG_RUNTIME_DIR="+filepath.Join(home, "r"))
	}
	var complaint tail
	cmd.Stderr = &complaint
	in, err := cmd.StdinPipe()
	if err != nil {
		return report.Run{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return report.Run{}, err
	}
	if err := cmd.Start(); err != nil {
		return report.Run{}, fmt.Errorf("start a worker: %w", err)
	}
	_, err = in.Write(append(asked, '\n'))
	l := &listener{pool: p, scenario: s.Name}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		l.listen(out)
	}()
	why := p.wait(ctx, in, cmd, heard)
	switch {
	case l.run != nil && why == nil:
		return *l.run, nil
	case why != nil:
		return report.Run{}, fmt.Errorf("%w; it was at %s", why, l.last())
	case err != nil && complaint.empty():
		return report.Run{}, fmt.Errorf("the process ended before it was told what to play: %w", err)
	}
	return report.Run{}, fmt.Errorf("the process ended at %s: %s", l.last(), complaint.lastLine())
}

// wait waits until the worker has said all, and says why it had to be ended.
func (p *Pool) wait(ctx context.Context, in io.Closer, cmd *exec.Cmd, heard <-chan struct{}) (why error) {
	var over <-chan time.Time
	if p.Timeout > 0 {
		t := time.NewTimer(p.Timeout)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-heard:
	case <-ctx.Done():
		why = errors.New("interrupted")
	case <-over:
		why = fmt.Errorf("it has taken more than %s of real time (--timeout)", p.Timeout)
	}
	if p.Keep && why == nil {
		return nil // it lives on
	}
	_ = in.Close()
	ended := make(chan struct{})
	go func() {
		<-heard
		_ = cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(closeTimeout):
		_ = cmd.Process.Kill()
		<-ended
	}
	return why
}

// listener reads what a worker tells.
type listener struct {
	pool     *Pool
	scenario string

	mu   sync.Mutex
	step string
	run  *report.Run
}

func (l *listener) listen(out io.Reader) {
	decoder := json.NewDecoder(bufio.NewReader(out))
	for {
		var m message
		if decoder.Decode(&m) != nil {
			return
		}
		l.take(m)
		if m.Run != nil && l.pool.Keep {
			return
		}
	}
}

func (l *listener) take(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	view := l.pool.View
	switch {
	case m.Started != nil:
		l.step = fmt.Sprintf("step %d (%s)", m.Started.Index, m.Started.Action)
		if view != nil {
			view.StepStarted(l.scenario, *m.Started)
		}
	case m.Ended != nil && view != nil:
		view.StepEnded(l.scenario, *m.Ended)
	case m.Kept != "" && l.pool.Kept != nil:
		l.pool.Kept(m.Kept)
	case m.Run != nil:
		l.run = m.Run
	}
}

func (l *listener) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.step == "" {
		return "the start of its lab"
	}
	return l.step
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailBytes = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-tailBytes):]
	return len(p), nil
}

func (t *tail) empty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.b) == 0
}

// lastLine is what a process that failed said last; of a panic its first line.
func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := string(bytes.TrimSpace(t.b))
	if i := strings.Index(text, "panic: "); i >= 0 {
		text, _, _ = strings.Cut(text[i:], "\n")
		return text
	}
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	if text == "" {
		return "without a word"
	}
	return text
}
