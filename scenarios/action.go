package scenarios

import (
	"time"

	"koflab/sim/fault"
	"koflab/topology"
)

// Inject breaks something, as a fault of the catalogue says ('koflab fault list').
type Inject struct {
	// Fault is its name in the catalogue.
	Fault string `json:"fault" yaml:"fault"`
	// Target is what is broken, as 'koflab fault show FAULT' says: CLUSTER,
	// FROM->TO, CLUSTER:COMPONENT, CLUSTER:NAMESPACE/NAME or CLUSTER:NODE.
	Target string `json:"target,omitempty" yaml:"target,omitempty" jsonschema:"format=printable"`
	// As names it, to heal it by; the fault's name by default.
	As string `json:"as,omitempty" yaml:"as,omitempty" jsonschema:"format=printable"`
	// For is how long it lasts in lab time; until it is healed by default.
	For topology.Duration `json:"for,omitempty" yaml:"for,omitempty"`
	// Intensity is how hard it strikes, above 0 to 1, which is the default.
	Intensity float64 `json:"intensity,omitempty" yaml:"intensity,omitempty" jsonschema:"minimum=0,maximum=1"`
	// With are the fault's parameters.
	With map[string]string `json:"with,omitempty" yaml:"with,omitempty"`
}

// Request is the injection as package fault has it.
func (i Inject) Request() fault.Fault {
	return fault.Fault{
		Name: i.Fault, Target: i.Target, As: i.As, For: time.Duration(i.For), Intensity: i.Intensity, With: i.With,
	}
}

// ID is what heals it.
func (i Inject) ID() string {
	if i.As != "" {
		return i.As
	}
	return i.Fault
}

// Change is one change of an object, a release or the topology.
type Change struct {
	// Apply applies one object as kubectl apply --server-side does.
	Apply *Apply `json:"apply,omitempty" yaml:"apply,omitempty" jsonschema:"oneof_required=apply"`
	// Patch changes fields of one object by a JSON merge patch.
	Patch *Patch `json:"patch,omitempty" yaml:"patch,omitempty" jsonschema:"oneof_required=patch"`
	// Delete deletes one object.
	Delete *ObjectRef `json:"delete,omitempty" yaml:"delete,omitempty" jsonschema:"oneof_required=delete"`
	// Scale sets the replicas of one object.
	Scale *Scale `json:"scale,omitempty" yaml:"scale,omitempty" jsonschema:"oneof_required=scale"`
	// AddChild adds a child, as 'koflab topology add child' does.
	AddChild *topology.Child `json:"addChild,omitempty" yaml:"addChild,omitempty" jsonschema:"oneof_required=addChild"`
	// AddRegion adds a region, as 'koflab topology add region' does.
	AddRegion *topology.Region `json:"addRegion,omitempty" yaml:"addRegion,omitempty" jsonschema:"oneof_required=addRegion"`
	// Remove takes a region or child away.
	Remove string `json:"remove,omitempty" yaml:"remove,omitempty" jsonschema:"oneof_required=remove,format=cluster-id"`
	// Upgrade changes values or the version of a release as helm upgrade
	// --reuse-values does.
	Upgrade *Upgrade `json:"upgrade,omitempty" yaml:"upgrade,omitempty" jsonschema:"oneof_required=upgrade"`
}

// ObjectRef names one Kubernetes object.
type ObjectRef struct {
	// Cluster is whose object it is.
	Cluster string `json:"cluster" yaml:"cluster" jsonschema:"format=cluster-id"`
	// Resource is the plural name, such as deployments, or with its group where that
	// is ambiguous: clusterdeployments.k0rdent.mirantis.com.
	Resource string `json:"resource" yaml:"resource" jsonschema:"format=dns-name"`
	// Namespace is left out for objects that have none.
	Namespace string `json:"namespace,omitempty" yaml:"namespace,omitempty" jsonschema:"format=dns-label"`
	// Name is the object's.
	Name string `json:"name" yaml:"name" jsonschema:"format=printable"`
}

// Apply is one object in its wanted state.
type Apply struct {
	// Cluster is whose object it is.
	Cluster string `json:"cluster" yaml:"cluster" jsonschema:"format=cluster-id"`
	// Manifest is the object, with apiVersion, kind and metadata.
	Manifest map[string]any `json:"manifest" yaml:"manifest"`
}

// Patch changes fields of one object.
type Patch struct {
	ObjectRef `yaml:",inline"`
	// Patch has the fields to change; null removes one.
	Patch map[string]any `json:"patch" yaml:"patch"`
}

// Scale sets the replicas of one object that has a subresource scale.
type Scale struct {
	ObjectRef `yaml:",inline"`
	// Replicas is how many.
	Replicas int `json:"replicas" yaml:"replicas" jsonschema:"minimum=0,maximum=10000"`
}

// Upgrade changes the values, the version or both of a Helm release.
type Upgrade struct {
	// Cluster is where the release is installed.
	Cluster string `json:"cluster" yaml:"cluster" jsonschema:"format=cluster-id"`
	// Release is its name, which is its chart's.
	Release string `json:"release" yaml:"release" jsonschema:"format=dns-label"`
	// Version is the chart's version from now on; the one that is installed by default.
	Version string `json:"version,omitempty" yaml:"version,omitempty" jsonschema:"format=printable"`
	// Values are set; those given before are kept.
	Values map[string]any `json:"values,omitempty" yaml:"values,omitempty"`
}

// Kind is which of its changes the change is: apply, patch, delete, scale,
// addChild, addRegion, remove or upgrade.
func (c Change) Kind() string {
	switch {
	case c.Apply != nil:
		return "apply"
	case c.Patch != nil:
		return "patch"
	case c.Delete != nil:
		return "delete"
	case c.Scale != nil:
		return "scale"
	case c.AddChild != nil:
		return "addChild"
	case c.AddRegion != nil:
		return "addRegion"
	case c.Upgrade != nil:
		return "upgrade"
	}
	return "remove"
}
