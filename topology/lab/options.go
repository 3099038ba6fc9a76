package lab

import (
	"fmt"
	"net/http"
	"time"

	"koflab/sim/clock"
	"koflab/topology"
	"koflab/topology/lab/state"
)

// Options say how a lab runs; what it is stands in its Spec.
type Options struct {
	// Spec is complete and valid (topology.Load, topology.Preset).
	Spec *topology.Lab `json:"spec"`
	// Speed is lab seconds per real second; 1 by default.
	Speed float64 `json:"speed,omitempty"`
	// Clock is a virtual clock to drive the lab by; nil for a clock that runs by itself.
	// Everything in the lab waits for it, so Start and Close must be called by its While.
	Clock *clock.Virtual `json:"-"`
	// History is how much of the past to fill before the lab is ready.
	History time.Duration `json:"history,omitempty"`
	// Isolation is "shared" (all regions in the lab's process) or "process".
	Isolation string `json:"isolation,omitempty"`
	// Semantics of metric reads at regions: "prometheus" or "kof".
	Semantics string `json:"semantics,omitempty"`
	// ErrorMode of federated queries: "ignore" (KOF's), "downgrade" or "fail".
	ErrorMode string `json:"errorMode,omitempty"`
	// MemoryBytes caps the caches of all storages together.
	MemoryBytes int64 `json:"memoryBytes,omitempty"`
	// AddressBlock is the loopback /16 to use; empty picks a free one.
	AddressBlock string `json:"addressBlock,omitempty"`
	// KeepData leaves the storages on disk when the lab ends.
	KeepData bool `json:"keepData,omitempty"`
	// Journal keeps what the collectors offer, so that Oracle can tell what must be
	// stored.
	Journal bool `json:"journal,omitempty"`
	// Transport, if not nil, stands between the collectors and what they send through.
	// Tests plant defects there.
	Transport func(http.RoundTripper) http.RoundTripper `json:"-"`
	// Detached says that the lab outlives the command that started it.
	Detached bool `json:"detached,omitempty"`
	// Started is when the command was started, from which readiness is measured.
	Started time.Time `json:"started,omitzero"`
}

// Defaults of the options.
const (
	IsolationShared  = "shared"
	IsolationProcess = "process"

	defaultMemoryBytes = 256 << 20
)

func (o *Options) setDefaults() {
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.Isolation == "" {
		o.Isolation = IsolationShared
	}
	if o.Semantics == "" {
		o.Semantics = "prometheus"
	}
	if o.ErrorMode == "" {
		o.ErrorMode = "ignore"
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = defaultMemoryBytes
	}
	if o.Started.IsZero() {
		o.Started = time.Now()
	}
}

// flags are the options beside the specification that make one lab differ from
// another.
func (o Options) flags() string {
	o.setDefaults()
	return fmt.Sprintf("speed=%g history=%s isolation=%s semantics=%s error-mode=%s memory=%d address-block=%s keep-data=%t",
		o.Speed, o.History, o.Isolation, o.Semantics, o.ErrorMode, o.MemoryBytes, o.AddressBlock, o.KeepData)
}

// Made reports whether a recorded lab was started with these options.
func (o Options) Made(r state.Record) bool {
	spec, err := topology.Marshal(o.Spec)
	return err == nil && string(spec) == r.Spec && o.flags() == r.Flags
}
