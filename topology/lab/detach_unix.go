//go:build unix

package lab

import "syscall"

// detached puts the lab's process into a session of its own: it does not get
// the terminal's Ctrl-C or hang-up.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
