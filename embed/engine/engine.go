// Package engine prepares what the VictoriaMetrics and VictoriaLogs libraries
// share in a process: their flags, their memory cap and their logger. It must
// run before the first storage is opened.
package engine

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"sync"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/fs"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logger"

	_ "koflab/embed/engine/quiet" // before the libraries initialise
)

// DefaultMemoryBytes caps the storages' caches unless Options say otherwise.
const DefaultMemoryBytes = 256 << 20

// Options are process-wide: the first Init wins.
type Options struct {
	// MemoryBytes caps the caches of all storages together, DefaultMemoryBytes when 0.
	MemoryBytes int64
	// Log receives the libraries' warnings and errors; they are discarded when nil.
	Log io.Writer
}

var state struct {
	once   sync.Once
	memory int64
	err    error
}

// Init sets the libraries up once per process; later calls change nothing and
// return what the first one returned. The libraries define their settings on
// flag.CommandLine, which stays apart from koflab's own command line;
// lib/memory panics unless those flags are parsed. A program that has flags of
// its own there, such as a TestMain, parses them before.
func Init(o Options) error {
	state.once.Do(func() { state.err = initialise(o) })
	return state.err
}

// MemoryBytes is the cap in force; 0 before Init.
func MemoryBytes() int64 { return state.memory }

// Stop waits for what the storages remove from disk in the background. It is
// called once, when the process has closed its last storage.
func Stop() { fs.MustStopDirRemover() }

func initialise(o Options) error {
	if o.MemoryBytes < 0 {
		return fmt.Errorf("engine memory: %d bytes: want a positive number", o.MemoryBytes)
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = DefaultMemoryBytes
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if !flag.Parsed() {
		if err := flag.CommandLine.Parse(nil); err != nil {
			return fmt.Errorf("engine flags: %w", err)
		}
	}
	for name, value := range map[string]string{
		"memory.allowedBytes": strconv.FormatInt(o.MemoryBytes, 10),
		"loggerLevel":         "WARN",
	} {
		if err := flag.Set(name, value); err != nil {
			return fmt.Errorf("engine flag %s: %w", name, err)
		}
	}
	if os.Getenv("GOGC") == "" {
		// The storages' buffers live long, so the heap grows far beyond them at Go's
		// default; VictoriaMetrics' own programs collect as eagerly.
		debug.SetGCPercent(30)
	}
	logger.SetOutputForTests(o.Log)
	state.memory = o.MemoryBytes
	return nil
}
