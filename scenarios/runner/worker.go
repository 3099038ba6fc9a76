package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"koflab/scenarios"
	"koflab/scenarios/report"
	"koflab/sim/clock"
	"koflab/topology/lab"
)

// Each scenario is played by a process of its own: a lab in virtual time must have
// the process to itself, and one that hangs or dies takes nobody with it.

// request is what a worker is to do, on its standard input.
type request struct {
	File   string `json:"file"`
	Source string `json:"source"`
	Seed   int64  `json:"seed,omitempty"`
	Keep   bool   `json:"keep,omitempty"`
}

// message is what a worker tells, one a line: exactly one field is set.
type message struct {
	Started *report.Step `json:"started,omitempty"`
	Ended   *report.Step `json:"ended,omitempty"`
	Run     *report.Run  `json:"run,omitempty"`
	// Kept is the name of the lab that stays.
	Kept string `json:"kept,omitempty"`
}

// Work is the life of a worker: it plays the scenario that in says and tells of it
// on out. It ends early when in is closed, unless the lab is kept.
func Work(ctx context.Context, in io.Reader, out io.Writer) error {
	return WorkWith(ctx, in, out, Options{})
}

// WorkWith is Work with options of the worker's own; the seed and who is told are
// those of who asks.
func WorkWith(ctx context.Context, in io.Reader, out io.Writer, o Options) error {
	decoder := json.NewDecoder(in)
	var q request
	if err := decoder.Decode(&q); err != nil {
		return fmt.Errorf("read what to play: %w", err)
	}
	s, err := scenarios.Parse(q.File, []byte(q.Source))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !q.Keep {
		go func() {
			_, _ = io.Copy(io.Discard, in)
			cancel()
		}()
	}
	var mu sync.Mutex
	encoder := json.NewEncoder(out)
	say := func(m message) {
		mu.Lock()
		defer mu.Unlock()
		_ = encoder.Encode(m) // nobody may listen any more
	}
	o.Seed = q.Seed
	o.Started = func(s report.Step) { say(message{Started: &s}) }
	o.Ended = func(s report.Step) { say(message{Ended: &s}) }
	if q.Keep {
		o.Keep = func(ctx context.Context, run report.Run, l *lab.Lab, v *clock.Virtual) {
			say(message{Kept: run.Scenario})
			say(message{Run: &run})
			keep(ctx, l, v)
		}
	}
	run := Run(ctx, s, o)
	say(message{Run: &run})
	return nil
}

// keep lets a lab live in the machine's pace until it is told to go down.
func keep(ctx context.Context, l *lab.Lab, v *clock.Virtual) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if v.Run(ctx, time.Second) != nil {
				return
			}
		case <-l.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}
