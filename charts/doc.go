// Package charts holds the Helm charts of the stack, embedded in the binary, and
// hands them out as Helm's own chart values.
//
// Every chart is a directory of its own beside this file. A chart that several
// others carry (grafana-operator, victoria-logs-single, ...) is such a directory
// too; its parents name it as a file:// dependency and Load puts it in, in the
// version that the parent asks for. Export writes charts as directories with
// their dependencies vendored, which stock helm renders to the same manifests.
//
// Installing them is the business of charts/release.
package charts
