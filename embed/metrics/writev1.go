package metrics

import (
	"errors"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/prompb"
	"github.com/VictoriaMetrics/easyproto"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/metadata"
	prompbv1 "github.com/prometheus/prometheus/prompb"
)

var errMalformed = errors.New("malformed protobuf")

// fields calls visit for every field of a message until it returns an error.
func fields(src []byte, visit func(*easyproto.FieldContext) error) error {
	var fc easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = fc.NextField(src); err != nil {
			return errMalformed
		}
		if err = visit(&fc); err != nil {
			return err
		}
	}
	return nil
}

// read turns easyproto's "not of that type" into an error.
func read[T any](dst *T, get func() (T, bool)) error {
	v, ok := get()
	if !ok {
		return errMalformed
	}
	*dst = v
	return nil
}

// decodeV1 hands the series of a prometheus.WriteRequest to d. Strings point into src.
func (d *delivery) decodeV1(src []byte) error {
	var s series
	return fields(src, func(fc *easyproto.FieldContext) error {
		if fc.FieldNum != 1 && fc.FieldNum != 3 {
			return nil
		}
		data, ok := fc.MessageData()
		if !ok {
			return errMalformed
		}
		if fc.FieldNum == 3 {
			return d.decodeMetadataV1(data)
		}
		if err := s.decodeV1(data); err != nil {
			return err
		}
		return d.take(&s)
	})
}

func (s *series) decodeV1(src []byte) error {
	s.reset()
	var fc easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = fc.NextField(src); err != nil {
			return errMalformed
		}
		if fc.FieldNum < 1 || fc.FieldNum > 4 {
			continue
		}
		data, ok := fc.MessageData()
		if !ok {
			return errMalformed
		}
		switch fc.FieldNum {
		case 1:
			s.labels, err = appendLabelV1(s.labels, data)
		case 2:
			s.samples, err = appendSample(s.samples, data)
		case 3:
			s.exemplars, err = appendExemplarV1(s.exemplars, data)
		case 4:
			s.histograms, err = appendHistogramV1(s.histograms, data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func appendLabelV1(dst []prompb.Label, src []byte) ([]prompb.Label, error) {
	var l prompb.Label
	var fc easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = fc.NextField(src); err != nil {
			return dst, errMalformed
		}
		ok := true
		switch fc.FieldNum {
		case 1:
			l.Name, ok = fc.String()
		case 2:
			l.Value, ok = fc.String()
		}
		if !ok {
			return dst, errMalformed
		}
	}
	return append(dst, l), nil
}

// appendSample decodes a Sample, which is the same in both versions as far as
// it is used here: v2's start timestamp has no place in lib/storage.
func appendSample(dst []sample, src []byte) ([]sample, error) {
	var p sample
	var fc easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = fc.NextField(src); err != nil {
			return dst, errMalformed
		}
		ok := true
		switch fc.FieldNum {
		case 1:
			p.v, ok = fc.Double()
		case 2:
			p.t, ok = fc.Int64()
		}
		if !ok {
			return dst, errMalformed
		}
	}
	return append(dst, p), nil
}

func appendExemplarV1(dst []exemplarSample, src []byte) ([]exemplarSample, error) {
	var e exemplarSample
	err := fields(src, func(fc *easyproto.FieldContext) (err error) {
		switch fc.FieldNum {
		case 1:
			data, ok := fc.MessageData()
			if !ok {
				return errMalformed
			}
			e.labels, err = appendLabelV1(e.labels, data)
		case 2:
			err = read(&e.v, fc.Double)
		case 3:
			err = read(&e.t, fc.Int64)
		}
		return err
	})
	return append(dst, e), err
}

// appendHistogramV1 uses the generated decoder: native histograms are rare and intricate.
func appendHistogramV1(dst []histogramSample, src []byte) ([]histogramSample, error) {
	var m prompbv1.Histogram
	if err := m.Unmarshal(src); err != nil {
		return dst, errMalformed
	}
	hs := histogramSample{t: m.Timestamp}
	hs.h, hs.err = checked(&m)
	return append(dst, hs), nil
}

// wireHistogram is what both versions' generated histograms have in common.
type wireHistogram interface {
	IsFloatHistogram() bool
	ToIntHistogram() *histogram.Histogram
	ToFloatHistogram() *histogram.FloatHistogram
	GetSchema() int32
}

// checked validates a histogram before it is converted: integer counts are
// checked as such, since converting them loses what tells a wrong count.
func checked(m wireHistogram) (*histogram.FloatHistogram, error) {
	if !histogram.IsKnownSchema(m.GetSchema()) {
		return nil, histogram.UnknownSchemaError(m.GetSchema())
	}
	if !m.IsFloatHistogram() {
		if err := m.ToIntHistogram().Validate(); err != nil {
			return nil, err
		}
	}
	return m.ToFloatHistogram(), nil
}

func (d *delivery) decodeMetadataV1(src []byte) error {
	var family string
	var m metadata.Metadata
	var t int32
	err := fields(src, func(fc *easyproto.FieldContext) error {
		switch fc.FieldNum {
		case 1:
			return read(&t, fc.Int32)
		case 2:
			return read(&family, fc.String)
		case 4:
			return read(&m.Help, fc.String)
		case 5:
			return read(&m.Unit, fc.String)
		}
		return nil
	})
	if err == nil {
		m.Type = metricType(t)
		d.store.metadata.set(family, m)
	}
	return err
}

// metricType translates the number both versions use.
func metricType(t int32) model.MetricType {
	types := [...]model.MetricType{
		model.MetricTypeUnknown, model.MetricTypeCounter, model.MetricTypeGauge,
		model.MetricTypeHistogram, model.MetricTypeGaugeHistogram, model.MetricTypeSummary,
		model.MetricTypeInfo, model.MetricTypeStateset,
	}
	if t < 0 || int(t) >= len(types) {
		return model.MetricTypeUnknown
	}
	return types[t]
}
