// Package engine prepares what the VictoriaMetrics and VictoriaLogs libraries
// share in a process: their flags, their memory cap and their logger. It must
// run before the first storage is opened.
package engine

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logger"
)

// Options are process-wide: the first Init wins.
type Options struct {
	// MemoryBytes caps the caches of all storages together, 256 MiB by default.
	MemoryBytes int64
	// Log receives the libraries' warnings and errors; they are discarded when nil.
	Log io.Writer
}

var once sync.Once

// Init sets the libraries up once per process. The libraries define their
// settings on flag.CommandLine, which stays apart from koflab's own command
// line; lib/memory panics unless those flags are parsed.
func Init(o Options) error {
	var err error
	once.Do(func() {
		if o.MemoryBytes == 0 {
			o.MemoryBytes = 256 << 20
		}
		if o.Log == nil {
			o.Log = io.Discard
		}
		if !flag.Parsed() {
			if err = flag.CommandLine.Parse(nil); err != nil {
				return
			}
		}
		for name, value := range map[string]string{
			"memory.allowedBytes": strconv.FormatInt(o.MemoryBytes, 10),
			"loggerLevel":         "WARN",
		} {
			if e := flag.Set(name, value); e != nil {
				err = fmt.Errorf("engine flag %s: %w", name, e)
				return
			}
		}
		logger.SetOutputForTests(o.Log)
	})
	return err
}
