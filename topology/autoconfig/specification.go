package autoconfig

import (
	"encoding/json"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"koflab/topology"
)

// templates are the ClusterTemplates by cloud; other clouds have a stand-alone
// control plane.
var templates = map[string]string{
	"docker":  "docker-hosted-cp-1-0-0",
	"adopted": "adopted-cluster-1-0-0",
	"remote":  "remote-cluster-1-0-0",
}

func templateFor(cloud string) string { return or(templates[cloud], cloud+"-standalone-cp-1-0-0") }

// ClusterDeployments is a lab's specification as objects for its management
// cluster, in the order in which they should be written: namespaces that the
// system does not have, then a ClusterDeployment per region and per child.
func ClusterDeployments(lab *topology.Lab, stack *topology.Stack) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	seen := map[string]bool{SystemNamespace: true}
	for _, c := range lab.Clusters() {
		if !seen[c.Namespace] && c.Namespace != "" {
			seen[c.Namespace] = true
			out = append(out, &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "v1", "kind": namespaces.Kind, "metadata": map[string]any{"name": c.Namespace},
			}})
		}
	}
	regions := map[string]*topology.Region{}
	for i := range lab.Regions {
		regions[lab.Regions[i].Name] = &lab.Regions[i]
	}
	children := map[[2]string]*topology.Child{}
	for i := range lab.Children {
		c := &lab.Children[i]
		children[[2]string{c.Namespace, c.Name}] = c
	}
	for _, c := range lab.Clusters() {
		switch c.Role {
		case topology.RoleRegion:
			out = append(out, regionDeployment(lab, stack, c, regions[c.Name]))
		case topology.RoleChild:
			out = append(out, childDeployment(lab, stack, c, children[[2]string{c.Namespace, c.Name}]))
		}
	}
	return out
}

func regionDeployment(lab *topology.Lab, stack *topology.Stack, c topology.Cluster, r *topology.Region) *unstructured.Unstructured {
	annotations := map[string]any{AnnotationDomain: c.Domain}
	putValues(annotations, AnnotationStorageValues, storageValues(r, stack))
	putValues(annotations, AnnotationCollectorsValues, collectorsValues(c))
	return clusterDeployment(lab, stack, c, map[string]string{LabelRole: RoleRegional}, annotations)
}

func childDeployment(lab *topology.Lab, stack *topology.Stack, c topology.Cluster, child *topology.Child) *unstructured.Unstructured {
	labels := map[string]string{LabelRole: RoleChild}
	put(labels, topology.LabelRegion, child.Region)
	put(labels, topology.LabelRegionNamespace, child.RegionNamespace)
	if c.Tenant != stack.Tenants.Default {
		put(labels, LabelTenant, c.Tenant)
	}
	annotations := map[string]any{}
	putValues(annotations, AnnotationCollectorsValues, collectorsValues(c))
	return clusterDeployment(lab, stack, c, labels, annotations)
}

func clusterDeployment(lab *topology.Lab, stack *topology.Stack, c topology.Cluster, labels map[string]string, annotations map[string]any) *unstructured.Unstructured {
	labels[LabelClusterName] = c.Name
	put(labels, LabelVersion, kofVersion(stack))
	if lab.Network == topology.NetworkIstio {
		labels[LabelIstioRole] = "member"
	}
	config := map[string]any{}
	if c.Workload.Nodes > 0 {
		config["workersNumber"] = int64(c.Workload.Nodes - 1)
	}
	if c.Location != "" {
		_ = unstructured.SetNestedField(config, c.Location, locationPath(c.Cloud)...) // config is a map: it cannot fail
	}
	if len(annotations) > 0 {
		config["clusterAnnotations"] = annotations
	}
	set := map[string]any{}
	for k, v := range labels {
		set[k] = v
	}
	metadata := map[string]any{"name": c.Name, "namespace": c.Namespace, "labels": set}
	if workload, err := json.Marshal(c.Workload); err == nil && string(workload) != "{}" {
		metadata["annotations"] = map[string]any{AnnotationWorkload: string(workload)}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": clusterDeployments.apiVersion(), "kind": clusterDeployments.Kind, "metadata": metadata,
		"spec": map[string]any{
			"template": templateFor(c.Cloud), "credential": c.Cloud + "-credential", "config": config,
		},
	}}
}

// kofVersion is the version of KOF's charts for clusters.
func kofVersion(stack *topology.Stack) string {
	for _, chart := range stack.Installed() {
		if chart.Name == "kof-collectors" {
			return strings.TrimPrefix(chart.Version, "v")
		}
	}
	return ""
}

// storageValues are kof-storage's values where a region differs from the stack.
func storageValues(r *topology.Region, stack *topology.Stack) map[string]any {
	values := map[string]any{}
	set := func(value any, path ...string) {
		_ = unstructured.SetNestedField(values, value, path...) // all inner nodes are maps
	}
	if d := r.Retention.Metrics; d != stack.Retention.Metrics && d > 0 {
		set(d.String(), "victoriametrics", "vmcluster", "spec", "retentionPeriod")
	}
	if d := r.Retention.Logs; d != stack.Retention.Logs && d > 0 {
		set(d.String(), "victoria-logs-single", "server", "retentionPeriod")
	}
	if d := r.Retention.Audit; d != stack.Retention.Audit && d > 0 {
		set(d.String(), "audit-logs", "server", "retentionPeriod")
	}
	if d := r.Retention.Traces; d != stack.Retention.Traces && d > 0 {
		set(goDuration(d), "jaeger", "ttl")
	}
	if n := int64(r.Replicas); n > 1 {
		set(n, "victoriametrics", "vmcluster", "spec", "replicationFactor")
		for _, part := range []string{"vmstorage", "vmselect", "vminsert"} {
			set(n, "victoriametrics", "vmcluster", "spec", part, "replicaCount")
		}
	}
	return values
}

// collectorsValues are kof-collectors' values for a cluster's workload.
func collectorsValues(c topology.Cluster) map[string]any {
	one := map[string]any{}
	if d := c.Workload.ScrapeInterval; d > 0 {
		one["scrapeInterval"] = goDuration(d)
	}
	tuned := c.Workload.Collector
	if tuned.QueueSize > 0 {
		one["queueSize"] = int64(tuned.QueueSize)
	}
	if tuned.RetryMaxElapsed > 0 {
		one["retryMaxElapsed"] = goDuration(tuned.RetryMaxElapsed)
	}
	values := map[string]any{}
	if len(one) > 0 {
		values["collectors"] = map[string]any{"node-exporter": one, "k8s-cluster": one}
	}
	if tuned.Password != "" && c.Role == topology.RoleChild {
		values["kof"] = map[string]any{"vmuser": map[string]any{
			"username": ChildUser(c.Name, c.Namespace), "password": tuned.Password,
		}}
	}
	return values
}

// goDuration writes a duration without days and years, which Go does not read.
func goDuration(d topology.Duration) string {
	text := time.Duration(d).String()
	if s, ok := strings.CutSuffix(text, "m0s"); ok {
		text = s + "m"
	}
	if s, ok := strings.CutSuffix(text, "h0m"); ok {
		text = s + "h"
	}
	return text
}

func putValues(annotations map[string]any, key string, values map[string]any) {
	if len(values) == 0 {
		return
	}
	if b, err := json.Marshal(values); err == nil {
		annotations[key] = string(b)
	}
}
