package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"k8s.io/client-go/rest"
)

// Target is the installation to look at. Only URL is needed.
type Target struct {
	// URL is promxy, Grafana, or a storage that answers Prometheus' query API.
	URL string
	// Auth is for URL and, unless they bring their own in the URL, for all others
	// but the regions.
	Auth Auth
	// Logs and Audit answer LogsQL, Traces Jaeger's API.
	Logs, Audit, Traces string
	Alertmanager        string
	// Regions are asked directly, past management.
	Regions []Region
	// Kubernetes is the API of the management cluster.
	Kubernetes *rest.Config
	// CA is PEM that is trusted beside the system's; InsecureSkipVerify trusts all.
	CA                 []byte
	InsecureSkipVerify bool
}

// Region is how a region's gateway, or its storage, is reached from here.
type Region struct {
	Name string
	// URL is https://vmauth.D, or a read URL such as https://vmauth.D/vm/select/0/prometheus.
	URL                string
	Username, Password string
	// Insecure says that management does not verify the certificate either.
	Insecure bool
}

// Options bound a run.
type Options struct {
	// Since is how far back counters are looked at, and clusters that were there
	// are expected to be; 15m by default.
	Since time.Duration
	// Timeout bounds one request, 30s by default.
	Timeout time.Duration
	// Wait passes real time where two looks are needed; nil means time passes.
	Wait func(context.Context, time.Duration) error
}

// Kinds of targets.
const (
	KindPrometheus = "Prometheus API"
	KindGrafana    = "Grafana"
)

// ErrNoKOF is in the error of Run when the target cannot be looked at: it does not
// answer, or what answers is not a KOF installation.
var ErrNoKOF = errors.New("the target cannot be checked")

type noKOF struct{ text string }

func (e *noKOF) Error() string        { return e.text }
func (e *noKOF) Is(target error) bool { return target == ErrNoKOF }

func noKOFf(format string, args ...any) error { return &noKOF{fmt.Sprintf(format, args...)} }

// access are the clients of a run.
type access struct {
	close        func()
	kind         string
	metrics      prometheus
	logs, audit  *logs
	traces       *traces
	alertmanager *client
	kube         *kube
}

// connect finds out what the target is and makes the clients.
func connect(ctx context.Context, t Target, o Options) (*access, error) {
	tr, err := transport(t.CA, t.InsecureSkipVerify)
	if err != nil {
		return nil, err
	}
	target, err := newClient(tr, t.URL, t.Auth, o.Timeout)
	if err != nil {
		return nil, fmt.Errorf("target %w", err)
	}
	a := &access{close: tr.CloseIdleConnections, kind: KindPrometheus, metrics: prometheus{target}}
	_, err = a.metrics.now(ctx)
	if err != nil {
		found, grafanaErr := a.throughGrafana(ctx, target)
		if grafanaErr != nil {
			a.close()
			return nil, grafanaErr
		}
		if !found {
			a.close()
			return nil, noKOFf("%s is no promxy, Grafana or Prometheus that answers: %v", target.base, describe(err))
		}
	}
	for _, part := range []struct {
		url  string
		name string
		set  func(*client)
	}{
		{t.Logs, "logs", func(c *client) { a.logs = &logs{c} }},
		{t.Audit, "audit logs", func(c *client) { a.audit = &logs{c} }},
		{t.Traces, "traces", func(c *client) { a.traces = &traces{client: c} }},
		{t.Alertmanager, "alertmanager", func(c *client) { a.alertmanager = c }},
	} {
		if part.url == "" {
			continue
		}
		c, err := newClient(tr, part.url, t.Auth, o.Timeout)
		if err != nil {
			return nil, fmt.Errorf("%s %w", part.name, err)
		}
		part.set(c)
	}
	if t.Kubernetes != nil {
		if a.kube, err = newKube(t.Kubernetes, o.Timeout); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// dataSource is a part of Grafana's list of data sources.
type dataSource struct {
	UID, Name, Type string
	IsDefault       bool
}

// throughGrafana asks whether the target is Grafana, and takes the data sources that
// KOF gives it.
func (a *access) throughGrafana(ctx context.Context, target *client) (bool, error) {
	body, err := target.get(ctx, "/api/health", nil)
	var health map[string]any
	if err != nil || json.Unmarshal(body, &health) != nil || health["database"] == nil {
		return false, nil
	}
	body, err = target.get(ctx, "/api/datasources", nil)
	if s := statusOf(err); s == http.StatusUnauthorized || s == http.StatusForbidden {
		return true, noKOFf("Grafana at %s does not tell its data sources: %v; give --grafana-token, or --user and --password-file", target.base, err)
	}
	var sources []dataSource
	if err == nil {
		err = decode(body, &sources)
	}
	if err != nil {
		return true, noKOFf("Grafana at %s does not tell its data sources: %v", target.base, err)
	}
	of := func(kind string, names ...string) *client {
		var fits []dataSource
		for _, d := range sources {
			if d.Type == kind {
				fits = append(fits, d)
			}
		}
		slices.SortStableFunc(fits, func(x, y dataSource) int { return rank(x, names) - rank(y, names) })
		if len(fits) == 0 {
			return nil
		}
		c := *target
		c.base += "/api/datasources/proxy/uid/" + url.PathEscape(fits[0].UID)
		return &c
	}
	metrics := of("prometheus", "kof-metrics", "promxy")
	if metrics == nil {
		return true, noKOFf("Grafana at %s has no data source of type prometheus; KOF's is called kof-metrics", target.base)
	}
	a.kind, a.metrics = KindGrafana, prometheus{metrics}
	if c := of("victoriametrics-logs-datasource", "kof-logs"); c != nil {
		a.logs = &logs{c}
	}
	if c := of("jaeger", "kof-traces"); c != nil {
		a.traces = &traces{client: c, prefix: "/api"}
	}
	if _, err := a.metrics.now(ctx); err != nil {
		return true, noKOFf("Grafana's data source %s does not answer: %v", metrics.base, describe(err))
	}
	return true, nil
}

// rank puts data sources with a known name first, then the default one.
func rank(d dataSource, names []string) int {
	if i := slices.Index(names, d.Name); i >= 0 {
		return i
	}
	if d.IsDefault {
		return len(names)
	}
	return len(names) + 1
}
