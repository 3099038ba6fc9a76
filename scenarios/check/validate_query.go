package check

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/prometheus/prometheus/promql/parser"
	"golang.org/x/net/http/httpguts"
	"k8s.io/apimachinery/pkg/labels"
)

const (
	// maxQueryBytes is the most that the federation takes.
	maxQueryBytes = 16 << 10
	// maxPoints is the most that Prometheus answers for a series.
	maxPoints = 11_000
)

// promQL is the language as the federation understands it.
var promQL = parser.NewParser(parser.Options{
	EnableExperimentalFunctions:  true,
	ExperimentalDurationExpr:     true,
	EnableExtendedRangeSelectors: true,
	EnableBinopFillModifiers:     true,
})

func parsePromQL(query string) error {
	_, err := promQL.ParseExpr(query)
	return err
}

func parseLogsQL(query string) error {
	_, err := logstorage.ParseQueryAtTimestamp(query, time.Unix(0, 0).UnixNano())
	return err
}

// parsed checks that a query is of its language and not too long.
func (v *validation) parsed(field, query string, parse func(string) error) {
	if len(query) > maxQueryBytes {
		v.add(field, "the query has %d bytes, at most %d are taken", len(query), maxQueryBytes)
		return
	}
	if err := guard(func() error { return parse(query) }); err != nil {
		v.add(field, "%s", clip(oneLine(err.Error()), whyLimit))
	}
}

// guard makes an error of a panic in a parser that is not ours: what somebody
// writes must not end koflab.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be parsed: %v", p)
		}
	}()
	return f()
}

// points is how many points a range query asks of each series.
func (c Check) points() int64 {
	q := c.request("", time.Time{})
	return int64(q.End.Sub(q.Start)/q.Step) + 1
}

func (v *validation) traces(t *Traces) {
	if strings.TrimSpace(t.Service) == "" {
		v.add("traces.service", "service is missing, traces are searched by the service that took part")
	}
	if t.Limit < 0 || t.Limit > maxTraces {
		v.add("traces.limit", "limit is %d, give 1 to %d", t.Limit, maxTraces)
	}
	if t.Lookback < 0 {
		v.add("traces.lookback", "lookback is %s, give a length such as 1h", t.Lookback)
	}
}

func (v *validation) objects(o *Objects) {
	if o.Cluster == "" {
		v.add("objects.cluster", "cluster is missing, say whose objects to look at")
	}
	v.cluster("objects.cluster", o.Cluster)
	if o.Resource == "" {
		v.add("objects.resource", "resource is missing, give a plural name such as pods")
	}
	if strings.ContainsAny(o.Resource, "/ ") || strings.ToLower(o.Resource) != o.Resource {
		v.add("objects.resource", "%q is no resource, write its plural name, with its group where that is ambiguous: clusterdeployments.k0rdent.mirantis.com", clip(o.Resource, 80))
	}
	if _, err := labels.Parse(o.Selector); err != nil {
		v.add("objects.selector", "%s", clip(oneLine(err.Error()), whyLimit))
	}
	if o.Name != "" && o.Selector != "" {
		v.add("objects.selector", "name selects one object already, leave selector out")
	}
}

func (v *validation) http(h *HTTP) {
	v.where(h)
	v.who(h)
	v.cluster("http.cluster", h.Cluster)
	v.cluster("http.from", h.From)
	v.oneOf("http.method", h.Method, []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	})
	if h.Body != "" && (h.Method == http.MethodGet || h.Method == http.MethodHead) {
		v.add("http.body", "a %s has no body, leave method out to POST it", h.Method)
	}
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(h.Headers[name]) {
			v.add("http.headers", "%s: %s is no header of HTTP", clip(name, 40), clip(h.Headers[name], 80))
		}
	}
}

// where checks what the request is sent to.
func (v *validation) where(h *HTTP) {
	switch {
	case h.URL == "" && h.Path == "":
		v.add("http", "give a url, or a path on a listener of a cluster")
	case h.URL != "" && h.Path != "":
		v.add("http.path", "url and path exclude each other, the url has a path of its own")
	case h.URL != "":
		if u, err := url.Parse(h.URL); err != nil {
			v.add("http.url", "%s", reason(err))
		} else if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			v.add("http.url", "%q is no URL to ask, write one such as https://vmauth.region-1.kof.example.com/", clip(h.URL, 80))
		}
		if h.Listener != "" {
			v.add("http.listener", "the url says already where to, leave listener out or give a path")
		}
	default:
		if _, err := url.ParseRequestURI("http://listener" + h.Path); err != nil || !strings.HasPrefix(h.Path, "/") {
			v.add("http.path", "%q is no path, write one such as /vm/select/0/prometheus/api/v1/query?query=up", clip(h.Path, 80))
		}
	}
}

// reason is what is wrong with a URL, without the URL.
func reason(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// who checks whose credentials are used.
func (v *validation) who(h *HTTP) {
	if h.As != "" && h.BasicAuth != nil {
		v.add("http.basicAuth", "as and basicAuth exclude each other")
	}
	if h.BasicAuth != nil && strings.Contains(h.BasicAuth.Username, ":") {
		v.add("http.basicAuth", "a user's name has no colon, it would end there")
	}
	if v.clusters != nil && h.As != "" && h.As != AsAdmin && h.As != AsNone && !slices.Contains(v.clusters, h.As) {
		v.add("http.as", "there is no cluster %q, %s", clip(h.As, 40), orOneOf(h.As, append([]string{AsAdmin, AsNone}, v.clusters...)))
	}
}
