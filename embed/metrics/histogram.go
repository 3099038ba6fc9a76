package metrics

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/prompb"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
)

// bucketsOf lists a native histogram's buckets by ascending upper bound with
// cumulative counts, as classic histograms have them. Buckets inside a span
// are listed even when empty, so that the set of series stays as stable as the
// sender's; the +Inf bucket is left to the caller, who knows the count.
func bucketsOf(h *histogram.FloatHistogram) (bounds, counts []float64) {
	var sum float64
	for it := h.AllBucketIterator(); it.Next(); {
		b := it.At()
		sum += b.Count
		if !math.IsInf(b.Upper, 1) {
			bounds, counts = append(bounds, b.Upper), append(counts, sum)
		}
	}
	return bounds, counts
}

// histogram stores a native histogram as a classic one, since lib/storage has
// no native ones: NAME_bucket{le}, NAME_count and NAME_sum. A stale histogram
// ends NAME_count, NAME_sum and the +Inf bucket.
func (d *delivery) histogram(ls []prompb.Label, hs *histogramSample) {
	err := hs.err
	if err == nil {
		err = hs.h.Validate()
	}
	if err != nil {
		d.received++
		d.drop(ReasonInvalidHistogram, 1)
		d.invalid.add(1, fmt.Errorf("%s: invalid histogram: %w", metricName(ls), err))
		return
	}
	emit := func(ls []prompb.Label, v float64) error {
		d.received++
		reason, err := d.row(d.name(ls), hs.t, v)
		if err != nil {
			d.drop(reason, 1)
		}
		return err
	}
	count, sum := hs.h.Count, hs.h.Sum
	var bounds, counts []float64
	if value.IsStaleNaN(sum) {
		count = sum
	} else {
		bounds, counts = bucketsOf(hs.h)
	}
	le := withSuffix(ls, "_bucket", true)
	for i, bound := range bounds {
		_ = emit(bucket(le, bound), counts[i])
	}
	_ = emit(bucket(le, math.Inf(1)), count)
	// A sum may be NaN by right, when a NaN was observed: dropped, but no
	// reason to refuse the histogram.
	_ = emit(withSuffix(ls, "_sum", false), sum)
	if err := emit(withSuffix(ls, "_count", false), count); err != nil {
		d.unstored.add(1, fmt.Errorf("%s: %w", metricName(ls), err))
		return
	}
	d.histograms++
}

// withSuffix copies sorted labels, renames the metric and, for buckets, makes
// room for the label le.
func withSuffix(ls []prompb.Label, suffix string, le bool) []prompb.Label {
	out := make([]prompb.Label, 0, len(ls)+1)
	for _, l := range ls {
		switch {
		case l.Name == model.MetricNameLabel:
			l.Value += suffix
		case le && l.Name == model.BucketLabel:
			continue
		}
		out = append(out, l)
	}
	if le {
		at, _ := slices.BinarySearchFunc(out, model.BucketLabel, func(l prompb.Label, name string) int {
			switch {
			case l.Name < name:
				return -1
			case l.Name > name:
				return 1
			}
			return 0
		})
		out = slices.Insert(out, at, prompb.Label{Name: model.BucketLabel})
	}
	return out
}

// bucket sets le, written as Prometheus' text format writes it.
func bucket(ls []prompb.Label, bound float64) []prompb.Label {
	le := "+Inf"
	if !math.IsInf(bound, 1) {
		le = strconv.FormatFloat(bound, 'g', -1, 64)
	}
	return setLabel(ls, prompb.Label{Name: model.BucketLabel, Value: le})
}
