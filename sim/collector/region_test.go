package collector

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// sample is one stored sample.
type sample struct {
	labels string
	t      int64
	v      float64
}

// region is a far side that stores what it is sent and can be told to fail.
type region struct {
	*httptest.Server
	t tester

	mu       sync.Mutex
	samples  []sample
	requests []*http.Request // without bodies
	sizes    []int           // samples per remote-write request
	logs     []string        // bodies of log records
	audit    []string
	spans    []string // names
	resource map[string]any
	// fault is asked before a request is handled; it reports whether it has
	// answered, and may store first.
	fault func(w http.ResponseWriter, r *http.Request, store func()) bool
}

func newRegion(t tester) *region {
	r := &region{t: t}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *region) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender went away
	}
	r.mu.Lock()
	fault := r.fault
	r.requests = append(r.requests, req.Clone(req.Context()))
	r.mu.Unlock()
	if fault != nil && fault(w, req, func() { r.store(req, body) }) {
		return
	}
	r.store(req, body)
	switch req.URL.Path {
	case "/write":
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (r *region) setFault(f func(w http.ResponseWriter, r *http.Request, store func()) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = f
}

// answer makes the region answer everything with a status.
func (r *region) answer(status int) {
	r.setFault(func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
		w.WriteHeader(status)
		return true
	})
}

func (r *region) store(req *http.Request, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch req.URL.Path {
	case "/write":
		samples := decodeWrite(r.t, req.Header.Get("Content-Type"), body)
		r.samples = append(r.samples, samples...)
		r.sizes = append(r.sizes, len(samples))
	case "/logs":
		r.logs = append(r.logs, r.logBodies(body)...)
	case "/audit":
		r.audit = append(r.audit, r.logBodies(body)...)
	case "/traces":
		er := ptraceotlp.NewExportRequest()
		require.NoError(r.t, er.UnmarshalProto(gunzip(r.t, body)))
		for _, rs := range er.Traces().ResourceSpans().All() {
			r.resource = rs.Resource().Attributes().AsRaw()
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					r.spans = append(r.spans, span.Name())
				}
			}
		}
	}
}

func (r *region) logBodies(body []byte) (out []string) {
	er := plogotlp.NewExportRequest()
	require.NoError(r.t, er.UnmarshalProto(gunzip(r.t, body)))
	for _, rl := range er.Logs().ResourceLogs().All() {
		r.resource = rl.Resource().Attributes().AsRaw()
		for _, sl := range rl.ScopeLogs().All() {
			for _, l := range sl.LogRecords().All() {
				out = append(out, l.Body().AsString())
			}
		}
	}
	return out
}

func gunzip(t tester, body []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(body))
	require.NoError(t, err)
	out, err := io.ReadAll(z)
	require.NoError(t, err)
	return out
}

func decodeWrite(t tester, contentType string, body []byte) (out []sample) {
	raw, err := snappy.Decode(nil, body)
	require.NoError(t, err)
	if contentType != "application/x-protobuf" {
		var req writev2.Request
		require.NoError(t, req.Unmarshal(raw))
		b := labels.NewScratchBuilder(0)
		for _, ts := range req.Timeseries {
			l, err := ts.ToLabels(&b, req.Symbols)
			require.NoError(t, err)
			for _, s := range ts.Samples {
				out = append(out, sample{l.String(), s.Timestamp, s.Value})
			}
			for _, h := range ts.Histograms {
				out = append(out, sample{l.String(), h.Timestamp, h.Sum})
			}
		}
		return out
	}
	var req prompb.WriteRequest
	require.NoError(t, req.Unmarshal(raw))
	for _, ts := range req.Timeseries {
		b := labels.NewScratchBuilder(0)
		for i, l := range ts.Labels {
			if i > 0 {
				require.Less(t, ts.Labels[i-1].Name, l.Name, "labels are not sorted")
			}
			b.Add(l.Name, l.Value)
		}
		l := b.Labels().String()
		for _, s := range ts.Samples {
			out = append(out, sample{l, s.Timestamp, s.Value})
		}
		for _, h := range ts.Histograms {
			out = append(out, sample{l, h.Timestamp, h.Sum})
		}
	}
	return out
}

// config returns a collector's configuration that sends all signals to r.
func (r *region) config() Config {
	return Config{
		ID: "c1", To: "r1", Cluster: "c1", ClusterNamespace: "kcm-system",
		Metrics:   Endpoint{URL: r.URL + "/write"},
		LogsOut:   Endpoint{URL: r.URL + "/logs"},
		AuditOut:  Endpoint{URL: r.URL + "/audit"},
		TracesOut: Endpoint{URL: r.URL + "/traces"},
		Client:    r.Client(),
	}
}

func (r *region) stored() []sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]sample(nil), r.samples...)
}

func (r *region) storedLogs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.logs...)
}

func (r *region) storedSpans() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.spans...)
}

func oneLog(body string) plog.Logs {
	l := plog.NewLogs()
	rl := l.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("k8s.pod.name", "p")
	rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(body)
	return l
}

func oneSpan(name string) ptrace.Traces {
	t := ptrace.NewTraces()
	rs := t.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "s")
	rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(name)
	return t
}
