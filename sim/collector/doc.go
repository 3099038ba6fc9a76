// Package collector runs the collectors of one cluster as a real sender: it
// scrapes targets, receives OTLP, batches, queues, retries and exports over
// the wire, with the semantics of the OpenTelemetry Collectors that KOF
// installs (one Collector stands for KOF's daemon, target-allocator and
// cluster-stats collectors together).
//
// # What is reproduced
//
// Metrics leave by Prometheus remote write. The external labels cluster and
// clusterNamespace are added to every series that has not got them; resource
// attributes become labels of target_info only. A batch goes out when it holds
// 1000 samples (never more than 1500), or one second after its first. The
// sending queue is in memory, has one consumer so that the samples of a series
// stay in order, and is lost with the process. Responses 429 and 5xx and
// network errors are retried, other 4xx are permanent.
//
// Logs and traces leave by OTLP over HTTP, gzipped. Logs get the resource
// attributes k8s.cluster.name and k8s.cluster.namespace, traces do not. Records
// whose log_type is k8s_audit go to the audit endpoint. Their sending queues
// are on disk when there is a StorageDir. 429, 502, 503, 504 and network errors
// are retried; all else is permanent.
//
// A retry waits 5 s, growing by half up to 30 s with jitter of a half, and a
// batch is given up when its next retry would start more than 5 minutes after
// its first attempt, on disk or not. All of this is lab time.
//
// # When a target is scraped
//
// Each target at once when the collector starts, then on a grid: all targets of
// one interval share the slots k*interval + offset, where offset is a hash of
// the collector's ID and the interval. So a cluster's series meet at the same
// timestamps, joins are exact and requests full, while the clusters of a lab
// spread over the interval. A sample carries the time of its slot, not that of
// the moment it was read. A real or accelerated clock skips the slots that were
// missed by more than an interval; a virtual clock runs them all.
//
// # What is counted
//
// The ledger's hop ID+"/targets" -> ID counts what was scraped or received,
// ID -> To what was exported. Units are samples, log records and spans. A
// histogram of n buckets counts n+3 samples: they are counted as they travel.
package collector
