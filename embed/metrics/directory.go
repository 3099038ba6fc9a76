package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// directory is a store's place on disk:
//
//	lock          held while the store is open
//	state.json    how the store was left
//	storage/      VictoriaMetrics' own files
type directory struct {
	path string
	lock *os.File
}

// lifecycle is what state.json remembers between opens.
type lifecycle struct {
	Version int `json:"version"`
	// Clean is true when the store was closed in order.
	Clean bool `json:"clean"`
	// UncleanStarts counts the opens that found the store not closed in order.
	UncleanStarts int64 `json:"uncleanStarts"`
}

const lifecycleVersion = 1

// probeBytes is what a directory must have room for before a storage is opened in it.
const probeBytes = 64 << 10

// openDirectory creates, checks and locks the directory. lib/storage panics on
// a directory it cannot use, so whatever can be known beforehand is an error here.
func openDirectory(path string) (*directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("metrics store: %w", err)
	}
	d := &directory{path: path}
	if err := os.MkdirAll(d.storage(), 0o755); err != nil {
		return nil, fmt.Errorf("metrics store: cannot create its directory: %w", err)
	}
	if d.lock, err = lockFile(filepath.Join(path, "lock")); err != nil {
		return nil, fmt.Errorf("metrics store %s is in use or cannot be locked: %w", path, err)
	}
	if err := d.probe(); err != nil {
		return nil, errors.Join(fmt.Errorf("metrics store %s cannot be used: %w", path, err), d.close())
	}
	return d, nil
}

// probe writes as a storage will write, makes sure that no foreign
// VictoriaMetrics holds the storage's own lock, and that its parts are there.
func (d *directory) probe() error {
	foreign, err := lockFile(filepath.Join(d.storage(), "flock.lock"))
	if err != nil {
		return err
	}
	if err := foreign.Close(); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.storage(), ".probe-")
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Close(), os.Remove(f.Name()), checkParts(d.storage()))
}

// fill writes what a new storage needs at least, to find a full disk.
func fill(f *os.File) error {
	if _, err := f.Write(make([]byte, probeBytes)); err != nil {
		return err
	}
	return f.Sync()
}

func (d *directory) storage() string { return filepath.Join(d.path, "storage") }

func (d *directory) close() error { return d.lock.Close() }

// start records that the store is in use and returns what was recorded before,
// with this start counted when the store had not been closed in order.
func (d *directory) start() (now lifecycle, unclean bool, err error) {
	now = lifecycle{Version: lifecycleVersion}
	data, err := os.ReadFile(d.state())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		unclean = d.hasData()
	case err != nil:
		return now, false, err
	default:
		if json.Unmarshal(data, &now) != nil {
			now = lifecycle{} // cut off by a crash: as good as missing
		}
		if now.Version > lifecycleVersion {
			return now, false, fmt.Errorf("metrics store %s was written by a newer koflab (version %d, this one knows %d)", d.path, now.Version, lifecycleVersion)
		}
		unclean = !now.Clean
	}
	if unclean {
		now.UncleanStarts++
	}
	now.Version, now.Clean = lifecycleVersion, false
	return now, unclean, d.write(now)
}

// finish records that the store was closed in order.
func (d *directory) finish(l lifecycle) error {
	l.Clean = true
	return d.write(l)
}

func (d *directory) state() string { return filepath.Join(d.path, "state.json") }

// hasData tells a storage that was used from the empty directory of a new one.
func (d *directory) hasData() bool {
	_, err := os.Stat(filepath.Join(d.storage(), "data"))
	return err == nil
}

// write replaces state.json atomically.
func (d *directory) write(l lifecycle) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(d.path, ".state-")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), d.state())
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("metrics store state: %w", err)
	}
	return syncDirectory(d.path)
}

// syncDirectory makes renames in path durable.
func syncDirectory(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	// Not every file system can sync a directory; the rename has happened anyway.
	_ = f.Sync()
	return f.Close()
}
