package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Version of the record's format. A record of another version is refused, not guessed at.
const Version = 1

// Record is what other commands need to find a lab.
type Record struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
	// PID of the lab's process; 0 for the data that a lab left when it ended.
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Socket is the control socket's path.
	Socket string `json:"socket"`
	// Spec is the lab's specification as YAML, defaults filled in.
	Spec string `json:"spec"`
	// Flags are the other options that the lab was started with.
	Flags string `json:"flags"`
	// Detached labs log to the directory's lab.log.
	Detached bool `json:"detached"`
}

// ErrNotFound says that no lab of a name was ever started here, or that it was
// taken down.
var ErrNotFound = errors.New("no such lab")

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
		return r, fmt.Errorf("read the lab's record: %w; is XDG_STATE_HOME right?", err)
	}
	name := filepath.Base(d.path)
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s is damaged (%w): 'koflab down --name %s' removes it", path, err, name)
	}
	if r.Version != Version {
		return r, fmt.Errorf("%s was written by another koflab (format %d, this one reads %d): take the lab down with that one, or with 'koflab down --name %s'", path, r.Version, Version, name)
	}
	return r, nil
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
