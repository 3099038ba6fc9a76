// Package fault knows what can be broken in a lab: a catalogue of named faults
// in the words of chaos engineering, the check of a request against it, and the
// set of faults that are active. It breaks nothing itself: an Actuator does.
package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Fault is a request to break something.
type Fault struct {
	// Name is that of a Spec in the catalogue.
	Name string `json:"fault" yaml:"fault"`
	// Target is what is broken, in the syntax of ParseTarget.
	Target string `json:"target,omitempty" yaml:"target,omitempty"`
	// As names the active fault, to heal it by; the fault's name if empty.
	As string `json:"as,omitempty" yaml:"as,omitempty"`
	// For is how long the fault lasts in lab time; 0 is until it is healed.
	For time.Duration `json:"for,omitempty" yaml:"for,omitempty"`
	// Intensity is how hard the fault strikes, above 0 to 1; 0 means the default, 1.
	Intensity float64 `json:"intensity,omitempty" yaml:"intensity,omitempty"`
	// With are parameters by name; those that are absent have their defaults.
	With map[string]string `json:"with,omitempty" yaml:"with,omitempty"`
}

// wire is a Fault as JSON has it: with a duration that people can read.
type wire struct {
	Name      string            `json:"fault"`
	Target    string            `json:"target,omitempty"`
	As        string            `json:"as,omitempty"`
	For       string            `json:"for,omitempty"`
	Intensity float64           `json:"intensity,omitempty"`
	With      map[string]string `json:"with,omitempty"`
}

// MarshalJSON writes For as "3m0s".
func (f Fault) MarshalJSON() ([]byte, error) { return json.Marshal(f.wire()) }

func (f Fault) wire() wire {
	w := wire{Name: f.Name, Target: f.Target, As: f.As, Intensity: f.Intensity, With: f.With}
	if f.For != 0 {
		w.For = f.For.String()
	}
	return w
}

// UnmarshalJSON reads what MarshalJSON writes, and nothing else.
func (f *Fault) UnmarshalJSON(b []byte) error {
	var w wire
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return err
	}
	return f.take(w)
}

func (f *Fault) take(w wire) error {
	*f = Fault{Name: w.Name, Target: w.Target, As: w.As, Intensity: w.Intensity, With: w.With}
	if w.For == "" {
		return nil
	}
	d, err := time.ParseDuration(w.For)
	if err != nil {
		return fmt.Errorf("for %q: want a duration such as 3m", w.For)
	}
	f.For = d
	return nil
}

// Strength is the intensity with its default.
func (f Fault) Strength() float64 {
	if f.Intensity == 0 {
		return 1
	}
	return f.Intensity
}

// Active is a fault that has been injected.
type Active struct {
	Fault
	// ID is unique among the active faults: As, or the fault's name, with a number
	// behind it if several of one name are active.
	ID string
	// Start and End are lab time; End is zero for a fault that lasts until healed.
	Start, End time.Time
	// Effect is what is expected to be seen.
	Effect string
}

type activeWire struct {
	ID string `json:"id"`
	wire
	Start  time.Time `json:"start"`
	End    time.Time `json:"end,omitzero"`
	Effect string    `json:"effect"`
}

// MarshalJSON writes the fault's own fields beside the others.
func (a Active) MarshalJSON() ([]byte, error) {
	return json.Marshal(activeWire{ID: a.ID, wire: a.Fault.wire(), Start: a.Start, End: a.End, Effect: a.Effect})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Active) UnmarshalJSON(b []byte) error {
	var w activeWire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*a = Active{ID: w.ID, Start: w.Start, End: w.End, Effect: w.Effect}
	return a.Fault.take(w.wire)
}
