package telemetry

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"koflab/sim/inventory"
)

// scopeName names the instrumentation that KOF injects.
const scopeName = "go.opentelemetry.io/auto"

// Traces returns the traces whose root span ended in (from, to], whole, grouped by
// the pod that made the spans. Any partition of a window yields the same traces. What
// was before a generator took over is the older one's to say.
func (g *Generator) Traces(from, to time.Time) ptrace.Traces {
	out := ptrace.NewTraces()
	if !g.traced {
		return out
	}
	w := spanWriter{g: g, out: out, spans: map[int32]ptrace.SpanSlice{}}
	var plan []call
	last := g.traffic.count(to.UnixNano())
	for k := g.traffic.count(max(from.UnixNano(), g.from)); k < last; k++ {
		plan = g.planner.expand(int(k%plans), plan[:0])
		w.write(k, plan)
	}
	return out
}

type spanWriter struct {
	g     *Generator
	out   ptrace.Traces
	spans map[int32]ptrace.SpanSlice // by instance
}

// traceID identifies request k.
func (g *Generator) traceID(k int64) pcommon.TraceID {
	var id pcommon.TraceID
	s := g.ids.Of("trace").At(k)
	binary.BigEndian.PutUint64(id[:8], uint64(s.At(-1)))
	binary.BigEndian.PutUint64(id[8:], uint64(s.At(-2)))
	return id
}

// spanID identifies call i of request k.
func (g *Generator) spanID(k int64, i int32) pcommon.SpanID {
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], uint64(g.ids.Of("trace").At(k).At(int64(i))))
	return id
}

// slice returns where spans of an instance go.
func (w *spanWriter) slice(i int32) ptrace.SpanSlice {
	s, ok := w.spans[i]
	if !ok {
		rs := w.out.ResourceSpans().AppendEmpty()
		w.g.describe(rs.Resource().Attributes(), i)
		rs.Resource().Attributes().PutStr("telemetry.sdk.language", "go")
		rs.Resource().Attributes().PutStr("telemetry.sdk.name", "opentelemetry")
		scope := rs.ScopeSpans().AppendEmpty()
		scope.Scope().SetName(scopeName)
		scope.Scope().SetVersion("v0.24.0")
		s = scope.Spans()
		w.spans[i] = s
	}
	return s
}

func (w *spanWriter) write(k int64, plan []call) {
	id := w.g.traceID(k)
	start := w.g.traffic.at(k) - int64(plan[0].length)
	for i := range plan {
		c := &plan[i]
		span := w.slice(c.instance).AppendEmpty()
		span.SetTraceID(id)
		span.SetSpanID(w.g.spanID(k, int32(i)))
		if c.parent >= 0 {
			span.SetParentSpanID(w.g.spanID(k, c.parent))
		}
		span.SetStartTimestamp(pcommon.Timestamp(start + int64(c.start)))
		span.SetEndTimestamp(pcommon.Timestamp(start + int64(c.start+c.length)))
		switch c.kind {
		case serverCall:
			w.server(span, k, c)
		case clientCall:
			w.client(span, k, c)
		case databaseCall:
			database(span, c)
		}
		if c.failed {
			span.Status().SetCode(ptrace.StatusCodeError)
			span.Status().SetMessage(c.reason())
		}
	}
}

func (w *spanWriter) server(span ptrace.Span, k int64, c *call) {
	span.SetName(c.op.Name())
	span.SetKind(ptrace.SpanKindServer)
	a := span.Attributes()
	a.EnsureCapacity(6)
	a.PutStr("http.request.method", c.op.Method)
	a.PutStr("http.route", c.op.Route)
	a.PutStr("url.path", w.g.path(k, c.op))
	a.PutInt("http.response.status_code", int64(c.code))
	if c.parent < 0 {
		a.PutStr("client.address", w.g.clientAddress(k))
		a.PutStr("enduser.id", w.g.user(k))
	}
	if c.failed && c.cause != causeUpstream {
		e := span.Events().AppendEmpty()
		e.SetName("exception")
		e.SetTimestamp(span.EndTimestamp())
		e.Attributes().PutStr("exception.type", c.cause.class())
		e.Attributes().PutStr("exception.message", c.reason())
	}
}

func (w *spanWriter) client(span ptrace.Span, k int64, c *call) {
	span.SetName(c.op.Method)
	span.SetKind(ptrace.SpanKindClient)
	to := c.op.Service
	a := span.Attributes()
	a.EnsureCapacity(5)
	a.PutStr("http.request.method", c.op.Method)
	a.PutStr("server.address", to.Name+"."+to.Namespace+".svc.cluster.local")
	a.PutInt("server.port", int64(to.Port))
	a.PutStr("peer.service", to.Label)
	a.PutStr("url.full", "http://"+to.Name+"."+to.Namespace+":"+strconv.Itoa(to.Port)+w.g.path(k, c.op))
	a.PutInt("http.response.status_code", int64(c.code))
}

func database(span ptrace.Span, c *call) {
	verb, _, _ := strings.Cut(c.op.Statement, " ")
	span.SetName(verb + " shop")
	span.SetKind(ptrace.SpanKindClient)
	a := span.Attributes()
	a.EnsureCapacity(5)
	a.PutStr("db.system", "postgresql")
	a.PutStr("db.namespace", "shop")
	a.PutStr("db.statement", c.op.Statement)
	a.PutStr("server.address", c.op.Store.Name+"."+c.op.Store.Namespace+".svc.cluster.local")
	a.PutStr("peer.service", c.op.Store.Label)
}

// path is the route of request k with identifiers in place of its parameters.
func (g *Generator) path(k int64, op *inventory.Operation) string {
	open := strings.IndexByte(op.Route, '{')
	if open < 0 {
		return op.Route
	}
	n := g.seed.Of("item").At(k).Below(900) + 100
	return op.Route[:open] + strconv.Itoa(n)
}

func (g *Generator) user(k int64) string {
	return "u-" + strconv.Itoa(10000+g.seed.Of("user").At(k).Below(5000))
}

func (g *Generator) clientAddress(k int64) string {
	s := g.seed.Of("user").At(k)
	return "198.51.100." + strconv.Itoa(1+s.Below(254))
}

// describe puts the resource attributes of a container, as k8sattributes adds them.
func (g *Generator) describe(a pcommon.Map, i int32) {
	in := &g.instances[i]
	w := in.pod.Workload
	a.EnsureCapacity(12)
	a.PutStr("service.name", w.Label)
	a.PutStr("service.namespace", w.Namespace)
	a.PutStr("k8s.namespace.name", w.Namespace)
	a.PutStr("k8s.pod.name", in.pod.Name)
	a.PutStr("k8s.pod.uid", in.pod.UID)
	a.PutStr("k8s.container.name", in.container.Name)
	a.PutStr("k8s.node.name", in.pod.Node.Name)
	if in.pod.OwnerKind == string(inventory.ReplicaSet) {
		a.PutStr("k8s.replicaset.name", in.pod.OwnerName)
	}
	switch w.Kind {
	case inventory.Deployment:
		a.PutStr("k8s.deployment.name", w.Name)
	case inventory.StatefulSet:
		a.PutStr("k8s.statefulset.name", w.Name)
	case inventory.DaemonSet:
		a.PutStr("k8s.daemonset.name", w.Name)
	}
}
