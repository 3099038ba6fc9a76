package metrics

import (
	"fmt"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/prompb"
	"github.com/VictoriaMetrics/easyproto"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/metadata"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// symbols is the string table of a v2 request.
type symbols []string

// labels resolves references, which come in pairs of name and value.
func (t symbols) labels(dst []prompb.Label, refs []uint32) ([]prompb.Label, error) {
	if len(refs)%2 != 0 {
		return dst, fmt.Errorf("an odd number (%d) of label references", len(refs))
	}
	for i := 0; i < len(refs); i += 2 {
		name, value := refs[i], refs[i+1]
		if int64(name) >= int64(len(t)) || int64(value) >= int64(len(t)) {
			return dst, fmt.Errorf("label references %d, %d are outside the %d symbols", name, value, len(t))
		}
		dst = append(dst, prompb.Label{Name: t[name], Value: t[value]})
	}
	return dst, nil
}

func (t symbols) get(ref uint32) string {
	if int64(ref) >= int64(len(t)) {
		return ""
	}
	return t[ref]
}

// decoderV2 decodes an io.prometheus.write.v2.Request; its parts are reused
// from series to series.
type decoderV2 struct {
	symbols symbols
	series  series
	refs    []uint32
	meta    metadataRefs
	// fault is what makes the current series unusable though it is well formed.
	fault error
}

type metadataRefs struct {
	kind       int32
	help, unit uint32
}

// decodeV2 hands the series of a request to d. Strings point into src.
func (d *delivery) decodeV2(src []byte) error {
	var dec decoderV2
	// The table may stand anywhere in the message, so it is read first.
	err := fields(src, func(fc *easyproto.FieldContext) error {
		if fc.FieldNum != 4 {
			return nil
		}
		s, ok := fc.String()
		if !ok {
			return errMalformed
		}
		dec.symbols = append(dec.symbols, s)
		return nil
	})
	if err != nil {
		return err
	}
	return fields(src, func(fc *easyproto.FieldContext) error {
		if fc.FieldNum != 5 {
			return nil
		}
		data, ok := fc.MessageData()
		if !ok {
			return errMalformed
		}
		if err := dec.decode(data); err != nil {
			return err
		}
		return dec.deliver(d)
	})
}

// decode reads one TimeSeries.
func (dec *decoderV2) decode(src []byte) error {
	dec.series.reset()
	dec.refs, dec.meta, dec.fault = dec.refs[:0], metadataRefs{}, nil
	s := &dec.series
	var fc easyproto.FieldContext
	for len(src) > 0 {
		var err error
		if src, err = fc.NextField(src); err != nil {
			return errMalformed
		}
		if fc.FieldNum == 1 {
			var ok bool
			if dec.refs, ok = fc.UnpackUint32s(dec.refs); !ok {
				return errMalformed
			}
			continue
		}
		if fc.FieldNum < 1 || fc.FieldNum > 5 {
			continue
		}
		data, ok := fc.MessageData()
		if !ok {
			return errMalformed
		}
		switch fc.FieldNum {
		case 2:
			s.samples, err = appendSample(s.samples, data)
		case 3:
			s.histograms, err = appendHistogramV2(s.histograms, data)
		case 4:
			s.exemplars, err = dec.appendExemplar(s.exemplars, data)
		case 5:
			dec.meta, err = decodeMetadataV2(data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deliver hands the decoded series over. The specification wants every series
// to carry a sample or a histogram.
func (dec *decoderV2) deliver(d *delivery) error {
	s := &dec.series
	ls, err := dec.symbols.labels(s.labels, dec.refs)
	if err == nil {
		err = dec.fault
	}
	if s.labels = ls; err != nil {
		d.refuse(s, ReasonInvalidLabels, err)
		return nil
	}
	if s.values() == 0 {
		d.refuse(s, ReasonInvalidLabels, fmt.Errorf("%s: the series has neither samples nor histograms", metricName(ls)))
		return nil
	}
	if dec.meta != (metadataRefs{}) {
		dec.describe(d, ls)
	}
	return d.take(s)
}

func (dec *decoderV2) describe(d *delivery, ls []prompb.Label) {
	m := metadata.Metadata{
		Type: metricType(dec.meta.kind),
		Help: dec.symbols.get(dec.meta.help),
		Unit: dec.symbols.get(dec.meta.unit),
	}
	for _, l := range ls {
		if l.Name == model.MetricNameLabel {
			d.store.metadata.set(familyOf(l.Value, m.Type), m)
		}
	}
}

func (dec *decoderV2) appendExemplar(dst []exemplarSample, src []byte) ([]exemplarSample, error) {
	var e exemplarSample
	var refs []uint32
	err := fields(src, func(fc *easyproto.FieldContext) error {
		switch fc.FieldNum {
		case 1:
			var ok bool
			if refs, ok = fc.UnpackUint32s(refs); !ok {
				return errMalformed
			}
		case 2:
			return read(&e.v, fc.Double)
		case 3:
			return read(&e.t, fc.Int64)
		}
		return nil
	})
	if err != nil {
		return dst, err
	}
	if e.labels, err = dec.symbols.labels(nil, refs); err != nil {
		dec.fault = fmt.Errorf("exemplar: %w", err)
	}
	return append(dst, e), nil
}

// appendHistogramV2 uses the generated decoder: native histograms are rare and intricate.
func appendHistogramV2(dst []histogramSample, src []byte) ([]histogramSample, error) {
	var m writev2.Histogram
	if err := m.Unmarshal(src); err != nil {
		return dst, errMalformed
	}
	hs := histogramSample{t: m.Timestamp}
	hs.h, hs.err = checked(&m)
	return append(dst, hs), nil
}

func decodeMetadataV2(src []byte) (m metadataRefs, err error) {
	err = fields(src, func(fc *easyproto.FieldContext) error {
		switch fc.FieldNum {
		case 1:
			return read(&m.kind, fc.Int32)
		case 3:
			return read(&m.help, fc.Uint32)
		case 4:
			return read(&m.unit, fc.Uint32)
		}
		return nil
	})
	return m, err
}
