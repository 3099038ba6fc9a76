package logstore

import (
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
	if err := s.writable(); err != nil {
		return err
	}
	s.expireSoon()
	s.balance.RLock()
	defer s.balance.RUnlock()
	rows := int64(0)
	for _, chunk := range b.chunks {
		rows += int64(chunk.RowsCount())
		s.vl.MustAddRows(chunk)
	}
	s.markDirty()
	s.counts.add(b, rows)
	return nil
}

// counts change once per request, together, so that they always balance.
type counts struct {
	mu      sync.Mutex
	stored  int64
	dropped map[Reason]int64
	// expected is how many rows the storage must hold, index rows included.
	expected int64
}

func (c *counts) add(b *Batch, rows int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored += b.rows
	for reason, n := range b.dropped {
		c.stored -= n
		c.dropped[reason] += n
	}
	c.expected += rows
}

// audit compares the rows that the storage holds with those it was given. The
// library leaves rows out of a block that would have more than 2000 columns,
// when it makes the block or merges others into it, and tells nobody; here
// they become dropped rows. The caller holds s.balance.
func (s *Store) audit() logstorage.StorageStats {
	s.vl.DebugFlush()
	var vl logstorage.StorageStats
	s.vl.UpdateStats(&vl)
	rows := int64(vl.RowsCount())
	c := &s.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	if lost := c.expected - rows; lost > 0 {
		c.stored -= lost
		c.dropped[TooManyNames] += lost
	}
	c.expected = rows
	return vl
}
