package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Claim makes the directory and takes its lock for this process. It fails with
// a *RunningError if a live process holds it. Processes that an earlier lab left
// behind when it was killed are about to end: Claim waits for them.
func (d *Dir) Claim() error {
	f, err := d.takeLock()
	if err != nil {
		return err
	}
	d.lock = f
	if err := d.awaitHelpers(); err != nil {
		d.Release()
		return err
	}
	if old := d.Socket(); old != d.socket {
		_ = os.Remove(old) // of the dead lab; its directory may be gone
	}
	if err := os.MkdirAll(filepath.Dir(d.socket), 0o700); err != nil {
		return errors.Join(fmt.Errorf("create the directory of control sockets: %w; set XDG_RUNTIME_DIR to a directory you can write", err), d.leave())
	}
	return nil
}

// leave gives a claim back and removes the directory if no lab is recorded in
// it.
func (d *Dir) leave() error {
	defer d.Release()
	if _, err := d.Read(); !errors.Is(err, ErrNotFound) {
		return nil
	}
	return d.removeAll()
}

// Tidy removes what is left of a lab that failed before it was recorded, unless
// another has taken its place.
func (d *Dir) Tidy() error {
	if !d.Exists() {
		return nil
	}
	f, err := d.takeLock()
	var other *RunningError
	if errors.As(err, &other) {
		return nil
	}
	if err != nil {
		return err
	}
	d.lock = f
	return d.leave()
}

// takeLock locks the file "lock", making it and the directory. A lab that goes
// down removes both, perhaps between our opening the file and locking it: then
// the file we hold is not the one others would see, and we start over.
func (d *Dir) takeLock() (*os.File, error) {
	path := filepath.Join(d.path, "lock")
	for {
		if err := os.MkdirAll(d.path, 0o700); err != nil {
			return nil, fmt.Errorf("create the lab's state directory: %w; set XDG_STATE_HOME to a directory you can write", err)
		}
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open the lab's lock: %w; set XDG_STATE_HOME to a directory you can write", err)
		}
		if err := lockWithin(f, probeTime); err != nil {
			f.Close()
			if !errors.Is(err, errLocked) {
				return nil, fmt.Errorf("lock %s: %w", path, err)
			}
			return nil, d.running()
		}
		held, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if seen, err := os.Stat(path); err == nil && os.SameFile(held, seen) {
			return f, nil
		}
		f.Close()
	}
}

// RunningError says that a lab of the name is alive already.
type RunningError struct {
	Name string
	PID  int // 0 if the other has not recorded itself yet
}

func (e *RunningError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("lab %s is being started or taken down by another command; try again in a moment, or start another with --name", e.Name)
	}
	return fmt.Sprintf("lab %s is running already (pid %d): use it, take it down with 'koflab down --name %s', or start another with --name", e.Name, e.PID, e.Name)
}

// running describes the process that holds the lock.
func (d *Dir) running() *RunningError {
	e := &RunningError{Name: filepath.Base(d.path)}
	if r, err := d.Read(); err == nil {
		e.PID = r.PID
	}
	return e
}

// Free returns a *RunningError if a live process holds the lab's lock.
func (d *Dir) Free() error {
	if d.Alive() {
		return d.running()
	}
	return nil
}

// Alive reports whether a process holds the lab's lock.
func (d *Dir) Alive() bool {
	f, err := os.OpenFile(filepath.Join(d.path, "lock"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(lockFile(f, shared), errLocked)
}

// Release gives the lock back.
func (d *Dir) Release() {
	if d.lock != nil {
		d.lock.Close()
		d.lock = nil
	}
}
