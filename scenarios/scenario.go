// Package scenarios is the format of scenario files and the library of those that
// come with koflab: what a lab is, what happens to it, and what must be true.
package scenarios

import (
	"time"

	"koflab/scenarios/check"
	"koflab/topology"
)

// APIVersion and Kind identify a scenario file.
const (
	APIVersion = "koflab/v1alpha1"
	Kind       = "Scenario"
)

// Defaults of a scenario.
const (
	DefaultSeed    = 1
	DefaultTimeout = topology.Duration(6 * time.Hour)
)

// DefaultStart is the lab's time when a scenario begins: a Monday.
var DefaultStart = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

// Capabilities of a provider that a scenario may need.
const (
	NeedVirtualClock = "virtual-clock"
	NeedEmbedded     = "embedded"
	NeedKubernetes   = "kubernetes"
)

// Scenario is a scenario file.
type Scenario struct {
	// APIVersion is the version of this format, "koflab/v1alpha1".
	APIVersion string `json:"apiVersion" yaml:"apiVersion" jsonschema:"enum=koflab/v1alpha1"`
	// Kind is "Scenario".
	Kind string `json:"kind" yaml:"kind" jsonschema:"enum=Scenario"`
	// Name is a DNS label, and the file's name without .yaml.
	Name string `json:"name" yaml:"name" jsonschema:"format=dns-label"`
	// Title says in a line what happens.
	Title string `json:"title" yaml:"title" jsonschema:"format=printable"`
	// Teaches is what one learns from it, in Markdown.
	Teaches string `json:"teaches,omitempty" yaml:"teaches,omitempty"`
	// Pins are behaviours of KOF that the checks hold.
	Pins []Pin `json:"pins,omitempty" yaml:"pins,omitempty" jsonschema:"maxItems=20"`
	// Tags select scenarios.
	Tags []string `json:"tags,omitempty" yaml:"tags,omitempty" jsonschema:"maxItems=9,enum=smoke,enum=fault,enum=tenancy,enum=finops,enum=federation,enum=upgrade,enum=topology,enum=flow,enum=load"`
	// Number is the scenario's in KOF's list of scenarios.
	Number int `json:"number,omitempty" yaml:"number,omitempty" jsonschema:"minimum=1,maximum=999"`
	// Needs are capabilities that a provider must have to run it; without one the
	// scenario is skipped.
	Needs []string `json:"needs,omitempty" yaml:"needs,omitempty" jsonschema:"maxItems=3,enum=virtual-clock,enum=embedded,enum=kubernetes"`
	// Seed determines all synthetic telemetry and all chance, 1 by default.
	Seed int64 `json:"seed,omitempty" yaml:"seed,omitempty"`
	// Timeout ends a scenario that takes longer in lab time, 6h by default.
	Timeout topology.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// Lab is what the lab is.
	Lab Lab `json:"lab,omitzero" yaml:"lab,omitempty"`
	// Clock is the lab's time.
	Clock Clock `json:"clock,omitzero" yaml:"clock,omitempty"`
	// Steps happen one after the other.
	Steps []Step `json:"steps" yaml:"steps" jsonschema:"minItems=1,maxItems=1000"`
}

// Pin is one behaviour of KOF and who says that it is so.
type Pin struct {
	// Behaviour is what KOF does.
	Behaviour string `json:"behaviour" yaml:"behaviour" jsonschema:"format=printable"`
	// Source is where it is documented or decided: a document, a chart's value, code.
	Source string `json:"source" yaml:"source" jsonschema:"format=printable"`
}

