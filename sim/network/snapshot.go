package network

import (
	"cmp"
	"slices"
)

// Snapshot is a network's state at one moment, for status.
type Snapshot struct {
	// Names are the published ones, ordered by host and port.
	Names []Name `json:"names"`
	// Faults are those in force, as they were set, ordered by their ends.
	Faults []SetFault `json:"faults"`
	// Links are those that were used, ordered by their ends.
	Links []Link `json:"links"`
}

// Name is a published name.
type Name struct {
	Host    string `json:"host"`
	Port    int    `json:"port"`
	Cluster string `json:"cluster"`
	Address string `json:"address"`
	// Missing says that the record is taken out of DNS.
	Missing bool `json:"missing,omitempty"`
}

// SetFault is a fault with the ends it was set for.
type SetFault struct {
	From string `json:"from"`
	To   string `json:"to"`
	Fault
}

// Link is the traffic from one cluster to another since the beginning.
type Link struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Fault is all that acts on the link, together.
	Fault Fault `json:"fault"`
	// Connections are those open now.
	Connections int `json:"connections"`
	// Dials counts connections begun, and Failures those of them that failed.
	Dials    int64 `json:"dials"`
	Failures int64 `json:"failures"`
	// SentBytes and ReceivedBytes are seen from the dialing side.
	SentBytes     int64 `json:"sentBytes"`
	ReceivedBytes int64 `json:"receivedBytes"`
}

// Snapshot returns the network's state.
func (n *Network) Snapshot() Snapshot {
	n.mu.RLock()
	defer n.mu.RUnlock()
	s := Snapshot{Names: []Name{}, Faults: []SetFault{}, Links: []Link{}}
	for host, ports := range n.hosts {
		for port, e := range ports {
			s.Names = append(s.Names, Name{host, port, e.cluster, e.addr, n.absent[host]})
		}
	}
	for e, f := range n.faults {
		s.Faults = append(s.Faults, SetFault{e.from, e.to, f})
	}
	for _, l := range n.links {
		s.Links = append(s.Links, l.snapshot())
	}
	slices.SortFunc(s.Names, func(a, b Name) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port))
	})
	slices.SortFunc(s.Faults, func(a, b SetFault) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	slices.SortFunc(s.Links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return s
}

func (l *link) snapshot() Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Link{
		From: l.ends.from, To: l.ends.to, Connections: len(l.conns),
		Dials: l.dials.Load(), Failures: l.failures.Load(),
		SentBytes: l.sent.Load(), ReceivedBytes: l.received.Load(),
	}
	if f := l.fault.Load(); f != nil {
		s.Fault = *f
	}
	return s
}
