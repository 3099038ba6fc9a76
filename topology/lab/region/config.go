// Package region runs one region of a lab: its storages, the gateway in front
// of them and the listeners, either in this process (Open) or in a process of
// its own (Spawn).
package region

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"koflab/embed/gateway"
	"koflab/sim/clock"
	"koflab/topology"
)

// Config is all a region needs to run. It travels as JSON to a region that
// runs in a process of its own.
type Config struct {
	Name string `json:"name"`
	// Dir holds the storages' directories.
	Dir string `json:"dir"`
	// Lock is a file that a process of its own locks for as long as it lives, so
	// that a lab that follows a killed one can wait for it (state.Hold).
	Lock string `json:"lock,omitempty"`
	// IP is the loopback address to listen on. AnyPort leaves the choice of ports
	// to the system, for machines with a single loopback address.
	IP      string `json:"ip"`
	AnyPort bool   `json:"anyPort,omitempty"`
	// Listeners and Routes are the stack profile's for a storing cluster.
	Listeners []topology.Listener `json:"listeners"`
	Routes    []topology.Route    `json:"routes"`
	// Services are the listeners that serve: those whose pods are ready. Nil means
	// all of them.
	Services []string `json:"services"`

	Retention Retention `json:"retention"`
	// Replicated stores receive each sample more than once in KOF, so their reads
	// de-duplicate. Here there is one copy, and the same reads.
	Replicated bool `json:"replicated,omitempty"`
	// Semantics of metric reads, "prometheus" or "kof".
	Semantics string `json:"semantics"`
	// Stores is how many metric stores share the process, MemoryBytes what all
	// storages of the process may use for caches.
	Stores      int   `json:"stores"`
	MemoryBytes int64 `json:"memoryBytes"`

	Users []User `json:"users"`
	// MutualTLS makes client certificates of the lab's CA the only credential.
	MutualTLS bool `json:"mutualTLS,omitempty"`
	// CADir is where the lab's CA is kept; Domains are the host names that the
	// gateway's certificate is for, beside IP.
	CADir   string   `json:"caDir"`
	Domains []string `json:"domains"`

	Clock Clock `json:"clock"`

	Broken Broken `json:"broken,omitzero"`
}

// User is a user of the gateway. It is not gateway.User, whose password does
// not print.
type User struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Tenant   string `json:"tenant,omitempty"`
}

// serves reports whether a listener is among the services.
func (c *Config) serves(name string) bool {
	return c.Services == nil || slices.Contains(c.Services, name)
}

func gatewayUsers(users []User) []gateway.User {
	out := make([]gateway.User, len(users))
	for i, u := range users {
		out[i] = gateway.User(u)
	}
	return out
}

// Retention of each storage in lab time.
type Retention struct {
	Metrics time.Duration `json:"metrics"`
	Logs    time.Duration `json:"logs"`
	Traces  time.Duration `json:"traces"`
	Audit   time.Duration `json:"audit"`
}

// VMAuth is the listener of the gateway; the others go to the stores.
const VMAuth = "vmauth"

// Clock describes the lab's clock to another process: it stood at Origin when
// the machine's clock stood at Start.
type Clock struct {
	Origin time.Time `json:"origin"`
	Start  time.Time `json:"start"`
	Speed  float64   `json:"speed"`
	// Virtual is the clock itself, where it does not run but is driven. It cannot be
	// told to another process.
	Virtual *clock.Virtual `json:"-"`
}

// Open returns the clock. At speed 1 it is the machine's own, which stays right
// when the machine sleeps.
func (c Clock) Open() clock.Clock {
	if c.Virtual != nil {
		return c.Virtual
	}
	if c.Speed == 1 {
		return clock.Real()
	}
	passed := time.Duration(float64(time.Since(c.Start)) * c.Speed)
	return clock.Accelerated(c.Origin.Add(passed), c.Speed)
}

// Stats are the counts of a region's storages since its process started, by
// store: metrics, logs, traces, audit.
type Stats map[string]Store

// Store counts the records of one storage: received = stored + sum(dropped).
type Store struct {
	Received int64            `json:"received"`
	Stored   int64            `json:"stored"`
	Dropped  map[string]int64 `json:"dropped"`
	// Unclean says that the storage was not closed in order before it was last opened,
	// and Lost how many acknowledged records that cost.
	Unclean bool  `json:"unclean,omitempty"`
	Lost    int64 `json:"lost,omitempty"`
}

// DropCrash is the reason under which records count that had been stored in
// memory only when the storage's process ended.
const DropCrash = "crash"

func (s Store) copy() Store {
	s.Dropped = maps.Clone(s.Dropped)
	return s
}

// plus adds what a storage has counted since it was opened again, after a crash
// that cost so many of the records stored before.
func (s Store) plus(now Store, lost int64) Store {
	out := Store{
		Received: s.Received + now.Received, Stored: s.Stored + now.Stored - lost,
		Dropped: map[string]int64{}, Unclean: now.Unclean, Lost: lost,
	}
	for _, dropped := range []map[string]int64{s.Dropped, now.Dropped, {DropCrash: lost}} {
		for reason, n := range dropped {
			if n != 0 {
				out.Dropped[reason] += n
			}
		}
	}
	// Records that an earlier process had stored enter the books with their loss.
	if foreign := lost - s.Stored; foreign > 0 {
		out.Received += foreign
		out.Stored += foreign
	}
	return out
}

// kinds maps a route's signal and access to what the gateway enforces there.
var kinds = map[[2]string]gateway.Kind{
	{"metrics", "write"}: gateway.MetricsInsert, {"metrics", "read"}: gateway.MetricsSelect,
	{"logs", "write"}: gateway.LogsInsert, {"logs", "read"}: gateway.LogsSelect,
	{"audit", "write"}: gateway.LogsInsert, {"audit", "read"}: gateway.LogsSelect,
	{"traces", "write"}: gateway.TracesInsert, {"traces", "read"}: gateway.TracesSelect,
}

func routeKind(r topology.Route) (gateway.Kind, error) {
	k, ok := kinds[[2]string{r.Signal, r.Access}]
	if !ok {
		return 0, fmt.Errorf("route %s: %s of %s is nothing a gateway does", r.Prefix, r.Access, r.Signal)
	}
	return k, nil
}
