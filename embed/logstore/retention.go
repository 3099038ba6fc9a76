package logstore

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// expiryInterval is how often, in lab time, the oldest days are looked at. It
// happens on the way of inserts and queries: an idle store does nothing.
const expiryInterval = 10 * time.Minute

// oldest returns the time of the oldest row that may be stored or seen now.
func (s *Store) oldest() int64 {
	return max(s.opts.Clock.Now().Add(-s.opts.Retention).UnixNano(), s.floor.Load())
}

// newest returns the time of the newest row that may be stored now.
func (s *Store) newest() int64 {
	return s.opts.Clock.Now().Add(s.opts.FutureRetention).UnixNano()
}

// expireSoon starts deleting what retention or the disk limit no longer allow,
// when it is time to look. The caller has entered the store or is opening it.
func (s *Store) expireSoon() {
	now := s.opts.Clock.Now().UnixNano()
	if now < s.nextExpiry.Load() || !s.expiring.CompareAndSwap(false, true) {
		return
	}
	s.nextExpiry.Store(now + int64(expiryInterval))
	if s.enter() != nil {
		s.expiring.Store(false)
		return
	}
	go func() {
		defer s.leave()
		defer s.expiring.Store(false)
		s.expire()
	}()
}

func (s *Store) expire() {
	// A day of grace: rows that passed the age check a moment ago must still
	// find their partition. Queries filter by exact time.
	limit := time.Unix(0, s.oldest()).UTC().AddDate(0, 0, -1).Format(partitionPattern)
	for _, day := range s.days() {
		if day >= limit {
			break
		}
		s.deleteDay(day)
	}
	if s.opts.MaxDiskBytes <= 0 {
		return
	}
	for days := s.days(); len(days) > 2 && s.diskBytes() > s.opts.MaxDiskBytes; days = days[1:] {
		next, err := time.Parse(partitionPattern, days[1])
		if err != nil {
			return
		}
		s.floor.Store(next.UnixNano())
		s.deleteDay(days[0])
	}
}

// days lists the partitions, oldest first.
func (s *Store) days() []string {
	days := s.vl.PartitionList()
	slices.Sort(days)
	return days
}

// deleteDay drops a partition once the queries that read it are done.
func (s *Store) deleteDay(day string) {
	s.balance.Lock()
	defer s.balance.Unlock()
	s.audit()
	if err := s.vl.PartitionDetach(day); err != nil {
		return // gone already
	}
	_ = os.RemoveAll(filepath.Join(s.opts.Dir, dataDir, partitionsDir, day))
	var vl logstorage.StorageStats
	s.vl.UpdateStats(&vl)
	s.counts.mu.Lock()
	s.counts.expected = int64(vl.RowsCount())
	s.counts.mu.Unlock()
}

func (s *Store) diskBytes() int64 {
	var vl logstorage.StorageStats
	s.vl.UpdateStats(&vl)
	return diskBytes(&vl)
}

// retentionFilter selects the rows that retention still allows.
func (s *Store) retentionFilter() (*logstorage.Filter, error) {
	from := time.Unix(0, s.oldest()).UTC().Format(time.RFC3339Nano)
	return logstorage.ParseFilter(fmt.Sprintf("_time:>=%s", from))
}
