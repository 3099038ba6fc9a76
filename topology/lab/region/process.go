package region

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"koflab/topology/lab/state"
)

// Process is a region that runs in a process of its own, so that killing it,
// stopping it and limiting its memory are real. The two talk in JSON lines over
// its standard input and output; its input ending tells it to end, so no region
// outlives its lab.
type Process struct {
	config Config
	stderr io.Writer

	mu        sync.Mutex
	cmd       *exec.Cmd
	in        io.WriteCloser
	answers   *bufio.Scanner
	addresses map[string]string
	closed    bool
}

// request is what a lab asks of a region's process.
type request struct {
	Listening *bool  `json:"listening,omitempty"`
	Users     []User `json:"users,omitempty"`
	Stats     bool   `json:"stats,omitempty"`
}

// reply answers the configuration first and then every request.
type reply struct {
	Error     string            `json:"error,omitempty"`
	Addresses map[string]string `json:"addresses,omitempty"`
	Stats     Stats             `json:"stats,omitempty"`
}

// closeTimeout is how long a region's process may take to end before it is killed.
const closeTimeout = 15 * time.Second

// Spawn starts a region in a process of its own. What the process writes to its
// standard error goes to stderr.
func Spawn(c Config, stderr io.Writer) (*Process, error) {
	p := &Process{config: c, stderr: stderr}
	if err := p.start(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Process) start() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find koflab's own binary: %w", err)
	}
	cmd := exec.Command(self, "component", "region")
	cmd.Stderr = p.stderr
	if p.in, err = cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the process of %s: %w", p.config.Name, err)
	}
	p.cmd, p.answers = cmd, bufio.NewScanner(out)
	p.answers.Buffer(nil, 16<<20)
	r, err := p.ask(p.config)
	if err != nil {
		p.kill()
		return err
	}
	p.addresses = r.Addresses
	return nil
}

// ask sends one line and reads one. The caller holds mu or is alone.
func (p *Process) ask(v any) (reply, error) {
	var r reply
	err := json.NewEncoder(p.in).Encode(v)
	if err == nil && !p.answers.Scan() {
		err = errors.Join(p.answers.Err(), io.ErrUnexpectedEOF)
	}
	if err == nil {
		err = json.Unmarshal(p.answers.Bytes(), &r)
	}
	if err != nil {
		return r, fmt.Errorf("the process of %s does not answer: %w", p.config.Name, err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

func (p *Process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // "signal: killed" is what was asked for
	_ = p.in.Close()
}

// Addresses are the host and port of every listener by name.
func (p *Process) Addresses() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addresses
}

// Stats returns what the stores have counted.
func (p *Process) Stats() (Stats, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.ask(request{Stats: true})
	return r.Stats, err
}

// SetListening takes the region off the network or brings it back.
func (p *Process) SetListening(up bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.ask(request{Listening: &up})
	return err
}

// SetUsers replaces the gateway's users.
func (p *Process) SetUsers(users []User) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.config.Users = users
	_, err := p.ask(request{Users: users})
	return err
}

// Crash kills the process and starts another on what it left on disk.
func (p *Process) Crash() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kill()
	return p.start()
}

// Close tells the process to end and waits for it, until ctx or a bound ends
// the patience; then it is killed.
func (p *Process) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = p.cmd.Process.Kill() })()
	_ = p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the process of %s: %w", p.config.Name, err)
	}
	return nil
}

// ServeProcess is the other end of Spawn. It ends when in does.
func ServeProcess(ctx context.Context, in io.Reader, out io.Writer) error {
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	var c Config
	if err := requests.Decode(&c); err != nil {
		return fmt.Errorf("read the region's configuration: %w", err)
	}
	lock, err := state.Hold(c.Lock)
	if err != nil {
		return errors.Join(err, answers.Encode(reply{Error: err.Error()}))
	}
	defer lock.Close()
	s, err := Open(c)
	if err != nil {
		return errors.Join(err, answers.Encode(reply{Error: err.Error()}))
	}
	err = answers.Encode(reply{Addresses: s.Addresses()})
	for err == nil {
		var q request
		if err = requests.Decode(&q); err != nil {
			break
		}
		err = answers.Encode(s.do(q))
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, s.Close(context.WithoutCancel(ctx)))
}

func (s *Server) do(q request) reply {
	var r reply
	var err error
	switch {
	case q.Listening != nil:
		err = s.SetListening(*q.Listening)
	case q.Users != nil:
		err = s.SetUsers(q.Users)
	case q.Stats:
		r.Stats, err = s.Stats()
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}
