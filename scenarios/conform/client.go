package conform

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxBody bounds one answer. A large installation answers count by (cluster)
	// in kilobytes; what is larger than this is not an answer to our questions.
	maxBody = 64 << 20
	// dialTimeout is promxy's own for a server group, as KOF sets it.
	dialTimeout = 5 * time.Second
	// shown is how much of a foreign answer goes into a message.
	shown = 80
)

// Auth is what a request brings to be let in. Token wins over user and password.
type Auth struct {
	Token    string
	Username string
	Password string
}

func (a Auth) put(r *http.Request) {
	switch {
	case a.Token != "":
		r.Header.Set("Authorization", "Bearer "+a.Token)
	case a.Username != "" || a.Password != "":
		r.SetBasicAuth(a.Username, a.Password)
	}
}

// client asks one server, with bounds on time and size, and only by GET.
type client struct {
	http *http.Client
	base string // without a slash at its end
	auth Auth
}

// answerError is an answer that is not the one asked for.
type answerError struct {
	status int
	text   string
}

func (e *answerError) Error() string { return e.text }

// transport is shared by all clients of a run.
func transport(ca []byte, insecure bool) (*http.Transport, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // the user's choice, as curl -k
	if len(ca) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(ca) {
			return nil, errors.New("the CA file has no certificate in PEM")
		}
		c.RootCAs = pool
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        c,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  time.Minute,
		MaxIdleConnsPerHost:    4,
		MaxResponseHeaderBytes: 64 << 10,
	}, nil
}

func newClient(t http.RoundTripper, base string, auth Auth, timeout time.Duration) (*client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not an http or https URL", hidePassword(base))
	}
	if u.User != nil {
		if password, ok := u.User.Password(); ok && auth == (Auth{}) {
			auth = Auth{Username: u.User.Username(), Password: password}
		}
		u.User = nil
	}
	u.RawQuery, u.Fragment = "", ""
	return &client{
		base: strings.TrimRight(u.String(), "/"), auth: auth,
		http: &http.Client{Transport: t, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // credentials go where they were meant to, nowhere else
		}},
	}, nil
}

// hidePassword takes the password out of a URL, even of one that does not parse.
func hidePassword(s string) string {
	before, host, ok := cutLast(s, "@")
	if !ok {
		return s
	}
	scheme, _, ok := strings.Cut(before, "://")
	if !ok {
		return host
	}
	return scheme + "://" + host
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// get returns the body of a 200. Everything else is an error that says what came.
func (c *client) get(ctx context.Context, path string, args url.Values) ([]byte, error) {
	u := c.base + path
	if len(args) > 0 {
		u += "?" + args.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	c.auth.put(req)
	resp, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // the URL is long and known
		}
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if len(body) > maxBody {
		return nil, &answerError{resp.StatusCode, fmt.Sprintf("the answer is longer than %d MiB", maxBody>>20)}
	}
	if resp.StatusCode == http.StatusOK {
		return body, nil
	}
	return body, refusal(resp, body)
}

// refusal puts an answer other than 200 into words.
func refusal(resp *http.Response, body []byte) *answerError {
	e := &answerError{status: resp.StatusCode}
	switch {
	case resp.StatusCode/100 == 3:
		e.text = fmt.Sprintf("it redirects (%d) to %s; give that URL if it is meant", resp.StatusCode, excerpt([]byte(hidePassword(resp.Header.Get("Location")))))
	case resp.StatusCode == http.StatusUnauthorized:
		e.text = "it wants other credentials (401 Unauthorized)"
	case resp.StatusCode == http.StatusForbidden:
		e.text = "the credentials are not allowed to ask this (403 Forbidden)"
	default:
		e.text = fmt.Sprintf("it answers %d %s: %s", resp.StatusCode, http.StatusText(resp.StatusCode), excerpt(body))
	}
	return e
}

// decode reads JSON, and says what came instead of it.
func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		if looksHTML(body) {
			return &answerError{http.StatusOK, "it answers a web page, not the API: " + excerpt(title(body))}
		}
		return &answerError{http.StatusOK, fmt.Sprintf("its answer is not the JSON asked for (%v): %s", err, excerpt(body))}
	}
	return nil
}

func looksHTML(body []byte) bool {
	head := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}

// title is what a web page calls itself, or its beginning.
func title(body []byte) []byte {
	head := body[:min(len(body), 8<<10)]
	_, after, ok := bytes.Cut(head, []byte("<title>"))
	if !ok {
		return head
	}
	text, _, _ := bytes.Cut(after, []byte("</title>"))
	return text
}

// excerpt is the beginning of a foreign text, fit to be shown: one line, without
// control characters.
func excerpt(body []byte) string {
	s := strings.ToValidUTF8(string(body[:min(len(body), 4*shown)]), "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) == 0 {
		return "nothing"
	}
	if len(runes) > shown {
		return string(runes[:shown]) + "..."
	}
	return string(runes)
}

// statusOf is the HTTP status behind an error, 0 when there was no answer.
func statusOf(err error) int {
	var e *answerError
	if errors.As(err, &e) {
		return e.status
	}
	return 0
}
