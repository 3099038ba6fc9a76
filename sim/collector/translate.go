package collector

import (
	"context"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// translation is what remote write makes of OTLP metrics.
type translation struct {
	points []point
	// dropped counts data points that remote write cannot carry: those of delta
	// temporality, and of names without a usable character.
	dropped int
}

// translate converts metrics as the prometheusremotewrite exporter does by
// default: suffixes for unit and type, job and instance from service.*, all
// other resource attributes on target_info only, exponential histograms as
// native ones.
func translate(ctx context.Context, m pmetric.Metrics, external externalLabels) translation {
	t := translation{dropped: removeDelta(m)}
	app := &pointAppender{external: external}
	_, err := prometheusremotewrite.NewPrometheusConverter(app).FromMetrics(ctx, m, prometheusremotewrite.Settings{
		AddMetricSuffixes:                    true,
		LabelNameUnderscoreSanitization:      true,
		LabelNamePreserveMultipleUnderscores: true,
	})
	t.points = app.points
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		t.dropped += len(joined.Unwrap())
	} else if err != nil {
		t.dropped++
	}
	return t
}

// removeDelta takes metrics that are not cumulative out and counts their points.
func removeDelta(m pmetric.Metrics) int {
	n := 0
	for _, r := range m.ResourceMetrics().All() {
		for _, s := range r.ScopeMetrics().All() {
			s.Metrics().RemoveIf(func(m pmetric.Metric) bool {
				points, temporality := 0, pmetric.AggregationTemporalityCumulative
				switch m.Type() {
				case pmetric.MetricTypeSum:
					points, temporality = m.Sum().DataPoints().Len(), m.Sum().AggregationTemporality()
				case pmetric.MetricTypeHistogram:
					points, temporality = m.Histogram().DataPoints().Len(), m.Histogram().AggregationTemporality()
				case pmetric.MetricTypeExponentialHistogram:
					points, temporality = m.ExponentialHistogram().DataPoints().Len(), m.ExponentialHistogram().AggregationTemporality()
				}
				if temporality == pmetric.AggregationTemporalityCumulative {
					return false
				}
				n += points
				return true
			})
		}
	}
	return n
}

// pointAppender collects what the converter makes.
type pointAppender struct {
	external externalLabels
	points   []point
}

// Append implements storage.AppenderV2.
func (a *pointAppender) Append(_ storage.SeriesRef, l labels.Labels, _, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, _ storage.AppendV2Options) (storage.SeriesRef, error) {
	p := point{series: &series{encoded: a.external.encode(l)}, t: t, v: v}
	var message prompb.Histogram
	switch {
	case fh != nil:
		message = prompb.FromFloatHistogram(t, fh)
	case h != nil:
		message = prompb.FromIntHistogram(t, h)
	default:
		a.points = append(a.points, p)
		return 0, nil
	}
	var err error
	if p.histogram, err = message.Marshal(); err != nil {
		return 0, err
	}
	a.points = append(a.points, p)
	return 0, nil
}

// Commit implements storage.AppenderV2; there is nothing to commit.
func (a *pointAppender) Commit() error { return nil }

// Rollback implements storage.AppenderV2.
func (a *pointAppender) Rollback() error {
	a.points = nil
	return nil
}
