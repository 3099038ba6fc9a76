package autoconfig

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"koflab/topology"
)

// deployment is what a ClusterDeployment says.
type deployment struct {
	types.NamespacedName
	Role            string // RoleRegional, RoleChild, or neither
	Template        string
	Credential      string
	Cloud, Location string
	DryRun          bool
	CleanUp         bool
	Labels          map[string]string
	// Annotations are those that the cluster is given: spec.config.clusterAnnotations,
	// and those of the ClusterDeployment itself that KOF reads.
	Annotations map[string]string
	// Workers is nil where the object does not say.
	Workers *int
}

// configError is a fault in spec.config.
type configError struct{ path, problem string }

func (e *configError) Error() string { return e.path + ": " + e.problem }

// readDeployment reads a ClusterDeployment. It returns what it understood even
// with an error, so that the rest can go on.
func readDeployment(u *unstructured.Unstructured) (*deployment, error) {
	d := &deployment{
		NamespacedName: types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()},
		Labels:         u.GetLabels(), Annotations: map[string]string{},
	}
	d.Role = d.Labels[LabelRole]
	d.Template = str(u.Object, "spec", "template")
	d.Credential = str(u.Object, "spec", "credential")
	d.DryRun, _, _ = unstructured.NestedBool(u.Object, "spec", "dryRun")
	d.CleanUp, _, _ = unstructured.NestedBool(u.Object, "spec", "cleanupOnDeletion")
	config, _, _ := unstructured.NestedMap(u.Object, "spec", "config")
	d.Cloud = CloudOf(d.Template)
	d.Location = locationOf(d.Cloud, config)
	if v := u.GetAnnotations()[AnnotationHTTP]; v != "" {
		d.Annotations[AnnotationHTTP] = v
	}
	switch n := config["workersNumber"].(type) {
	case int64:
		d.Workers = new(int(n))
	case float64:
		d.Workers = new(int(n))
	}
	return d, d.readAnnotations(config)
}

func (d *deployment) readAnnotations(config map[string]any) error {
	const path = "spec.config.clusterAnnotations"
	given, ok := config["clusterAnnotations"]
	if !ok || given == nil {
		return nil
	}
	m, ok := given.(map[string]any)
	if !ok {
		return &configError{path, fmt.Sprintf("want a map of texts, not %s", typeName(given))}
	}
	var err error
	for _, k := range sortedKeys(m) {
		text, ok := m[k].(string)
		if !ok {
			if err == nil {
				err = &configError{path + "." + k, fmt.Sprintf("want text, not %s: write it as a block, with | after the colon", typeName(m[k]))}
			}
			continue
		}
		d.Annotations[k] = text
	}
	return err
}

// istio reports whether the cluster is a member of a mesh.
func (d *deployment) istio() bool { return d.Labels[LabelIstioRole] != "" }

func (d *deployment) network() topology.NetworkMode {
	if d.istio() {
		return topology.NetworkIstio
	}
	return topology.NetworkIngress
}

// tenant of a child, PLATFORM or what else the stack has as default.
func (d *deployment) tenant(stack *topology.Stack) string {
	if !stack.Tenants.Enabled {
		return ""
	}
	if t := d.Labels[LabelTenant]; t != "" {
		return t
	}
	return stack.Tenants.Default
}

// livesOn reports whether the cluster goes on to exist when its
// ClusterDeployment is gone: then its services must be taken off it.
func (d *deployment) livesOn() bool {
	return d.Cloud == "adopted" || d.Cloud == "remote" || d.CleanUp
}

// CloudOf is the cloud of a ClusterTemplate: the text before its first dash.
func CloudOf(template string) string {
	cloud, _, _ := strings.Cut(template, "-")
	return cloud
}

// locationPaths say where each cloud's template has its location.
var locationPaths = map[string][]string{
	"aws":       {"region"},
	"gcp":       {"region"},
	"azure":     {"location"},
	"openstack": {"identityRef", "region"},
	"vsphere":   {"datacenter"},
}

func locationPath(cloud string) []string {
	if p, ok := locationPaths[cloud]; ok {
		return p
	}
	return []string{"location"}
}

func locationOf(cloud string, config map[string]any) string {
	return str(config, locationPath(cloud)...)
}

// ClusterOf returns the cluster that a ClusterDeployment describes, for whoever
// makes it. Without a workload annotation its sizes are zero, except for the
// nodes, which spec.config.workersNumber gives.
func ClusterOf(cd *unstructured.Unstructured, stack *topology.Stack) (topology.Cluster, error) {
	d, err := readDeployment(cd)
	c := topology.Cluster{
		ID: d.Name, Name: d.Name, Namespace: d.Namespace, Role: topology.RoleChild, Cloud: d.Cloud, Location: d.Location,
	}
	if d.Role == RoleRegional {
		c.Role, c.Domain = topology.RoleRegion, d.Annotations[AnnotationDomain]
		c.Retention, c.Replicas = stack.Retention, 1
		if bad := readStorageValues(d.Annotations[AnnotationStorageValues], &c); bad != nil && err == nil {
			err = bad
		}
	} else {
		c.Tenant = d.tenant(stack)
	}
	if d.Workers != nil && *d.Workers >= 0 {
		c.Workload.Nodes = *d.Workers + 1 // and the control plane
	}
	if text := cd.GetAnnotations()[AnnotationWorkload]; text != "" {
		if bad := json.Unmarshal([]byte(text), &c.Workload); bad != nil && err == nil {
			err = fmt.Errorf("annotation %s: %w", AnnotationWorkload, bad)
		}
	}
	if err != nil {
		err = fmt.Errorf("ClusterDeployment %s: %w", d.NamespacedName, err)
	}
	return c, err
}

// readStorageValues reads back what storageValues wrote, or a user did.
func readStorageValues(text string, c *topology.Cluster) error {
	if text == "" {
		return nil
	}
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		return fmt.Errorf("annotation %s: %w: want kof-storage's values as YAML or JSON", AnnotationStorageValues, err)
	}
	for _, r := range []struct {
		into *topology.Duration
		path []string
	}{
		{&c.Retention.Metrics, []string{"victoriametrics", "vmcluster", "spec", "retentionPeriod"}},
		{&c.Retention.Logs, []string{"victoria-logs-single", "server", "retentionPeriod"}},
		{&c.Retention.Audit, []string{"audit-logs", "server", "retentionPeriod"}},
		{&c.Retention.Traces, []string{"jaeger", "ttl"}},
	} {
		var d topology.Duration
		if s := str(values, r.path...); s != "" && d.UnmarshalText([]byte(s)) == nil {
			*r.into = d // what VictoriaMetrics reads and topology does not is its own affair
		}
	}
	if n, ok := dictionary(values, "victoriametrics", "vmcluster", "spec", "vmstorage")["replicaCount"].(float64); ok && n >= 1 {
		c.Replicas = int(n)
	}
	return nil
}

// str is a text inside nested maps; empty when there is none.
func str(m map[string]any, path ...string) string {
	s, _, _ := unstructured.NestedString(m, path...)
	return s
}

// typeName says what kind of YAML a value is.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case string:
		return "text"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	}
	return "a number"
}
