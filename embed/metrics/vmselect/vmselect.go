// Package vmselect serves VictoriaMetrics' own vmselect (MetricsQL, vmui,
// export, federate, status) over any storage of the process.
//
// vmselect reads the exported global vmstorage.Storage. Serve sets it under a
// process-wide lock for the time of one request, so requests to all storages
// take turns; each of them uses all cores already. vmselect's cache of rollup
// results is keyed by the query alone and would answer with another storage's
// data: it is switched off. None of this is promised by VictoriaMetrics, so its
// version is pinned and a test with two storages guards it.
package vmselect

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/VictoriaMetrics/VictoriaMetrics/app/vmselect"
	"github.com/VictoriaMetrics/VictoriaMetrics/app/vmstorage"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/storage"
)

// turn is held by the request that vmselect is answering.
var turn = make(chan struct{}, 1)

// process is what all users of vmselect share.
var process struct {
	mu    sync.Mutex
	users int
	dir   string // vmselect spills the places of large results here
}

// Limits which vmselect knows only for the whole process.
type Limits struct {
	MaxSeries  int
	MaxSamples int
}

// Acquire prepares vmselect, which costs nothing before the first user comes;
// the first user's limits hold for the process. Release ends the use.
func Acquire(l Limits) error {
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.users > 0 {
		process.users++
		return nil
	}
	first := process.dir == ""
	if first {
		dir, err := os.MkdirTemp("", "koflab-vmselect-")
		if err != nil {
			return fmt.Errorf("vmselect: %w", err)
		}
		process.dir = dir
	}
	// vmselect made the directory itself the first time; Release removed it.
	if err := os.MkdirAll(filepath.Join(process.dir, "tmp", "searchResults"), 0o755); err != nil {
		return fmt.Errorf("vmselect: %w", err)
	}
	if first {
		if err := setFlags(map[string]string{
			"search.disableCache":         "true",
			"search.maxUniqueTimeseries":  strconv.Itoa(l.MaxSeries),
			"search.maxSamplesPerQuery":   strconv.Itoa(l.MaxSamples),
			"search.logSlowQueryDuration": "0",
			"storageDataPath":             process.dir,
		}); err != nil {
			return err
		}
		vmselect.Init()
	}
	process.users++
	return nil
}

// Release ends a use that Acquire began; the last one removes the temporary files.
func Release() error {
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.users--; process.users > 0 {
		return nil
	}
	return os.RemoveAll(process.dir)
}

func setFlags(values map[string]string) error {
	for name, value := range values {
		if err := flag.Set(name, value); err != nil {
			return fmt.Errorf("vmselect flag %s: %w", name, err)
		}
	}
	return nil
}

// Request is what vmselect is asked: a path of the single-node version, such
// as /api/v1/query, and its arguments.
type Request struct {
	Path string
	Form url.Values
}

// ErrTooLarge is returned when an answer does not fit maxAnswerBytes.
var ErrTooLarge = errors.New("the answer is too large")

// maxAnswerBytes of one answer, which is held in memory so that a slow client
// does not keep the others from their turn.
const maxAnswerBytes = 64 << 20

// Serve answers one request from s. The caller has acquired vmselect and keeps s open.
func Serve(ctx context.Context, w http.ResponseWriter, s *storage.Storage, req Request) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, req.Path, http.NoBody)
	if err != nil {
		return fmt.Errorf("vmselect: %w", err)
	}
	r.Form, r.PostForm = req.Form, url.Values{}
	a := answer{header: http.Header{}}
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	vmstorage.Storage = s
	served := vmselect.RequestHandler(&a, r)
	vmstorage.Storage = nil
	<-turn
	switch {
	case !served:
		http.NotFound(w, r)
		return nil
	case a.overflow:
		return fmt.Errorf("%w: more than %d MiB", ErrTooLarge, maxAnswerBytes>>20)
	}
	a.send(w)
	return nil
}

// ServeUI answers a request for vmui's own files, which needs no storage.
func ServeUI(w http.ResponseWriter, r *http.Request, path string) {
	r = r.Clone(r.Context())
	r.URL.Path = path
	if !vmselect.RequestHandler(w, r) {
		http.NotFound(w, r)
	}
}
