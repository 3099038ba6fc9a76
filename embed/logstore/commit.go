package logstore

import (
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// indexTenant keeps a store's own index rows apart from the rows of its
// users, which all have tenant 0:0, as KOF's do.
var indexTenant = logstorage.TenantID{ProjectID: 1}

// Commit stores the batch and counts it. The batch must not be used afterwards.
func (s *Store) Commit(b *Batch) error {
	defer b.release()
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if s.vl.IsReadOnly() {
		return Errorf(http.StatusServiceUnavailable, "the disk is nearly full: less than %d MB are free", int(minFreeBytes/1e6))
	}
	s.expireSoon()
	for _, c := range b.chunks {
		s.addChunk(c)
	}
	s.markDirty()
	stored := b.rows
	for _, n := range b.dropped {
		stored -= n
	}
	s.counts.add(stored, b.dropped)
	return nil
}

// maxNames is how many field names may be among the rows that the storage has
// not yet made blocks of. The library silently leaves out rows of a block that
// would need more than 2000 columns, counting a row's own fields twice.
const maxNames = 990

type nameSet map[string]struct{}

// add adds names unless there would be more than maxNames then.
func (n nameSet) add(names []string) bool {
	fresh := 0
	for _, name := range names {
		if _, ok := n[name]; !ok {
			fresh++
		}
	}
	if len(n)+fresh > maxNames {
		return false
	}
	for _, name := range names {
		n[name] = struct{}{}
	}
	return true
}

// has reports whether all of names are known.
func (n nameSet) has(names nameSet) bool {
	for name := range names {
		if _, ok := n[name]; !ok {
			return false
		}
	}
	return true
}

// pendingNames are the field names of rows that may not be in blocks yet.
type pendingNames struct {
	mu    sync.RWMutex
	names nameSet
}

// addChunk hands rows to the storage. Rows with names that are known are
// added in parallel, others one chunk at a time, after a flush when there
// would be too many.
func (s *Store) addChunk(c chunk) {
	p := &s.pending
	p.mu.RLock()
	if p.names.has(c.names) {
		s.vl.MustAddRows(c.rows)
		p.mu.RUnlock()
		return
	}
	p.mu.RUnlock()

	p.mu.Lock()
	defer p.mu.Unlock()
	names := slices.Collect(maps.Keys(c.names))
	if !p.names.add(names) {
		s.vl.DebugFlush()
		clear(p.names)
		p.names.add(names)
	}
	s.vl.MustAddRows(c.rows)
}
