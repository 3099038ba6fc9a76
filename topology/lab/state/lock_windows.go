package state

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile takes a lock that the system drops with the process, however it
// ends. It does not wait: errLocked says that another has it.
func lockFile(f *os.File, mode lockMode) error {
	how := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if mode == exclusive {
		how |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	return err
}
