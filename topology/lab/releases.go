package lab

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/charts"
)

// planned is a release that the lab itself installs on management.
type planned struct {
	chart, namespace string
	after            []string
	values           map[string]any
}

// object is short for a map in values.
type object = map[string]any

// ofProfile are charts that kof-operator's profile for management installs, when
// management's own telemetry is stored somewhere.
var ofProfile = []string{"ingress-nginx", "kof-storage", "kof-collectors"}

// managementReleases are the charts of management: all that its stack has there,
// as far as koflab has a chart of it and no controller installs it.
func (l *Lab) managementReleases() []planned {
	m := l.management()
	stores := l.opts.Spec.ManagementData.Stores()
	releases := []planned{{chart: "kcm", namespace: "kcm-system"}}
	// What a chart needs to be there first: CRDs, and the operators that serve them.
	after := map[string][]string{
		"kof-operators": {"cert-manager"}, "kof-mothership": {"kcm", "kof-operators"},
		"kof-regional": {"kof-mothership"}, "kof-child": {"kof-mothership"}, "kof-istio": {"kof-mothership", "cert-manager"},
	}
	values := map[string]object{
		"kof-mothership": {
			"kof-operator":    object{"crossNamespace": l.opts.Spec.CrossNamespace},
			"victoriametrics": object{"vmalert": object{"enabled": !stores}},
		},
		"kof-istio": {
			"cluster":                object{"name": m.Name},
			"istiod":                 object{"global": object{"network": m.Name, "multiCluster": object{"clusterName": m.Name}}},
			"istio-eastwestgateway":  object{"networkGateway": m.Name, "clusterID": m.Name},
			"cert-manager-istio-csr": object{"app": object{"server": object{"clusterID": m.Name}}},
		},
	}
	for _, k := range m.planned.Components {
		if k.Chart == "kcm" || !l.installs(k.Chart) || slices.Contains(ofProfile, k.Chart) || slices.ContainsFunc(releases, func(r planned) bool { return r.chart == k.Chart }) {
			continue
		}
		releases = append(releases, planned{chart: k.Chart, namespace: k.Namespace, values: values[k.Chart]})
	}
	for i, r := range releases {
		for _, name := range after[r.chart] {
			if slices.ContainsFunc(releases, func(o planned) bool { return o.chart == name }) {
				releases[i].after = append(releases[i].after, name)
			}
		}
	}
	return releases
}

// installs reports whether koflab has a chart.
func (l *Lab) installs(chart string) bool { return slices.Contains(charts.Names(), chart) }

// releases are a cluster's Helm releases, as NAMESPACE/NAME to the status of the
// newest revision, read from the labels of Helm's records.
func (c *cluster) releases() map[string]string {
	out := map[string]string{}
	newest := map[string]int{}
	owner, _ := labels.Parse("owner=helm") // a constant: it parses
	for _, o := range c.embedded.Server().List(secrets, "", owner) {
		key, version := o.Namespace+"/"+o.Labels["name"], 0
		if _, err := fmt.Sscan(o.Labels["version"], &version); err != nil || version <= newest[key] {
			continue
		}
		newest[key], out[key] = version, o.Labels["status"]
	}
	return out
}

func resource(group, name string) schema.GroupResource {
	return schema.GroupResource{Group: group, Resource: name}
}
