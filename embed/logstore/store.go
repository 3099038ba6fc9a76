// Package logstore runs a VictoriaLogs storage (lib/logstorage) inside the
// process for embed/logs and embed/traces: opening and closing it safely,
// counting every row in and out, reading one's own writes, LogsQL arguments
// and the OTLP wire format.
//
// The library believes in the machine's clock and in panics. Here retention
// follows the lab's clock, what would make the library panic is checked
// beforehand, and no row disappears uncounted.
package logstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/prometheus/prometheus/tsdb/fileutil"

	"koflab/embed/engine"
)

// ErrClosed is returned by operations on a store that is closed or crashed.
var ErrClosed = errors.New("the store is closed")

// Store is an open storage with its limits and counters. All methods are safe
// for concurrent use.
type Store struct {
	opts   Options
	lock   fileutil.Releaser
	state  runState
	vl     *logstorage.Storage
	floor  atomic.Int64 // rows older than this day's start were deleted to save disk, in Unix ns
	counts counts
	// readOnly is what SetReadOnly said.
	readOnly atomic.Bool

	// users are the operations under way; stop ends them early.
	mu     sync.Mutex
	closed bool
	users  sync.WaitGroup
	ctx    context.Context
	stop   context.CancelFunc

	flushMu sync.Mutex
	dirty   bool // rows were added since the last flush; guarded by flushMu

	// balance is held shared while rows are added, alone while rows are counted.
	balance sync.RWMutex

	inserts     slots
	queries     slots
	tails       slots
	expiring    atomic.Bool
	nextExpiry  atomic.Int64 // lab time, Unix ns
	uncleanOpen bool
}

// Open opens or creates the storage in o.Dir. A directory that can't be
// created or written, that another store has open, or that holds damaged
// partitions is an error that says so.
func Open(o Options) (*Store, error) {
	o.setDefaults()
	if o.Dir == "" {
		return nil, errors.New("open storage: no directory given")
	}
	if err := engine.Init(engine.Options{}); err != nil {
		return nil, err
	}
	if err := probeDir(o.Dir); err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	lock, _, err := fileutil.Flock(filepath.Join(o.Dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("open storage %s: another lab or store has it open: %w", o.Dir, err)
	}
	s, err := openLocked(o)
	if err != nil {
		_ = lock.Release()
		return nil, fmt.Errorf("open storage %s: %w", o.Dir, err)
	}
	s.lock = lock
	return s, nil
}

func openLocked(o Options) (*Store, error) {
	state, err := readState(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := settleImage(o.Dir); err != nil {
		return nil, err
	}
	data := filepath.Join(o.Dir, dataDir)
	if err := repairPartitions(data); err != nil {
		return nil, err
	}
	unclean := state.Running
	if unclean {
		state.UncleanStarts++
	}
	state.Running = true
	if err := state.write(o.Dir); err != nil {
		return nil, err
	}
	s := &Store{
		opts:        o,
		state:       state,
		uncleanOpen: unclean,
		inserts:     newSlots(o.MaxConcurrentInserts),
		queries:     newSlots(o.MaxConcurrentQueries),
		tails:       newSlots(o.MaxConcurrentTails),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.vl = logstorage.MustOpenStorage(data, &logstorage.StorageConfig{
		// Wide enough for any lab clock: expire applies the lab's own retention.
		Retention:             century,
		FutureRetention:       century,
		FlushInterval:         o.FlushInterval,
		MinFreeDiskSpaceBytes: minFreeBytes,
	})
	s.counts.dropped = make(map[Reason]int64)
	s.audit()
	s.floor.Store(minTime)
	s.expireSoon()
	return s, nil
}

// century is what the library is told for retention.
const century = 100 * 365 * 24 * time.Hour

// minFreeBytes is the free disk space below which inserts are refused.
const minFreeBytes = 10e6

// Close flushes everything to disk and releases the directory. Queries and
// tails under way are cancelled, inserts are finished. Further calls do nothing.
func (s *Store) Close() error {
	if !s.retire() {
		return nil
	}
	s.settle()
	s.vl.MustClose()
	s.state.Running = false
	err := s.state.write(s.opts.Dir)
	return errors.Join(err, s.lock.Release())
}

// Crash ends the store as a kill of its process would: what had not reached
// the disk is lost, and the next Open of the directory finds an unclean start.
func (s *Store) Crash() error {
	if !s.retire() {
		return ErrClosed
	}
	data, image := filepath.Join(s.opts.Dir, dataDir), filepath.Join(s.opts.Dir, imageDir)
	err := takeImage(data, image)
	s.settle()
	s.vl.MustClose()
	if err == nil {
		err = settleImage(s.opts.Dir)
	}
	return errors.Join(err, s.lock.Release())
}

// retire refuses new operations and waits for those under way; it reports
// false when that has been done before.
func (s *Store) retire() bool {
	s.mu.Lock()
	done := s.closed
	s.closed = true
	s.mu.Unlock()
	if done {
		return false
	}
	s.stop()
	s.users.Wait()
	return true
}

// settle lets merges end before the storage is closed: the library takes a
// partition apart while merges in it still read its fields. Merges that take
// long are stopped by closing.
func (s *Store) settle() {
	s.vl.DebugFlush()
	for calm, turn := 0, 0; calm < 2 && turn < 500; turn++ {
		var vl logstorage.StorageStats
		s.vl.UpdateStats(&vl)
		if vl.ActiveInmemoryMerges+vl.ActiveSmallMerges+vl.ActiveBigMerges == 0 {
			calm++ // once may be just before a merge begins
		} else {
			calm = 0
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// enter begins an operation that needs the storage open until leave.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.users.Add(1)
	return nil
}

func (s *Store) leave() { s.users.Done() }

// bind derives a context that also ends when the store closes.
func (s *Store) bind(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { unhook(); cancel() }
}

// flush makes every acknowledged row visible to queries.
func (s *Store) flush() {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	if s.dirty {
		s.dirty = false
		s.vl.DebugFlush()
	}
}

func (s *Store) markDirty() {
	s.flushMu.Lock()
	s.dirty = true
	s.flushMu.Unlock()
}

// Dir returns the directory the store is in.
func (s *Store) Dir() string { return s.opts.Dir }

// Crashed reports whether the directory ever saw a crash, so that rows which
// were stored together may not all have survived.
func (s *Store) Crashed() bool { return s.state.UncleanStarts > 0 }
