package collector

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"

	"koflab/sim/clock"
)

// maxResponseBody is how much of a response is read, in bytes.
const maxResponseBody = 64 << 10

// verdict is what an attempt means for its batch.
type verdict int

const (
	delivered verdict = iota
	permanent         // refused for good
	retryable
)

// attempt is the outcome of one request.
type attempt struct {
	verdict verdict
	// status is the HTTP status, 0 if there was none.
	status int
	err    error
	// unknown says that the far side may have stored the batch though the attempt
	// failed: the request had been written, and no answer told its fate.
	unknown bool
	// rejected counts the records that an answer says were not stored.
	rejected int
	// retryAfter is the least wait that the far side asked for.
	retryAfter time.Duration
}

// credentials are of basic authentication.
type credentials struct{ username, password string }

// sender posts batches to one endpoint.
type sender struct {
	url     string
	header  http.Header
	client  *http.Client
	timeout time.Duration // real time
	clock   clock.Clock
	auth    atomic.Pointer[credentials]
	// retries says which statuses are worth another attempt.
	retries func(status int) bool
	// rejected reads from an answer how many of count records were not stored.
	rejected func(status int, header http.Header, body []byte, count int) int
}

func newSender(e Endpoint, client *http.Client, timeout time.Duration, c clock.Clock) *sender {
	s := &sender{url: e.URL, client: client, timeout: realTimeout(c, timeout), clock: c, header: http.Header{}}
	if e.Username != "" {
		s.auth.Store(&credentials{e.Username, e.Password})
	}
	s.header.Set("User-Agent", "koflab-collector")
	return s
}

// send makes one attempt at delivering count records.
func (s *sender) send(ctx context.Context, body []byte, count int) attempt {
	ctx, cancel := clock.WithTimeout(ctx, clock.Wall(s.clock), s.timeout)
	defer cancel()
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				written.Store(true)
			}
		},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return attempt{verdict: permanent, err: err, rejected: count}
	}
	for k, v := range s.header {
		req.Header[k] = v
	}
	if a := s.auth.Load(); a != nil {
		req.SetBasicAuth(a.username, a.password)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return attempt{verdict: retryable, err: err, unknown: written.Load()}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxResponseBody))
	a := attempt{status: resp.StatusCode}
	switch {
	case isSuccess(resp.StatusCode):
		if err == nil {
			a.rejected = s.rejected(resp.StatusCode, resp.Header, answer, count)
		}
	case s.retries(resp.StatusCode):
		a.verdict = retryable
		a.retryAfter = retryAfter(resp.Header, s.clock.Now())
		a.unknown = resp.StatusCode == http.StatusGatewayTimeout
	default:
		a.verdict = permanent
		a.rejected = s.rejected(resp.StatusCode, resp.Header, answer, count)
	}
	return a
}

func isSuccess(status int) bool { return status/100 == 2 }

// retryAfter reads a Retry-After header, in seconds or as a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	if n, err := strconv.Atoi(v); err == nil {
		return time.Duration(max(n, 0)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

// reason names what a batch of a failed attempt is lost to, for the ledger.
func (a attempt) reason() string {
	switch {
	case a.status == http.StatusRequestEntityTooLarge:
		return dropTooLarge
	case a.status != 0:
		return "http_" + strconv.Itoa(a.status)
	default:
		return dropInvalid
	}
}
