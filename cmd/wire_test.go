package cmd_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/stretchr/testify/require"

	"koflab/topology/lab/control"
)

// TestBadInputOnTheWire sends what no client should to everything that listens.
// Each gets an answer that says what is wrong, and the lab goes on.
func TestBadInputOnTheWire(t *testing.T) {
	t.Parallel() // most of it waits for slow clients to be cut off
	l := startLab(t, "--preset", "minimal")
	slow := l.slowClients()
	w := &wire{testLab: l, client: l.httpClient()}
	w.badInserts()
	w.badReceived()
	w.badRPCs()
	w.badQueries()
	w.badControl()
	slow()

	require.Equal(t, control.Ready, l.status().Phase)
	require.Equal(t, map[string]float64{"child-1": 2, "region-1": 2}, l.rows("count by (cluster)(kube_node_info)"))
	l.flush()
	l.balanced()
	log, err := os.ReadFile(filepath.Join(l.home.labs(), l.name, "lab.log"))
	require.NoError(t, err)
	require.Empty(t, string(log))
}

// wire sends requests to a lab and checks the answers.
type wire struct {
	*testLab
	client *http.Client
	user   *control.Credentials // of gateway requests
}

// hostile is a request; its method is POST unless given.
type hostile struct {
	method, url string
	contentType string
	encoding    string
	body        []byte
}

