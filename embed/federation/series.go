package federation

import (
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// missing marks the instants of a grid at which a series has no value; to the
// engine it is a staleness marker.
var missing = math.Float64frombits(value.StaleNaN)

// series is samples in order of time. Series of values at a grid's instants have
// a sample at every instant.
type series struct {
	labels  labels.Labels
	samples samples
}

// Labels implements storage.Series.
func (s *series) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *series) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return storage.NewListSeriesIterator(s.samples)
}

// samples implements storage.Samples.
type samples []sample

func (s samples) Len() int                { return len(s) }
func (s samples) Get(i int) chunks.Sample { return &s[i] }

// sample implements chunks.Sample for a plain number.
type sample struct {
	t int64
	v float64
}

func (s *sample) T() int64                      { return s.t }
func (s *sample) ST() int64                     { return 0 }
func (s *sample) F() float64                    { return s.v }
func (s *sample) H() *histogram.Histogram       { return nil }
func (s *sample) FH() *histogram.FloatHistogram { return nil }
func (s *sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s *sample) Copy() chunks.Sample           { c := *s; return &c }

// seriesSet implements storage.SeriesSet.
type seriesSet struct {
	series []series
	i      int
	err    error
}

func newSeriesSet(s []series, err error) *seriesSet { return &seriesSet{series: s, i: -1, err: err} }

func (s *seriesSet) Next() bool                        { s.i++; return s.err == nil && s.i < len(s.series) }
func (s *seriesSet) At() storage.Series                { return &s.series[s.i] }
func (s *seriesSet) Err() error                        { return s.err }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }
