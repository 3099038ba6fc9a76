package topology

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"koflab/topology/document"
)

// Stack is a stack profile: what a version of KOF installs and how its parts
// are reached. It is data; no code asks for a profile's name.
type Stack struct {
	Name  string `json:"name" yaml:"name"`
	Title string `json:"title" yaml:"title"`
	// Labels are the names of the labels that tell clusters apart.
	Labels StackLabels `json:"labels" yaml:"labels"`
	// Credentials is "per-cluster" (each child and each reader has a user of its
	// own) or "shared" (one user for all).
	Credentials CredentialsModel `json:"credentials" yaml:"credentials" jsonschema:"enum=per-cluster,enum=shared"`
	// Secret holds shared credentials.
	Secret  string  `json:"secret,omitempty" yaml:"secret,omitempty"`
	Tenants Tenants `json:"tenants" yaml:"tenants"`
	// Retention is what stores keep by default.
	Retention Retention `json:"retention" yaml:"retention"`
	// Alerts and Recording say which component evaluates which rules, and where.
	Alerts    Evaluation `json:"alerts" yaml:"alerts"`
	Recording Evaluation `json:"recording" yaml:"recording"`
	Signals   Signals    `json:"signals" yaml:"signals"`
	// Routes are the gateway's, longest prefix first.
	Routes    []Route    `json:"routes" yaml:"routes"`
	Listeners []Listener `json:"listeners" yaml:"listeners"`
	// Installs names the profile whose charts koflab installs for this one; its own
	// when empty.
	Installs string `json:"installs,omitempty" yaml:"installs,omitempty"`
	// Charts are what this version of KOF installs.
	Charts []Chart `json:"charts" yaml:"charts"`
}

// Installed are the charts that a lab of this profile has.
func (s *Stack) Installed() []Chart {
	if s.Installs == "" {
		return s.Charts
	}
	other, err := Profile(s.Installs)
	if err != nil {
		return nil // a test holds that every profile's exists
	}
	return other.Charts
}

// StackLabels names labels of metrics; an empty name means that the version has
// no such label.
type StackLabels struct {
	// Cluster and ClusterNamespace are external labels that collectors add.
	Cluster          string `json:"cluster" yaml:"cluster"`
	ClusterNamespace string `json:"clusterNamespace,omitempty" yaml:"clusterNamespace,omitempty"`
	// Tenant is the label that the gateway adds.
	Tenant string `json:"tenant,omitempty" yaml:"tenant,omitempty"`
	// Group and GroupNamespace are added by promxy: the region that answered.
	Group          string `json:"group" yaml:"group"`
	GroupNamespace string `json:"groupNamespace,omitempty" yaml:"groupNamespace,omitempty"`
}

// CredentialsModel is how clients of the gateway get their users.
type CredentialsModel string

// Values of Stack.Credentials.
const (
	CredentialsPerCluster CredentialsModel = "per-cluster"
	CredentialsShared     CredentialsModel = "shared"
)

// Tenants says whether the gateway separates tenants.
type Tenants struct {
	Enabled bool `json:"enabled" yaml:"enabled"`
	// Default is the tenant of a child that names none.
	Default string `json:"default,omitempty" yaml:"default,omitempty" jsonschema:"format=label-value"`
}

// Evaluation is where rules run.
type Evaluation struct {
	By string `json:"by" yaml:"by"`
	On Trait  `json:"on" yaml:"on" jsonschema:"enum=management,enum=storage"`
}

// Trait selects clusters: a role, or something that clusters of several roles
// may be.
type Trait string

// Traits beside the roles.
const (
	// TraitEvery is every cluster that takes part.
	TraitEvery Trait = "every"
	// TraitStorage is every cluster with stores: regions, and management when it
	// stores data.
	TraitStorage Trait = "storage"
	// TraitObserved is every cluster whose telemetry is stored somewhere.
	TraitObserved Trait = "observed"
)

// Signals are the kinds of telemetry; Audit is the part of the logs that has a
// store of its own, and empty in versions without.
type Signals struct {
	Metrics Signal `json:"metrics" yaml:"metrics"`
	Logs    Signal `json:"logs" yaml:"logs"`
	Audit   Signal `json:"audit,omitzero" yaml:"audit,omitempty"`
	Traces  Signal `json:"traces" yaml:"traces"`
}

// Signal says how one kind of telemetry is written and read.
type Signal struct {
	// Ingress and Istio are the URLs for other clusters in those network modes.
	Ingress Endpoint `json:"ingress" yaml:"ingress"`
	Istio   Endpoint `json:"istio" yaml:"istio"`
	// Local is for the storing cluster's own clients, past the gateway.
	Local Endpoint `json:"local" yaml:"local"`
}

// For is the pair of URLs that other clusters use.
func (s Signal) For(network NetworkMode) Endpoint {
	if network == NetworkIstio {
		return s.Istio
	}
	return s.Ingress
}

