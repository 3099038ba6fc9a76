package logstore

import (
	"math"
	"runtime"
	"time"

	"koflab/sim/clock"
)

// Options configure a Store. Only Dir is required.
type Options struct {
	// Dir holds the storage; it is created when absent.
	Dir string
	// Retention is how long rows are kept, in lab time; 7 days by default,
	// as KOF keeps logs and traces.
	Retention time.Duration
	// FutureRetention is how far ahead of the lab's clock a row may be; 2 days
	// by default.
	FutureRetention time.Duration
	// Clock is the lab's clock, the machine's by default.
	Clock clock.Clock
	// FlushInterval is how long rows may stay in memory only, 5 s by default.
	// A crash loses about that much.
	FlushInterval time.Duration
	// MaxDiskBytes deletes the oldest days when the storage grows beyond it,
	// always keeping two; 0 means no limit.
	MaxDiskBytes int64

	// MaxBodyBytes bounds an insert request as sent (16 MiB by default) and
	// MaxDecodedBytes after decompression (64 MiB).
	MaxBodyBytes, MaxDecodedBytes int64
	// MaxRowBytes bounds a row, 256 KiB by default and 2,000,000 bytes at most.
	MaxRowBytes int
	// MaxFieldsPerRow bounds a row's fields, 1000 by default and at most.
	MaxFieldsPerRow int

	// MaxConcurrentInserts (4 per CPU), MaxConcurrentQueries (2 per CPU, at
	// least 8) and MaxConcurrentTails (16) bound the work under way; further
	// requests wait a while and are then refused with 503.
	MaxConcurrentInserts, MaxConcurrentQueries, MaxConcurrentTails int
	// MaxQueryDuration bounds a query in real time, 30 s by default.
	MaxQueryDuration time.Duration
}

// What the library can hold in a row.
const (
	maxRowBytes   = 2_000_000
	maxRowFields  = 1000 // half of a block's columns, so that two rows always fit
	maxNameLength = 128
)

// Unix nanoseconds, the storage's time.
const (
	minTime = math.MinInt64
	maxTime = math.MaxInt64
)

func (o *Options) setDefaults() {
	cpus := runtime.GOMAXPROCS(0)
	def(&o.Retention, 7*24*time.Hour)
	def(&o.FutureRetention, 48*time.Hour)
	def(&o.FlushInterval, 5*time.Second)
	def(&o.MaxBodyBytes, 16<<20)
	def(&o.MaxDecodedBytes, 64<<20)
	def(&o.MaxRowBytes, 256<<10)
	def(&o.MaxFieldsPerRow, maxRowFields)
	def(&o.MaxConcurrentInserts, 4*cpus)
	def(&o.MaxConcurrentQueries, max(2*cpus, 8))
	def(&o.MaxConcurrentTails, 16)
	def(&o.MaxQueryDuration, 30*time.Second)
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	o.MaxRowBytes = min(o.MaxRowBytes, maxRowBytes)
	o.MaxFieldsPerRow = min(o.MaxFieldsPerRow, maxRowFields)
}

func def[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
