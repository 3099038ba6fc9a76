package lab

import (
	"sync"
	"time"

	"koflab/sim/ledger"
)

// rates remembers what edges had acknowledged a while ago, to tell how fast
// records flow.
type rates struct {
	mu   sync.Mutex
	ring []sample
}

type sample struct {
	at           time.Time // lab time
	acknowledged map[ledger.Edge]int64
}

const (
	// rateInterval, real time, is how often the counts are remembered; rateSamples
	// how many are kept: the window over which a rate is told.
	rateInterval = 5 * time.Second
	rateSamples  = 6
)

// remember keeps the counts of an instant.
func (r *rates) remember(at time.Time, entries []ledger.Entry) {
	s := sample{at: at, acknowledged: make(map[ledger.Edge]int64, len(entries))}
	for _, e := range entries {
		s.acknowledged[e.Edge] = e.Acknowledged
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) == rateSamples {
		r.ring = append(r.ring[:0], r.ring[1:]...)
	}
	r.ring = append(r.ring, s)
}

// perSecond is the rate of an entry since the oldest instant remembered, per
// second of lab time; 0 while nothing is.
func (r *rates) perSecond(at time.Time, e ledger.Entry) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) == 0 {
		return 0
	}
	oldest := r.ring[0]
	seconds := at.Sub(oldest.at).Seconds()
	if seconds < 1 {
		return 0 // too short to tell
	}
	// An edge that was not there yet has come since: all of it counts.
	return float64(e.Acknowledged-oldest.acknowledged[e.Edge]) / seconds
}
