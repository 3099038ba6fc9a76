package telemetry

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"koflab/sim/inventory"
)

// reason says why a call failed, in the words of its service.
func (c *call) reason() string {
	switch c.cause {
	case causeTimeout:
		return "context deadline exceeded: no answer within 1s"
	case causePool:
		return "connection pool exhausted: 20 of 20 connections in use"
	case causeBug:
		return "unexpected state: " + c.op.Name() + ": item has no price"
	case causeUpstream:
		return "upstream request failed"
	default:
		return "HTTP " + strconv.Itoa(c.code)
	}
}

// class is the exception's type.
func (c cause) class() string {
	return [...]string{"", "TimeoutError", "PoolExhaustedError", "UpstreamError", "IllegalStateError", "NotFoundError"}[c]
}

// requestLine is what a service logs about a request.
func (g *Generator) requestLine(k int64, c *call) (severity, string) {
	took := c.length.Round(100 * time.Microsecond)
	if c.kind == databaseCall {
		return warn, fmt.Sprintf("slow query took %s: %s", took, c.op.Statement)
	}
	line := c.op.Method + " " + g.path(k, c.op) + " " + strconv.Itoa(c.code) + " " + took.String() + " user=" + g.user(k)
	switch {
	case c.failed:
		return fail, line + ": " + c.reason()
	case c.code == 404:
		return warn, line + ": no such item"
	default:
		return info, line
	}
}

// line is something a program says, with its severity. In braces: {n} a small
// number, {ms} milliseconds, {id} hexadecimal digits, {ip} an address, {pct} a
// percentage.
type line struct {
	sev  severity
	text string
}

var appLines = []line{
	{info, "cache refreshed: {n} entries in {ms}ms"},
	{info, "health check passed in {ms}ms"},
	{info, "session {id} opened from {ip}"},
	{debug, "feature flag checkout-v2 is on for {pct}% of users"},
	{info, "connection pool: {n} idle, {n} in use"},
	{warn, "cache hit ratio fell to {pct}%"},
	{info, "configuration {id} reloaded"},
}

var operatorLines = []line{
	{info, `reconciled object, generation={n}, took={ms}ms`},
	{info, `leader lease renewed, holder={id}`},
	{debug, `nothing to do, requeue after {n}s`},
	{info, `watch restarted at resourceVersion={n}{n}{n}`},
	{warn, `conflict while updating status, object was modified: retrying`},
}

var storageLines = []line{
	{info, "merged {n} parts of {n}{n} rows in {ms}ms"},
	{info, "flushed {n}{n} rows to disk in {ms}ms"},
	{info, "accepted connection from {ip}"},
	{info, "query took {ms}ms, {n} series"},
	{warn, "slow insert: {ms}0ms for {n}{n} rows from {ip}"},
}

// componentLines are the lines of each app.kubernetes.io/name that has its own.
var componentLines = map[string][]line{
	"coredns": {
		{info, `[INFO] 10.244.0.{n}:{n}{n} - {n} "A IN kubernetes.default.svc.cluster.local. udp 54 false 512" NOERROR qr,aa,rd 106 0.000{ms}s`},
		{info, `[INFO] 10.244.1.{n}:{n}{n} - {n} "AAAA IN api.example.com. udp 32 false 512" NXDOMAIN qr,rd,ra 117 0.00{ms}s`},
	},
	"kube-proxy": {
		{info, "syncing iptables rules took {ms}ms"},
		{info, "endpoints changed for service {id}, {n} ready"},
	},
	"postgres": {
		{info, "checkpoint complete: wrote {n} buffers ({pct}%); write={n}.{n} s, sync=0.0{n} s"},
		{info, `automatic vacuum of table "shop.public.cart_items": index scans: 1, removed {n} dead rows`},
		{warn, "lock wait of {ms}ms on relation orders"},
		{info, "connection authorized: user=shop database=shop application_name={id}"},
	},
	"opencost": {
		{info, "Completed allocation computation for the last hour in {ms}ms"},
		{info, "Found {n} unique containers in cluster data"},
		{warn, "No pricing for node found, using default CPU and RAM prices"},
	},
	"kube-state-metrics": {
		{info, "Rendered {n}{n} series for {n} resources"},
		{info, "Watch of v1.Pod restarted after {n}m"},
	},
	"promxy": {
		{info, "query done in {ms}ms, {n} server groups answered"},
		{info, "rule group evaluated in {ms}ms"},
	},
	"grafana": {
		{info, "Request Completed method=GET path=/api/ds/query status=200 duration={ms}ms"},
		{info, "Usage stats are ready to report"},
	},
}

