package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"koflab/embed/gateway"
	"koflab/sim/clock"
	"koflab/sim/event"
	"koflab/sim/network"
	"koflab/topology"
	"koflab/topology/lab/backing"
	"koflab/topology/lab/region"
)

// running is a region in this process or in one of its own.
type running interface {
	Addresses() map[string]string
	Stats() (region.Stats, error)
	SetListening(up bool) error
	SetServices(names []string) error
	SetUsers(users []region.User) error
	Break(b region.Broken) error
	Cut() bool
	Crash() error
	Close(ctx context.Context) error
}

// store is what runs for the storage pods of a cluster.
type store struct {
	cluster *cluster
	region  running
	config  region.Config
	// services, users and hosts are what the pods and objects last asked for.
	services []string
	users    []region.User
	hosts    []publicHost
	// down says why nothing listens; empty while the region does.
	down string
}

// publicHost is a name under which other clusters reach a storing cluster.
type publicHost struct {
	name string
	port int
}

// openNetwork makes what lies between the clusters.
func (l *Lab) openNetwork(context.Context) error {
	var err error
	if l.addresses, err = newAddresses(l.opts.Spec.Name, l.opts.AddressBlock); err != nil {
		return err
	}
	l.network = network.New(l.clock, l.opts.Spec.Seed)
	l.onClose(func(context.Context) error {
		l.network.Close()
		l.addresses.close()
		return nil
	})
	l.ca, err = gateway.LoadOrCreateCA(l.caDir(), l.clock)
	return err
}

func (l *Lab) caDir() string { return filepath.Join(l.dir.Data(), "ca") }

// store returns what stores telemetry in the cluster of an ID; nil for none.
func (l *Lab) store(id string) *store {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.stores[id]
}

func (l *Lab) setStore(id string, s *store) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s == nil {
		delete(l.stores, id)
	} else {
		l.stores[id] = s
	}
}

// syncStore makes the region of a cluster what its storage pods say. The caller
// holds the cluster's syncMu.
func (l *Lab) syncStore(c *cluster) error {
	want, err := backing.StorageOf(c.embedded.Server())
	if err != nil {
		return err
	}
	s := l.store(c.ID)
	if want == nil {
		if s == nil {
			return nil
		}
		l.events.Add(event.Warning, "StoresClosed", c.ID, "no pod of its stores is ready any more")
		return l.closeStore(s)
	}
	config, hosts, err := l.regionConfig(c, want)
	if err != nil {
		return err
	}
	if s != nil && (s.config.Retention != config.Retention || !covers(s.config.Domains, config.Domains)) {
		// A store reads its flags when it starts: its pods have been replaced. Names
		// that nothing leads to at present stay in the gateway's certificate.
		l.events.Add(event.Normal, "StoresRestart", c.ID, "the storage pods have other arguments")
		if err := l.closeStore(s); err != nil {
			return err
		}
		s = nil
	}
	if s == nil {
		return l.openStore(c, config, hosts)
	}
	return l.adjustStore(s, config, hosts)
}

// openStore starts a region and tells the network of it.
func (l *Lab) openStore(c *cluster, config region.Config, hosts []publicHost) error {
	s := &store{cluster: c, config: config, services: config.Services, users: config.Users, hosts: hosts}
	config.Broken, s.down = l.faults.brokenRegion(c.ID)
	var err error
	if l.opts.Isolation == IsolationProcess {
		s.region, err = spawn(config, l.guards.of(s))
	} else {
		s.region, err = open(config)
	}
	if err != nil {
		return err
	}
	l.setStore(c.ID, s)
	if err := l.publish(s); err != nil {
		return err
	}
	l.reportUnclean(s)
	return nil
}

// adjustStore follows changes that need no restart.
func (l *Lab) adjustStore(s *store, config region.Config, hosts []publicHost) error {
	if !slices.Equal(s.users, config.Users) {
		if err := s.region.SetUsers(config.Users); err != nil {
			return err
		}
		l.mu.Lock()
		s.users = config.Users
		l.mu.Unlock()
		l.events.Add(event.Normal, "UsersChanged", s.cluster.ID+"/vmauth", fmt.Sprintf("%d users", len(config.Users)))
	}
	if !slices.Equal(s.services, config.Services) {
		if err := s.region.SetServices(config.Services); err != nil {
			return err
		}
		l.events.Add(event.Normal, "ServicesChanged", s.cluster.ID, "ready: "+strings.Join(config.Services, ", "))
		s.services = config.Services
	}
	if !slices.Equal(s.hosts, hosts) {
		for _, h := range s.hosts {
			l.network.Unpublish(h.name)
		}
		gone := !covers(hosts, s.hosts)
		s.hosts = hosts
		if err := l.publish(s); err != nil || !gone {
			return err
		}
		// What led there carried connections too.
		return l.faults.cutLinks(s.cluster.ID)
	}
	return nil
}

