//go:build unix

package state

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes an advisory lock that the kernel drops with the process,
// however it ends. It does not wait: errLocked says that another has it.
func lockFile(f *os.File, mode lockMode) error {
	how := unix.LOCK_EX
	if mode == shared {
		how = unix.LOCK_SH
	}
	err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errLocked
	}
	return err
}
