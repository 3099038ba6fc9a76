package check

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"koflab/topology/lab/control"
)

const (
	// maxHTTPBody bounds what is read of the answer to a probe.
	maxHTTPBody = 1 << 20
	// gatewayListener is asked where no listener is named.
	gatewayListener = "vmauth"
	roleManagement  = "management"
)

func (h *HTTP) listener() string { return orElse(h.Listener, gatewayListener) }

func (h *HTTP) method() string {
	switch {
	case h.Method != "":
		return h.Method
	case h.Body != "":
		return http.MethodPost
	}
	return http.MethodGet
}

// evaluate makes one request over a connection of its own and follows no
// redirects. The rows are those of the answer if it is one of Prometheus' query API
// or lines of logs. An answer of any status is no error; none at all is.
func (h *HTTP) evaluate(ctx context.Context, env Env, r *Result) error {
	access := env.Access()
	management := managementOf(access)
	target, gateway, err := h.target(access, management)
	if err != nil {
		return err
	}
	client, err := env.Client(orElse(h.From, management))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, h.method(), target, strings.NewReader(h.Body))
	if err != nil {
		return err
	}
	req.URL.RawQuery = escapeQuery(req.URL.RawQuery)
	for name, value := range h.Headers {
		req.Header.Set(name, value)
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if err := h.authorize(req, access, gateway); err != nil {
		return err
	}
	answer, err := send(client, req)
	if err != nil {
		return err
	}
	r.Status = answer.status
	r.read(answer)
	return nil
}

// escapeQuery escapes what cannot stand in a request line, so that a query may be
// written as it is read: ?query=count by (job)(up).
func escapeQuery(raw string) string {
	var b strings.Builder
	for _, c := range []byte(raw) {
		if c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// target is the URL to ask, and the cluster whose gateway that is.
func (h *HTTP) target(access control.Access, management string) (target, gateway string, err error) {
	if h.URL != "" {
		u, err := url.Parse(h.URL)
		if err != nil {
			return "", "", err
		}
		return h.URL, orElse(h.Cluster, gatewayOf(u, access)), nil
	}
	cluster := orElse(h.Cluster, management)
	base, err := endpoint(access, cluster, h.listener())
	return base + h.Path, cluster, err
}

// gatewayOf is the cluster whose listener or whose domain, which begins with the
// cluster's name by default, a URL leads to; "" if that is not known.
func gatewayOf(u *url.URL, access control.Access) string {
	for _, c := range access.Clusters {
		for _, endpoint := range c.Endpoints {
			if _, rest, _ := strings.Cut(endpoint, "://"); rest == u.Host {
				return c.Name
			}
		}
	}
	for _, c := range access.Clusters {
		if slices.Contains(strings.Split(u.Hostname(), "."), path.Base(c.Name)) { // without a namespace
			return c.Name
		}
	}
	return ""
}

// authorize adds who asks.
func (h *HTTP) authorize(req *http.Request, access control.Access, gateway string) error {
	if h.BasicAuth != nil {
		req.SetBasicAuth(h.BasicAuth.Username, h.BasicAuth.Password)
		return nil
	}
	if h.As == "" || h.As == AsNone {
		return nil
	}
	owner := h.As
	if owner == AsAdmin {
		owner = "(admin)"
	}
	var other *control.Credentials
	for i, c := range access.Credentials {
		if c.Cluster != owner {
			continue
		}
		if gateway == "" || c.Region == gateway {
			req.SetBasicAuth(c.Username, c.Password)
			return nil
		}
		other = cmp.Or(other, &access.Credentials[i])
	}
	if other == nil {
		return fmt.Errorf("no gateway has credentials of %s", h.As)
	}
	// Credentials of one region tried at another: that is a question too.
	req.SetBasicAuth(other.Username, other.Password)
	return nil
}

// endpoint is the URL of a cluster's listener.
func endpoint(access control.Access, cluster, listener string) (string, error) {
	var names []string
	for _, c := range access.Clusters {
		names = append(names, c.Name)
		if c.Name != cluster {
			continue
		}
		if base := c.Endpoints[listener]; base != "" {
			return strings.TrimSuffix(base, "/"), nil
		}
		return "", fmt.Errorf("nothing of %s listens as %s, %s", cluster, listener, orOneOf(listener, slices.Sorted(maps.Keys(c.Endpoints))))
	}
	return "", fmt.Errorf("there is no cluster %q, %s", cluster, orOneOf(cluster, names))
}

func managementOf(access control.Access) string {
	for _, c := range access.Clusters {
		if c.Role == roleManagement {
			return c.Name
		}
	}
	return roleManagement
}

// noRegion is the error for a region that answers no queries.
func noRegion(env Env, region string) error {
	var names []string
	for _, c := range env.Status().Clusters {
		if c.Region == c.Name {
			names = append(names, c.Name)
		}
	}
	return fmt.Errorf("there is no region %q, %s", region, orOneOf(region, names))
}

// fetch sends a GET over the lab's network.
func fetch(ctx context.Context, client *http.Client, target string) (*recorder, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	return send(client, req)
}

// send makes a request and reads its answer within bounds.
func send(client *http.Client, req *http.Request) (*recorder, error) {
	req.Close = true
	once := *client
	once.Timeout = 0 // which would be of real time
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := once.Do(req)
	if err != nil {
		return nil, cause(err)
	}
	defer resp.Body.Close()
	r := &recorder{header: resp.Header, status: resp.StatusCode}
	n, err := io.Copy(&r.body, io.LimitReader(resp.Body, maxHTTPBody+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", cause(err))
	}
	if n > maxHTTPBody {
		return nil, fmt.Errorf("the answer exceeds %d MiB, ask for less", maxHTTPBody>>20)
	}
	return r, nil
}

// cause leaves out the URL, which the check names already, and where a connection
// came from.
func cause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op == err {
		return &net.OpError{Op: op.Op, Net: op.Net, Addr: op.Addr, Err: op.Err}
	}
	return err
}

// read makes rows of the answers of Prometheus' query API and of log lines.
func (r *Result) read(answer *recorder) {
	body := answer.body.Bytes()
	r.Body = decoded(body)
	head := fmt.Sprintf("%d %s", answer.status, http.StatusText(answer.status))
	var prometheus struct {
		Status string          `json:"status"`
		Data   json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &prometheus) == nil && prometheus.Status == "success" {
		if rows, err := samples(prometheus.Data); err == nil {
			r.Rows = rows
			r.Text = head + ", "
			r.Text += clip(summary(rows, "series", "series"), textLimit-len(r.Text))
			return
		}
	}
	if lines, err := logLines(body); err == nil && strings.HasPrefix(answer.header.Get("Content-Type"), "application/stream+json") {
		for _, line := range lines {
			r.Rows = append(r.Rows, lineRow(line))
		}
		order(r.Rows)
		r.Text = head + ", "
		r.Text += clip(linesText(r.Rows), textLimit-len(r.Text))
		return
	}
	if len(bytes.TrimSpace(body)) > 0 {
		r.noRows = "the answer is neither one of Prometheus' query API nor log lines"
	}
	r.Text = head
	if text := oneLine(string(body)); text != "" {
		r.Text = clip(head+": "+text, textLimit)
	}
}

// oneLine joins the lines of a text.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
