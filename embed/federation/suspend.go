package federation

import "fmt"

// Suspend makes every query fail with the reason, as when nothing runs that could
// answer; Resume ends that.
func (f *Federator) Suspend(reason string) { f.suspended.Store(&reason) }

// Resume lets queries be answered again.
func (f *Federator) Resume() { f.suspended.Store(nil) }

// answering returns why no query is answered at present, or nil.
func (f *Federator) answering() error {
	if why := f.suspended.Load(); why != nil {
		return &QueryError{Type: "unavailable", Err: fmt.Errorf("%s", *why)}
	}
	return nil
}
