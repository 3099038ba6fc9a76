package logstore

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// The layout of a store's directory.
const (
	lockFile  = "lock"       // held while the store is open
	stateFile = "state.json" // runState
	dataDir   = "data"       // lib/logstorage's own
	imageDir  = "image"      // what a crash leaves, on its way to data
)

// runState outlives the process, so that a start can tell how the previous run ended.
type runState struct {
	// Running is true from open to close.
	Running bool `json:"running"`
	// UncleanStarts counts the opens that found Running set.
	UncleanStarts int64 `json:"uncleanStarts"`
}

func readState(dir string) (runState, error) {
	var s runState
	path := filepath.Join(dir, stateFile)
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w; remove the file to forget how the last run ended", path, err)
	}
	return s, nil
}

// write replaces the state file in one step.
func (s runState) write(dir string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, stateFile+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, stateFile))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// probeDir creates dir when absent and makes sure that files can be made in it.
func probeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	f, err := os.CreateTemp(dir, "probe.*")
	if err != nil {
		return fmt.Errorf("directory is not writable: %w", err)
	}
	_ = f.Close()
	return os.Remove(f.Name())
}
