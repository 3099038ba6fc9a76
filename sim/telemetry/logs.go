package telemetry

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Shares of a cluster's log rate. What requests, events and audit records leave is
// filled by what workloads say without being asked.
const (
	requestLogShare = 0.6
	eventShare      = 0.02
	auditShare      = 0.05
)

// Every record has a time of its own: the low bits of its nanoseconds are replaced
// by its number and the kind of stream, so two records of a cluster that fall into
// the same 65 microseconds still differ.
const (
	grain     = 1 << 16
	slotBits  = 4
	numbers   = grain >> slotBits
	maxLogged = 11 // slots 0..10: calls of one request

	slotRestart    = 11 // events of restarts
	slotLife       = 12
	slotEvent      = 13
	slotAudit      = 14
	slotBackground = 15
)

func stamp(nanos, k int64, slot int) int64 {
	return nanos&^(grain-1) | (k%numbers)<<slotBits | int64(slot)
}

// logStreams are the arrival processes of a cluster's log records.
type logStreams struct {
	on         bool
	background arrivals
	events     arrivals
	audit      arrivals
}

// newLogStreams shares rate out; requests is the rate of records that requests
// make.
func newLogStreams(g *Generator, rate, requests float64) *logStreams {
	s := &logStreams{on: rate > 0}
	if !s.on {
		return s
	}
	w := &g.waves[trafficWave]
	rest := max(0, rate*(1-eventShare-auditShare)-requests)
	s.background = newArrivals(g.seed.Of("background"), rest, w, g.epoch)
	s.events = newArrivals(g.seed.Of("events"), rate*eventShare, w, g.epoch)
	s.audit = newArrivals(g.seed.Of("audit"), rate*auditShare, w, g.epoch)
	return s
}

// Logs returns the records whose time lies in (from, to]: container logs, events
// and audit records, grouped by what they come from. Any partition of a window
// yields the same records, and no two records of a cluster share a time. What was
// before a generator took over is the older one's to say.
func (g *Generator) Logs(from, to time.Time) plog.Logs {
	w := logWriter{
		g: g, from: max(from.UnixNano(), g.from), to: to.UnixNano(), out: plog.NewLogs(),
		containers: map[int32]plog.LogRecordSlice{}, others: map[string]plog.LogRecordSlice{},
	}
	if g.logs.on && w.from < w.to {
		w.requests()
		w.background()
		w.lives()
		w.events()
		w.audit()
	}
	return w.out
}

type logWriter struct {
	g          *Generator
	from, to   int64
	out        plog.Logs
	containers map[int32]plog.LogRecordSlice
	others     map[string]plog.LogRecordSlice
}

// each calls f with every arrival whose stamped time lies in the window.
func (w *logWriter) each(a *arrivals, slot int, f func(k, at int64)) {
	last := a.count(w.to + grain)
	for k := a.count(w.from - grain); k < last; k++ {
		if at := stamp(a.at(k), k, slot); w.inside(at) {
			f(k, at)
		}
	}
}

func (w *logWriter) inside(at int64) bool { return at > w.from && at <= w.to }

// container returns where records of an instance go.
func (w *logWriter) container(i int32) plog.LogRecordSlice {
	s, ok := w.containers[i]
	if !ok {
		rl := w.out.ResourceLogs().AppendEmpty()
		w.g.describe(rl.Resource().Attributes(), i)
		s = rl.ScopeLogs().AppendEmpty().LogRecords()
		w.containers[i] = s
	}
	return s
}

// other returns where records of a resource go that is no container.
func (w *logWriter) other(key string, describe func(pcommon.Map)) plog.LogRecordSlice {
	s, ok := w.others[key]
	if !ok {
		rl := w.out.ResourceLogs().AppendEmpty()
		describe(rl.Resource().Attributes())
		s = rl.ScopeLogs().AppendEmpty().LogRecords()
		w.others[key] = s
	}
	return s
}

// observationDelay is how long after it was written a line is read.
const observationDelay = 200 * time.Millisecond

func fillRecord(r plog.LogRecord, at int64, sev severity, body string) {
	r.SetTimestamp(pcommon.Timestamp(at))
	r.SetObservedTimestamp(pcommon.Timestamp(at + int64(observationDelay)))
	r.SetSeverityNumber(sev.number())
	r.SetSeverityText(sev.String())
	r.Body().SetStr(body)
}

