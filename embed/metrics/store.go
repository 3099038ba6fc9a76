package metrics

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	vmstorage "github.com/VictoriaMetrics/VictoriaMetrics/lib/storage"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"koflab/embed/engine"
	"koflab/embed/metrics/vmselect"
)

// Store is one region's metrics storage with its HTTP interfaces. All methods
// may be used concurrently; after Close or Crash they return ErrClosed.
type Store struct {
	opts    Options
	dir     *directory
	vm      *vmstorage.Storage
	life    lifecycle
	unclean bool
	// readOnly is what SetReadOnly said.
	readOnly atomic.Bool

	gate   *gate
	ctx    context.Context // done when the store closes, which ends running queries
	cancel context.CancelCauseFunc

	counters  counters
	series    seriesCount
	metadata  metadataStore
	exemplars exemplarRing
	writers   chan struct{} // at most one per CPU adds rows, as lib/storage asks

	// Rows become searchable up to two seconds after they were added, or when
	// flushed; reads flush only what was written since the last flush.
	flushMu sync.Mutex
	written atomic.Uint64
	flushed atomic.Uint64

	parser parser.Parser
	engine *promql.Engine

	vmselectOnce sync.Once
	vmselectErr  error
	vmselectUsed atomic.Bool
}

// configure sets what lib/storage keeps in process globals, which storages read
// whenever they like: it happens once, before the first of them is opened.
var configure sync.Once

// Open opens the store in o.Dir and creates it when absent. A directory that
// cannot be written, is in use, is full or damaged is an error.
func Open(o Options) (*Store, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	if err := engine.Init(engine.Options{}); err != nil {
		return nil, err
	}
	dir, err := openDirectory(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{opts: o, dir: dir, gate: newGate(), writers: make(chan struct{}, runtime.GOMAXPROCS(0))}
	if s.life, s.unclean, err = dir.start(); err != nil {
		return nil, errors.Join(err, dir.close())
	}
	if s.vm, err = openStorage(dir.storage(), o); err != nil {
		return nil, errors.Join(err, dir.close())
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.parser = boundedParser{parser.NewParser(parser.Options{
		EnableExperimentalFunctions:  true,
		ExperimentalDurationExpr:     true,
		EnableExtendedRangeSelectors: true,
		EnableBinopFillModifiers:     true,
	})}
	s.engine = promql.NewEngine(promql.EngineOpts{
		MaxSamples:           o.MaxSamples,
		Timeout:              o.Timeout,
		LookbackDelta:        lookbackDelta,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		EnablePerStepStats:   true,
		// As Prometheus' own test suite has it: name-dropping functions keep the
		// name until the end, so that label_replace can still use it.
		EnableDelayedNameRemoval: true,
		NoStepSubqueryIntervalFn: func(int64) int64 {
			return subqueryStep.Milliseconds()
		},
		Parser: s.parser,
	})
	return s, nil
}

// openStorage opens lib/storage with its share of the process' caches. What
// the library panics on while it reads its files becomes an error.
func openStorage(path string, o Options) (vm *vmstorage.Storage, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("metrics store %s is damaged: %v", path, p)
		}
	}()
	configure.Do(func() {
		share := int(engine.MemoryBytes()) / o.Stores
		vmstorage.SetTSIDCacheSize(share * 37 / 100)
		vmstorage.SetMetricNameCacheSize(share / 10)
		vmstorage.SetTagFiltersCacheSize(share / 32)
		vmstorage.SetMetricNamesStatsCacheSize(share / 100)
		vmstorage.SetMetadataStorageSize(share / 100)
		vmstorage.SetDataFlushInterval(flushInterval)
		vmstorage.SetFreeDiskSpaceLimit(minFreeDiskBytes)
	})
	return vmstorage.MustOpenStorage(path, vmstorage.OpenOptions{
		Retention:             storageRetention(o),
		TrackMetricNamesStats: true,
	}), nil
}

const (
	// flushInterval bounds what a crash loses; 2 s is the library's minimum.
	flushInterval = 2 * time.Second

	// minFreeDiskBytes left makes the storage read-only, VictoriaMetrics'
	// default: without it a full disk is a panic.
	minFreeDiskBytes = 100e6
)

// storageRetention is at least what the store promises: lib/storage counts its
// retention back from the machine's clock, which may be ahead of the lab's.
// Reads and writes observe the exact limit by the lab's clock.
func storageRetention(o Options) time.Duration {
	margin := 24 * time.Hour
	if o.Clock.Mode() != "real" {
		margin = 366 * 24 * time.Hour
	}
	return o.Retention + max(0, time.Since(o.Clock.Now())) + margin
}

// now is the lab's time in milliseconds.
func (s *Store) now() int64 { return s.opts.Clock.Now().UnixMilli() }

// deadline of a search that has none of its own, in Unix seconds as lib/storage wants it.
func (s *Store) deadline() uint64 { return uint64(time.Now().Add(s.opts.Timeout).Unix()) + 1 }

// flush makes every acknowledged write searchable. It is free when nothing was
// written since the last flush.
func (s *Store) flush() {
	if s.flushed.Load() == s.written.Load() {
		return
	}
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	w := s.written.Load()
	if s.flushed.Load() == w {
		return // another reader has done it
	}
	s.vm.DebugFlush()
	s.flushed.Store(w)
}

// UncleanStart tells whether the store had not been closed in order before this open.
func (s *Store) UncleanStart() bool { return s.unclean }

// Close ends running queries, writes everything to disk and records that the
// store was closed in order.
func (s *Store) Close() error {
	if err := s.stop(); err != nil {
		return err
	}
	s.vm.MustClose()
	return errors.Join(s.dir.finish(s.life), s.dir.close())
}

// stop lets no operation in any more and waits for those under way.
func (s *Store) stop() error {
	empty, err := s.gate.close()
	if err != nil {
		return err
	}
	s.cancel(ErrClosed)
	<-empty
	if s.vmselectUsed.Load() {
		err = vmselect.Release()
	}
	return errors.Join(err, s.engine.Close())
}
