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
	"sync/atomic"
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
	ended  func(error)

	mu        sync.Mutex
	life      *life
	addresses map[string]string
	closed    bool
}

// life is one process of the region, from its start to its end.
type life struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
	exited  chan struct{} // closed when the process has ended
	err     error         // how it ended; read after exited
	// serving is true from the first answer until an end is asked for: whoever turns
	// it off after an exit tells of it.
	serving atomic.Bool
}

// request is what a lab asks of a region's process.
type request struct {
	Listening *bool     `json:"listening,omitempty"`
	Users     []User    `json:"users,omitempty"`
	Services  *[]string `json:"services,omitempty"`
	Stats     bool      `json:"stats,omitempty"`
	Break     *Broken   `json:"break,omitempty"`
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
// standard error goes to stderr. When it ends unasked, ended is called with its
// exit status; Crash then starts another.
func Spawn(c Config, stderr io.Writer, ended func(error)) (*Process, error) {
	p := &Process{config: c, stderr: stderr, ended: ended}
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
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the process of %s: %w", p.config.Name, err)
	}
	l := &life{cmd: cmd, in: in, answers: bufio.NewScanner(out), exited: make(chan struct{})}
	l.answers.Buffer(nil, 16<<20)
	p.life = l
	go func() {
		l.err = cmd.Wait()
		close(l.exited)
		p.tell(l)
	}()
	r, err := p.ask(p.config)
	if err != nil {
		p.kill()
		return err
	}
	p.addresses = r.Addresses
	l.serving.Store(true)
	select {
	case <-l.exited:
		go p.tell(l)
	default:
	}
	return nil
}

// tell tells that a life has ended that should have gone on.
func (p *Process) tell(l *life) {
	if l.serving.CompareAndSwap(true, false) && p.ended != nil {
		p.ended(l.err)
	}
}

// ask sends one line and reads one. The caller holds mu or is alone.
func (p *Process) ask(v any) (reply, error) {
	var r reply
	err := json.NewEncoder(p.life.in).Encode(v)
	if err == nil && !p.life.answers.Scan() {
		err = errors.Join(p.life.answers.Err(), io.ErrUnexpectedEOF)
	}
	if err == nil {
		err = json.Unmarshal(p.life.answers.Bytes(), &r)
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
	p.life.serving.Store(false)
	_ = p.life.cmd.Process.Kill() // it may have ended already
	<-p.life.exited
	_ = p.life.in.Close()
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
	if err == nil {
		p.config.Broken.Cut = !up
	}
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

// SetServices says which listeners serve.
func (p *Process) SetServices(names []string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.config.Services = names
	_, err := p.ask(request{Services: &names})
	return err
}

// Crash kills the process, if it is alive, and starts another on what it left on
// disk.
func (p *Process) Crash() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errors.New("the region is closed")
	}
	p.kill()
	return p.start()
}

// Close tells the process to end and waits for it, until ctx or a bound ends
// the patience; then it is killed. One that had ended before is no error.
func (p *Process) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	if !p.life.serving.Swap(false) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = p.life.cmd.Process.Kill() })()
	_ = p.life.in.Close()
	<-p.life.exited
	if p.life.err != nil {
		return fmt.Errorf("the process of %s: %w", p.config.Name, p.life.err)
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
	case q.Services != nil:
		err = s.SetServices(*q.Services)
	case q.Users != nil:
		err = s.SetUsers(q.Users)
	case q.Stats:
		r.Stats, err = s.Stats()
	case q.Break != nil:
		err = s.Break(*q.Break)
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}
