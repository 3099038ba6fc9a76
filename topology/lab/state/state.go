// Package state keeps what a lab leaves on disk: its record, its data and the
// lock that says whether its process is alive. Records are written atomically
// (temporary file, fsync, rename) and carry a version.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"
)

// Version of the record's format. A record of another version is refused, not guessed at.
const Version = 1

// Record is what other commands need to find a lab.
type Record struct {
	Version int       `json:"version"`
	Name    string    `json:"name"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Socket is the control socket's path.
	Socket string `json:"socket"`
	// Spec is the lab's specification as YAML, defaults filled in.
	Spec string `json:"spec"`
	// Detached labs log to the directory's lab.log.
	Detached bool `json:"detached"`
}

// ErrNotFound says that no lab of a name was ever started here, or that it was
// taken down.
var ErrNotFound = errors.New("no such lab")

// Dir is the state directory of one lab.
type Dir struct {
	path   string
	socket string
	lock   *os.File
}

// Root returns the directory of all labs: $XDG_STATE_HOME/koflab/labs, by
// default ~/.local/state/koflab/labs.
func Root() (string, error) {
	if d := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "koflab", "labs"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the lab's state: %w; set XDG_STATE_HOME", err)
	}
	return filepath.Join(home, ".local", "state", "koflab", "labs"), nil
}

// runtimeDir is where sockets live: paths of Unix sockets are limited to about
// 100 bytes, which a state directory may exceed.
func runtimeDir() string {
	if d := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(d) && len(d) < 60 {
		return filepath.Join(d, "koflab")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("koflab-%d", os.Getuid()))
}

// At returns the directory of the named lab without touching the disk.
func At(name string) (*Dir, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	// The socket's name carries the root, so that labs of one name under different
	// state directories do not meet.
	sum := fnv32(root)
	return &Dir{
		path:   filepath.Join(root, name),
		socket: filepath.Join(runtimeDir(), fmt.Sprintf("%s-%08x.sock", name, sum)),
	}, nil
}

func fnv32(s string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// Path is the directory's path.
func (d *Dir) Path() string { return d.path }

// Socket is the control socket's path.
func (d *Dir) Socket() string { return d.socket }

// LogFile is where a detached lab writes what it has to say.
func (d *Dir) LogFile() string { return filepath.Join(d.path, "lab.log") }

// Data is the directory of the lab's storages and queues.
func (d *Dir) Data() string { return filepath.Join(d.path, "data") }

// Claim makes the directory and takes its lock for this process. It fails with
// a *RunningError if a live process holds it.
func (d *Dir) Claim() error {
	f, err := d.takeLock()
	if err != nil {
		return err
	}
	d.lock = f
	if err := os.MkdirAll(filepath.Dir(d.socket), 0o700); err != nil {
		d.Release()
		return fmt.Errorf("create the directory of control sockets: %w; set XDG_RUNTIME_DIR", err)
	}
	return nil
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
		if err := lockFile(f); err != nil {
			f.Close()
			if !errors.Is(err, errLocked) {
				return nil, fmt.Errorf("lock %s: %w", path, err)
			}
			re := &RunningError{Name: filepath.Base(d.path)}
			if r, err := d.Read(); err == nil {
				re.PID = r.PID
			}
			return nil, re
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
	PID  int // 0 while the other is still starting
}

func (e *RunningError) Error() string {
	return fmt.Sprintf("lab %s is running already (pid %d): use it, take it down with 'koflab down --name %s', or start another with --name", e.Name, e.PID, e.Name)
}

// Alive reports whether a process holds the lab's lock.
func (d *Dir) Alive() bool {
	f, err := os.OpenFile(filepath.Join(d.path, "lock"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(lockFile(f), errLocked)
}

// Write stores the record.
func (d *Dir) Write(r Record) error {
	r.Version = Version
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(d.path, "state.json"), append(b, '\n'), 0o600)
}

// Read returns the record, or ErrNotFound.
func (d *Dir) Read() (Record, error) {
	var r Record
	path := filepath.Join(d.path, "state.json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, ErrNotFound
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s is damaged (%w): 'koflab down' removes it", path, err)
	}
	if r.Version != Version {
		return r, fmt.Errorf("%s was written by another koflab (format %d, this one reads %d): take the lab down with that one, or with 'koflab down'", path, r.Version, Version)
	}
	return r, nil
}

// Exists reports whether anything of the lab is on disk.
func (d *Dir) Exists() bool {
	_, err := os.Stat(d.path)
	return err == nil
}

// Release gives the lock back.
func (d *Dir) Release() {
	if d.lock != nil {
		d.lock.Close()
		d.lock = nil
	}
}

// Remove deletes all that the lab left on this machine, then releases the lock.
// Without keep the lab's data goes too.
func (d *Dir) Remove(keepData bool) error {
	err := os.Remove(d.socket)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	_ = os.Remove(filepath.Dir(d.socket)) // only succeeds when no other lab has a socket there
	if !keepData {
		err = errors.Join(err, d.removeAll())
	}
	d.Release()
	return err
}

// removeAll deletes the directory. The lock goes last: until then the name
// counts as taken, so that nobody moves in while we are moving out.
func (d *Dir) removeAll() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(d.path, e.Name())))
		}
	}
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(d.path, "lock")); err != nil {
		return err
	}
	// A lab of this name may be starting by now; then the directory is its own.
	// Those above go when this was the last lab.
	labs := filepath.Dir(d.path)
	for _, dir := range []string{d.path, labs, filepath.Dir(labs)} {
		if os.Remove(dir) != nil {
			break
		}
	}
	return nil
}

// List returns the names of all labs that left anything on disk, sorted.
func List() ([]string, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, err
}

// WriteFile writes a file so that it is there whole or not at all.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // no-op after the rename
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
