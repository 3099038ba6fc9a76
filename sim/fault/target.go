package fault

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what a target names.
type Kind string

// The kinds of targets. Cluster, Region, Child and Management are all written as
// a cluster's name; whether it is one is the lab's to say.
const (
	Cluster    Kind = "cluster"
	Region     Kind = "region"
	Child      Kind = "child"
	Management Kind = "management"
	Link       Kind = "link"
	Component  Kind = "component"
	Workload   Kind = "workload"
	Node       Kind = "node"
)

// syntaxes are how targets of each kind are written.
var syntaxes = map[Kind]string{
	Cluster: "CLUSTER", Region: "REGION", Child: "CHILD", Management: "MANAGEMENT", Link: "FROM->TO",
	Component: "CLUSTER:COMPONENT", Workload: "CLUSTER:NAMESPACE/NAME", Node: "CLUSTER:NODE",
}

// Syntax is how targets of a kind are written.
func (k Kind) Syntax() string { return syntaxes[k] }

// Any stands for every cluster at one end of a link.
const Any = "*"

// Target is what a fault strikes.
type Target struct {
	Kind Kind
	// Cluster is the cluster's name, or NAMESPACE/NAME where that is not unique;
	// empty for a link.
	Cluster string
	// From and To are the dialing and the dialed cluster of a link; either may be Any.
	From, To string
	// Namespace and Name are a workload's; Name is also a component's or a node's.
	Namespace, Name string
}

// String is the target as it is written.
func (t Target) String() string {
	switch t.Kind {
	case Link:
		return t.From + "->" + t.To
	case Workload:
		return t.Cluster + ":" + t.Namespace + "/" + t.Name
	case Component, Node:
		return t.Cluster + ":" + t.Name
	}
	return t.Cluster
}

// kindLike picks from kinds one whose syntax has the form of text.
func kindLike(text string, kinds []Kind) (Kind, bool) {
	_, inner, inside := strings.Cut(text, ":")
	for _, k := range kinds {
		switch k {
		case Link:
			if strings.Contains(text, "->") {
				return k, true
			}
		case Workload:
			if inside && strings.Contains(inner, "/") {
				return k, true
			}
		case Component, Node:
			if inside && !strings.Contains(inner, "/") {
				return k, true
			}
		default:
			if !inside && !strings.Contains(text, "->") {
				return k, true
			}
		}
	}
	return "", false
}

// ParseTarget reads a target of one of the given kinds.
func ParseTarget(text string, kinds []Kind) (Target, error) {
	want := fmt.Errorf("target %q: want %s", text, formats(kinds))
	if text == "" {
		return Target{}, fmt.Errorf("no target: want %s", formats(kinds))
	}
	k, ok := kindLike(text, kinds)
	if !ok {
		return Target{}, want
	}
	t := Target{Kind: k}
	var inner string
	switch k {
	case Link:
		t.From, t.To, _ = strings.Cut(text, "->")
		t.From, t.To = strings.TrimSpace(t.From), strings.TrimSpace(t.To)
		if t.From == "" || t.To == "" || strings.Contains(t.To, "->") || !clusterName(t.From, true) || !clusterName(t.To, true) {
			return t, want
		}
		return t, nil
	case Workload:
		t.Cluster, inner, _ = strings.Cut(text, ":")
		t.Namespace, t.Name, _ = strings.Cut(inner, "/")
		ok = t.Namespace != "" && t.Name != "" && !strings.ContainsAny(t.Name, "/: ")
	case Component, Node:
		t.Cluster, t.Name, _ = strings.Cut(text, ":")
		ok = t.Name != "" && !strings.ContainsAny(t.Name, ": ")
	default:
		t.Cluster = text
	}
	if !ok || !clusterName(t.Cluster, false) {
		return t, want
	}
	return t, nil
}

// clusterName reports whether s can be a cluster's name, or NAMESPACE/NAME.
func clusterName(s string, any bool) bool {
	if any && s == Any {
		return true
	}
	parts := strings.Split(s, "/")
	return len(parts) <= 2 && !slices.Contains(parts, "") && !strings.ContainsAny(s, " \t*>:")
}

// formats lists how targets of the kinds are written.
func formats(kinds []Kind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, fmt.Sprintf("%s (a %s)", k.Syntax(), k))
	}
	return strings.Join(out, " or ")
}
