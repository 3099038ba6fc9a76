package inventory

import (
	"encoding/binary"
	"encoding/hex"
)

// Seed is a point in a tree of random streams. Everything that looks random in
// a cluster is drawn from a Seed by name or by number, never from shared state,
// so any part of the inventory can be computed alone and in any order.
type Seed uint64

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
	golden    = 0x9e3779b97f4a7c15
)

// Of returns the stream named by parts below s.
func (s Seed) Of(parts ...string) Seed {
	h := uint64(fnvOffset) ^ uint64(s)
	for _, p := range parts {
		for i := 0; i < len(p); i++ {
			h = (h ^ uint64(p[i])) * fnvPrime
		}
		h = (h ^ 0xff) * fnvPrime // keeps ("ab","c") and ("a","bc") apart
	}
	return Seed(mix(h))
}

// At returns the i-th value of the stream s, itself a stream.
func (s Seed) At(i int64) Seed { return Seed(mix(uint64(s) + golden*uint64(i+1))) }

// mix is a bijection that spreads every input bit over the whole word
// (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Unit returns a number in [0, 1).
func (s Seed) Unit() float64 { return float64(s>>11) / (1 << 53) }

// Between returns a number in [lo, hi).
func (s Seed) Between(lo, hi float64) float64 { return lo + (hi-lo)*s.Unit() }

// Below returns an integer in [0, n); 0 when n < 1.
func (s Seed) Below(n int) int {
	if n < 1 {
		return 0
	}
	return int(uint64(s) % uint64(n))
}

// nameAlphabet is what Kubernetes draws generated names from: no vowels and no
// look-alikes.
const nameAlphabet = "bcdfghjklmnpqrstvwxz2456789"

// Name returns n characters as Kubernetes appends to generated names.
func (s Seed) Name(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = nameAlphabet[s.At(int64(i)).Below(len(nameAlphabet))]
	}
	return string(b)
}

// Hex returns n hexadecimal digits.
func (s Seed) Hex(n int) string {
	b := make([]byte, 0, n+16)
	for i := int64(0); len(b) < n; i++ {
		b = hex.AppendEncode(b, binary.BigEndian.AppendUint64(nil, uint64(s.At(i))))
	}
	return string(b[:n])
}

// UUID returns a version 4 UUID.
func (s Seed) UUID() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(s.At(0)))
	binary.BigEndian.PutUint64(raw[8:], uint64(s.At(1)))
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	var b [36]byte
	hex.Encode(b[:8], raw[:4])
	hex.Encode(b[9:13], raw[4:6])
	hex.Encode(b[14:18], raw[6:8])
	hex.Encode(b[19:23], raw[8:10])
	hex.Encode(b[24:], raw[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}
