// Package state keeps what a lab leaves on disk: its record, its data and the
// lock that says whether its process is alive. Records are written atomically
// (temporary file, fsync, rename) and carry a version.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

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

// NewSocket is where a lab that starts now opens its control socket.
func (d *Dir) NewSocket() string { return d.socket }

// Socket is where the lab's control socket is. A lab that was started with
// another XDG_RUNTIME_DIR says so in its record.
func (d *Dir) Socket() string {
	if r, err := d.Read(); err == nil {
		return r.Socket
	}
	return d.socket
}

// LogFile is where a detached lab writes what it has to say.
func (d *Dir) LogFile() string { return filepath.Join(d.path, "lab.log") }

// Data is the directory of the lab's storages and queues.
func (d *Dir) Data() string { return filepath.Join(d.path, "data") }

// Exists reports whether anything of the lab is on disk.
func (d *Dir) Exists() bool {
	_, err := os.Stat(d.path)
	return err == nil
}

// Remove deletes all that the lab left on this machine, then releases the lock.
// With keepData the directory stays, and its record says that the lab has ended.
func (d *Dir) Remove(keepData bool) error {
	err := os.Remove(d.socket)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	_ = os.Remove(filepath.Dir(d.socket)) // only succeeds when no other lab has a socket there
	defer d.Release()
	if !keepData {
		return errors.Join(err, d.removeAll())
	}
	r, readErr := d.Read()
	if errors.Is(readErr, ErrNotFound) {
		return err
	}
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	r.PID = 0
	return errors.Join(err, d.Write(r))
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
	if err != nil {
		return nil, fmt.Errorf("list the labs: %w; is XDG_STATE_HOME right?", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}
