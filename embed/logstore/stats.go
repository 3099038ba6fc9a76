package logstore

import (
	"maps"

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
	// TooManyNames are rows whose stream has too many different field names:
	// the storage can't put more than 2000 into a block. It finds out after the
	// request was answered.
	TooManyNames Reason = "too_many_field_names"
)

// reasons lists them in the order they are told in.
var reasons = []Reason{TooOld, TooNew, TooManyFields, TooLong, LongName, Malformed}

// Stats are counted since the store was opened, except for what is on disk.
// Received == Stored + the sum of Dropped at any time.
type Stats struct {
	Received, Stored int64
	Dropped          map[Reason]int64
	// Rows and DiskBytes are what the storage holds now, its index rows included.
	Rows, DiskBytes int64
	// Partitions is the number of days with data.
	Partitions int
	// UncleanStart tells whether this open followed a crash; UncleanStarts
	// counts them over the life of the directory.
	UncleanStart  bool
	UncleanStarts int64
}

// Stats returns the counters; of a closed store only those of its own.
func (s *Store) Stats() Stats {
	st := Stats{UncleanStart: s.uncleanOpen, UncleanStarts: s.state.UncleanStarts}
	if s.enter() == nil {
		s.balance.Lock()
		vl := s.audit()
		s.balance.Unlock()
		s.leave()
		st.Rows = int64(vl.RowsCount())
		st.DiskBytes = diskBytes(&vl)
		st.Partitions = int(vl.PartitionsCount)
	}
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	st.Stored = s.counts.stored
	st.Dropped = maps.Clone(s.counts.dropped)
	st.Received = st.Stored
	for _, n := range st.Dropped {
		st.Received += n
	}
	return st
}

func diskBytes(vl *logstorage.StorageStats) int64 {
	return int64(vl.IndexdbSizeBytes + vl.CompressedSmallPartSize + vl.CompressedBigPartSize)
}
