package metrics

import (
	"errors"
	"fmt"
	"strings"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/prompb"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/protoparser/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/metadata"
)

// decodeText hands the samples of a text exposition to d. A sample without a
// timestamp gets t. Unlike vminsert, which skips lines it cannot read, the
// text is refused as a whole: it was most likely written by hand.
func (d *delivery) decodeText(src string, t int64) error {
	var bad []string
	rows, described := prometheus.UnmarshalWithMetadata(prometheus.Rows{}, prometheus.MetadataRows{}, src, func(msg string) {
		if len(bad) < maxReportedRejections {
			bad = append(bad, msg)
		}
	})
	if len(bad) > 0 {
		return errors.New(strings.Join(bad, "; "))
	}
	var s series
	for i := range rows.Rows {
		r := &rows.Rows[i]
		s.reset()
		s.labels = append(s.labels, prompb.Label{Name: model.MetricNameLabel, Value: r.Metric})
		for _, tag := range r.Tags {
			s.labels = append(s.labels, prompb.Label{Name: tag.Key, Value: tag.Value})
		}
		p := sample{t: r.Timestamp, v: r.Value}
		if p.t == 0 {
			p.t = t
		}
		s.samples = append(s.samples, p)
		if err := d.take(&s); err != nil {
			return fmt.Errorf("line with %s: %w", r.Metric, err)
		}
	}
	for i := range described.Rows {
		m := &described.Rows[i]
		d.store.metadata.set(m.Metric, metadata.Metadata{Type: metricType(int32(m.Type)), Help: m.Help})
	}
	return nil
}
