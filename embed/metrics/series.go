package metrics

import (
	"slices"
	"sort"

	vmstorage "github.com/VictoriaMetrics/VictoriaMetrics/lib/storage"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
)

// seriesSet iterates over a slice of series.
type seriesSet struct {
	series []storage.Series
	at     int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *seriesSet) At() storage.Series                { return s.series[s.at] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// blockSeries is a series and the places of its blocks, which are read when iterated.
type blockSeries struct {
	labels labels.Labels
	blocks []vmstorage.BlockRef
	tr     vmstorage.TimeRange
	dedup  int64 // milliseconds; 1 only merges equal timestamps
}

func (s *blockSeries) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series; it reuses the buffers of a used iterator.
func (s *blockSeries) Iterator(old chunkenc.Iterator) chunkenc.Iterator {
	it, ok := old.(*blockIterator)
	if !ok {
		it = new(blockIterator)
	}
	it.read(s)
	return it
}

// blockIterator walks over the decoded samples of one series.
type blockIterator struct {
	ts    []int64
	vs    []float64
	at    int
	err   error
	block vmstorage.Block
}

// read decodes all blocks of s that touch its time range.
func (it *blockIterator) read(s *blockSeries) {
	it.ts, it.vs, it.at, it.err = it.ts[:0], it.vs[:0], -1, nil
	for i := range s.blocks {
		s.blocks[i].MustReadBlock(&it.block)
		if it.err = it.block.UnmarshalData(); it.err != nil {
			it.ts, it.vs = it.ts[:0], it.vs[:0]
			return
		}
		it.ts, it.vs = it.block.AppendRowsWithTimeRangeFilter(it.ts, it.vs, s.tr)
	}
	// Parts are written independently, so their blocks may overlap.
	if !slices.IsSorted(it.ts) {
		sort.Stable(byTime{it.ts, it.vs})
	}
	if len(it.ts) > 0 {
		it.ts, it.vs = vmstorage.DeduplicateSamples(it.ts, it.vs, s.dedup)
	}
}

type byTime struct {
	ts []int64
	vs []float64
}

func (b byTime) Len() int           { return len(b.ts) }
func (b byTime) Less(i, j int) bool { return b.ts[i] < b.ts[j] }
func (b byTime) Swap(i, j int) {
	b.ts[i], b.ts[j] = b.ts[j], b.ts[i]
	b.vs[i], b.vs[j] = b.vs[j], b.vs[i]
}

func (it *blockIterator) Next() chunkenc.ValueType {
	it.at++
	return it.kind()
}

// milliseconds names the unit of Prometheus' timestamps. As a name of its own
// it also tells go vet that this Seek is not io.Seeker's.
type milliseconds = int64

func (it *blockIterator) Seek(t milliseconds) chunkenc.ValueType {
	it.at = max(it.at, 0)
	if it.at < len(it.ts) && it.ts[it.at] < t {
		n, _ := slices.BinarySearch(it.ts[it.at:], t)
		it.at += n
	}
	return it.kind()
}

func (it *blockIterator) kind() chunkenc.ValueType {
	if it.at >= len(it.ts) {
		it.at = len(it.ts)
		return chunkenc.ValNone
	}
	return chunkenc.ValFloat
}

func (it *blockIterator) At() (int64, float64) { return it.ts[it.at], it.vs[it.at] }
func (it *blockIterator) AtT() int64           { return it.ts[it.at] }
func (it *blockIterator) AtST() int64          { return 0 }
func (it *blockIterator) Err() error           { return it.err }

// AtHistogram is never called: the storage holds floats only.
func (it *blockIterator) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) {
	return it.ts[it.at], nil
}

// AtFloatHistogram is never called: the storage holds floats only.
func (it *blockIterator) AtFloatHistogram(*histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	return it.ts[it.at], nil
}
