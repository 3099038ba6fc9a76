package collector

import (
	"encoding/binary"
	"sort"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
)

// series is one time series of a target. Its labels are kept as they travel, so
// that sending a sample of a known series copies bytes and builds nothing.
type series struct {
	origin  labels.Labels // as the target emits them; empty if never looked up
	encoded []byte        // label fields of a remote-write TimeSeries message
	next    *series       // of the same hash
	scrape  uint32        // number of the scrape that saw it last
	place   int32         // position in the last scrape
}

// point is one sample on its way out.
type point struct {
	series *series
	t      int64 // milliseconds since the epoch
	v      float64
	// histogram is an encoded Histogram message in place of v, or nil.
	histogram []byte
}

// pointBuffers are shared by all collectors: each needs one for a moment per
// scrape and batch, and hundreds of them idle must not hold one each.
var pointBuffers = sync.Pool{New: func() any { return new([]point) }}

// maxPointBuffer is the capacity above which a buffer is not kept.
const maxPointBuffer = 1 << 16

func newPoints() []point { return (*pointBuffers.Get().(*[]point))[:0] }

func freePoints(b []point) {
	if cap(b) == 0 || cap(b) > maxPointBuffer {
		return
	}
	clear(b)
	pointBuffers.Put(&b)
}

// externalLabels are added to every series that has not got them already: what
// a metric brings along wins, as in the prometheusremotewrite exporter.
type externalLabels []labels.Label

func newExternalLabels(pairs ...string) externalLabels {
	var e externalLabels
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] != "" && pairs[i+1] != "" {
			e = append(e, labels.Label{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	sort.Slice(e, func(i, j int) bool { return e[i].Name < e[j].Name })
	return e
}

// encode returns the label fields of l and the external labels, by name.
func (e externalLabels) encode(l labels.Labels) []byte {
	size := 0
	l.Range(func(l labels.Label) { size += labelSize(l) + 1 + uvarintSize(labelSize(l)) })
	for _, x := range e {
		size += labelSize(x) + 1 + uvarintSize(labelSize(x))
	}
	buf, rest := make([]byte, 0, size), e
	l.Range(func(l labels.Label) {
		for len(rest) > 0 && rest[0].Name <= l.Name {
			if rest[0].Name < l.Name {
				buf = appendLabel(buf, rest[0])
			}
			rest = rest[1:]
		}
		if l.Value != "" {
			buf = appendLabel(buf, l)
		}
	})
	for _, x := range rest {
		buf = appendLabel(buf, x)
	}
	return buf
}

func labelSize(l labels.Label) int {
	return 2 + uvarintSize(len(l.Name)) + len(l.Name) + uvarintSize(len(l.Value)) + len(l.Value)
}

// appendLabel appends field 1 of TimeSeries: Label{name = 1, value = 2}.
func appendLabel(buf []byte, l labels.Label) []byte {
	buf = append(buf, 0x0a)
	buf = binary.AppendUvarint(buf, uint64(labelSize(l)))
	buf = append(buf, 0x0a)
	buf = binary.AppendUvarint(buf, uint64(len(l.Name)))
	buf = append(buf, l.Name...)
	buf = append(buf, 0x12)
	buf = binary.AppendUvarint(buf, uint64(len(l.Value)))
	return append(buf, l.Value...)
}

// eachLabel calls f with the names and values that appendLabel wrote.
func eachLabel(encoded []byte, f func(name, value []byte)) {
	for len(encoded) > 0 {
		var label, name, value []byte
		label, encoded = cutField(encoded)
		name, label = cutField(label)
		value, _ = cutField(label)
		f(name, value)
	}
}

// cutField takes one length-delimited field with a one-byte tag off b.
func cutField(b []byte) (body, rest []byte) {
	n, width := binary.Uvarint(b[1:])
	b = b[1+width:]
	return b[:n], b[n:]
}

func uvarintSize(n int) int {
	size := 1
	for n >= 0x80 {
		n >>= 7
		size++
	}
	return size
}