// Endpoint is a pair of URLs. Read URLs are bases: clients append the API's path.
// In a profile they have the placeholders {domain}, {cluster} and {address}.
type Endpoint struct {
	Write string `json:"write,omitempty" yaml:"write,omitempty"`
	Read  string `json:"read,omitempty" yaml:"read,omitempty"`
}

// At fills in the placeholders: the storing cluster's domain and name, and its
// address (needed by local URLs only).
func (e Endpoint) At(store Cluster, address string) Endpoint {
	r := strings.NewReplacer("{domain}", store.Domain, "{cluster}", store.Name, "{address}", address)
	return Endpoint{Write: r.Replace(e.Write), Read: r.Replace(e.Read)}
}

// Route is one rule of the gateway: what comes in under Prefix goes to a
// listener with the prefix's first segment dropped.
type Route struct {
	// Host is the first label of the host name, "vmauth" by default.
	Host   string `json:"host,omitempty" yaml:"host,omitempty"`
	Prefix string `json:"prefix" yaml:"prefix"`
	// Signal and Access decide how a tenant's requests are confined.
	Signal string `json:"signal" yaml:"signal" jsonschema:"enum=metrics,enum=logs,enum=audit,enum=traces"`
	Access string `json:"access" yaml:"access" jsonschema:"enum=write,enum=read"`
	// To is the name of a listener.
	To string `json:"to" yaml:"to"`
	// Path, if any, goes before what is left of the request's path.
	Path string `json:"path,omitempty" yaml:"path,omitempty"`
}

// Listener is a port of some clusters.
type Listener struct {
	Name   string `json:"name" yaml:"name"`
	Port   int    `json:"port" yaml:"port" jsonschema:"minimum=1,maximum=65535"`
	Scheme string `json:"scheme" yaml:"scheme" jsonschema:"enum=http,enum=https,enum=grpc"`
	On     Trait  `json:"on" yaml:"on" jsonschema:"enum=management,enum=region,enum=child,enum=storage,enum=observed,enum=every"`
}

// Chart is a Helm chart that is installed on some clusters.
type Chart struct {
	Name      string `json:"name" yaml:"name"`
	Version   string `json:"version" yaml:"version"`
	Namespace string `json:"namespace" yaml:"namespace" jsonschema:"format=dns-label"`
	On        Trait  `json:"on" yaml:"on" jsonschema:"enum=management,enum=region,enum=child,enum=storage,enum=observed,enum=every"`
	// Network limits the chart to one network mode.
	Network    NetworkMode      `json:"network,omitempty" yaml:"network,omitempty" jsonschema:"enum=ingress,enum=istio"`
	Components []ChartComponent `json:"components,omitempty" yaml:"components,omitempty"`
}

// ChartComponent is one part of a chart: a subchart or a workload of its own.
type ChartComponent struct {
	Name string `json:"name" yaml:"name"`
	// Version is the subchart's version or range; the chart's own when empty.
	Version string `json:"version,omitempty" yaml:"version,omitempty"`
	// Image is the upstream image, where the facts name one.
	Image string `json:"image,omitempty" yaml:"image,omitempty"`
	// Network limits the component to one network mode.
	Network NetworkMode `json:"network,omitempty" yaml:"network,omitempty" jsonschema:"enum=ingress,enum=istio"`
	// Objects are what the component consists of in its cluster, as KIND/NAME, or
	// NAMESPACE:KIND/NAME outside the chart's namespace; a name with a leading *
	// stands for all that end so. Empty means Deployment/CHART-NAME.
	Objects []string `json:"objects,omitempty" yaml:"objects,omitempty"`
}

//go:embed profiles/*.yaml
var profileFiles embed.FS

var stackCache sync.Map // name -> *Stack

// Profile returns a stack profile. It is shared: do not change it.
func Profile(name string) (*Stack, error) {
	if s, ok := stackCache.Load(name); ok {
		return s.(*Stack), nil
	}
	if !slices.Contains(ProfileNames(), name) {
		return nil, fmt.Errorf("there is no stack profile %q, %s", document.Clip(name), document.OrOneOf(name, ProfileNames()))
	}
	file := "profiles/" + name + ".yaml"
	data, err := profileFiles.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s, err := decodeStack(file, data)
	if err != nil {
		return nil, err
	}
	stackCache.Store(name, s)
	return s, nil
}

// ProfileNames lists the stack profiles, the default one first.
func ProfileNames() []string {
	names := []string{DefaultStack}
	files, _ := profileFiles.ReadDir("profiles") // compiled in: it cannot fail
	for _, f := range files {
		if name := strings.TrimSuffix(f.Name(), ".yaml"); name != DefaultStack {
			names = append(names, name)
		}
	}
	return names
}

func decodeStack(name string, data []byte) (*Stack, error) {
	f, s := newFindings(name), &Stack{}
	if root := f.Parse(data); root != nil {
		f.Decode(root, s)
		f.Check(s)
	}
	return s, f.Err()
}
