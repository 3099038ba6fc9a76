// Package conform looks at a KOF installation from outside, only reading, and says
// what in it is not as KOF makes it, why, and what to do about it.
//
// An installation is known by its URLs: promxy (or Grafana in front of it, or any
// storage that speaks Prometheus' query API), and as far as given its logs, traces,
// Alertmanager, the regions themselves and the Kubernetes API of the management
// cluster. What is not given is not looked at, and the report says so.
//
// KOF hides failures: promxy ignores regions that do not answer, and collectors drop
// what is refused. One cause therefore shows in many places. The checks run in an
// order in which causes come before their consequences; a check that fails names its
// subjects (a region, a cluster), and later checks leave those out and say why, so
// that a report has one failure for one cause.
package conform
