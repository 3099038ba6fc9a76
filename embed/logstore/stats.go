package logstore

import (
	"maps"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// Reason says why a row was dropped.
type Reason string

// The reasons for which a row is received but not stored.
const (
	TooOld        Reason = "too_old"           // older than the retention
	TooNew        Reason = "too_far_in_future" // newer than the future retention
	TooManyFields Reason = "too_many_fields"
	TooLong       Reason = "too_long"            // the whole row
	LongName      Reason = "field_name_too_long" // more than 128 bytes
	Malformed     Reason = "malformed"           // unreadable row of a readable request
)

// reasons lists them in the order they are told in.
var reasons = []Reason{TooOld, TooNew, TooManyFields, TooLong, LongName, Malformed}

// Stats are counted since the store was opened, except for what is on disk.
// Received == Stored + the sum of Dropped at any time.
type Stats struct {
	Received, Stored int64
	Dropped          map[Reason]int64
	// Rows and DiskBytes are what the storage holds now, in memory and on disk.
	Rows, DiskBytes int64
	// Partitions is the number of days with data.
	Partitions int
	// UncleanStart tells whether this open followed a crash; UncleanStarts
	// counts them over the life of the directory.
	UncleanStart  bool
	UncleanStarts int64
}

// counts change once per request, together, so that they always balance.
type counts struct {
	mu      sync.Mutex
	stored  int64
	dropped map[Reason]int64
}

func (c *counts) add(stored int64, dropped map[Reason]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored += stored
	if c.dropped == nil {
		c.dropped = make(map[Reason]int64)
	}
	for reason, n := range dropped {
		c.dropped[reason] += n
	}
}

// Stats returns the counters; of a closed store only those of its own.
func (s *Store) Stats() Stats {
	st := Stats{UncleanStart: s.uncleanOpen, UncleanStarts: s.state.UncleanStarts}
	s.counts.mu.Lock()
	st.Stored = s.counts.stored
	st.Dropped = maps.Clone(s.counts.dropped)
	s.counts.mu.Unlock()
	st.Received = st.Stored
	for _, n := range st.Dropped {
		st.Received += n
	}
	if s.enter() != nil {
		return st
	}
	defer s.leave()
	var vl logstorage.StorageStats
	s.vl.UpdateStats(&vl)
	st.Rows = int64(vl.RowsCount())
	st.DiskBytes = int64(vl.IndexdbSizeBytes + vl.CompressedSmallPartSize + vl.CompressedBigPartSize)
	st.Partitions = int(vl.PartitionsCount)
	return st
}
