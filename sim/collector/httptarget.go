package collector

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

const (
	// maxScrapeBody bounds a target's answer, decompressed, in bytes.
	maxScrapeBody = 64 << 20
	// maxScrapeRedirects bounds how far a scrape follows.
	maxScrapeRedirects = 5

	acceptMetrics = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)

// HTTPTarget returns a real /metrics endpoint as a target: Prometheus or
// OpenMetrics text over HTTP, at the collector's interval. The instance label is
// the URL's host and port. Labels of the endpoint that collide with a target
// label get the prefix exported_. A nil client means one with default transport.
func HTTPTarget(address, job string, client *http.Client) (Target, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("scrape target: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("scrape target %q: want http://HOST:PORT/metrics", address)
	}
	if u.Path == "" {
		u.Path = "/metrics"
	}
	if client == nil {
		client = &http.Client{}
	}
	bounded := *client
	bounded.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
		if len(via) > maxScrapeRedirects {
			return fmt.Errorf("more than %d redirects", maxScrapeRedirects)
		}
		return nil
	}
	return &httpTarget{url: u.String(), job: job, instance: hostPort(u), client: &bounded}, nil
}

// hostPort is the URL's host with the port that its scheme implies.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" {
		return u.Host + ":443"
	}
	return u.Host + ":80"
}

type httpTarget struct {
	url, job, instance string
	client             *http.Client
}

func (t *httpTarget) Job() string             { return t.job }
func (t *httpTarget) Instance() string        { return t.instance }
func (t *httpTarget) Interval() time.Duration { return 0 }

// Scrape implements Target; timestamps that the endpoint gives are ignored.
func (t *httpTarget) Scrape(ctx context.Context, at time.Time, emit func(labels.Labels, float64)) error {
	return t.scrapeAt(ctx, at, func(l labels.Labels, v float64, _ int64) { emit(l, v) })
}

// scrapeAt emits the endpoint's samples with the timestamps it gives, else at's.
func (t *httpTarget) scrapeAt(ctx context.Context, at time.Time, emit func(labels.Labels, float64, int64)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", acceptMetrics)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("server returned HTTP status %s", resp.Status)
	}
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(resp.Body); err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
	}
	text, err := io.ReadAll(io.LimitReader(body, maxScrapeBody+1))
	if err != nil {
		return err
	}
	if len(text) > maxScrapeBody {
		return fmt.Errorf("body exceeds %d bytes", maxScrapeBody)
	}
	return parseMetrics(text, resp.Header.Get("Content-Type"), t.job, t.instance, at.UnixMilli(), emit)
}

// parseMetrics reads the text format of the content type and emits each sample
// with the target labels added.
func parseMetrics(text []byte, contentType, job, instance string, t int64, emit func(labels.Labels, float64, int64)) error {
	p, err := textparse.New(text, contentType, nil, textparse.ParserOptions{FallbackContentType: "text/plain"})
	if p == nil {
		return err
	}
	if strings.HasPrefix(contentType, "application/vnd.google.protobuf") {
		return errors.New("target answers in protobuf, which was not asked for")
	}
	b := labels.NewBuilder(labels.EmptyLabels())
	var exposed labels.Labels
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, given, v := p.Series()
		p.Labels(&exposed)
		b.Reset(exposed)
		setTargetLabel(b, exposed, "job", job)
		setTargetLabel(b, exposed, "instance", instance)
		at := t
		if given != nil {
			at = *given
		}
		emit(b.Labels(), v, at)
	}
}

// setTargetLabel sets a target label; an exposed one of that name moves to
// exported_NAME, as with honor_labels: false.
func setTargetLabel(b *labels.Builder, exposed labels.Labels, name, value string) {
	if old := exposed.Get(name); old != "" {
		to := "exported_" + name
		for exposed.Get(to) != "" {
			to = "exported_" + to
		}
		b.Set(to, old)
	}
	b.Set(name, value)
}
