package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// lockMode says with whom a lock is shared: many may hold a shared one, nobody
// beside the holder of an exclusive one.
type lockMode int

const (
	exclusive lockMode = iota
	shared
)

var errLocked = errors.New("locked by another process")

const (
	// probeTime is longer than a command that looks whether a lab is alive holds
	// the lock for.
	probeTime = 50 * time.Millisecond
	// helperTime bounds the wait for processes of a lab that was killed. They
	// notice at once, close their stores and end.
	helperTime = 20 * time.Second
)

// lockWithin takes an exclusive lock, trying again while another has it.
func lockWithin(f *os.File, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		err := lockFile(f, exclusive)
		if !errors.Is(err, errLocked) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// HelperLock is the lock that each process beside the lab's own holds, see Hold.
func (d *Dir) HelperLock() string { return filepath.Join(d.path, "helpers.lock") }

// Hold takes a share of a lock until the file is closed or the process ends.
func Hold(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the lab's processes: %w", err)
	}
	if err := lockFile(f, shared); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// awaitHelpers waits until no process of an earlier lab is left.
func (d *Dir) awaitHelpers() error {
	f, err := os.OpenFile(d.HelperLock(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the lock of the lab's processes: %w", err)
	}
	defer f.Close()
	if err := lockWithin(f, helperTime); err != nil {
		return fmt.Errorf("processes of an earlier lab still use %s after %s: %w", d.path, helperTime, err)
	}
	return nil
}
