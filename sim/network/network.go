// Package network is what lies between the clusters of a lab: the names they
// publish, the addresses behind them, and links that can fail. Traffic is real
// TCP; faults act on the dialing side of each connection.
package network

import (
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"

	"koflab/sim/clock"
)

// Any stands for every cluster in the ends of a fault.
const Any = "*"

// Network connects clusters. It is safe for concurrent use.
type Network struct {
	clock clock.Clock
	seed  int64
	done  chan struct{}

	mu     sync.RWMutex
	closed bool
	hosts  map[string]map[int]endpoint // by published name and port
	owners map[string]string           // cluster by host:port address
	ips    map[string]string           // cluster by IP; "" when several share it
	absent map[string]bool             // names taken out of DNS
	faults map[ends]Fault
	links  map[ends]*link
}

// ends are the dialing cluster and the dialed one.
type ends struct{ from, to string }

// endpoint is where a published name and port lead.
type endpoint struct{ cluster, addr string }

// New returns an empty network. Its random choices are determined by seed.
func New(c clock.Clock, seed int64) *Network {
	return &Network{
		clock:  c,
		seed:   seed,
		done:   make(chan struct{}),
		hosts:  map[string]map[int]endpoint{},
		owners: map[string]string{},
		ips:    map[string]string{},
		absent: map[string]bool{},
		faults: map[ends]Fault{},
		links:  map[ends]*link{},
	}
}

// Publish makes host:port resolve to addr, an IP:port of a cluster, as a DNS
// record and a gateway listener do.
func (n *Network) Publish(host string, port int, cluster, addr string) error {
	ip, _, err := net.SplitHostPort(addr)
	if err != nil || net.ParseIP(ip) == nil {
		return fmt.Errorf("publish %s:%d: address %q is not IP:port", host, port, addr)
	}
	host = canonical(host)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts[host] == nil {
		n.hosts[host] = map[int]endpoint{}
	}
	n.hosts[host][port] = endpoint{cluster, addr}
	n.owners[addr] = cluster
	if owner, known := n.ips[ip]; known && owner != cluster {
		cluster = ""
	}
	n.ips[ip] = cluster
	return nil
}

// Unpublish takes all ports of a name back; from then on there is no such host.
func (n *Network) Unpublish(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host = canonical(host)
	if n.hosts[host] != nil {
		n.hosts[host] = map[int]endpoint{}
	}
}

// DNSMissing takes a name's record out of DNS. Established connections stay.
func (n *Network) DNSMissing(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.absent[canonical(host)] = true
}

// DNSRestore undoes DNSMissing.
func (n *Network) DNSRestore(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.absent, canonical(host))
}

// Set puts a fault on the connections that cluster from dials to cluster to,
// in place of an earlier one with the same ends. Either end may be Any, which
// leaves out a cluster's connections to itself. It acts on established
// connections too.
func (n *Network) Set(from, to string, f Fault) error {
	if err := f.validate(); err != nil {
		return fmt.Errorf("fault from %s to %s: %w", from, to, err)
	}
	n.update(func() { n.faults[ends{from, to}] = f })
	return nil
}

// Clear takes back the fault that was set with exactly these ends.
func (n *Network) Clear(from, to string) {
	n.update(func() { delete(n.faults, ends{from, to}) })
}

// ClearAll takes back all faults of links and of DNS.
func (n *Network) ClearAll() {
	n.update(func() {
		clear(n.faults)
		clear(n.absent)
	})
}

// update changes the faults and applies them to the links there are.
func (n *Network) update(change func()) {
	n.mu.Lock()
	change()
	links := maps.Clone(n.links)
	for e, l := range links {
		l.setFault(n.fault(e))
	}
	n.mu.Unlock()
	// Closing many sockets takes its time, in which others may dial.
	for _, l := range links {
		l.enforceReset()
	}
}

// fault returns what acts on a link; the caller holds mu.
func (n *Network) fault(e ends) Fault {
	f := n.faults[e]
	if e.from == e.to {
		return f
	}
	for _, wide := range []ends{{e.from, Any}, {Any, e.to}, {Any, Any}} {
		if g, ok := n.faults[wide]; ok && wide != e {
			f = f.and(g)
		}
	}
	return f
}

// link returns the link between two clusters, made on first use.
func (n *Network) link(from, to string) *link {
	e := ends{from, to}
	n.mu.RLock()
	l := n.links[e]
	n.mu.RUnlock()
	if l != nil {
		return l
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l = n.links[e]; l == nil {
		l = newLink(n.clock, e, n.seed)
		l.setFault(n.fault(e))
		n.links[e] = l
	}
	return l
}

// Close ends waiting dials and closes all connections through the network,
// which cannot be used afterwards.
func (n *Network) Close() {
	n.mu.Lock()
	if !n.closed {
		n.closed = true
		close(n.done)
	}
	links := maps.Clone(n.links)
	n.mu.Unlock()
	for _, l := range links {
		for _, c := range l.connections() {
			_ = c.Close()
		}
	}
}

// resolve finds where an address leads: the address to dial and the cluster
// that owns it, "" for the world outside the lab.
func (n *Network) resolve(host string, port string) (cluster, addr string, err error) {
	addr = net.JoinHostPort(host, port)
	n.mu.RLock()
	defer n.mu.RUnlock()
	if net.ParseIP(host) != nil {
		if cluster, ok := n.owners[addr]; ok {
			return cluster, addr, nil
		}
		return n.ips[host], addr, nil
	}
	name := canonical(host)
	ports, known := n.hosts[name]
	if n.absent[name] || known && len(ports) == 0 || !known && reserved(name) {
		return "", "", &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if !known {
		return "", addr, nil
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return "", "", &net.AddrError{Err: "port is not a number", Addr: addr}
	}
	if e, ok := ports[number]; ok {
		return e.cluster, e.addr, nil
	}
	// The name resolves, and whether anything listens there the machine knows.
	e := anyEndpoint(ports)
	ip, _, err := net.SplitHostPort(e.addr)
	return e.cluster, net.JoinHostPort(ip, port), err
}

// anyEndpoint returns that of the lowest port.
func anyEndpoint(ports map[int]endpoint) endpoint {
	lowest := -1
	for p := range ports {
		if lowest < 0 || p < lowest {
			lowest = p
		}
	}
	return ports[lowest]
}

func canonical(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// reserved reports whether a name can only be the lab's: RFC 2606 and RFC 6761
// set these domains aside, and a cluster's own domain never leaves it. Asking
// the world's DNS for them would at best be slow.
func reserved(name string) bool {
	for _, domain := range []string{
		"example", "example.com", "example.net", "example.org", "test", "invalid", "cluster.local", "svc",
	} {
		if name == domain || strings.HasSuffix(name, "."+domain) {
			return true
		}
	}
	return false
}
