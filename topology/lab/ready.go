package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"

	"koflab/embed/federation"
	"koflab/sim/event"
)

// readyTimeout bounds, in real time, how long a lab may take to give its first
// correct federated answer.
const readyTimeout = 60 * time.Second

// nodeCount is a row of the answer that proves a lab ready.
type nodeCount struct {
	cluster, namespace string
}

// proveReady asks the federation how many nodes each cluster has until the
// answer is the topology's.
func (l *Lab) proveReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, errNotReady)
	defer cancel()
	want := l.expectedNodes()
	if len(want) == 0 {
		l.emit(event.Warning, "NothingObserved", "lab", "no cluster's telemetry is stored: there is nothing to ask for")
		return nil
	}
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := l.checkNodes(ctx, want)
		if err == nil {
			l.emit(event.Normal, "AnswerCorrect", "federation", fmt.Sprintf("count by (%s)(kube_node_info) is right for %d clusters", l.stack.Labels.Cluster, len(want)))
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return l.notReady(ctx, err)
		}
	}
}

var errNotReady = errors.New("not ready in time")

func (l *Lab) notReady(ctx context.Context, last error) error {
	if errors.Is(context.Cause(ctx), errNotReady) {
		return fmt.Errorf("no correct federated answer within %s: %w", readyTimeout, last)
	}
	return ctx.Err()
}

// expectedNodes are the node counts of the clusters whose telemetry is stored.
// Collectors that are given a wrong password on purpose deliver nothing.
func (l *Lab) expectedNodes() map[nodeCount]float64 {
	want := map[nodeCount]float64{}
	for _, c := range l.clusters {
		if c.collector == nil || c.spec.Workload.Collector.Password != "" {
			continue
		}
		n := nodeCount{cluster: c.Name, namespace: c.Namespace}
		if l.stack.Labels.ClusterNamespace == "" {
			n.namespace = ""
		}
		want[n] += float64(c.Nodes)
	}
	return want
}

func (l *Lab) checkNodes(ctx context.Context, want map[nodeCount]float64) error {
	name, namespace := l.stack.Labels.Cluster, l.stack.Labels.ClusterNamespace
	by := name
	if namespace != "" {
		by += ", " + namespace
	}
	r, err := l.federation.Query(ctx, federation.Request{Expr: fmt.Sprintf("count by (%s)(kube_node_info)", by), ErrorMode: federation.Fail})
	if err != nil {
		return err
	}
	got, ok := r.Data.Value.(promql.Vector)
	if !ok {
		return fmt.Errorf("the answer is a %T", r.Data.Value)
	}
	have := map[nodeCount]float64{}
	for _, s := range got {
		have[nodeCount{s.Metric.Get(name), s.Metric.Get(namespace)}] = s.F
	}
	for n, v := range want {
		if have[n] != v {
			return fmt.Errorf("cluster %s should have %v nodes, the answer says %v", n.cluster, v, have[n])
		}
	}
	return nil
}
