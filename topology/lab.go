// Package topology says what a lab is: the clusters it is made of, how they are
// wired and what they observe. It decodes, defaults and validates the lab
// specification and knows nothing of how a lab is brought to life.
package topology

// APIVersion and Kind identify a lab specification file.
const (
	APIVersion = "koflab/v1alpha1"
	Kind       = "Lab"
)

// NetworkMode is how clusters of a lab reach each other.
type NetworkMode string

const (
	// NetworkIngress: regions publish https://vmauth.DOMAIN with a certificate
	// from the lab's CA; clients authenticate with basic auth.
	NetworkIngress NetworkMode = "ingress"
	// NetworkIstio: regions publish REGION-vmauth:8427 inside the mesh; the mesh's
	// mutual TLS authenticates clients and there is no basic auth.
	NetworkIstio NetworkMode = "istio"
)

// ManagementData says where the management cluster's own telemetry is stored.
// KOF allows at most one of the last three.
type ManagementData string

const (
	// ManagementDataNone: the management cluster stores none of its own telemetry.
	ManagementDataNone ManagementData = "none"
	// ManagementDataRegionless: management is the only region; children write to it.
	ManagementDataRegionless ManagementData = "regionless"
	// ManagementDataM2M: management stores its own data beside real regions.
	ManagementDataM2M ManagementData = "m2m"
	// ManagementDataM2R: management sends its own data to a region.
	ManagementDataM2R ManagementData = "m2r"
)

// Lab is the specification of a whole lab, as read from YAML.
type Lab struct {
	// APIVersion is the version of this format, "koflab/v1alpha1".
	APIVersion string `json:"apiVersion" yaml:"apiVersion" jsonschema:"enum=koflab/v1alpha1"`
	// Kind is "Lab".
	Kind string `json:"kind" yaml:"kind" jsonschema:"enum=Lab"`
	// Name identifies the lab on this machine, "koflab" by default; a DNS label.
	Name string `json:"name,omitempty" yaml:"name,omitempty" jsonschema:"format=dns-label"`
	// Seed determines all synthetic telemetry, 1 by default.
	Seed int64 `json:"seed,omitempty" yaml:"seed,omitempty"`
	// Stack names the stack profile: "seed" (the default), "current" or "v1.0".
	Stack string `json:"stack,omitempty" yaml:"stack,omitempty"`
	// Network is the network mode, "ingress" by default.
	Network NetworkMode `json:"network,omitempty" yaml:"network,omitempty" jsonschema:"enum=ingress,enum=istio"`
	// ManagementData says where management's own telemetry goes, "none" by default.
	ManagementData ManagementData `json:"managementData,omitempty" yaml:"managementData,omitempty" jsonschema:"enum=none,enum=regionless,enum=m2m,enum=m2r"`
	// CrossNamespace lets children use regions of other namespaces, as
	// kof-operator does with crossNamespace on; off by default.
	CrossNamespace bool `json:"crossNamespace,omitempty" yaml:"crossNamespace,omitempty"`
	// Management is the management cluster.
	Management Management `json:"management,omitzero" yaml:"management,omitempty"`
	// Regions store telemetry; none with managementData: regionless.
	Regions []Region `json:"regions,omitempty" yaml:"regions,omitempty" jsonschema:"maxItems=100"`
	// Children are observed.
	Children []Child `json:"children,omitempty" yaml:"children,omitempty" jsonschema:"maxItems=5000"`
}

// Management is the cluster that reads all regions through federation.
type Management struct {
	// Name is the cluster's name, "mothership" by default.
	Name string `json:"name,omitempty" yaml:"name,omitempty" jsonschema:"format=cluster-name"`
	// Namespace is "kcm-system" by default.
	Namespace string `json:"namespace,omitempty" yaml:"namespace,omitempty" jsonschema:"format=dns-label"`
	// Domain is used when management stores data (regionless, m2m);
	// NAME.kof.example.com by default.
	Domain string `json:"domain,omitempty" yaml:"domain,omitempty" jsonschema:"format=dns-name"`
	// Region names the region that stores management's data in m2r mode;
	// the first region by default.
	Region string `json:"region,omitempty" yaml:"region,omitempty" jsonschema:"format=cluster-name"`
	// Retention of management's own stores (regionless, m2m).
	Retention Retention `json:"retention,omitzero" yaml:"retention,omitempty"`
	Workload  `yaml:",inline"`
}

// Region is a cluster with storage.
type Region struct {
	// Name is unique among all clusters of the lab.
	Name string `json:"name" yaml:"name" jsonschema:"format=cluster-name"`
	// Namespace of the ClusterDeployment, "kcm-system" by default.
	Namespace string `json:"namespace,omitempty" yaml:"namespace,omitempty" jsonschema:"format=dns-label"`
	// Cloud is the provider, "docker" by default. Children without a region look
	// for one of the same cloud and location.
	Cloud string `json:"cloud,omitempty" yaml:"cloud,omitempty" jsonschema:"enum=aws,enum=azure,enum=gcp,enum=openstack,enum=vsphere,enum=docker,enum=adopted,enum=remote"`
	// Location is the AWS or OpenStack region, Azure location or vSphere datacenter.
	Location string `json:"location,omitempty" yaml:"location,omitempty" jsonschema:"format=printable"`
	// Domain is the regional domain D of https://vmauth.D; NAME.kof.example.com by default.
	Domain string `json:"domain,omitempty" yaml:"domain,omitempty" jsonschema:"format=dns-name"`
	// Replicas of the storage components, 1 by default. An embedded lab keeps one
	// copy, and de-duplicates reads as replicated storage does.
	Replicas int `json:"replicas,omitempty" yaml:"replicas,omitempty" jsonschema:"minimum=1,maximum=9"`
	// Retention of the region's stores; the stack profile's by default.
	Retention Retention `json:"retention,omitzero" yaml:"retention,omitempty"`
	Workload  `yaml:",inline"`
}

