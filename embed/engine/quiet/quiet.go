// Package quiet keeps one line off koflab's standard error. The metrics library
// of VictoriaMetrics writes it in its init function wherever the kernel has no
// pressure files, which every command of koflab would show.
//
// Go initialises packages in the order of their import paths as soon as what
// they import is ready. This one needs only the log package, as net/http does,
// and "koflab" sorts before "net/http", which the metrics library needs: so this
// init runs first. Keep its imports that few.
package quiet

import (
	"bytes"
	"log"
	"os"
)

func init() { log.SetOutput(filter{}) }

// filter passes on what is logged, except for that line.
type filter struct{}

func (filter) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("disable exposing PSI metrics")) {
		return len(line), nil
	}
	return os.Stderr.Write(line)
}
