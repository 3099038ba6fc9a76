package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"koflab/topology/lab/control"
	"koflab/topology/lab/state"
)

// Progress is what a lab that starts tells the command that started it, one
// JSON object a line.
type Progress struct {
	Event *control.Event `json:"event,omitempty"`
	// Ready comes last when the lab is up, Error when it failed.
	Ready *control.Status `json:"ready,omitempty"`
	Error string          `json:"error,omitempty"`
}

// Detach starts a lab in a process of its own and returns when it is ready. The
// lab's process runs `koflab component lab`, which calls ServeDetached. When ctx
// ends first, the half-started lab is ended with it.
func Detach(ctx context.Context, o Options, dir *state.Dir, progress func(control.Event)) (control.Status, error) {
	self, err := os.Executable()
	if err != nil {
		return control.Status{}, fmt.Errorf("find koflab's own binary: %w", err)
	}
	if err := dir.Free(); err != nil {
		return control.Status{}, err
	}
	o.Detached = true
	b, err := json.Marshal(o)
	if err != nil {
		return control.Status{}, err
	}
	if err := os.MkdirAll(dir.Path(), 0o700); err != nil {
		return control.Status{}, fmt.Errorf("create the lab's state directory: %w; set XDG_STATE_HOME to a directory you can write", err)
	}
	log, err := os.OpenFile(dir.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return control.Status{}, fmt.Errorf("open the lab's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(self, "component", "lab")
	cmd.Stdin = strings.NewReader(string(b))
	cmd.Stderr = log
	cmd.SysProcAttr = detached()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return control.Status{}, err
	}
	if err := cmd.Start(); err != nil {
		return control.Status{}, fmt.Errorf("start the lab's process: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })()
	status, err := readProgress(out, progress)
	if err == nil {
		return status, cmd.Process.Release()
	}
	_ = cmd.Wait() // its exit status says less than the error it reported
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.Is(err, io.EOF):
		return control.Status{}, fmt.Errorf("the lab's process ended unexpectedly; see %s", dir.LogFile())
	}
	return control.Status{}, errors.Join(err, dir.Tidy())
}

func readProgress(r io.Reader, progress func(control.Event)) (control.Status, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var p Progress
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return control.Status{}, fmt.Errorf("read the lab's progress: %w", err)
		}
		switch {
		case p.Event != nil:
			progress(*p.Event)
		case p.Ready != nil:
			return *p.Ready, nil
		case p.Error != "":
			return control.Status{}, errors.New(p.Error)
		}
	}
	if err := lines.Err(); err != nil {
		return control.Status{}, err
	}
	return control.Status{}, io.EOF
}

// ServeDetached is the other end of Detach: it reads the options, starts the
// lab, reports its progress on out and serves until ctx ends or the lab is taken
// down. When nobody reads the progress any more, it gives the start up.
func ServeDetached(ctx context.Context, in io.Reader, out io.WriteCloser) error {
	var o Options
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("read the lab's options: %w", err)
	}
	starting, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	enc := json.NewEncoder(out)
	report := func(p Progress) {
		if err := enc.Encode(p); err != nil {
			giveUp(fmt.Errorf("the command that started the lab has gone: %w", err))
		}
	}
	l, err := Start(starting, o, func(e control.Event) { report(Progress{Event: &e}) })
	if err != nil {
		report(Progress{Error: err.Error()})
		return err
	}
	s := l.Status()
	report(Progress{Ready: &s})
	if err := errors.Join(context.Cause(starting), out.Close()); err != nil {
		return errors.Join(err, l.Close())
	}
	return l.Wait(ctx)
}