// Lab says what the lab is and how it runs.
type Lab struct {
	// Preset names a ready-made lab, see 'koflab topology presets'; two-regions by
	// default. Either preset or spec is given.
	Preset string `json:"preset,omitempty" yaml:"preset,omitempty"`
	// Spec is a lab of the scenario's own, as 'koflab topology show' prints it; its
	// seed is the scenario's.
	Spec *topology.Lab `json:"spec,omitempty" yaml:"spec,omitempty" document:"omit=apiVersion|kind|name|seed"`
	// ErrorMode is what a failed region does to a federated query; ignore by
	// default, as in KOF.
	ErrorMode string `json:"errorMode,omitempty" yaml:"errorMode,omitempty" jsonschema:"enum=ignore,enum=downgrade,enum=fail"`
	// Semantics of metric reads at regions, prometheus by default.
	Semantics string `json:"semantics,omitempty" yaml:"semantics,omitempty" jsonschema:"enum=prometheus,enum=kof"`
	// History is how much of the past is filled before the first step; none by
	// default, 30d at most.
	History topology.Duration `json:"history,omitempty" yaml:"history,omitempty"`
}

// Clock is the lab's time.
type Clock struct {
	// Start is the lab's time when the scenario begins, 2026-03-02T09:00:00Z by
	// default; from 2000 to 2099.
	Start time.Time `json:"start,omitzero" yaml:"start,omitempty"`
}

// Step is one thing that happens, or that is looked at. It has exactly one action.
type Step struct {
	// Title says what for, in a line.
	Title string `json:"title,omitempty" yaml:"title,omitempty" jsonschema:"format=printable"`
	// Notes are what to say at this step when it is shown to others, in Markdown.
	Notes string `json:"notes,omitempty" yaml:"notes,omitempty"`

	// Run lets so much lab time pass.
	Run topology.Duration `json:"run,omitempty" yaml:"run,omitempty" jsonschema:"oneof_required=run"`
	// Inject breaks something.
	Inject *Inject `json:"inject,omitempty" yaml:"inject,omitempty" jsonschema:"oneof_required=inject"`
	// Heal ends a fault: the name given by as, or the fault's where it has none.
	Heal string `json:"heal,omitempty" yaml:"heal,omitempty" jsonschema:"oneof_required=heal,format=printable"`
	// Change changes an object, a release or the topology.
	Change *Change `json:"change,omitempty" yaml:"change,omitempty" jsonschema:"oneof_required=change"`
	// Send gives telemetry of your own making to a collector or a gateway.
	Send *Send `json:"send,omitempty" yaml:"send,omitempty" jsonschema:"oneof_required=send"`
	// Check looks at what must be true: a check, or a list of them.
	Check Checks `json:"check,omitempty" yaml:"check,omitempty" jsonschema:"oneof_required=check,minItems=1,maxItems=100"`
}

// The actions of steps.
const (
	ActionRun    = "run"
	ActionInject = "inject"
	ActionHeal   = "heal"
	ActionChange = "change"
	ActionSend   = "send"
	ActionCheck  = "check"
)

// Action is which of its actions the step has.
func (s Step) Action() string {
	switch {
	case s.Inject != nil:
		return ActionInject
	case s.Heal != "":
		return ActionHeal
	case s.Change != nil:
		return ActionChange
	case s.Send != nil:
		return ActionSend
	case s.Check != nil:
		return ActionCheck
	}
	return ActionRun
}

// Checks are looked at together: those that wait wait side by side.
type Checks []check.Check

// OneOrMany lets a single check be written without a list.
func (Checks) OneOrMany() {}

// Default fills in what a scenario leaves out. A second call changes nothing.
func Default(s *Scenario) {
	if s.APIVersion == "" {
		s.APIVersion = APIVersion
	}
	if s.Kind == "" {
		s.Kind = Kind
	}
	if s.Seed == 0 {
		s.Seed = DefaultSeed
	}
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	if s.Lab.Preset == "" && s.Lab.Spec == nil {
		s.Lab.Preset = topology.DefaultPreset
	}
	if s.Clock.Start.IsZero() {
		s.Clock.Start = DefaultStart
	}
	s.Clock.Start = s.Clock.Start.UTC()
}
