package conform

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// recently is how new a trace has to be.
	recently = 5 * time.Minute
	// spanNode names a node in spans.
	spanNode = "k8s.node.name"
	// How much is asked at most: services, traces of each, nodes of a
	// cluster, searches in all.
	mostServices, traceSample, mostNodes, mostSearches = 40, 20, 20, 500
)

var traceChecks = []check{
	{
		id: "traces-reachable", title: "Traces can be asked", area: "traces", severity: Error,
		does:    "The multilevel vtselect on management asks the traces of all regions with Jaeger's API, over the VMStorageConnections.",
		source:  "kof-mothership, VTCluster kof-mothership-multilevel-select; VMStorageConnection kof-traces-storage-connection-HASH",
		fix:     "See that vtselect-kof-mothership-multilevel-select runs, and that there is a VMStorageConnection of type traces for every region. The URL is the one below which /select/jaeger/api or /api lies.",
		hides:   []aspect{spans},
		because: "cannot be asked for traces",
		run: func(ctx context.Context, s *survey, v *verdict) {
			if v.noTraces() {
				return
			}
			v.judge(installation)
			names, err := s.traces.services(ctx)
			if err != nil {
				v.wrong(installation, "%s: %s", s.traces.base, describe(err))
				return
			}
			v.note("%d services", len(names))
		},
	},
	{
		id: "traces-names", title: "Spans say which service they are of", area: "traces", severity: Warning,
		does:   "k8sattributes takes service.name from the pod's label app.kubernetes.io/name where the SDK sets none.",
		source: "kof-collectors, k8sattributes; kof-facts 7, scenario 51",
		fix:    "Set OTEL_SERVICE_NAME, or label the pods with app.kubernetes.io/name, and send spans to the node's collector.",
		needs:  []aspect{spans},
		run: func(ctx context.Context, s *survey, v *verdict) {
			for _, name := range v.services(ctx) {
				if name == "" || strings.HasPrefix(name, "unknown_service") {
					v.wrong(installation, "there is a service called %q", name)
				}
			}
		},
	},
	{
		id: "traces-fresh", title: "Traces go on coming", area: "traces", severity: Error,
		does:   "Applications send spans to the collector of their node (4317, 4318), which sends them on within a second.",
		source: "kof-collectors, receiver otlp, exporter otlphttp/traces; Instrumentation kof-instrumentation",
		fix:    "On the cluster see that the collectors have the traces pipeline with exporter otlphttp/traces (values of kof-collectors, annotation k0rdent.mirantis.com/kof-collectors-values), that applications reach port 4317 or 4318, and that vtinsert of the region takes writes.",
		needs:  []aspect{spans},
		run:    checkTracesFresh,
	},
}

func (v *verdict) noTraces() bool {
	if v.survey.traces == nil {
		v.skipf("no --traces URL was given")
		return true
	}
	return false
}

// services asks for the services; it skips the check when there is no answer.
func (v *verdict) services(ctx context.Context) []string {
	if v.noTraces() || !v.judge(installation) {
		return nil
	}
	names, err := v.survey.traces.services(ctx)
	if err != nil {
		v.cannot("query of services", err)
		return nil
	}
	slices.Sort(names)
	return names[:min(len(names), mostServices)]
}

// tracers are clusters with the services that traced in them, by recent spans.
type tracers map[string]map[string]bool

// tracing samples the traces of all services in a window. Spans name their node, and
// in some installations their cluster.
func (s *survey) tracing(ctx context.Context, services []string, nodes map[string]string, from, to time.Time) (tracers, error) {
	out := tracers{}
	for _, service := range services {
		sample, err := s.traces.recent(ctx, service, "", from, to, traceSample)
		if err != nil {
			return nil, err
		}
		for _, t := range sample {
			for _, p := range t.Processes {
				if cluster := or(p.tag(logCluster), nodes[p.tag(spanNode)]); cluster != "" {
					add(out, cluster, p.ServiceName)
				}
			}
		}
	}
	return out, nil
}

// nodesOf maps nodes to the one cluster that has a node of that name.
func (s *survey) nodesOf(ctx context.Context) (map[string]string, error) {
	rows, err := s.metrics.query(ctx, "count by (node, cluster) (kube_node_info)")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, x := range rows {
		if _, twice := out[x.of("node")]; twice {
			out[x.of("node")] = ""
			continue
		}
		out[x.of("node")] = x.of("cluster")
	}
	return out, nil
}

// checkTracesFresh looks at each cluster that traced before, whether it has traces of
// late. Clusters that trace nothing are not judged.
func checkTracesFresh(ctx context.Context, s *survey, v *verdict) {
	names := v.services(ctx)
	if v.skip != "" || len(v.excused) > 0 {
		return
	}
	delete(v.judged, installation)
	nodes, err := s.nodesOf(ctx)
	if err != nil {
		v.cannot("query kube_node_info", err)
		return
	}
	late, end := s.now.Add(-recently), s.now.Add(time.Minute)
	recent, err := s.tracing(ctx, names, nodes, late, end)
	if err != nil {
		v.cannot("search of traces", err)
		return
	}
	ask := searches{survey: s, services: names, left: mostSearches}
	for _, name := range s.clusterNames() {
		if len(recent[name]) > 0 {
			v.judge(name)
			continue
		}
		tags := tagsOf(name, nodes)
		before := ask.any(ctx, tags, s.now.Add(-max(s.options.Since, 3*recently)), late)
		if before != "" && ask.any(ctx, tags, late, end) == "" && ask.err == nil {
			v.wrong(name, "there were traces of %s before, and there are none in the last %s", before, recently)
		} else if before != "" {
			v.judge(name)
		}
	}
	switch {
	case ask.err != nil && len(v.findings) == 0:
		v.cannot("search of traces", ask.err)
	case len(v.judged) == 0 && len(v.excused) == 0:
		v.skipf("there are no traces, or they name neither their cluster (%s) nor their node (%s)", logCluster, spanNode)
	}
}

// tagsOf are the tags by which spans of a cluster may be found.
func tagsOf(cluster string, nodes map[string]string) []string {
	tags := []string{asJSON(map[string]string{logCluster: cluster})}
	for _, node := range slices.Sorted(maps.Keys(nodes)) {
		if nodes[node] == cluster && len(tags) <= mostNodes {
			tags = append(tags, asJSON(map[string]string{spanNode: node}))
		}
	}
	return tags
}

// searches asks for traces, a limited number of times.
type searches struct {
	survey   *survey
	services []string
	left     int
	err      error
}

// any returns a service that has a trace with one of the tags in a window, "" when
// none has or when enough was asked.
func (q *searches) any(ctx context.Context, tags []string, from, to time.Time) string {
	for _, tag := range tags {
		for _, service := range q.services {
			if q.left--; q.left < 0 || q.err != nil {
				return ""
			}
			var found []found
			if found, q.err = q.survey.traces.recent(ctx, service, tag, from, to, 1); len(found) > 0 {
				return service
			}
		}
	}
	return ""
}
