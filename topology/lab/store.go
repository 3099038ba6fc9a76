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

	"golang.org/x/sync/errgroup"

	"koflab/embed/gateway"
	"koflab/sim/event"
	"koflab/sim/network"
	"koflab/topology"
	"koflab/topology/lab/control"
	"koflab/topology/lab/region"
)

// running is a region in this process or in one of its own.
type running interface {
	Addresses() map[string]string
	Stats() (region.Stats, error)
	SetListening(up bool) error
	SetUsers(users []region.User) error
	Crash() error
	Close(ctx context.Context) error
}

// store is a cluster that stores telemetry: a region, or management.
type store struct {
	topology.PlannedCluster
	region running
	users  []user
	// down says why nothing listens; empty while the region does.
	down string
}

// user is one of a region's users and the cluster that it belongs to.
type user struct {
	region.User
	cluster string // ID; empty for the administrator
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

// openStores starts every storing cluster's region, all at once.
func (l *Lab) openStores(context.Context) error {
	specs := map[string]topology.Cluster{}
	for _, c := range l.opts.Spec.Clusters() {
		specs[c.ID] = c
	}
	var stores []*store
	for _, c := range l.plan.Clusters {
		if c.Region == c.ID {
			s := &store{PlannedCluster: c}
			if err := l.addUsers(s); err != nil {
				return err
			}
			stores = append(stores, s)
			l.stores[c.ID] = s
		}
	}
	var g errgroup.Group
	guards := newGuards(l)
	l.onClose(func(ctx context.Context) error {
		guards.stop()
		var g errgroup.Group
		for _, s := range stores {
			if s.region != nil {
				g.Go(func() error { return s.region.Close(ctx) })
			}
		}
		return g.Wait()
	})
	for _, s := range stores {
		c, err := l.regionConfig(s, specs[s.ID], len(stores))
		if err != nil {
			return err
		}
		g.Go(func() error {
			var err error
			if l.opts.Isolation == IsolationProcess {
				s.region, err = spawn(c, guards.of(s))
			} else {
				s.region, err = open(c)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	guards.begin()
	for _, s := range stores {
		if err := l.publish(s); err != nil {
			return err
		}
		l.reportUnclean(s)
	}
	l.emit(event.Normal, "StoresOpen", "regions", fmt.Sprintf("%d storing clusters listen in %s", len(stores), l.addresses))
	return nil
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

func (l *Lab) regionConfig(s *store, spec topology.Cluster, stores int) (region.Config, error) {
	h := l.addresses.management()
	if s.Role != topology.RoleManagement {
		h = l.addresses.nextRegion()
	}
	c := region.Config{
		Name: s.ID, Dir: filepath.Join(l.dir.Data(), "regions", strings.ReplaceAll(s.ID, "/", "_")), IP: h.ip, AnyPort: h.shared,
		Routes: l.stack.Routes, Semantics: l.opts.Semantics, Stores: stores, MemoryBytes: l.opts.MemoryBytes,
		MutualTLS: l.opts.Spec.Network == topology.NetworkIstio, CADir: l.caDir(), Clock: l.anchor,
		Retention: region.Retention{
			Metrics: time.Duration(spec.Retention.Metrics), Logs: time.Duration(spec.Retention.Logs),
			Traces: time.Duration(spec.Retention.Traces), Audit: time.Duration(spec.Retention.Audit),
		},
	}
	if l.opts.Isolation == IsolationProcess {
		c.Lock, c.Stores = l.dir.HelperLock(), 1
		c.MemoryBytes = max(32<<20, l.opts.MemoryBytes/int64(stores))
	}
	for _, u := range s.users {
		c.Users = append(c.Users, u.User)
	}
	for _, listener := range s.Listeners {
		if listener.On == topology.TraitStorage {
			c.Listeners = append(c.Listeners, listener)
		}
	}
	hosts, err := l.hosts(s)
	if err != nil {
		return c, err
	}
	for _, host := range hosts {
		c.Domains = append(c.Domains, host.name)
	}
	return c, nil
}

// publicHost is a name under which other clusters reach a storing cluster.
type publicHost struct {
	name string
	port int
}

// hosts are the names in a storing cluster's URLs. All of them lead to its
// gateway: a stack whose clusters reach stores past it cannot run embedded.
func (l *Lab) hosts(s *store) ([]publicHost, error) {
	var hosts []publicHost
	seen := map[publicHost]bool{}
	for signal, e := range s.URLs {
		for _, raw := range []string{e.Write, e.Read} {
			if raw == "" {
				continue
			}
			u, err := url.Parse(raw)
			if err != nil {
				return nil, fmt.Errorf("URL of %s of %s: %w", signal, s.ID, err)
			}
			port := 443
			if p := u.Port(); p != "" {
				if port, err = strconv.Atoi(p); err != nil {
					return nil, fmt.Errorf("URL of %s of %s: %w", signal, s.ID, err)
				}
			}
			if l.opts.Spec.Network == topology.NetworkIstio && port != l.listenerPort(region.VMAuth) {
				return nil, fmt.Errorf("stack %s in istio mode reaches %s past vmauth (%s), which an embedded lab cannot do; use --network ingress", l.stack.Name, signal, raw)
			}
			if h := (publicHost{u.Hostname(), port}); !seen[h] {
				seen[h] = true
				hosts = append(hosts, h)
			}
		}
	}
	return hosts, nil
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
	hosts, err := l.hosts(s)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		if err := l.network.Publish(h.name, h.port, s.ID, s.region.Addresses()[region.VMAuth]); err != nil {
			return err
		}
	}
	return nil
}

// reportUnclean tells of stores that had not been closed in order.
func (l *Lab) reportUnclean(s *store) {
	stats, err := s.region.Stats()
	if err != nil {
		l.emit(event.Warning, "StatsUnavailable", s.ID, err.Error())
		return
	}
	for _, name := range slices.Sorted(maps.Keys(stats)) {
		if st := stats[name]; st.Unclean {
			l.emit(event.Warning, "UncleanStart", s.ID+"/"+name, fmt.Sprintf("was not closed in order: %d acknowledged records had not reached the disk and are lost", st.Lost))
		}
	}
}

// addUsers gives a storing cluster its users: an administrator for reads from
// management, and one for each cluster that writes to it from outside.
func (l *Lab) addUsers(s *store) error {
	add := func(name, cluster, tenant string) error {
		password, err := gateway.NewPassword()
		if err != nil {
			return err
		}
		s.users = append(s.users, user{User: region.User{Name: name, Password: password, Tenant: tenant}, cluster: cluster})
		return nil
	}
	if l.stack.Credentials == topology.CredentialsShared {
		return add(l.stack.Secret, "", "")
	}
	if err := add(gateway.AdminUser(s.Name, s.Namespace), "", ""); err != nil {
		return err
	}
	for _, c := range l.plan.Clusters {
		if c.Region != s.ID || c.ID == s.ID {
			continue
		}
		tenant := ""
		if l.stack.Tenants.Enabled {
			tenant = c.Tenant
		}
		if err := add(gateway.ChildUser(c.Name, c.Namespace), c.ID, tenant); err != nil {
			return err
		}
	}
	return nil
}

// userOf returns the user with which a cluster reaches a store; the
// administrator for "".
func (s *store) userOf(cluster string) region.User {
	for _, u := range s.users {
		if u.cluster == cluster {
			return u.User
		}
	}
	return s.users[0].User // shared credentials
}

// localURL points an in-cluster URL of the stack at where the service really
// listens, which differs where the system picks the ports.
func (s *store) localURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", err
	}
	addresses := s.region.Addresses()
	for _, listener := range s.Listeners {
		if strconv.Itoa(listener.Port) == u.Port() && addresses[listener.Name] != "" {
			u.Host = addresses[listener.Name]
			return u.String(), nil
		}
	}
	return "", fmt.Errorf("nothing of %s listens on port %s", s.ID, u.Port())
}

// SetListeners takes a region off the network, or back.
func (l *Lab) SetListeners(_ context.Context, id string, up bool) error {
	s, err := l.storeNamed(id)
	if err != nil {
		return err
	}
	if err := s.region.SetListening(up); err != nil {
		return fmt.Errorf("listeners of %s: %w", id, err)
	}
	if up {
		l.setDown(s, "")
		l.emit(event.Normal, "RegionUp", id, "listens again")
	} else {
		l.setDown(s, "off the network")
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
	if s := l.stores[id]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("there is no region %q; see 'koflab status --name %s'", id, l.opts.Spec.Name)
}

// SetCredentials changes the password a cluster's collectors use and, for a
// rotation, what its region accepts.
func (l *Lab) SetCredentials(id string, r control.CredentialsRequest) error {
	c := l.clusters[id]
	if c == nil || c.collector == nil {
		return fmt.Errorf("there is no cluster %q with collectors; see 'koflab status --name %s'", id, l.opts.Spec.Name)
	}
	s := l.stores[c.Region]
	if s == nil || s.ID == c.ID {
		return fmt.Errorf("%s writes inside its own cluster, without credentials", id)
	}
	if r.Password == "" {
		return errors.New("password: want at least one character")
	}
	u := s.userOf(c.ID)
	if r.Region {
		if err := l.setPassword(s, u.Name, r.Password); err != nil {
			return err
		}
	}
	c.collector.SetCredentials(u.Name, r.Password)
	l.emit(event.Normal, "CredentialsChanged", id, "the collectors use another password")
	return nil
}

func (l *Lab) setPassword(s *store, name, password string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	users := make([]region.User, len(s.users))
	for i := range s.users {
		if s.users[i].Name == name {
			s.users[i].Password = password
		}
		users[i] = s.users[i].User
	}
	return s.region.SetUsers(users)
}