// covers reports whether all wanted are among those that are there.
func covers[T comparable](there, wanted []T) bool {
	for _, w := range wanted {
		if !slices.Contains(there, w) {
			return false
		}
	}
	return true
}

func (l *Lab) closeStore(s *store) error {
	for _, h := range s.hosts {
		l.network.Unpublish(h.name)
	}
	l.setStore(s.cluster.ID, nil)
	ctx, cancel := clock.WithTimeout(context.Background(), l.wall, closeTimeout)
	defer cancel()
	return s.region.Close(ctx)
}

// closeStores ends all regions, at the end of the lab.
func (l *Lab) closeStores(context.Context) error {
	l.guards.stop()
	l.mu.RLock()
	stores := slices.Collect(maps.Values(l.stores))
	l.mu.RUnlock()
	return inParallel(stores, len(stores), l.closeStore)
}

// open and spawn return interfaces that are nil when there is an error.
func open(c region.Config) (running, error) {
	s, err := region.Open(c)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func spawn(c region.Config, ended func(error)) (running, error) {
	p, err := region.Spawn(c, os.Stderr, ended)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// regionConfig is how to run a cluster's stores, and the names they are reached by.
func (l *Lab) regionConfig(c *cluster, want *backing.Storage) (region.Config, []publicHost, error) {
	stores := l.storeCount()
	config := region.Config{
		Name: c.ID, Dir: filepath.Join(l.dir.Data(), "regions", strings.ReplaceAll(c.ID, "/", "_")), IP: c.host.ip, AnyPort: c.host.shared,
		Routes: l.stack.Routes, Semantics: l.opts.Semantics, Stores: stores, MemoryBytes: l.opts.MemoryBytes,
		MutualTLS: l.opts.Spec.Network == topology.NetworkIstio, CADir: l.caDir(), Clock: l.anchor,
		Services: want.Services,
		Retention: region.Retention{
			Metrics: orDefault(want.Metrics, l.stack.Retention.Metrics), Logs: orDefault(want.Logs, l.stack.Retention.Logs),
			Traces: orDefault(want.Traces, l.stack.Retention.Traces), Audit: orDefault(want.Audit, l.stack.Retention.Audit),
		},
	}
	if l.opts.Isolation == IsolationProcess {
		config.Lock, config.Stores = l.dir.HelperLock(), 1
		config.MemoryBytes = max(32<<20, l.opts.MemoryBytes/int64(stores))
	}
	for _, u := range want.Users {
		config.Users = append(config.Users, region.User(u))
	}
	for _, listener := range c.planned.Listeners {
		if listener.On == topology.TraitStorage {
			config.Listeners = append(config.Listeners, listener)
		}
	}
	hosts, err := l.hosts(c, want)
	for _, h := range hosts {
		config.Domains = append(config.Domains, h.name)
	}
	return config, hosts, err
}

func orDefault(d time.Duration, otherwise topology.Duration) time.Duration {
	if d == 0 {
		return time.Duration(otherwise)
	}
	return d
}

// storeCount is how many stores share the lab's memory.
func (l *Lab) storeCount() int {
	n := len(l.opts.Spec.Regions)
	if l.opts.Spec.ManagementData.Stores() {
		n++
	}
	return max(1, n)
}

// hosts are the names by which other clusters reach a storing cluster's gateway:
// with ingress those of its Ingresses, in the mesh those of the stack profile.
func (l *Lab) hosts(c *cluster, want *backing.Storage) ([]publicHost, error) {
	if l.opts.Spec.Network != topology.NetworkIstio {
		var hosts []publicHost
		for _, name := range want.Hosts {
			hosts = append(hosts, publicHost{name, 443})
		}
		return hosts, nil
	}
	if !want.Mesh || !slices.Contains(want.Services, region.VMAuth) {
		return nil, nil
	}
	seen := map[publicHost]bool{}
	for signal, e := range c.planned.URLs {
		for _, raw := range []string{e.Write, e.Read} {
			if raw == "" {
				continue
			}
			u, err := url.Parse(raw)
			if err != nil {
				return nil, fmt.Errorf("URL of %s of %s: %w", signal, c.ID, err)
			}
			port, _ := strconv.Atoi(u.Port())
			if port != l.listenerPort(region.VMAuth) {
				return nil, l.pastGateway(signal, raw)
			}
			seen[publicHost{u.Hostname(), port}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b publicHost) int { return strings.Compare(a.name, b.name) }), nil
}

// pastGateway refuses stacks whose clusters reach each other's stores without
// vmauth: an embedded region has one way in.
func (l *Lab) pastGateway(signal, raw string) error {
	return fmt.Errorf("stack %s in istio mode reaches %s past vmauth (%s), which an embedded lab cannot do; use --network ingress", l.stack.Name, signal, raw)
}

func (l *Lab) listenerPort(name string) int {
	for _, listener := range l.stack.Listeners {
		if listener.Name == name {
			return listener.Port
		}
	}
	return 0
}

// publish makes a storing cluster's names lead to its gateway.
func (l *Lab) publish(s *store) error {
	for _, h := range s.hosts {
		if err := l.network.Publish(h.name, h.port, s.cluster.ID, s.region.Addresses()[region.VMAuth]); err != nil {
			return err
		}
	}
	return nil
}

// reportUnclean tells of stores that had not been closed in order.
func (l *Lab) reportUnclean(s *store) {
	id := s.cluster.ID
	stats, err := s.region.Stats()
	if err != nil {
		l.emit(event.Warning, "StatsUnavailable", id, err.Error())
		return
	}
	for _, name := range slices.Sorted(maps.Keys(stats)) {
		if st := stats[name]; st.Unclean {
			l.emit(event.Warning, "UncleanStart", id+"/"+name, fmt.Sprintf("was not closed in order: %d acknowledged records had not reached the disk and are lost", st.Lost))
		}
	}
}

// localURL points an in-cluster URL of the stack at where the service really
// listens, which differs where the system picks the ports.
func (s *store) localURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", err
	}
	addresses := s.region.Addresses()
	for _, listener := range s.config.Listeners {
		if strconv.Itoa(listener.Port) == u.Port() && addresses[listener.Name] != "" {
			u.Host = addresses[listener.Name]
			return u.String(), nil
		}
	}
	return "", fmt.Errorf("nothing of %s listens on port %s", s.cluster.ID, u.Port())
}

// SetListeners takes a region off the network, or back.
func (l *Lab) SetListeners(_ context.Context, id string, up bool) error {
	s, err := l.storeNamed(id)
	if err != nil {
		return err
	}
	if err := l.faults.free(id); err != nil {
		return fmt.Errorf("listeners of %s: %w", id, err)
	}
	if err := s.region.SetListening(up); err != nil {
		return fmt.Errorf("listeners of %s: %w", id, err)
	}
	if up {
		l.setDown(s, "")
		l.emit(event.Normal, "RegionUp", id, "listens again")
	} else {
		l.setDown(s, offNetwork)
		l.emit(event.Warning, "RegionDown", id, "taken off the network: all of its listeners are closed")
	}
	return nil
}

// CrashRegion ends a region as kill -9 would and starts it again.
func (l *Lab) CrashRegion(_ context.Context, id string) error {
	s, err := l.storeNamed(id)
	if err != nil {
		return err
	}
	if err := l.startAgain(s); err != nil {
		return fmt.Errorf("crash of %s: %w", id, err)
	}
	l.emit(event.Warning, "RegionCrashed", id, "ended without closing its stores, and started again")
	return nil
}

func (l *Lab) storeNamed(id string) (*store, error) {
	if s := l.store(id); s != nil {
		return s, nil
	}
	return nil, l.noRegion(id)
}

func (l *Lab) noRegion(id string) error {
	return fmt.Errorf("there is no region %q; see 'koflab status --name %s'", id, l.opts.Spec.Name)
}

// offNetwork is why a region is down whose listeners are closed.
const offNetwork = "off the network"

// errStorePending says that nothing stores a cluster's telemetry yet.
var errStorePending = errors.New("its stores are not ready")