// lineGroups maps the remaining labels to lines they share, by a part of the label.
var lineGroups = []struct {
	part  string
	lines []line
}{
	{"allocator", operatorLines},
	{"exporter", []line{
		{info, "collected {n} metrics in {ms}ms"},
		{debug, "collector filesystem took 0.00{ms}s"},
	}},
	{"collector", []line{
		{info, `Scrape done {"job": "kubelet", "samples": {n}{n}, "took": "{ms}ms"}`},
		{info, `Batch sent {"exporter": "otlphttp/logs", "items": {n}, "took": "{ms}ms"}`},
		{debug, `k8sattributes cache holds {n} pods`},
		{info, `Started watching file {"path": "/var/log/pods/{id}/0.log"}`},
	}},
	{"nginx", []line{
		{info, `{ip} - - "POST /vli/insert/opentelemetry/v1/logs HTTP/2.0" 200 {n} "-" "OpenTelemetry Collector" {n} 0.0{ms} [kof-vmauth-cluster-8427] {ip}:8427 {n} 0.0{ms} 200 {id}`},
		{info, `{ip} - - "POST /vm/insert/0/prometheus/api/v1/write HTTP/2.0" 204 0 "-" "OpenTelemetry Collector" {n}{n} 0.0{ms} [kof-vmauth-cluster-8427] {ip}:8427 0 0.0{ms} 204 {id}`},
		{info, "Backend successfully reloaded"},
	}},
	{"operator", operatorLines}, {"controller", operatorLines}, {"cert-manager", operatorLines},
	{"webhook", operatorLines}, {"cainjector", operatorLines},
	{"gateway", operatorLines}, {"kcm", operatorLines}, {"external-dns", operatorLines},
	{"sveltos", operatorLines}, {"visualizer", operatorLines}, {"istio", operatorLines},
	{"vm", storageLines}, {"vl", storageLines}, {"vt", storageLines}, {"victoria", storageLines}, {"jaeger", storageLines},
}

// componentLine draws a line of a program.
func componentLine(label string, s inventory.Seed) (severity, string) {
	lines, ok := componentLines[label]
	for i := 0; !ok && i < len(lineGroups); i++ {
		if ok = strings.Contains(label, lineGroups[i].part); ok {
			lines = lineGroups[i].lines
		}
	}
	if !ok {
		lines = appLines
	}
	l := lines[s.Of("line").Below(len(lines))]
	return l.sev, fill(l.text, s)
}

// fill replaces the words in braces; braces around anything else stay.
func fill(text string, s inventory.Seed) string {
	b := make([]byte, 0, len(text)+24)
	for draw := int64(0); ; draw++ {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			return string(append(b, text...))
		}
		b = append(b, text[:open]...)
		text = text[open:]
		word, rest, _ := strings.Cut(text[1:], "}")
		v := s.At(draw)
		switch word {
		case "n":
			b = strconv.AppendInt(b, int64(1+v.Below(99)), 10)
		case "ms":
			b = strconv.AppendInt(b, int64(2+v.Below(80)), 10)
		case "pct":
			b = strconv.AppendInt(b, int64(5+v.Below(90)), 10)
		case "id":
			b = append(b, v.Hex(8)...)
		case "ip":
			b = fmt.Appendf(b, "10.244.%d.%d", v.Below(8), 2+v.At(1).Below(250))
		default:
			b = append(b, '{')
			text = text[1:]
			continue
		}
		text = rest
	}
}
