package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxErrorBody bounds what is read of an error response.
const maxErrorBody = 64 << 10

// QueryError says that the query itself is at fault: it does not parse, cannot
// be evaluated, or exceeds a limit. Every error mode reports it.
type QueryError struct {
	// Type is Prometheus' errorType: bad_data, execution, timeout, canceled, unavailable.
	Type string
	Err  error
}

func (e *QueryError) Error() string { return e.Err.Error() }
func (e *QueryError) Unwrap() error { return e.Err }

func badData(format string, args ...any) error {
	return &QueryError{Type: "bad_data", Err: fmt.Errorf(format, args...)}
}

// statusError is a response other than 2xx.
type statusError struct {
	status int
	body   string
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("HTTP %d", e.status)
	if e.body != "" {
		text += ": " + e.body
	}
	return text
}

// request is one call of a group.
type request struct {
	signal signal
	path   string // after the group's URL of the signal
	form   url.Values
	get    bool // by GET with a query string; else by POST with a form
	call   string
}

// open sends the request and returns the body of a 2xx response, which the
// caller must close. The context bounds reading too.
func (m *member) open(ctx context.Context, q request) (body io.ReadCloser, err error) {
	start := m.wall.Now()
	defer func() { m.self.observe(m.Name, q.call, err, m.wall.Now().Sub(start)) }()
	target, method, payload := m.url(q.signal)+q.path, http.MethodPost, q.form.Encode()
	if q.get {
		method = http.MethodGet
		if payload != "" {
			target, payload = target+"?"+payload, ""
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(payload))
	if err != nil {
		return nil, err
	}
	if !q.get {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if m.Username != "" || m.Password != "" {
		r.SetBasicAuth(m.Username, m.Password)
	}
	resp, err := m.client.Do(r)
	if err != nil {
		// The URL in the error would repeat the whole query: the group's name says enough.
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, responseError(resp, q.signal)
	}
	return resp.Body, nil
}

// responseError tells a query that the group refuses from a group that fails.
func responseError(resp *http.Response, s signal) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	atFault := resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnprocessableEntity
	var api struct {
		ErrorType, Error string
		Errors           []jaegerError
	}
	_ = json.Unmarshal(text, &api) // plain text has none of this
	switch {
	case api.Error != "":
		if kind, ok := refusals[api.ErrorType]; ok && atFault {
			return &QueryError{Type: kind, Err: errors.New(api.Error)}
		}
		return &statusError{resp.StatusCode, api.Error}
	case len(api.Errors) > 0:
		if atFault {
			return badData("%s", api.Errors[0].Msg)
		}
		return &statusError{resp.StatusCode, api.Errors[0].Msg}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if atFault && s == logsSignal && !strings.HasPrefix(line, missingRoute) {
		return badData("%s", line)
	}
	return &statusError{resp.StatusCode, line}
}

// refusals are the kinds of error that a query is to blame for, by the names of
// Prometheus and of vmselect, which names the status instead of a kind.
var refusals = map[string]string{"bad_data": "bad_data", "execution": "execution", "400": "bad_data", "422": "execution"}

// missingRoute begins vmauth's answer 400 to a path that it does not know, which
// is the group's fault.
const missingRoute = "missing route for"

// boundedReader fails, rather than ending early, when a response is too long.
type boundedReader struct {
	r     io.Reader
	limit int64
	n     int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.n > b.limit {
		return 0, &QueryError{Type: "execution", Err: fmt.Errorf("the answer of a group exceeds %d bytes: ask for less", b.limit)}
	}
	return n, err
}

// fetchJSON reads a whole answer into v.
func fetchJSON(ctx context.Context, a *asked, q request, limit int64, v any) error {
	body, err := a.member.open(ctx, q)
	if err != nil {
		return err
	}
	defer body.Close()
	bounded := &boundedReader{r: body, limit: limit}
	err = json.NewDecoder(bounded).Decode(v)
	a.received(0, 0, bounded.n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if _, ok := errors.AsType[*QueryError](err); err != nil && !ok {
		err = fmt.Errorf("unreadable answer: %w", err)
	}
	return err
}
