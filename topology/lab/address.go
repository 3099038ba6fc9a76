package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"syscall"
)

// addresses hands out one loopback address per cluster, so that each can listen
// on KOF's standard ports. Linux routes all of 127.0.0.0/8 to the machine; a
// lab takes a block 127.B.0.0/16 of it: management is .0.1, regions are .1.N,
// children .16.1 and up. Where only 127.0.0.1 exists all share it and the
// system picks the ports.
type addresses struct {
	block   int // B, 0 where there is only 127.0.0.1
	claim   net.Listener
	regions int
	child   int
}

const (
	firstBlock, lastBlock = 20, 250
	// claimPort is bound on the block's first address for as long as the lab
	// lives: it keeps two labs out of one block.
	claimPort = 48101
	perRange  = 250 // addresses used of each /24
)

// newAddresses takes the first free block, starting from one that depends on
// the name, or exactly the wanted one ("127.42.0.0/16"). The wanted block
// 127.0.0.0/16 stands for 127.0.0.1 alone.
func newAddresses(name, want string) (*addresses, error) {
	if want != "" {
		b, err := parseBlock(want)
		if err != nil {
			return nil, fmt.Errorf("address block %w", err)
		}
		if b == 0 {
			return &addresses{}, nil
		}
		l, err := listenClaim(b)
		if err != nil {
			return nil, fmt.Errorf("address block %s is not free: %w; choose another with --address-block, or leave it out to have one picked", want, err)
		}
		return &addresses{block: b, claim: l}, nil
	}
	if runtime.GOOS != "linux" {
		return &addresses{}, nil
	}
	h := 0
	for i := 0; i < len(name); i++ {
		h = h*31 + int(name[i])
	}
	n := lastBlock - firstBlock + 1
	for i := range n {
		b := firstBlock + ((h+i)%n+n)%n
		l, err := listenClaim(b)
		if err == nil {
			return &addresses{block: b, claim: l}, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return &addresses{}, nil // no 127/8 here, as in some sandboxes
		}
	}
	return nil, errors.New("all loopback address blocks are taken by other labs; take some down with 'koflab down --all'")
}

// CheckAddressBlock says what is wrong with the value of Options.AddressBlock.
func CheckAddressBlock(s string) error {
	_, err := parseBlock(s)
	return err
}

func parseBlock(s string) (int, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Bits() != 16 || !p.Addr().Is4() || p.Addr().As4()[0] != 127 || p != p.Masked() {
		return 0, fmt.Errorf("%q: want a loopback /16 such as 127.42.0.0/16", s)
	}
	return int(p.Addr().As4()[1]), nil
}

// listenClaim holds the block.
func listenClaim(block int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort(fmt.Sprintf("127.%d.0.1", block), strconv.Itoa(claimPort)))
}

func (a *addresses) close() {
	if a.claim != nil {
		a.claim.Close()
	}
}

// String names the block for people.
func (a *addresses) String() string {
	if a.block == 0 {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.%d.0.0/16", a.block)
}

func (a *addresses) management() host { return a.host(0, 1) }

func (a *addresses) nextRegion() host {
	a.regions++
	return a.host(1, a.regions)
}

func (a *addresses) nextChild() host {
	a.child++
	return a.host(16+(a.child-1)/perRange, 1+(a.child-1)%perRange)
}

func (a *addresses) host(c, d int) host {
	if a.block == 0 {
		return host{ip: "127.0.0.1", shared: true}
	}
	return host{ip: fmt.Sprintf("127.%d.%d.%d", a.block, c, d)}
}

// host is one cluster's address.
type host struct {
	ip string
	// shared: other clusters listen here too, so the system picks ports.
	shared bool
}

// listen returns the address to bind for a standard port.
func (h host) listen(port int) string {
	if h.shared {
		port = 0
	}
	return net.JoinHostPort(h.ip, strconv.Itoa(port))
}
