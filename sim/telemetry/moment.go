package telemetry

// moment holds what the values of one scrape share: the waves at that time and
// the requests made until then. It is computed once per scrape and pooled.
type moment struct {
	g     *Generator
	nanos int64   // Unix time
	sec   float64 // since the epoch
	level [waves]float64
	area  [waves]float64

	requests int64 // traces until now; -1 = not yet counted
	tallyOf  int32 // the served whose tally is held; -1 = none
	tally    tally
}

func (g *Generator) moment(nanos int64) *moment {
	m, _ := g.moments.Get().(*moment)
	if m == nil {
		m = &moment{}
	}
	m.g = g
	m.nanos = nanos
	m.sec = g.seconds(m.nanos)
	m.requests, m.tallyOf = -1, -1
	for i := range g.waves {
		m.level[i], m.area[i] = g.waves[i].at(m.sec)
	}
	return m
}

func (g *Generator) release(m *moment) { g.moments.Put(m) }

// seconds converts Unix nanoseconds to seconds since the cluster's epoch. The
// subtraction is done in integers, so nothing is lost before the conversion.
func (g *Generator) seconds(nanos int64) float64 {
	return float64(nanos-g.epoch) / 1e9
}

// requestCount is the number of requests from outside made until now.
func (m *moment) requestCount() int64 {
	if m.requests < 0 {
		m.requests = m.g.traffic.count(m.nanos)
	}
	return m.requests
}

// served returns the tally of what served i has answered since its process
// started.
func (m *moment) served(i int32) *tally {
	if m.tallyOf == i {
		return &m.tally
	}
	s := &m.g.served[i]
	m.tally = tally{}
	before := s.first
	if r := m.g.instances[s.instance].restarts; r != nil {
		if started, ok := r.last(m.nanos); ok {
			before = m.g.traffic.count(started)
		}
	}
	if now := m.requestCount(); now > before {
		s.addTo(&m.tally, now, 1)
		s.addTo(&m.tally, before, -1)
	}
	m.tallyOf = i
	return &m.tally
}
