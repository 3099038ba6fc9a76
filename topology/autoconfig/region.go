package autoconfig

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"koflab/topology"
)

// Keys of a region's ConfigMap; a child's has the same, for its region.
const (
	keyRegion          = "regional_cluster_name"
	keyRegionNamespace = "regional_cluster_namespace"
	keyCloud           = "regional_cluster_cloud"
	keyDomain          = "regional_domain"
	keyIstio           = "istio_role"
	keyHTTP            = "kof_http_config"
	keyChecksum        = "vmuser_checksum" // children only

	keyReadMetrics = "read_metrics_endpoint"
	keyReadLogs    = "read_logs_endpoint"
	keyReadAudit   = "read_audit_logs_endpoint"
	keyReadTraces  = "read_traces_endpoint"
)

// locationKeys are the keys for the location, by cloud.
var locationKeys = map[string]string{
	"aws": "aws_region", "azure": "azure_location", "openstack": "openstack_region", "vsphere": "vsphere_datacenter",
}

// signals are the kinds of telemetry as keys and annotations name them.
var signals = []struct {
	name string // with underscores in keys, dashes in annotations
	of   func(*topology.Stack) topology.Signal
}{
	{"metrics", func(s *topology.Stack) topology.Signal { return s.Signals.Metrics }},
	{"logs", func(s *topology.Stack) topology.Signal { return s.Signals.Logs }},
	{"audit_logs", func(s *topology.Stack) topology.Signal { return s.Signals.Audit }},
	{"traces", func(s *topology.Stack) topology.Signal { return s.Signals.Traces }},
}

// regionData is the content of a region's ConfigMap.
func regionData(d *deployment, stack *topology.Stack) (map[string]string, error) {
	data := map[string]string{keyRegion: d.Name, keyRegionNamespace: d.Namespace}
	put(data, keyCloud, d.Cloud)
	put(data, locationKeys[d.Cloud], d.Location)
	put(data, keyDomain, d.Annotations[AnnotationDomain])
	put(data, keyIstio, d.Labels[LabelIstioRole])
	put(data, keyHTTP, d.Annotations[AnnotationHTTP])
	store := topology.Cluster{Name: d.Name, Namespace: d.Namespace, Domain: d.Annotations[AnnotationDomain]}
	needsDomain := false
	for _, s := range signals {
		e := s.of(stack).For(d.network())
		for access, address := range map[string]string{"write": e.Write, "read": e.Read} {
			key := access + "_" + s.name + "_endpoint"
			if own := d.Annotations[Prefix+"kof-"+strings.ReplaceAll(key, "_", "-")]; own != "" {
				data[key] = own
				continue
			}
			needsDomain = needsDomain || strings.Contains(address, "{domain}")
			one := topology.Endpoint{Read: address}
			put(data, key, one.At(store, "").Read)
		}
	}
	if needsDomain && store.Domain == "" {
		return nil, &configError{"spec.config.clusterAnnotations", fmt.Sprintf("a region needs %s, the domain D of https://vmauth.D", AnnotationDomain)}
	}
	if _, err := readHTTP(data[keyHTTP]); err != nil {
		return nil, err
	}
	return data, nil
}

// childData is the content of a child's ConfigMap: that of its region, and what
// changes with the child's credentials.
func childData(region map[string]string, sum string) map[string]string {
	data := make(map[string]string, len(region)+1)
	for k, v := range region {
		data[k] = v
	}
	put(data, keyChecksum, sum)
	return data
}

func put(m map[string]string, key, value string) {
	if key != "" && value != "" {
		m[key] = value
	}
}

// region is a region as its ConfigMap tells it. The ConfigMap is kof-operator's,
// made from a ClusterDeployment, or a user's, for storage that KOF did not make.
type region struct {
	ConfigMap       types.NamespacedName
	UID             types.UID
	Name, Namespace string
	Cloud, Location string
	Data            map[string]string
	Created         time.Time
	// Foreign regions have no ClusterDeployment: nothing can be installed there.
	Foreign bool
	// Management says that the region is the management cluster.
	Management bool
}

