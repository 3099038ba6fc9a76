package cmd

import (
	"os"
	"os/signal"
	"syscall"
)

// endSignals are those that ask a process to end: Ctrl-C, kill, and the closing
// of the terminal unless nohup has it ignored.
func endSignals() []os.Signal {
	s := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		s = append(s, syscall.SIGHUP)
	}
	return s
}

// pipesFail makes writing to a standard output that nobody reads an error, as in
// `koflab up | head -1`. Otherwise it ends the process on the spot, and all that
// a lab should clean up stays.
func pipesFail() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
