package autoconfig

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"koflab/topology"
)

// managementProfile is what KOF installs on management itself when its own
// telemetry is stored somewhere.
const managementProfile = "kof-mgmt-cluster"

// lookManagement does for management what a ClusterDeployment would do for
// another cluster: management has none.
func (c *Controllers) lookManagement(ctx context.Context, _ types.NamespacedName) error {
	if c.ManagementData == topology.ManagementDataNone {
		return nil
	}
	m := &c.Management
	id := types.NamespacedName{Namespace: m.Namespace, Name: m.Name}
	if c.cache.get(namespaces, "", m.Namespace) == nil {
		return nil // its coming will bring us back
	}
	d := &deployment{NamespacedName: id, Labels: map[string]string{}, Annotations: map[string]string{}}
	put(d.Annotations, AnnotationDomain, m.Domain)
	if c.Network == topology.NetworkIstio {
		d.Labels[LabelIstioRole] = "member"
	}
	if c.ManagementData.Stores() {
		data, err := regionData(d, c.Stack)
		if err != nil {
			return fmt.Errorf("management %s: %w", id, err)
		}
		cm := label(configMap(id.Namespace, RegionConfigMap(id.Name), data), LabelRole, RoleRegional, LabelClusterName, id.Name, labelManagement, "true")
		if _, err := c.api.ensure(ctx, configMaps, cm); err != nil {
			return err
		}
	} else {
		r := c.managementRegion()
		if r == nil {
			return nil // its coming will bring us back
		}
		if err := c.tellChild(ctx, nil, id, r); err != nil {
			return err
		}
	}
	if err := c.managementServices(ctx); err != nil {
		return err
	}
	cluster := object(sveltosClusters, id.Namespace, id.Name, map[string]any{"spec": map[string]any{}})
	label(cluster, labelManagement, "true", LabelClusterName, id.Name)
	cluster.SetAnnotations(d.Annotations)
	if _, err := c.api.ensure(ctx, sveltosClusters, cluster); err != nil {
		return err
	}
	return c.lookMatch(ctx, id)
}

func (c *Controllers) managementRegion() *region {
	for _, r := range c.regions() {
		if r.Name == c.Management.Region && !r.Management {
			return r
		}
	}
	return nil
}

// managementServices makes the profile for management, unless a chart brought
// a MultiClusterService or profile of the same name.
func (c *Controllers) managementServices(ctx context.Context) error {
	if c.cache.get(multiClusterServices, "", managementProfile) != nil {
		return nil
	}
	spec, err := c.managementSpec()
	if err != nil {
		return err
	}
	_, err = c.api.ensure(ctx, clusterProfiles, object(clusterProfiles, "", managementProfile, map[string]any{"spec": spec}))
	return err
}

// managementSpec is what that profile says.
func (c *Controllers) managementSpec() (map[string]any, error) {
	var charts []any
	var before []any
	for _, s := range []struct {
		chart  string
		values any
	}{
		{"ingress-nginx", nil},
		{"kof-storage", c.managementStorage()},
		{"kof-collectors", nil},
	} {
		stores := c.ManagementData.Stores()
		if s.chart != "kof-collectors" && !stores || s.chart == "ingress-nginx" && c.Network == topology.NetworkIstio {
			continue
		}
		known, ok := c.stackChart(s.chart)
		if !ok {
			return nil, fmt.Errorf("stack profile %s has no chart %s, which management needs", c.Stack.Name, s.chart)
		}
		h := map[string]any{
			"repositoryName": "kof", "chartName": s.chart, "chartVersion": known.Version, "releaseName": s.chart,
			"releaseNamespace": known.Namespace, "helmChartAction": "Install", "dependsOn": append([]any{}, before...),
		}
		switch {
		case s.chart == "kof-collectors":
			text, err := c.managementCollectors()
			if err != nil {
				return nil, err
			}
			h["values"] = text
		case s.values != nil:
			text, err := yaml.Marshal(s.values)
			if err != nil {
				return nil, err
			}
			h["values"] = string(text)
		}
		charts = append(charts, h)
		before = []any{known.Namespace + "/" + s.chart}
	}
	spec := map[string]any{
		"clusterSelector": map[string]any{"matchLabels": map[string]any{labelManagement: "true"}},
		"syncMode":        "ContinuousWithDriftDetection", "helmCharts": charts,
	}
	if !c.ManagementData.Stores() {
		spec["templateResourceRefs"] = []any{map[string]any{"identifier": "ChildConfig", "resource": map[string]any{
			"apiVersion": "v1", "kind": configMaps.Kind, "namespace": c.Management.Namespace, "name": ChildConfigMap(c.Management.Name),
		}}}
	}
	return spec, nil
}

func (c *Controllers) stackChart(name string) (topology.Chart, bool) {
	for _, chart := range c.Stack.Installed() {
		if chart.Name == name {
			return chart, true
		}
	}
	return topology.Chart{}, false
}

// managementStorage are kof-storage's values beside kof-mothership, which has
// the same operators already.
func (c *Controllers) managementStorage() map[string]any {
	off := map[string]any{"enabled": false}
	values := map[string]any{
		"kof":                       map[string]any{"domain": c.Management.Domain},
		"victoria-metrics-operator": off,
		"grafana-operator":          off,
	}
	if c.Network == topology.NetworkIstio {
		values["istio"] = map[string]any{"enabled": true, "clusterName": c.Management.Name}
		values["cert-manager"] = off
	}
	return overlay(values, storageValues(&topology.Region{Retention: c.Management.Retention}, c.Stack))
}

// managementCollectors are kof-collectors' values: of one's own stores when
// there are some, of the region's otherwise.
func (c *Controllers) managementCollectors() (string, error) {
	m := &c.Management
	values := overlay(map[string]any{
		"kof":      map[string]any{"clusterName": m.Name, "clusterNamespace": m.Namespace},
		"opencost": map[string]any{"opencost": map[string]any{"exporter": map[string]any{"defaultClusterId": m.Name}}},
	}, collectorsValues(topology.Cluster{Role: topology.RoleManagement, Name: m.Name, Workload: m.Workload}))
	if !c.ManagementData.Stores() {
		field := func(key string) string { return `{{ index (getResource "ChildConfig").data "` + key + `" }}` }
		kof := map[string]any{"vmuser": map[string]any{
			"enabled": true, "secretName": childSecret, "checksum": field(keyChecksum),
		}}
		if c.Network == topology.NetworkIstio {
			delete(kof, "vmuser")
		}
		for name, key := range map[string]string{"metrics": "metrics", "logs": "logs", "auditLogs": "audit_logs", "traces": "traces"} {
			kof[name] = map[string]any{"endpoint": field("write_" + key + "_endpoint")}
		}
		values = overlay(values, map[string]any{"kof": kof})
	}
	text, err := yaml.Marshal(values)
	return string(text), err
}
