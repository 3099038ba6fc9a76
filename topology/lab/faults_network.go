package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"koflab/sim/fault"
	"koflab/sim/network"
)

// linkFault is what one injection does to one link. Several on one link act
// together.
type linkFault struct {
	from, to string
	by       *injection
	network.Fault
}

// linkFault breaks a link, or all links of a cluster.
func (x *faults) linkFault(_ context.Context, i injection) (undo, error) {
	f := networkFault(i)
	broken := []linkFault{{from: i.target.From, to: i.target.To, by: &i, Fault: f}}
	if i.cluster != nil {
		broken = []linkFault{
			{from: i.cluster.ID, to: network.Any, by: &i, Fault: f}, {from: network.Any, to: i.cluster.ID, by: &i, Fault: f},
		}
	}
	if err := x.addLinks(broken); err != nil {
		return nil, errors.Join(err, x.removeLinks(&i))
	}
	return func(context.Context) error { return x.removeLinks(&i) }, nil
}

// networkFault is what a fault of the catalogue means on a link.
func networkFault(i injection) network.Fault {
	scaled := func(name string) time.Duration {
		return time.Duration(float64(i.values.Duration(name)) * i.strength)
	}
	rate := func() int64 { return max(1, int64(i.values.Number("rate")/i.strength)) }
	switch i.Name {
	case "partition":
		return network.Fault{Partition: true}
	case "latency":
		return network.Fault{Latency: scaled("latency"), Jitter: scaled("jitter")}
	case "loss":
		return network.Fault{Loss: i.values.Number("probability") * i.strength}
	case "bandwidth", "slow-drip":
		return network.Fault{BandwidthBytesPerSecond: rate()}
	}
	return network.Fault{Reset: true}
}

func (x *faults) addLinks(broken []linkFault) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.links = append(x.links, broken...)
	return x.setLinks(broken)
}

// removeLinks takes back what one injection did.
func (x *faults) removeLinks(by *injection) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var mended []linkFault
	x.links = slices.DeleteFunc(x.links, func(f linkFault) bool {
		if f.by != by {
			return false
		}
		mended = append(mended, f)
		return true
	})
	return x.setLinks(mended)
}

// setLinks tells the network what now acts on the links that have changed; the caller
// holds mu.
func (x *faults) setLinks(changed []linkFault) error {
	var errs []error
	for _, link := range changed {
		var acting []network.Fault
		for _, f := range x.links {
			if f.from == link.from && f.to == link.to {
				acting = append(acting, f.Fault)
			}
		}
		if len(acting) == 0 {
			x.lab.network.Clear(link.from, link.to)
			continue
		}
		errs = append(errs, x.lab.network.Set(link.from, link.to, network.Together(acting...)))
	}
	return errors.Join(errs...)
}

// dnsMissing takes the names of a region's gateway out of DNS.
func (x *faults) dnsMissing(_ context.Context, i injection) (undo, error) {
	s := x.lab.store(i.cluster.ID)
	if len(s.hosts) == 0 {
		return nil, fmt.Errorf("%s has no published name: nothing leads to its gateway", i.cluster)
	}
	hosts := slices.Clone(s.hosts)
	for _, h := range hosts {
		x.lab.network.DNSMissing(h.name)
	}
	if i.values["connections"] == "close" {
		if err := x.cutLinks(i.cluster.ID); err != nil {
			return nil, err
		}
	}
	return func(context.Context) error {
		for _, h := range hosts {
			x.lab.network.DNSRestore(h.name)
		}
		return nil
	}, nil
}

// cutLinks resets the connections that other clusters have to one; they may dial
// again at once.
func (x *faults) cutLinks(to string) error {
	by := &injection{Fault: fault.Fault{Name: "reset"}}
	err := x.addLinks([]linkFault{{from: network.Any, to: to, by: by, Fault: network.Fault{Reset: true}}})
	return errors.Join(err, x.removeLinks(by))
}