// refused sends a request that must be answered with this status, and a text
// that contains message.
func (w *wire) refused(status int, message string, h hostile) {
	w.Helper()
	if h.method == "" {
		h.method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(w.Context(), h.method, h.url, bytes.NewReader(h.body))
	require.NoError(w, err)
	for name, value := range map[string]string{"Content-Type": h.contentType, "Content-Encoding": h.encoding} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if len(h.body) > 1<<20 {
		req.Header.Set("Expect", "100-continue") // an early refusal is answered, not cut off
	}
	if w.user != nil && strings.HasPrefix(h.url, "https:") {
		req.SetBasicAuth(w.user.Username, w.user.Password)
	}
	what := fmt.Sprintf("%s %s %s %s, %d bytes %.40q", h.method, h.url, h.contentType, h.encoding, len(h.body), h.body)
	resp, err := w.client.Do(req)
	require.NoError(w, err, what)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(w, err, what)
	require.Equal(w, status, resp.StatusCode, "%s\n%s", what, answer)
	require.Contains(w, string(answer), message, what)
}

// Bodies that are wrong in one way each. The large ones are made when needed:
// what is initialised here is so in every koflab that the tests start.
var (
	garbage  = randomBytes(5000)
	oversize = sync.OnceValue(func() []byte { return bytes.Repeat([]byte("\n"), 65<<20) })
	bomb     = sync.OnceValue(func() []byte { return gzipped(make([]byte, 65<<20)) })
	// A snappy block that says it is 2 GiB long.
	snappyBomb = append([]byte{0xff, 0xff, 0xff, 0xff, 0x07}, make([]byte, 100)...)
)

func randomBytes(n int) []byte {
	rng, b := rand.New(rand.NewPCG(1, 2)), make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // to memory
	_ = w.Close()
	return out.Bytes()
}

// half cuts a body in the middle, as a connection that breaks does.
func half(b []byte) []byte { return b[:len(b)/2] }

// badInserts goes to every store's write paths, through the gateway and past it.
func (w *wire) badInserts() {
	w.Helper()
	child := w.testLab.user("child-1", "region-1")
	w.user = &child
	now, gateway := w.now(), w.url("region-1", "vmauth")
	trace, _ := newTraceID()
	write := w.remoteWrite(now, 1, "__name__", "m", "job", "j")
	raw, err := snappy.Decode(nil, write)
	require.NoError(w, err)
	for _, base := range []string{gateway + "/vm", w.url("region-1", "vminsert")} {
		path := base + "/insert/0/prometheus/api/v1/write"
		f := func(status int, message, contentType, encoding string, body []byte) {
			w.refused(status, message, hostile{url: path, contentType: contentType, encoding: encoding, body: body})
		}
		f(400, "not snappy-compressed", protobuf, "snappy", garbage)
		f(400, "not snappy-compressed", protobuf, "snappy", nil)
		f(400, "not snappy-compressed", protobuf, "snappy", half(write))
		f(400, "", protobuf, "snappy", snappy.Encode(nil, half(raw)))
		f(400, "", protobuf, "snappy", snappy.Encode(nil, garbage))
		f(413, "decompresses to more than 64 MiB", protobuf, "snappy", snappyBomb)
		f(413, "larger than", protobuf, "snappy", oversize())
		f(415, `content encoding "gzip": only snappy is supported`, protobuf, "gzip", gzipped(write))
		f(415, `content type "text/plain": want application/x-protobuf`, "text/plain", "snappy", write)
		f(415, `protobuf message "io.prometheus.write.v9.Request"`, protobuf+";proto=io.prometheus.write.v9.Request", "snappy", write)
		w.refused(405, "Method Not Allowed", hostile{method: http.MethodGet, url: path})

		path = base + "/insert/0/prometheus/api/v1/import/prometheus"
		f(400, `cannot parse value "nope"`, "", "", []byte("fine 1\nm{a=\"b\"} nope\n"))
		f(400, "cannot unmarshal Prometheus line", "", "", garbage)
		f(400, "not gzip-compressed", "", "gzip", garbage)
		f(400, "gzip", "", "gzip", half(gzipped([]byte("m 1\n"))))
		f(413, "decompresses to more than 64 MiB", "", "gzip", bomb())
		f(415, `content encoding "br": only gzip is supported`, "", "br", []byte("m 1\n"))
	}
	for _, c := range []struct {
		path string
		body []byte
	}{
		{gateway + "/vli/insert/opentelemetry/v1/logs", w.logRecord(now, "x", trace)},
		{gateway + "/vlai/insert/opentelemetry/v1/logs", w.logRecord(now, "x", trace)},
		{gateway + "/vti/insert/opentelemetry/v1/traces", w.traceOf(now, trace)},
		{w.url("region-1", "vlinsert") + "/insert/opentelemetry/v1/logs", w.logRecord(now, "x", trace)},
		{w.url("region-1", "vlinsert-audit-logs") + "/insert/opentelemetry/v1/logs", w.logRecord(now, "x", trace)},
		{w.url("region-1", "vtinsert") + "/insert/opentelemetry/v1/traces", w.traceOf(now, trace)},
	} {
		w.badOTLP(c.path, c.body)
	}
	for _, base := range []string{gateway + "/vli", w.url("region-1", "vlinsert")} {
		f := func(status int, message, encoding string, body []byte) {
			w.refused(status, message, hostile{url: base + "/insert/jsonline", encoding: encoding, body: body})
		}
		f(400, "line 1: cannot parse JSON", "", []byte("{\"_msg\":\n"))
		f(400, "line 1: cannot parse JSON", "", garbage)
		f(400, "gzip", "gzip", garbage)
		f(413, "larger than", "gzip", bomb())
		f(415, `unknown Content-Encoding "br"`, "br", []byte("{}"))
	}
	w.refused(413, "larger than", hostile{url: w.url("region-1", "vlinsert") + "/insert/jsonline", body: oversize()})
	w.refused(400, "missing route for", hostile{url: gateway + "/nonsense", body: garbage})
	w.user = nil
	w.refused(401, "", hostile{url: gateway + "/vm/insert/0/prometheus/api/v1/write", body: write})
}

// badOTLP goes to an OTLP/HTTP path; good is a body that it would take.
func (w *wire) badOTLP(path string, good []byte) {
	w.Helper()
	f := func(status int, message, contentType, encoding string, body []byte) {
		w.Helper()
		w.refused(status, message, hostile{url: path, contentType: contentType, encoding: encoding, body: body})
	}
	f(400, "", protobuf, "", garbage)
	f(400, "", protobuf, "", half(good))
	f(400, "gzip", protobuf, "gzip", garbage)
	f(400, "", protobuf, "gzip", half(gzipped(good)))
	f(400, "", "application/json", "", []byte(`{"resourceLogs": [`))
	f(400, "", "application/json", "", good)
	f(413, "", protobuf, "gzip", bomb())
	f(415, "text/plain", "text/plain", "", good)
	f(415, `"br"`, protobuf, "br", good)
	w.refused(405, "", hostile{method: http.MethodGet, url: path})
}

// badReceived goes to a child's OTLP/HTTP receiver.
func (w *wire) badReceived() {
	w.Helper()
	base := w.url("child-1", "otlp-http")
	trace, _ := newTraceID()
	w.badOTLP(base+"/v1/logs", w.logRecord(w.now(), "x", trace))
	w.badOTLP(base+"/v1/traces", w.traceOf(w.now(), trace))
	w.badOTLP(base+"/v1/metrics", w.traceOf(w.now(), trace))
	w.refused(413, "", hostile{url: base + "/v1/logs", contentType: protobuf, body: oversize()})
	w.refused(404, "not found", hostile{url: base + "/v1/nonsense", contentType: protobuf, body: garbage})
}

// badControl goes to the control API.
func (w *wire) badControl() {
	w.Helper()
	socket := w.record.Socket
	client := &http.Client{Timeout: commandTimeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	defer client.CloseIdleConnections()
	tcp := w.client
	w.client = client
	defer func() { w.client = tcp }()
	f := func(status int, message, method, path, body string) {
		w.Helper()
		w.refused(status, message, hostile{method: method, url: "http://koflab" + path, body: []byte(body)})
	}
	f(400, "request body: unexpected EOF", "POST", "/v1/query", `{"expr": "up"`)
	f(400, `unknown field \"exprr\"`, "POST", "/v1/query", `{"exprr": "up"}`)
	f(400, "cannot unmarshal number", "POST", "/v1/query", `{"expr": 1}`)
	f(400, "request body", "POST", "/v1/query", string(garbage))
	f(400, "request body too large", "POST", "/v1/query", `{"expr": "`+strings.Repeat("x", 2<<20)+`"}`)
	f(422, `there is no region \"nowhere\"`, "POST", "/v1/query", `{"expr": "up", "region": "nowhere"}`)
	f(422, `there is no region \"nowhere\"`, "PUT", "/v1/regions/nowhere/listeners", `{"up": false}`)
	f(400, "request body", "PUT", "/v1/regions/region-1/listeners", `down`)
	f(422, `there is no region \"nowhere\"`, "POST", "/v1/regions/nowhere/crash", ``)
	f(422, `there is no cluster \"nobody\"`, "PUT", "/v1/clusters/nobody/credentials", `{"password": "x"}`)
	f(422, "want at least one character", "PUT", "/v1/clusters/child-1/credentials", `{"password": ""}`)
	f(400, `since=\"x\": want a sequence number`, "GET", "/v1/events?since=x", ``)
	f(404, `there is no region \"nowhere\"`, "GET", "/v1/regions/nowhere/logs/select/logsql/query?query=*", ``)
	f(404, "no such call: GET /v1/nonsense", "GET", "/v1/nonsense", ``)
	f(404, "no such call: DELETE /v1/status", "DELETE", "/v1/status", ``)
}

// slowClients connects to everything that listens and sends the beginning of a
// request, and no more. The returned function checks that all were cut off.
func (l *testLab) slowClients() func() {
	l.Helper()
	var conns []net.Conn
	for _, c := range l.access().Clusters {
		for name, endpoint := range c.Endpoints {
			u, err := url.Parse(endpoint)
			require.NoError(l, err)
			for _, beginning := range []string{"", "POST / HTTP/1.1\r\nHost: x\r\nX-Slow: "} {
				conn, err := net.DialTimeout("tcp", u.Host, 10*time.Second)
				require.NoError(l, err, "%s of %s", name, c.Name)
				l.Cleanup(func() { conn.Close() })
				if u.Scheme == "https" && beginning != "" {
					conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // reads nothing
				}
				_, err = io.WriteString(conn, beginning)
				require.NoError(l, err)
				conns = append(conns, conn)
			}
		}
	}
	require.Greater(l, len(conns), 20)
	return func() {
		l.Helper()
		for _, conn := range conns {
			require.NoError(l, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
			_, err := io.Copy(io.Discard, conn)
			require.NotErrorIs(l, err, os.ErrDeadlineExceeded, "%s was not cut off", conn.RemoteAddr())
		}
	}
}
