package lab

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/charts"
	"koflab/topology"
)

// planned is a release that the lab itself installs on management.
type planned struct {
	chart, namespace string
	after            []string
	values           map[string]any
}

// object is short for a map in values.
type object = map[string]any

// managementReleases are the charts of management: all that its stack has there,
// as far as koflab has a chart of it.
func (l *Lab) managementReleases() []planned {
	m := l.management()
	stores := l.opts.Spec.ManagementData.Stores()
	releases := []planned{{chart: "kcm", namespace: "kcm-system"}}
	// What a chart needs to be there first: CRDs, and the operators that serve them.
	after := map[string][]string{
		"kof-operators": {"cert-manager"}, "kof-mothership": {"kcm", "kof-operators"},
		"kof-regional": {"kof-mothership"}, "kof-child": {"kof-mothership"}, "kof-istio": {"kof-mothership", "cert-manager"},
		"kof-storage": {"kof-mothership", "cert-manager"}, "kof-collectors": {"kof-operators"},
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
		"kof-storage":    l.managementStorage(m),
		"kof-collectors": l.managementCollectors(m),
	}
	for _, k := range m.planned.Components {
		if k.Chart == "kcm" || !l.installs(k.Chart) || slices.ContainsFunc(releases, func(r planned) bool { return r.chart == k.Chart }) {
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

// managementStorage are kof-storage's values where management stores data itself;
// the operators it needs come with kof-mothership.
func (l *Lab) managementStorage(m *cluster) object {
	r := m.Retention
	v := object{
		"kof":                       object{"domain": m.Domain},
		"victoria-metrics-operator": object{"enabled": false},
		"grafana-operator":          object{"enabled": false},
		"victoriametrics":           object{"vmcluster": object{"spec": object{"retentionPeriod": r.Metrics.String()}}},
		"victoria-logs-single":      object{"server": object{"retentionPeriod": r.Logs.String()}},
		"audit-logs":                object{"server": object{"retentionPeriod": r.Audit.String()}},
		"jaeger":                    object{"ttl": time.Duration(r.Traces).String()},
	}
	if l.opts.Spec.Network == topology.NetworkIstio {
		v["istio"] = object{"enabled": true, "clusterName": m.Name}
		v["external-dns"] = object{"enabled": false}
	}
	return v
}

// managementCollectors are kof-collectors' values on management: they write to its
// own stores or, in m2r mode, to a region.
func (l *Lab) managementCollectors(m *cluster) object {
	one := object{"scrapeInterval": time.Duration(m.Workload.ScrapeInterval).String()}
	if n := m.Workload.Collector.QueueSize; n > 0 {
		one["queueSize"] = n
	}
	if d := m.Workload.Collector.RetryMaxElapsed; d > 0 {
		one["retryMaxElapsed"] = time.Duration(d).String()
	}
	kof := object{
		"clusterName": m.Name, "clusterNamespace": m.Namespace,
		"clusterLabel": l.stack.Labels.Cluster, "clusterNamespaceLabel": l.stack.Labels.ClusterNamespace,
	}
	if region, ok := l.opts.Spec.Cluster(m.planned.Region); ok && region.ID != m.ID {
		s := l.stack.Signals
		for name, signal := range map[string]topology.Signal{"metrics": s.Metrics, "logs": s.Logs, "auditLogs": s.Audit, "traces": s.Traces} {
			if signal != (topology.Signal{}) {
				kof[name] = object{"endpoint": signal.For(l.opts.Spec.Network).At(region, "").Write}
			}
		}
		kof["vmuser"] = object{"enabled": l.opts.Spec.Network != topology.NetworkIstio, "secretName": "storage-vmuser-credentials"}
	}
	return object{"kof": kof, "collectors": object{"node-exporter": one, "k8s-cluster": one}}
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
