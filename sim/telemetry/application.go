package telemetry

import (
	"fmt"
	"strconv"
	"time"
)

// podInterval is KOF's scrape interval of annotated pods.
const podInterval = 30 * time.Second

// bucketText are the values of le for latencyBounds and +Inf.
var bucketText = func() (text [maxBins]string) {
	for i, v := range latencyBounds {
		text[i] = boundText(v)
	}
	text[maxBins-1] = "+Inf"
	return text
}()

// applications adds one target per application pod: requests by operation and code,
// their latencies, and the process. Counters equal the server spans that the pod
// has made since it started.
func (b *builder) applications() {
	next := 0
	for i := range b.g.instances {
		in := &b.g.instances[i]
		w := in.pod.Workload
		first := next
		for next < len(b.g.served) && b.g.served[next].instance == int32(i) {
			next++
		}
		if !w.App || len(w.Operations) == 0 {
			continue
		}
		b.to(w.Label, podPort(in.pod, w.Port), podInterval, "namespace", in.pod.Namespace, "pod", in.pod.Name,
			"node", in.pod.Node.Name, "app_kubernetes_io_name", w.Label)
		b.target.self = int32(i)
		b.lives(ofProcess, int32(i))
		for at := first; at < next; at++ {
			b.requests(int32(at))
		}
		b.process(int32(i))
	}
}

func (b *builder) requests(at int32) {
	s := &b.g.served[at]
	of := []string{"http_request_method", s.op.Method, "http_route", s.op.Route}
	for i, code := range s.codes {
		b.one(core, "http_server_requests_total", formula{of: at, sub: uint8(i), life: ofServed, eval: func(m *moment, f *formula) float64 {
			return float64(m.served(f.of).codes[f.sub])
		}}, with(of, "http_response_status_code", strconv.Itoa(code))...)
	}
	b.unit(application)
	for i, le := range bucketText {
		b.add("http_server_request_duration_seconds_bucket", formula{of: at, sub: uint8(i), life: ofServed, eval: evalBucket}, with(of, "le", le)...)
	}
	b.add("http_server_request_duration_seconds_sum", formula{of: at, life: ofServed, round: micros, eval: func(m *moment, f *formula) float64 {
		return float64(m.served(f.of).micros)
	}}, of...)
	b.add("http_server_request_duration_seconds_count", formula{of: at, life: ofServed, eval: func(m *moment, f *formula) float64 {
		return float64(m.served(f.of).count)
	}}, of...)
	// Little's law: requests in flight are their rate times their mean latency.
	inFlight := b.g.traffic.rate / plans * float64(s.total.micros) / 1e6
	b.one(application, "http_server_active_requests", level(inFlight, 1, trafficWave), of...)
}

// evalBucket counts the requests of at most a bucket's latency.
func evalBucket(m *moment, f *formula) float64 {
	var n int64
	for _, v := range m.served(f.of).bins[:f.sub+1] {
		n += v
	}
	return float64(n)
}

// extraFamilies are what applications report when a cluster should have more
// series than its workloads naturally make: one more label value at a time.
var extraFamilies = []struct {
	name, label string
	counter     bool
	scale       float64
}{
	{"app_operations_total", "operation", true, 2},
	{"app_cache_hits_total", "cache", true, 5},
	{"app_cache_entries", "cache", false, 900},
	{"app_queue_depth", "queue", false, 12},
	{"app_sessions_active", "shard", false, 60},
	{"app_events_processed_total", "topic", true, 1},
}

// extras adds n single series, dealt out to the application pods. A cluster without
// applications reports them as ConfigMaps in kube-state-metrics, if that runs.
func (b *builder) extras(n int) {
	if n == 0 || b.counting {
		return
	}
	b.keep = append(b.keep, true)
	b.at = len(b.keep) - 1
	var apps []*Target
	var state *Target
	for _, t := range b.targets {
		if t.labels.Has("app_kubernetes_io_name") {
			apps = append(apps, t)
		} else if t.job == stateMetricsJob {
			state = t
		}
	}
	if len(apps) == 0 {
		b.target = state
		for i := 0; i < n && state != nil; i++ {
			b.add("kube_configmap_info", constant(1), "namespace", "default", "configmap", fmt.Sprintf("settings-%04d", i))
		}
		return
	}
	for i := range n {
		b.target = apps[i%len(apps)]
		turn := i / len(apps)
		f := extraFamilies[turn%len(extraFamilies)]
		value := fmt.Sprintf("%s-%03d", f.label, turn/len(extraFamilies))
		weight := b.g.seed.Of("extra").At(int64(i)).Between(0.2, 2)
		w := uint8(i % waves)
		x := level(f.scale*weight, 0.3, w)
		if f.counter {
			x = b.g.ofProcess(b.target.self, flow{f.scale * weight, w}, whole)
		}
		b.add(f.name, x, f.label, value)
	}
}
