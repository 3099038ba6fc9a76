package controllers

import (
	"math"
	"time"
)

// stream is a point in a tree of random streams. Everything random is drawn by
// name from the cluster's seed, never from shared state, so that the order in
// which controllers run changes no name and no delay.
type stream uint64

// of returns the stream named by parts below s.
func (s stream) of(parts ...string) stream {
	h := uint64(14695981039346656037) ^ uint64(s)
	for _, p := range parts {
		for i := 0; i < len(p); i++ {
			h = (h ^ uint64(p[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211 // keeps ("ab","c") and ("a","bc") apart
	}
	return stream(mix(h))
}

// at returns the i-th stream below s.
func (s stream) at(i int) stream {
	return stream(mix(uint64(s) + 0x9e3779b97f4a7c15*uint64(i+1)))
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit returns a number in [0, 1).
func (s stream) unit() float64 { return float64(s>>11) / (1 << 53) }

// normal returns a draw of the standard normal distribution.
func (s stream) normal() float64 {
	u := max(s.at(0).unit(), 1e-12)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*s.at(1).unit())
}

// nameAlphabet is what Kubernetes makes generated names of: no vowels and no
// look-alikes.
const nameAlphabet = "bcdfghjklmnpqrstvwxz2456789"

// name returns n characters as Kubernetes appends to generated names.
func (s stream) name(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = nameAlphabet[uint64(s.at(i))%uint64(len(nameAlphabet))]
	}
	return string(b)
}

// hex returns n hexadecimal digits.
func (s stream) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := 0; i < n; i += 16 {
		w := uint64(s.at(i))
		for j := i; j < min(i+16, n); j++ {
			b[j] = digits[w&15]
			w >>= 4
		}
	}
	return string(b)
}

// distribution is a log-normal distribution of durations. A zero median is
// always zero.
type distribution struct {
	median time.Duration
	sigma  float64
	limit  time.Duration // no draw is longer
}

func (d distribution) draw(s stream) time.Duration {
	if d.median <= 0 {
		return 0
	}
	v := float64(d.median) * math.Exp(d.sigma*s.normal())
	if d.limit > 0 {
		v = math.Min(v, float64(d.limit))
	}
	return time.Duration(v)
}
