// Package topology says what a lab is: the clusters it is made of, how they are
// wired and what they observe. It decodes, defaults and validates the lab
// specification and knows nothing of how a lab is brought to life.
package topology

import "time"

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
	APIVersion string `json:"apiVersion" yaml:"apiVersion"`
	Kind       string `json:"kind" yaml:"kind"`
	// Name identifies the lab on this machine; a DNS label.
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	// Seed determines all synthetic telemetry.
	Seed int64 `json:"seed,omitempty" yaml:"seed,omitempty"`
	// Stack names the stack profile: "seed", "current" or "v1.0".
	Stack string `json:"stack,omitempty" yaml:"stack,omitempty"`
	// Network is the network mode, "ingress" by default.
	Network NetworkMode `json:"network,omitempty" yaml:"network,omitempty"`
	// ManagementData says where management's own telemetry goes, "none" by default.
	ManagementData ManagementData `json:"managementData,omitempty" yaml:"managementData,omitempty"`
	Management     Management     `json:"management,omitempty" yaml:"management,omitempty"`
	Regions        []Region       `json:"regions,omitempty" yaml:"regions,omitempty"`
	Children       []Child        `json:"children,omitempty" yaml:"children,omitempty"`
}

// Management is the cluster that reads all regions through federation.
type Management struct {
	// Name is the cluster's name, "mothership" by default.
	Name      string `json:"name,omitempty" yaml:"name,omitempty"`
	Namespace string `json:"namespace,omitempty" yaml:"namespace,omitempty"`
	// Domain is used when management stores data (regionless, m2m).
	Domain string `json:"domain,omitempty" yaml:"domain,omitempty"`
	// Region names the region that stores management's data in m2r mode;
	// the first region by default.
	Region    string    `json:"region,omitempty" yaml:"region,omitempty"`
	Retention Retention `json:"retention,omitempty" yaml:"retention,omitempty"`
	Workload  `json:",inline" yaml:",inline"`
}

// Region is a cluster with storage.
type Region struct {
	Name string `json:"name" yaml:"name"`
	// Namespace of the ClusterDeployment, "kcm-system" by default.
	Namespace string `json:"namespace,omitempty" yaml:"namespace,omitempty"`
	// Cloud is the provider: aws, azure, openstack, vsphere, docker, adopted or remote.
	Cloud    string `json:"cloud,omitempty" yaml:"cloud,omitempty"`
	Location string `json:"location,omitempty" yaml:"location,omitempty"`
	// Domain is the regional domain D of https://vmauth.D; NAME.kof.example.com by default.
	Domain string `json:"domain,omitempty" yaml:"domain,omitempty"`
	// Replicas of the storage components, 1 to 9.
	Replicas  int       `json:"replicas,omitempty" yaml:"replicas,omitempty"`
	Retention Retention `json:"retention,omitempty" yaml:"retention,omitempty"`
	Workload  `json:",inline" yaml:",inline"`
}

// Retention bounds how long each store keeps its data.
// Durations are Prometheus durations such as 30d, 7d, 1y.
type Retention struct {
	Metrics Duration `json:"metrics,omitempty" yaml:"metrics,omitempty"`
	Logs    Duration `json:"logs,omitempty" yaml:"logs,omitempty"`
	Traces  Duration `json:"traces,omitempty" yaml:"traces,omitempty"`
	Audit   Duration `json:"audit,omitempty" yaml:"audit,omitempty"`
}

// Child is an observed cluster: collectors, no storage.
type Child struct {
	Name string `json:"name" yaml:"name"`
	// Namespace of the ClusterDeployment, "kcm-system" by default. Two children may
	// share a name in different namespaces, as in KOF.
	Namespace string `json:"namespace,omitempty" yaml:"namespace,omitempty"`
	// Region names the region explicitly (label kof-regional-cluster-name). When it
	// is empty the region is found by cloud and location, as kof-operator does.
	Region   string `json:"region,omitempty" yaml:"region,omitempty"`
	Cloud    string `json:"cloud,omitempty" yaml:"cloud,omitempty"`
	Location string `json:"location,omitempty" yaml:"location,omitempty"`
	// Tenant is the kof-tenant-id label, "PLATFORM" by default.
	Tenant   string `json:"tenant,omitempty" yaml:"tenant,omitempty"`
	Workload `json:",inline" yaml:",inline"`
}

// Workload sizes what a cluster observes and how often.
type Workload struct {
	// Nodes is the number of nodes, 1 to 1000.
	Nodes int `json:"nodes,omitempty" yaml:"nodes,omitempty"`
	// Workloads is the number of application workloads (Deployments).
	Workloads int `json:"workloads,omitempty" yaml:"workloads,omitempty"`
	// Series is the number of series aimed at, generator and self metrics together;
	// application metrics are trimmed or widened to reach it. 0 means no target.
	Series int `json:"series,omitempty" yaml:"series,omitempty"`
	// LogRate and TraceRate are log records and traces per second.
	LogRate   *float64 `json:"logRate,omitempty" yaml:"logRate,omitempty"`
	TraceRate *float64 `json:"traceRate,omitempty" yaml:"traceRate,omitempty"`
	// ScrapeInterval of all generated targets, 15s by default.
	ScrapeInterval Duration `json:"scrapeInterval,omitempty" yaml:"scrapeInterval,omitempty"`
	// Scrape lists real endpoints to scrape, such as http://127.0.0.1:9100/metrics.
	Scrape []ScrapeTarget `json:"scrape,omitempty" yaml:"scrape,omitempty"`
	// Collector tunes the cluster's collectors.
	Collector Collector `json:"collector,omitempty" yaml:"collector,omitempty"`
}

// ScrapeTarget is a real metrics endpoint scraped by a cluster's collector.
type ScrapeTarget struct {
	URL string `json:"url" yaml:"url"`
	// Job is the job label; the URL's host by default.
	Job string `json:"job,omitempty" yaml:"job,omitempty"`
}

// Collector tunes a cluster's collectors; the zero value means KOF's defaults.
type Collector struct {
	// QueueSize is the sending queue's capacity in batches, 1000 by default.
	QueueSize int `json:"queueSize,omitempty" yaml:"queueSize,omitempty"`
	// RetryMaxElapsed is how long a batch is retried before it is dropped, 5m by default.
	RetryMaxElapsed Duration `json:"retryMaxElapsed,omitempty" yaml:"retryMaxElapsed,omitempty"`
	// Password overrides the cluster's vmauth password, to show wrong credentials.
	Password string `json:"password,omitempty" yaml:"password,omitempty"`
}

// Duration is a time span written as a Prometheus duration: 30s, 5m, 7d, 1y.
type Duration time.Duration
