package metrics

import (
	"maps"
	"sync"

	vmstorage "github.com/VictoriaMetrics/VictoriaMetrics/lib/storage"
)

// Reasons for which samples are dropped. Where VictoriaMetrics has a name for
// the reason (label of vm_rows_ignored_total), it is used.
const (
	ReasonInvalidLabels     = "invalid_labels"
	ReasonInvalidHistogram  = "invalid_histogram"
	ReasonTooManyLabels     = "too_many_labels"
	ReasonTooLongLabelName  = "too_long_label_name"
	ReasonTooLongLabelValue = "too_long_label_value"
	ReasonNaN               = "nan_value"
	ReasonSmallTimestamp    = "small_timestamp"
	ReasonBigTimestamp      = "big_timestamp"
)

// Stats of a store since it was opened. Received == Stored + the sum of
// Dropped, always. A request that was refused as a whole counts in Refused only.
type Stats struct {
	// Received samples; a native histogram counts as the series it becomes,
	// or as one when it is invalid.
	Received int64 `json:"received"`
	Stored   int64 `json:"stored"`
	// Dropped samples by reason.
	Dropped map[string]int64 `json:"dropped"`
	// Refused requests: malformed, too large, or while the disk is full.
	Refused int64 `json:"refused"`

	// NativeHistograms that were converted to classic ones.
	NativeHistograms int64 `json:"nativeHistograms"`
	// Exemplars kept, and those not kept because they or their series are invalid.
	Exemplars        int64 `json:"exemplars"`
	ExemplarsDropped int64 `json:"exemplarsDropped"`

	// Series the index holds, counted once per month they have samples in.
	Series int64 `json:"series"`
	// SeriesCreated since the store was opened.
	SeriesCreated int64 `json:"seriesCreated"`
	// Rows on disk and in memory, and DiskBytes of data and index.
	Rows      int64 `json:"rows"`
	DiskBytes int64 `json:"diskBytes"`
	// ReadOnly while the disk is nearly full.
	ReadOnly bool `json:"readOnly"`

	// UncleanStarts over the life of the directory; UncleanStart tells whether
	// this open was one.
	UncleanStarts int64 `json:"uncleanStarts"`
	UncleanStart  bool  `json:"uncleanStart"`
}

// counters is the part of Stats that ingestion moves, always as a whole.
type counters struct {
	mu sync.Mutex
	Stats
}

// add books what one request brought.
func (c *counters) add(d *delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Received += d.received
	c.Stored += d.stored
	for reason, n := range d.dropped {
		if c.Dropped == nil {
			c.Dropped = map[string]int64{}
		}
		c.Dropped[reason] += n
	}
	c.NativeHistograms += d.histograms
	c.Exemplars += d.exemplars
	c.ExemplarsDropped += d.exemplarsDropped
}

func (c *counters) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Refused++
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.Stats
	if s.Dropped = maps.Clone(c.Dropped); s.Dropped == nil {
		s.Dropped = map[string]int64{}
	}
	return s
}

// Stats returns the store's counters. On a closed store those of the storage
// itself (series, rows, disk) are 0.
func (s *Store) Stats() Stats {
	st := s.counters.snapshot()
	st.UncleanStarts, st.UncleanStart = s.life.UncleanStarts, s.unclean
	if s.gate.enter() != nil {
		return st
	}
	defer s.gate.leave()
	var m vmstorage.Metrics
	s.vm.UpdateMetrics(&m)
	t := &m.TableMetrics
	st.Rows = int64(t.TotalRowsCount())
	st.DiskBytes = int64(t.SmallSizeBytes + t.BigSizeBytes + t.IndexDBMetrics.FileSizeBytes)
	st.SeriesCreated = int64(m.NewTimeseriesCreated)
	st.ReadOnly = s.readOnly.Load() || s.vm.IsReadOnly()
	st.Series = s.countSeries(st.SeriesCreated)
	return st
}

// seriesCount remembers what the index was last found to hold: counting reads
// it all, and it changes only when series are created.
type seriesCount struct {
	mu      sync.Mutex
	known   bool
	created int64
	series  int64
}

// countSeries counts the series after so many were created.
func (s *Store) countSeries(created int64) int64 {
	c := &s.series
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known && c.created == created {
		return c.series
	}
	s.flush()
	if n, err := s.vm.GetSeriesCount(s.deadline()); err == nil {
		c.known, c.created, c.series = true, created, int64(n)
	}
	return c.series
}
