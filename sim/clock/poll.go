package clock

import "os"

// poller makes the scheduler look at the network now. Left alone it does so when a
// processor has nothing else to run, which a goroutine that yields all the time
// never lets happen.
type poller struct {
	read, write *os.File
	polled      chan struct{}
}

// newPoller returns nil where the system has no pipe left.
func newPoller() *poller {
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	p := &poller{read: r, write: w, polled: make(chan struct{})}
	go func() {
		defer close(p.polled)
		b := make([]byte, 1)
		for {
			if _, err := r.Read(b); err != nil {
				return
			}
			p.polled <- struct{}{}
		}
	}()
	return p
}

// poll returns when whoever waited for what the network had delivered can run: the
// pipe's reader is woken with them, in the same way.
func (p *poller) poll() {
	if p == nil {
		return
	}
	if _, err := p.write.Write([]byte{0}); err == nil {
		<-p.polled
	}
}

func (p *poller) close() {
	if p == nil {
		return
	}
	_ = p.write.Close()
	<-p.polled
	_ = p.read.Close()
}