// severity is a log level.
type severity uint8

const (
	info severity = iota
	debug
	warn
	fail
	fatal
)

func (s severity) String() string {
	return [...]string{"INFO", "DEBUG", "WARN", "ERROR", "FATAL"}[s]
}

func (s severity) number() plog.SeverityNumber {
	return [...]plog.SeverityNumber{
		plog.SeverityNumberInfo, plog.SeverityNumberDebug, plog.SeverityNumberWarn,
		plog.SeverityNumberError, plog.SeverityNumberFatal,
	}[s]
}

// containerLine adds a line that a container wrote.
func (w *logWriter) containerLine(i int32, at int64, sev severity, body string) plog.LogRecord {
	r := w.container(i).AppendEmpty()
	fillRecord(r, at, sev, body)
	stream := "stdout"
	if sev >= fail {
		stream = "stderr"
	}
	r.Attributes().PutStr("log.iostream", stream)
	return r
}

// requests adds what services log about requests, with the ids of their spans.
// A record's time is the end of its span, so it lies at most the longest trace
// before the end of the root.
func (w *logWriter) requests() {
	g := w.g
	var plan []call
	last := g.traffic.count(w.to + int64(g.longest) + grain)
	for k := g.traffic.count(w.from - grain); k < last; k++ {
		plan = g.planner.expand(int(k%plans), plan[:0])
		start := g.traffic.at(k) - int64(plan[0].length)
		slot := 0
		for i := range plan {
			c := &plan[i]
			if c.logFrom >= g.logShare {
				continue
			}
			if slot == maxLogged {
				break
			}
			at := stamp(start+int64(c.start+c.length), k, slot)
			slot++
			if w.inside(at) {
				w.request(k, int32(i), c, at)
			}
		}
	}
}

func (w *logWriter) request(k int64, i int32, c *call, at int64) {
	sev, body := w.g.requestLine(k, c)
	r := w.containerLine(c.instance, at, sev, body)
	if c.kind == serverCall {
		r.Attributes().PutStr("http.request.method", c.op.Method)
		r.Attributes().PutStr("http.route", c.op.Route)
		r.Attributes().PutInt("http.response.status_code", int64(c.code))
	}
	if w.g.traced {
		r.SetTraceID(w.g.traceID(k))
		r.SetSpanID(w.g.spanID(k, i))
		r.SetFlags(plog.DefaultLogRecordFlags.WithIsSampled(true))
	}
}

// background adds what containers say of themselves.
func (w *logWriter) background() {
	n := len(w.g.instances)
	if n == 0 {
		return
	}
	seed := w.g.seed.Of("lines")
	w.each(&w.g.logs.background, slotBackground, func(k, at int64) {
		s := seed.At(k)
		i := int32(s.Of("source").Below(n))
		sev, body := componentLine(w.g.instances[i].pod.Workload.Label, s)
		w.containerLine(i, at, sev, body)
	})
}

// lifeMargin is how far from a restart its records lie at most.
const lifeMargin = int64(5 * time.Second)

// lives adds the last words of processes that fail and the first of those that
// follow, with the events Kubernetes makes of it.
func (w *logWriter) lives() {
	for i := range w.g.instances {
		r := w.g.instances[i].restarts
		if r == nil {
			continue
		}
		last := r.count(w.to + lifeMargin + grain)
		for n := r.count(w.from - lifeMargin - grain); n < last; n++ {
			w.life(int32(i), n)
		}
	}
}

func (w *logWriter) life(i int32, n int64) {
	in := &w.g.instances[i]
	restart := in.restarts.at(n)
	add := func(step int64, delay time.Duration, sev severity, body string) {
		if at := stamp(restart+int64(delay), 2*n+step, slotLife); w.inside(at) {
			w.containerLine(i, at, sev, body)
		}
	}
	if in.restarts.reason == oomKilled {
		add(0, -2*time.Second, warn, "heap usage at 97% of memory limit, collecting garbage more often")
	} else {
		add(0, -3*time.Millisecond, fatal, "panic: runtime error: invalid memory address or nil pointer dereference")
	}
	add(1, 800*time.Millisecond, info, "starting "+in.pod.Workload.Label+" version "+version(in.container)+", listening on :8080")
	w.restartEvents(in, n, restart)
}
