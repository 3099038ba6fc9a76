package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxAnswer bounds what is kept of an answer with logs or traces.
const maxAnswer = 64 << 20

// recorder is a response kept in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	over   bool
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.body.Len()+len(p) > maxAnswer {
		r.over = true
		return 0, errAnswerTooLong
	}
	return r.body.Write(p)
}

var errAnswerTooLong = fmt.Errorf("the answer exceeds %d MiB, ask for less", maxAnswer>>20)

// ask sends a GET to a handler in this process.
func ask(ctx context.Context, h http.Handler, path string, args url.Values) (*recorder, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://koflab"+path+"?"+args.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Body = http.NoBody // handlers read it
	r := &recorder{header: http.Header{}}
	h.ServeHTTP(r, req)
	if r.over {
		return nil, errAnswerTooLong
	}
	r.WriteHeader(http.StatusOK)
	return r, nil
}

// wholeAnswer makes it an error that the only region asked does not answer, as the
// lab does for metrics.
func wholeAnswer(args url.Values, region string) {
	if region != "" {
		args.Set("error_mode", "fail")
	}
}

// readWarnings takes over the warnings that came with an answer.
func (r *Result) readWarnings(h http.Header) {
	for _, line := range h.Values("Warning") {
		_, text, ok := strings.Cut(line, " koflab ")
		if unquoted, err := strconv.Unquote(text); ok && err == nil {
			text = unquoted
		} else {
			text = line
		}
		r.Warnings = append(r.Warnings, text)
	}
}

// failure is the message in the body of an answer that is no success, which may
// be JSON or plain.
func failure(status int, body []byte) error {
	var e struct {
		Error  string `json:"error"`
		Errors []struct {
			Msg string `json:"msg"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &e) == nil {
		if e.Error != "" {
			return errors.New(e.Error)
		}
		if len(e.Errors) > 0 && e.Errors[0].Msg != "" {
			return errors.New(e.Errors[0].Msg)
		}
	}
	if text := strings.TrimSpace(string(body)); text != "" {
		return errors.New(clip(text, 1000))
	}
	return fmt.Errorf("the answer is %d %s", status, http.StatusText(status))
}
