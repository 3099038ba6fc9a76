package collector

import (
	"encoding/binary"
	"math"
	"sync"

	"github.com/klauspost/compress/s2"
)

// writeEncoder turns points into remote-write requests. Runs of points of one
// series share a TimeSeries message. It keeps its buffers.
type writeEncoder struct {
	raw        []byte
	compressed []byte

	// Of version 2: the TimeSeries at hand and its labels, the symbol table, and
	// every symbol of late with its reference in this request.
	one     []byte
	refs    []uint32
	table   []byte
	symbols map[string]*symbol
	request uint64
	count   uint32
}

// symbol is a string's reference in the request of that number.
type symbol struct {
	request uint64
	ref     uint32
}

// maxSymbols is how many symbols an encoder remembers.
const maxSymbols = 1 << 15

var writeEncoders = sync.Pool{New: func() any { return new(writeEncoder) }}

// encodeWrite returns the snappy-compressed request of the given version.
func encodeWrite(version RemoteWriteVersion, points []point) []byte {
	e := writeEncoders.Get().(*writeEncoder)
	defer writeEncoders.Put(e)
	if version == RemoteWriteV2 {
		e.encodeV2(points)
	} else {
		e.raw = appendWriteV1(e.raw[:0], points)
	}
	e.compressed = s2.EncodeSnappy(e.compressed[:cap(e.compressed)], e.raw)
	return append([]byte(nil), e.compressed...)
}

// appendWriteV1 appends a prometheus.WriteRequest: TimeSeries is field 1.
func appendWriteV1(buf []byte, points []point) []byte {
	for len(points) > 0 {
		run, size := 0, len(points[0].series.encoded)
		for run < len(points) && points[run].series == points[0].series {
			size += valueSize(points[run])
			run++
		}
		buf = append(buf, 0x0a)
		buf = binary.AppendUvarint(buf, uint64(size))
		buf = append(buf, points[0].series.encoded...)
		for _, p := range points[:run] {
			buf = appendValue(buf, p, 0x12, 0x22)
		}
		points = points[run:]
	}
	return buf
}

// encodeV2 writes an io.prometheus.write.v2.Request: symbols are field 4,
// TimeSeries field 5, and symbol 0 is the empty string.
func (e *writeEncoder) encodeV2(points []point) {
	e.raw, e.table, e.count = e.raw[:0], append(e.table[:0], 0x22, 0), 0
	e.request++
	if e.symbols == nil || len(e.symbols) > maxSymbols {
		e.symbols = map[string]*symbol{}
	}
	for len(points) > 0 {
		s := points[0].series
		size := 0
		e.refs = e.refs[:0]
		eachLabel(s.encoded, func(name, value []byte) {
			e.refs = append(e.refs, e.refer(name), e.refer(value))
		})
		for _, ref := range e.refs {
			size += uvarintSize(int(ref))
		}
		e.one = binary.AppendUvarint(append(e.one[:0], 0x0a), uint64(size))
		for _, ref := range e.refs {
			e.one = binary.AppendUvarint(e.one, uint64(ref))
		}
		for len(points) > 0 && points[0].series == s {
			e.one = appendValue(e.one, points[0], 0x12, 0x1a)
			points = points[1:]
		}
		e.raw = append(e.raw, 0x2a)
		e.raw = binary.AppendUvarint(e.raw, uint64(len(e.one)))
		e.raw = append(e.raw, e.one...)
	}
	e.raw = append(e.raw, e.table...)
}

// refer returns the reference of a string, adding it to the table at first.
func (e *writeEncoder) refer(s []byte) uint32 {
	known := e.symbols[string(s)]
	if known == nil {
		known = &symbol{}
		e.symbols[string(s)] = known
	}
	if known.request != e.request {
		e.count++
		known.request, known.ref = e.request, e.count
		e.table = append(e.table, 0x22)
		e.table = binary.AppendUvarint(e.table, uint64(len(s)))
		e.table = append(e.table, s...)
	}
	return known.ref
}

// valueSize is how many bytes appendValue writes.
func valueSize(p point) int {
	n := len(p.histogram)
	if p.histogram == nil {
		n = 10 + varintSize(p.t)
	}
	return 1 + uvarintSize(n) + n
}

// appendValue appends the field of a Sample{value = 1, timestamp = 2} or that of
// a histogram, whose tags differ between the versions.
func appendValue(buf []byte, p point, sampleTag, histogramTag byte) []byte {
	if p.histogram != nil {
		buf = append(buf, histogramTag)
		buf = binary.AppendUvarint(buf, uint64(len(p.histogram)))
		return append(buf, p.histogram...)
	}
	buf = append(buf, sampleTag, byte(10+varintSize(p.t)), 0x09)
	buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(p.v))
	buf = append(buf, 0x10)
	return binary.AppendUvarint(buf, uint64(p.t))
}

// varintSize is the size of an int64 field: ten bytes below zero.
func varintSize(t int64) int {
	if t < 0 {
		return 10
	}
	return uvarintSize(int(t))
}
