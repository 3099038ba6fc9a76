package fault

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Embedded is the provider of clusters that live in koflab's own process.
const Embedded = "embedded"

// Means is how a provider does a fault.
type Means struct {
	Provider string `json:"provider"`
	How      string `json:"how"`
}

// Spec is an entry of the catalogue: one fault that can be injected.
type Spec struct {
	Name string `json:"name"`
	// Description is what the fault does, in one line.
	Description string `json:"description"`
	// Targets are the kinds of targets it takes.
	Targets []Kind `json:"targets"`
	// Parameters are its settings, in the order of their importance.
	Parameters []Parameter `json:"parameters,omitempty"`
	// Intensity is what the intensity means; empty if the fault is whole or not at
	// all, and takes no other than 1.
	Intensity string `json:"intensity,omitempty"`
	// Effect is what is to be expected, with {placeholders} (Spec.EffectOf).
	Effect string `json:"effect"`
	// Once says that the fault strikes once and is over: what it broke comes back by
	// itself, so it takes no duration and is never active.
	Once bool `json:"once,omitempty"`
	// Providers are those it works on, and how.
	Providers []Means `json:"providers"`
	// Needs is what else the lab must have; empty for nothing.
	Needs string `json:"needs,omitempty"`
}

// Catalogue returns all faults by name.
func Catalogue() []Spec {
	out := slices.Concat(networkFaults, regionFaults, credentialFaults, clusterFaults, telemetryFaults, kubernetesFaults)
	slices.SortFunc(out, func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// On reports whether a provider can do the fault.
func (s Spec) On(provider string) bool {
	return slices.ContainsFunc(s.Providers, func(m Means) bool { return m.Provider == provider })
}

// Names are the names of all faults, sorted.
func Names() []string {
	var out []string
	for _, s := range Catalogue() {
		out = append(out, s.Name)
	}
	return out
}

// Lookup finds a fault by name. Its error names the nearest.
func Lookup(name string) (Spec, error) {
	for _, s := range Catalogue() {
		if s.Name == name {
			return s, nil
		}
	}
	if name == "" {
		return Spec{}, Mistake("fault", "no fault is named; 'koflab fault list' has all")
	}
	return Spec{}, Mistake("fault", "there is no fault %q, %s", name, Suggest(name, Names()))
}

// Parameter finds a parameter by name.
func (s Spec) Parameter(name string) (Parameter, bool) {
	i := slices.IndexFunc(s.Parameters, func(p Parameter) bool { return p.Name == name })
	if i < 0 {
		return Parameter{}, false
	}
	return s.Parameters[i], true
}

// Values are the parameters of a fault with the defaults of those not given.
func (s Spec) Values(f Fault) Values {
	out := Values{}
	for _, p := range s.Parameters {
		out[p.Name] = p.Default
	}
	maps.Copy(out, f.With)
	return out
}

// Problem is something wrong with what is asked for, in one of its fields: fault,
// target, as, for, intensity, with, with.NAME, or id of a fault to be healed. It is
// an error that who asks can mend.
type Problem struct{ Field, Message string }

func (p Problem) Error() string { return p.Message }

// Mistake is a Problem as an error.
func Mistake(field, format string, args ...any) error {
	return Problem{field, fmt.Sprintf(format, args...)}
}

// Problems are what the catalogue has against a fault, in the order of its fields.
func Problems(f Fault) []Problem {
	s, err := Lookup(f.Name)
	if err != nil {
		return []Problem{{"fault", err.Error()}}
	}
	var out []Problem
	add := func(field, format string, args ...any) {
		out = append(out, Problem{field, f.Name + ": " + fmt.Sprintf(format, args...)})
	}
	if _, err := s.Target(f); err != nil {
		add("target", "%v", err)
	}
	if strings.ContainsAny(f.As, "/ \t\n") {
		add("as", "name %q: want no blanks and no slash", f.As)
	}
	switch {
	case f.For < 0:
		add("for", "duration %s: want zero (until healed) or more", f.For)
	case f.For > 0 && s.Once:
		add("for", "strikes once and is over, so it takes no duration")
	}
	switch {
	case !(f.Intensity >= 0 && f.Intensity <= 1): // refuses NaN too
		add("intensity", "intensity %v: want above 0 to 1", f.Intensity)
	case s.Intensity == "" && f.Strength() != 1:
		add("intensity", "intensity %v: it is whole or not at all, so it takes none but 1", f.Intensity)
	}
	for _, p := range s.Parameters {
		if p.Required && f.With[p.Name] == "" {
			add("with", "parameter %s is missing: %s", p.Name, p.Description)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.With)) {
		p, ok := s.Parameter(name)
		if !ok {
			add("with."+name, "%s", s.noParameter(name))
			continue
		}
		if err := p.check(f.With[name]); err != nil {
			add("with."+name, "%s %v", name, err)
		}
	}
	return out
}

func (s Spec) noParameter(name string) string {
	if len(s.Parameters) == 0 {
		return fmt.Sprintf("there is no parameter %q: it takes none", name)
	}
	var names []string
	for _, p := range s.Parameters {
		names = append(names, p.Name)
	}
	return fmt.Sprintf("there is no parameter %q, %s", name, Suggest(name, names))
}

// Validate returns the first problem of a fault.
func Validate(f Fault) error {
	if p := Problems(f); len(p) > 0 {
		return p[0]
	}
	return nil
}

// Target reads a fault's target. Management alone needs no naming.
func (s Spec) Target(f Fault) (Target, error) {
	if f.Target == "" && slices.Equal(s.Targets, []Kind{Management}) {
		return Target{Kind: Management}, nil
	}
	return ParseTarget(f.Target, s.Targets)
}

// EffectOf is what is to be expected of a fault. In a Spec's Effect {target}
// stands for the target, {cluster}, {from}, {to} and {name} for its parts, and
// any other {name} for a parameter's value.
func (s Spec) EffectOf(f Fault) string {
	values := s.Values(f)
	t, err := s.Target(f)
	if err != nil {
		t = Target{Kind: Cluster, Cluster: f.Target}
	}
	target := f.Target
	if target == "" {
		target = "management"
	}
	pairs := []string{"{target}", target, "{cluster}", t.Cluster, "{from}", t.From, "{to}", t.To, "{name}", t.Name}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		pairs = append(pairs, "{"+name+"}", values[name])
	}
	return strings.NewReplacer(pairs...).Replace(s.Effect)
}