// label is what a child's label must say to mean this region; empty when no
// label can.
func (r *region) label() string {
	name, ok := strings.CutPrefix(r.ConfigMap.Name, "kof-")
	if !ok {
		return ""
	}
	return name
}

func (r *region) istio() bool { return r.Data[keyIstio] != "" }

// readRegion reads a region's ConfigMap.
func readRegion(cm *unstructured.Unstructured) (*region, error) {
	r := &region{
		ConfigMap: types.NamespacedName{Namespace: cm.GetNamespace(), Name: cm.GetName()},
		UID:       cm.GetUID(), Data: textData(cm), Created: cm.GetCreationTimestamp().UTC(),
		Foreign: true,
	}
	for _, o := range cm.GetOwnerReferences() {
		r.Foreign = r.Foreign && o.Kind != clusterDeployments.Kind
	}
	if cm.GetLabels()[labelManagement] == "true" {
		r.Foreign, r.Management = false, true
	}
	r.Name, r.Namespace = r.Data[keyRegion], r.Data[keyRegionNamespace]
	if r.Name == "" {
		return nil, fmt.Errorf("%s: key %s is missing", configMaps.name(r.ConfigMap.Namespace, r.ConfigMap.Name), keyRegion)
	}
	if r.Namespace == "" {
		r.Namespace = r.ConfigMap.Namespace
	}
	r.Cloud = r.Data[keyCloud]
	r.Location = r.Data[locationKeys[r.Cloud]]
	return r, nil
}

// textData is the data of a ConfigMap.
func textData(cm *unstructured.Unstructured) map[string]string {
	data, _, _ := unstructured.NestedStringMap(cm.Object, "data")
	return data
}

// httpConfig is how management reaches a region: annotation kof-http-config.
type httpConfig struct {
	DialTimeout string `json:"dial_timeout,omitempty"`
	TLS         *struct {
		InsecureSkipVerify bool `json:"insecure_skip_verify"`
	} `json:"tls_config,omitempty"`
	BasicAuth *basicAuth `json:"basic_auth,omitempty"`
}

// basicAuth names a Secret with a user's name and password.
type basicAuth struct {
	Secret      string `json:"credentials_secret_name"`
	UsernameKey string `json:"username_key"`
	PasswordKey string `json:"password_key"`
}

func (b *basicAuth) object() map[string]any {
	return map[string]any{"credentials_secret_name": b.Secret, "username_key": b.UsernameKey, "password_key": b.PasswordKey}
}

func (h httpConfig) insecure() bool { return h.TLS != nil && h.TLS.InsecureSkipVerify }

func readHTTP(text string) (httpConfig, error) {
	var h httpConfig
	if text == "" {
		return h, nil
	}
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		return h, &configError{AnnotationHTTP, fmt.Sprintf("%v: want JSON such as {\"dial_timeout\":\"5s\",\"tls_config\":{\"insecure_skip_verify\":true}}", err)}
	}
	if h.DialTimeout != "" {
		if _, err := time.ParseDuration(h.DialTimeout); err != nil {
			return h, &configError{AnnotationHTTP, fmt.Sprintf("dial_timeout %q is no duration: want one such as 5s", h.DialTimeout)}
		}
	}
	if b := h.BasicAuth; b != nil {
		if b.Secret == "" {
			h.BasicAuth = nil
		} else {
			b.UsernameKey, b.PasswordKey = or(b.UsernameKey, "username"), or(b.PasswordKey, "password")
		}
	}
	return h, nil
}

// splitURL splits a read URL as promxy wants it.
func splitURL(readURL string) (hostPort, prefix, scheme string, err error) {
	u, err := url.Parse(readURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", "", fmt.Errorf("%q is no http or https URL", readURL)
	}
	hostPort = u.Host
	if u.Port() == "" {
		hostPort += map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	}
	return hostPort, strings.TrimSuffix(u.Path, "/"), u.Scheme, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