// Retention bounds how long each store keeps its data: 1d, the least that
// VictoriaMetrics and VictoriaLogs accept, to 100y.
type Retention struct {
	// Metrics are kept 30d by default.
	Metrics Duration `json:"metrics,omitempty" yaml:"metrics,omitempty"`
	// Logs are kept 7d by default.
	Logs Duration `json:"logs,omitempty" yaml:"logs,omitempty"`
	// Traces are kept 7d by default.
	Traces Duration `json:"traces,omitempty" yaml:"traces,omitempty"`
	// Audit logs are kept 1y by default.
	Audit Duration `json:"audit,omitempty" yaml:"audit,omitempty"`
}

// Child is an observed cluster: collectors, no storage.
type Child struct {
	// Name of the cluster; two children may share one in different namespaces, as in KOF.
	Name string `json:"name" yaml:"name" jsonschema:"format=cluster-name"`
	// Namespace of the ClusterDeployment, "kcm-system" by default.
	Namespace string `json:"namespace,omitempty" yaml:"namespace,omitempty" jsonschema:"format=dns-label"`
	// Region names the region explicitly (label kof-regional-cluster-name). When it
	// is empty the region is found by cloud and location, as kof-operator does.
	Region string `json:"region,omitempty" yaml:"region,omitempty" jsonschema:"format=cluster-name"`
	// RegionNamespace is the namespace of an explicit region (label
	// kof-regional-cluster-namespace); it goes with crossNamespace.
	RegionNamespace string `json:"regionNamespace,omitempty" yaml:"regionNamespace,omitempty" jsonschema:"format=dns-label"`
	// AllowUnresolved lets the lab come up although no region is found for this
	// child: it then has no collectors, and status says why. For demonstrations.
	AllowUnresolved bool `json:"allowUnresolved,omitempty" yaml:"allowUnresolved,omitempty"`
	// Cloud is the provider: that of an explicit region, else "docker", by default.
	Cloud string `json:"cloud,omitempty" yaml:"cloud,omitempty" jsonschema:"enum=aws,enum=azure,enum=gcp,enum=openstack,enum=vsphere,enum=docker,enum=adopted,enum=remote"`
	// Location is the AWS or OpenStack region, Azure location or vSphere datacenter;
	// that of an explicit region by default.
	Location string `json:"location,omitempty" yaml:"location,omitempty" jsonschema:"format=printable"`
	// Tenant is the kof-tenant-id label, "PLATFORM" by default.
	Tenant   string `json:"tenant,omitempty" yaml:"tenant,omitempty" jsonschema:"format=label-value"`
	Workload `yaml:",inline"`
}

// Workload sizes what a cluster observes and how often.
type Workload struct {
	// Nodes is the number of nodes: 1 on management, 2 elsewhere by default.
	Nodes int `json:"nodes,omitempty" yaml:"nodes,omitempty" jsonschema:"minimum=1,maximum=1000"`
	// Workloads is the number of application workloads (Deployments): 4 on
	// children, 2 elsewhere by default.
	Workloads int `json:"workloads,omitempty" yaml:"workloads,omitempty" jsonschema:"minimum=1,maximum=10000"`
	// Series is the number of series aimed at, generator and self metrics together;
	// application metrics are trimmed or widened to reach it. 0 means no target.
	Series int `json:"series,omitempty" yaml:"series,omitempty" jsonschema:"minimum=0,maximum=1000000"`
	// LogRate is log records per second: 5 on children, 1 elsewhere by default.
	LogRate *float64 `json:"logRate,omitempty" yaml:"logRate,omitempty" jsonschema:"minimum=0,maximum=100000"`
	// TraceRate is traces per second: 1 on children, 0 elsewhere by default.
	TraceRate *float64 `json:"traceRate,omitempty" yaml:"traceRate,omitempty" jsonschema:"minimum=0,maximum=100000"`
	// ScrapeInterval of all generated targets, 15s by default; 1s to 5m, the
	// longest that Prometheus' look-back bridges.
	ScrapeInterval Duration `json:"scrapeInterval,omitempty" yaml:"scrapeInterval,omitempty"`
	// Scrape lists real endpoints to scrape, such as http://127.0.0.1:9100/metrics.
	Scrape []ScrapeTarget `json:"scrape,omitempty" yaml:"scrape,omitempty" jsonschema:"maxItems=100"`
	// Collector tunes the cluster's collectors.
	Collector Collector `json:"collector,omitzero" yaml:"collector,omitempty"`
}

// ScrapeTarget is a real metrics endpoint scraped by a cluster's collector.
type ScrapeTarget struct {
	// URL is an http or https URL.
	URL string `json:"url" yaml:"url" jsonschema:"format=http-url"`
	// Job is the job label; the URL's host by default.
	Job string `json:"job,omitempty" yaml:"job,omitempty" jsonschema:"format=printable"`
}

// Collector tunes a cluster's collectors; the zero value means KOF's defaults.
type Collector struct {
	// QueueSize is the sending queue's capacity in batches, 1000 by default.
	QueueSize int `json:"queueSize,omitempty" yaml:"queueSize,omitempty" jsonschema:"minimum=1,maximum=1000000"`
	// RetryMaxElapsed is how long a batch is retried before it is dropped, 5m by
	// default; 1s to 7d.
	RetryMaxElapsed Duration `json:"retryMaxElapsed,omitempty" yaml:"retryMaxElapsed,omitempty"`
	// Password overrides the cluster's vmauth password, to show wrong credentials.
	Password string `json:"password,omitempty" yaml:"password,omitempty" jsonschema:"format=printable"`
}
