package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"koflab/sim/fault"
)

// maxAnswer bounds what a client reads of one answer.
const maxAnswer = 256 << 20

// Client talks to a running lab over its control socket.
type Client struct {
	http *http.Client
}

// NewClient returns a client of the lab behind a Unix socket. It connects on use.
func NewClient(socket string) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		MaxIdleConns: 2,
	}}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status returns the lab's status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.call(ctx, http.MethodGet, "/v1/status", nil, &s)
}

// Access returns URLs, credentials and the CA certificate.
func (c *Client) Access(ctx context.Context) (Access, error) {
	var a Access
	return a, c.call(ctx, http.MethodGet, "/v1/access", nil, &a)
}

// Query runs a metrics query. A query that failed is an answer with status
// "error", not an error of this call.
func (c *Client) Query(ctx context.Context, q QueryRequest) (QueryResponse, error) {
	var r QueryResponse
	return r, c.call(ctx, http.MethodPost, "/v1/query", q, &r)
}

// Get forwards a GET to the federation's logs ("logs") or traces ("traces")
// API, or to one region's, and returns status, headers and body.
func (c *Client) Get(ctx context.Context, api, region, path string, args url.Values) (int, http.Header, []byte, error) {
	u := "/v1/" + api
	if region != "" {
		u = "/v1/regions/" + url.PathEscape(region) + "/" + api
	}
	resp, err := c.do(ctx, http.MethodGet, u+path+"?"+args.Encode(), nil)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, resp.Header, b, err
}

// Events calls f for each event after seq; with follow it goes on until ctx ends.
func (c *Client) Events(ctx context.Context, seq int64, follow bool, f func(Event) error) error {
	resp, err := c.do(ctx, http.MethodGet, "/v1/events?since="+strconv.FormatInt(seq, 10)+"&follow="+strconv.FormatBool(follow), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answerError(resp)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("read the lab's events: %w", err)
		}
		if err := f(e); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("the lab's event stream ended: %w", err)
	}
	return nil
}

// Flush waits until all that the collectors hold has been sent, or timeout has passed.
func (c *Client) Flush(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/flush", nil, nil)
}

// SetListeners takes a region off the network or back.
func (c *Client) SetListeners(ctx context.Context, region string, up bool) error {
	return c.call(ctx, http.MethodPut, "/v1/regions/"+url.PathEscape(region)+"/listeners", ListenersRequest{Up: up}, nil)
}

// CrashRegion ends a region as kill -9 would and starts it again.
func (c *Client) CrashRegion(ctx context.Context, region string) error {
	return c.call(ctx, http.MethodPost, "/v1/regions/"+url.PathEscape(region)+"/crash", nil, nil)
}

// SetCredentials changes the password a cluster's collectors use.
func (c *Client) SetCredentials(ctx context.Context, cluster string, r CredentialsRequest) error {
	return c.call(ctx, http.MethodPut, "/v1/clusters/"+url.PathEscape(cluster)+"/credentials", r, nil)
}

// Kubeconfig returns a kubeconfig for a cluster, or for all of them for "".
func (c *Client) Kubeconfig(ctx context.Context, cluster string) ([]byte, error) {
	resp, err := c.do(ctx, http.MethodGet, "/v1/kubeconfig?cluster="+url.QueryEscape(cluster), nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return nil, answerError(resp)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

// AddCluster adds a region or a child and waits until it is observed.
func (c *Client) AddCluster(ctx context.Context, r AddRequest) (Cluster, error) {
	var out Cluster
	err := c.call(ctx, http.MethodPost, "/v1/clusters", r, &out)
	return out, err
}

// RemoveCluster removes a region or a child and waits until it is gone.
func (c *Client) RemoveCluster(ctx context.Context, cluster string) error {
	return c.call(ctx, http.MethodDelete, "/v1/clusters/"+url.PathEscape(cluster), nil, nil)
}

// Down asks the lab to stop; it has begun to when this returns.
func (c *Client) Down(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/down", nil, nil)
}

func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://koflab"+path, r)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL means nothing to people
		}
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return nil, fmt.Errorf("the lab does not answer on its control socket, so it is starting or going down; try again in a moment (%w)", op.Err)
		}
		return nil, fmt.Errorf("the lab does not answer on its control socket: %w", err)
	}
	return resp, nil
}

func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return answerError(resp)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("read the lab's answer: %w", err)
	}
	return nil
}

func answerError(resp *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var e ErrorBody
	if json.Unmarshal(b, &e) == nil && e.Error != "" {
		if e.Field != "" {
			return fault.Problem{Field: e.Field, Message: e.Error}
		}
		return errors.New(e.Error)
	}
	return fmt.Errorf("the lab answered %s: %s", resp.Status, bytes.TrimSpace(b))
}
