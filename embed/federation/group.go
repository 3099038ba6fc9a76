package federation

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"koflab/sim/clock"
)

// Labels that KOF's promxy stamps on the series of a server group: the name and
// the namespace of the regional cluster.
const (
	ClusterLabel          = "promxyCluster"
	ClusterNamespaceLabel = "promxyClusterNamespace"
)

// Group is a server group: one region's read endpoints.
type Group struct {
	// Name identifies the group in explain records, warnings and metrics.
	Name string
	// Labels are stamped on every series of the group, replacing labels of the
	// same name, and narrow the fan-out of queries that match on them.
	Labels map[string]string
	// MetricsURL is followed by /api/v1/..., LogsURL by /select/logsql/... and
	// TracesURL by /select/jaeger/api/...; an empty one takes the group out of
	// that signal.
	MetricsURL, LogsURL, TracesURL string
	// Username and Password are sent as basic auth unless both are empty.
	Username, Password string
	// Client reaches the group: its transport decides on names, TLS and limits.
	// Nil means plain HTTP with bounded pools.
	Client *http.Client
}

// signal is what kind of telemetry a request is about.
type signal int

const (
	metricsSignal signal = iota
	logsSignal
	tracesSignal
)

// member is a group as used by running queries: immutable.
type member struct {
	Group
	client *http.Client
	self   *selfMetrics
	wall   clock.Clock // by which calls are timed
}

func newMember(g Group, transport http.RoundTripper, self *selfMetrics, wall clock.Clock) (*member, error) {
	if g.Name == "" {
		return nil, fmt.Errorf("server group with URL %q has no name: give it one", g.MetricsURL)
	}
	for name := range g.Labels {
		if !model.UTF8Validation.IsValidLabelName(name) || name == model.MetricNameLabel {
			return nil, fmt.Errorf("server group %q: %q cannot be a group label", g.Name, name)
		}
	}
	for _, u := range []*string{&g.MetricsURL, &g.LogsURL, &g.TracesURL} {
		if *u == "" {
			continue
		}
		parsed, err := url.Parse(*u)
		if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
			return nil, fmt.Errorf("server group %q: %q is not an http(s) URL", g.Name, *u)
		}
		*u = strings.TrimRight(*u, "/")
	}
	g.Labels = maps.Clone(g.Labels)
	m := &member{Group: g, client: g.Client, self: self, wall: wall}
	if m.client == nil {
		m.client = &http.Client{Transport: transport}
	}
	return m, nil
}

func (m *member) url(s signal) string {
	return [...]string{m.MetricsURL, m.LogsURL, m.TracesURL}[s]
}

// serving returns the members that have an endpoint for the signal.
func serving(members []*member, s signal) []*member {
	return slices.DeleteFunc(slices.Clone(members), func(m *member) bool { return m.url(s) == "" })
}

// stampNames returns the names of all labels that any of the members stamps.
func stampNames(members []*member) map[string]bool {
	names := map[string]bool{}
	for _, m := range members {
		for name := range m.Labels {
			names[name] = true
		}
	}
	return names
}

// distinguished reports whether the kept group labels alone tell the members
// apart: for every two of them there is a label that both stamp, differently.
func distinguished(members []*member, keep map[string]bool) bool {
	for i, a := range members {
		for _, b := range members[i+1:] {
			apart := false
			for name, value := range a.Labels {
				other, ok := b.Labels[name]
				apart = apart || keep[name] && ok && other != value
			}
			if !apart {
				return false
			}
		}
	}
	return true
}
