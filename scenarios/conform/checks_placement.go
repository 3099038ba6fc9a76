package conform

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// placementChecks ask the objects whether KOF is on every cluster.
var placementChecks = []check{
	{
		id: "kof-version", title: "A MultiClusterService selects every cluster", area: "placement", severity: Error,
		does:    "MultiClusterServices kof-regional-cluster and kof-child-cluster (ClusterProfiles in a mesh) put KOF's charts on the clusters whose labels they select, kof-version among them. A cluster that nothing selects gets nothing, and nothing complains: its services are 0/0.",
		source:  "kof-regional and kof-child charts, clusterSelector; label k0rdent.mirantis.com/kof-version, required unless autoUpgrade is on",
		fix:     "Label the ClusterDeployment with k0rdent.mirantis.com/kof-version=VERSION, the version of the KOF charts on management (kubectl get multiclusterservices -o yaml shows what is selected).",
		hides:   []aspect{everything},
		because: "is selected by no MultiClusterService",
		run:     checkSelected,
	},
	{
		id: "adopted-region", title: "Adopted and remote children name their region", area: "placement", severity: Error,
		does:    "kof-operator finds a child's region by cloud and location. Adopted and remote clusters have neither, so the label kof-regional-cluster-name is obligatory for them.",
		source:  "kof-operator, ClusterDeployment controller: location matching; docs, adopted clusters",
		fix:     "Label the child's ClusterDeployment with k0rdent.mirantis.com/kof-regional-cluster-name=REGION.",
		hides:   []aspect{everything},
		because: "is adopted and names no region",
		run:     checkAdopted,
	},
	{
		id: "child-region", title: "Every child has a region that exists", area: "placement", severity: Error,
		does:    "The label kof-regional-cluster-name wins over matching by cloud and location; kof-operator reads ConfigMap kof-REGION in the child's namespace, writes kof-cluster-config-CHILD from it, and without that the child gets no collectors.",
		source:  "kof-operator, ClusterDeployment controller; ConfigMap kof-cluster-config-CHILD",
		fix:     "Set k0rdent.mirantis.com/kof-regional-cluster-name on the child's ClusterDeployment to a region that exists in its namespace (kubectl get configmap -A -l k0rdent.mirantis.com/kof-cluster-role=regional), or with crossNamespace on name the namespace too: kof-regional-cluster-namespace.",
		hides:   []aspect{everything},
		because: "has no region",
		run:     checkChildRegion,
	},
}

// noObjects skips a check that needs the Kubernetes API.
func (v *verdict) noObjects() bool {
	switch s := v.survey; {
	case s.kube == nil:
		v.skipf("no kubeconfig of the management cluster was given")
	case s.kubeTrouble != nil:
		v.cannot("the management cluster's API", s.kubeTrouble)
	case len(s.deployments) == 0:
		v.skipf("the management cluster has no ClusterDeployments")
	default:
		return false
	}
	return true
}

func checkSelected(ctx context.Context, s *survey, v *verdict) {
	if v.noObjects() {
		return
	}
	var selectors []object
	for _, k := range []kind{multiClusterServices, clusterProfiles} {
		all, err := s.kube.list(ctx, k, "")
		if err != nil {
			v.cannot("the management cluster's API", err)
			return
		}
		selectors = append(selectors, all...)
	}
	for _, d := range s.deployments {
		role := d.label(labelRole)
		if role != roleRegional && role != roleChild || !v.judge(d.name()) {
			continue
		}
		var near []string // selectors for this role that miss only by version
		found := false
		for _, m := range selectors {
			match, _ := m.at("spec", "clusterSelector").(map[string]any)
			if object(match).text("matchLabels", labelRole) != role {
				continue
			}
			without := selects(match, d)
			if version := object(match).text("matchLabels", labelVersion); without == nil {
				found = true
			} else if slices.Equal(without, []string{labelVersion}) {
				if one := fmt.Sprintf("%s selects %s", m.name(), version); !slices.Contains(near, one) {
					near = append(near, one) // Sveltos' profile says the same as the service it is made of
				}
			}
		}
		if found {
			continue
		}
		has := d.label(labelVersion)
		switch {
		case len(near) > 0 && has == "":
			v.wrong(d.name(), "ClusterDeployment %s has no label %s; %s", d.id(), labelVersion, strings.Join(near, ", "))
		case len(near) > 0:
			v.wrong(d.name(), "ClusterDeployment %s has label %s=%s; %s", d.id(), labelVersion, has, strings.Join(near, ", "))
		default:
			v.wrong(d.name(), "no MultiClusterService selects ClusterDeployment %s with its labels", d.id())
		}
	}
}

// selects returns the labels by which a selector does not fit an object.
func selects(selector, o object) []string {
	var misses []string
	want, _ := selector.at("matchLabels").(map[string]any)
	for name, value := range want {
		if text, _ := value.(string); o.label(name) != text {
			misses = append(misses, name)
		}
	}
	labels, _ := o.at("metadata", "labels").(map[string]any)
	for _, item := range selector.list("matchExpressions") {
		m, ok := item.(map[string]any)
		if !ok {
			continue
		}
		e := object(m)
		key := e.text("key")
		_, there := labels[key]
		in := slices.Contains(e.list("values"), any(o.label(key)))
		fits := map[string]bool{"Exists": there, "DoesNotExist": !there, "In": there && in, "NotIn": !there || !in}
		if ok, known := fits[e.text("operator")]; known && !ok {
			misses = append(misses, key)
		}
	}
	slices.Sort(misses)
	return misses
}

// adopted reports whether a ClusterDeployment's template is one of those that say
// nothing of a location.
func adopted(d object) bool {
	t := d.text("spec", "template")
	return strings.HasPrefix(t, "adopted-") || strings.HasPrefix(t, "remote-")
}

func checkAdopted(_ context.Context, s *survey, v *verdict) {
	if v.noObjects() {
		return
	}
	for _, d := range s.deployments {
		if d.label(labelRole) != roleChild || !adopted(d) || !v.judge(d.name()) {
			continue
		}
		if d.label(labelRegion) == "" && s.childConfig(d) == nil {
			v.wrong(d.name(), "ClusterDeployment %s, template %s, has no label %s, and no ConfigMap %s%s was made", d.id(), d.text("spec", "template"), labelRegion, configOfChild, d.name())
		}
	}
}

func checkChildRegion(_ context.Context, s *survey, v *verdict) {
	if v.noObjects() {
		return
	}
	for _, d := range s.deployments {
		if d.label(labelRole) != roleChild || !v.judge(d.name()) {
			continue
		}
		region := d.label(labelRegion)
		switch {
		case region != "" && s.config(or(d.label(labelRegionNS), d.namespace()), configOfRegion+region) == nil && s.config("", configOfRegion+region) == nil:
			v.wrong(d.name(), "ClusterDeployment %s has label %s=%s, and there is no region of that name (ConfigMap %s%s)", d.id(), labelRegion, region, configOfRegion, region)
		case s.childConfig(d) == nil:
			v.wrong(d.name(), "kof-operator has made no ConfigMap %s%s in namespace %s: no region fits ClusterDeployment %s", configOfChild, d.name(), d.namespace(), d.id())
		}
	}
}
