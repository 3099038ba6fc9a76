package lab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/promql"

	"koflab/embed/federation"
	"koflab/sim/event"
)

// readyTimeout bounds, in real time, how long a lab may take to give its first
// correct federated answers.
const readyTimeout = 2 * time.Minute

// proof is a query whose answer is known from the inventory: the value of metric,
// aggregated by cluster.
type proof struct {
	aggregation, metric string
	want                map[clusterKey]float64
}

// clusterKey are the labels that tell clusters apart.
type clusterKey struct{ name, namespace string }

// proveReady asks the federation how many nodes each cluster has and what they
// cost, until the answers are the inventory's.
func (l *Lab) proveReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, errNotReady)
	defer cancel()
	for _, p := range l.proofs() {
		if len(p.want) == 0 {
			l.emit(event.Warning, "NothingObserved", "lab", "no cluster's telemetry is stored: there is nothing to ask for")
			return nil
		}
		if err := l.prove(ctx, p); err != nil {
			return err
		}
		l.emit(event.Normal, "AnswerCorrect", "federation", fmt.Sprintf("%s is right for %d clusters", p.expr(l.stack.Labels.Cluster), len(p.want)))
	}
	return nil
}

func (l *Lab) prove(ctx context.Context, p proof) error {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := l.check(ctx, p)
		if err == nil {
			return nil
		}
		select {
		case <-l.wall.NewTimer(wait).C():
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errNotReady) {
				return fmt.Errorf("no correct federated answer within %s: %w", readyTimeout, err)
			}
			return ctx.Err()
		}
	}
}

var errNotReady = errors.New("not ready in time")

// proofs are about the clusters whose telemetry is stored. Collectors that were
// given a wrong password on purpose deliver nothing.
func (l *Lab) proofs() []proof {
	nodes := proof{"count", "kube_node_info", map[clusterKey]float64{}}
	cost := proof{"sum", "node_total_hourly_cost", map[clusterKey]float64{}}
	for _, c := range l.all() {
		v := c.view()
		if v.collector == nil || c.Workload.Collector.Password != "" {
			continue
		}
		key := l.keyOf(c)
		nodes.want[key] += float64(len(v.inventory.Nodes))
		for _, n := range v.inventory.Nodes {
			cost.want[key] += n.HourlyCost()
		}
	}
	return []proof{nodes, cost}
}

// keyOf are a cluster's labels in metrics.
func (l *Lab) keyOf(c *cluster) clusterKey {
	key := clusterKey{name: c.Name}
	if l.stack.Labels.ClusterNamespace != "" {
		key.namespace = c.Namespace
	}
	return key
}

func (p proof) expr(by string) string {
	return fmt.Sprintf("%s by (%s)(%s)", p.aggregation, by, p.metric)
}

// tolerance is the relative difference that prices may have from what OpenCost
// exposes, which rounds.
const tolerance = 0.001

func (l *Lab) check(ctx context.Context, p proof) error {
	name, namespace := l.stack.Labels.Cluster, l.stack.Labels.ClusterNamespace
	by := name
	if namespace != "" {
		by += ", " + namespace
	}
	r, err := l.federation.Query(ctx, federation.Request{Expr: p.expr(by), ErrorMode: federation.Fail})
	if err != nil {
		return err
	}
	got, ok := r.Data.Value.(promql.Vector)
	if !ok {
		return fmt.Errorf("the answer is a %T", r.Data.Value)
	}
	have := map[clusterKey]float64{}
	for _, s := range got {
		have[clusterKey{s.Metric.Get(name), s.Metric.Get(namespace)}] = s.F
	}
	for key, v := range p.want {
		if math.Abs(have[key]-v) > tolerance*v {
			return fmt.Errorf("%s of cluster %s should be %v, the answer says %v", p.expr(name), key.name, v, have[key])
		}
	}
	return nil
}
