package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"
)

// sample is one series of an instant answer.
type sample struct {
	labels map[string]string
	value  float64
}

func (s sample) of(label string) string { return s.labels[label] }

// instantAnswer is Prometheus' answer. Explain is there only when koflab answers.
type instantAnswer struct {
	Status    string   `json:"status"`
	ErrorType string   `json:"errorType"`
	Error     string   `json:"error"`
	Warnings  []string `json:"warnings"`
	Data      struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	} `json:"data"`
	Explain struct {
		Groups []groupAnswer `json:"groups"`
	} `json:"explain"`
}

// groupAnswer is what a server group did, where the target tells.
type groupAnswer struct {
	Name     string `json:"name"`
	Answered bool   `json:"answered"`
	Error    string `json:"error"`
}

// queryFailure is a query that the target understood and could not answer.
type queryFailure struct{ kind, text string }

func (e *queryFailure) Error() string { return e.kind + ": " + e.text }

// prometheus speaks Prometheus' query API. Queries carry no time: the target's now
// counts, since an installation may keep another time than this machine.
type prometheus struct{ *client }

func (p prometheus) query(ctx context.Context, expr string) ([]sample, error) {
	a, err := p.ask(ctx, expr, nil)
	if err != nil {
		return nil, err
	}
	return a.samples()
}

func (p prometheus) ask(ctx context.Context, expr string, more url.Values) (*instantAnswer, error) {
	args := url.Values{"query": {expr}}
	for k, v := range more {
		args[k] = v
	}
	body, err := p.get(ctx, "/api/v1/query", args)
	var a instantAnswer
	if bad := json.Unmarshal(body, &a); bad == nil && a.Status == "error" {
		return nil, &queryFailure{a.ErrorType, excerpt([]byte(a.Error))}
	}
	if err != nil {
		return nil, err
	}
	a = instantAnswer{}
	if err := decode(body, &a); err != nil {
		return nil, err
	}
	if a.Status != "success" {
		return nil, &answerError{200, "its answer is not one of Prometheus' API: " + excerpt(body)}
	}
	return &a, nil
}

// samples reads a vector or a scalar.
func (a *instantAnswer) samples() ([]sample, error) {
	switch a.Data.ResultType {
	case "scalar":
		v, err := point(a.Data.Result)
		return []sample{{map[string]string{}, v}}, err
	case "vector":
		var rows []struct {
			Metric map[string]string `json:"metric"`
			Value  json.RawMessage   `json:"value"`
		}
		if err := json.Unmarshal(a.Data.Result, &rows); err != nil {
			return nil, &answerError{200, "its vector does not read: " + err.Error()}
		}
		out := make([]sample, len(rows))
		for i, r := range rows {
			v, err := point(r.Value)
			if err != nil {
				return nil, err
			}
			out[i] = sample{r.Metric, v}
		}
		return out, nil
	}
	return nil, &answerError{200, fmt.Sprintf("it answers a %s where a vector was asked for", excerpt([]byte(a.Data.ResultType)))}
}

// point reads [time, "value"].
func point(raw json.RawMessage) (float64, error) {
	var pair []json.RawMessage
	var text string
	if err := json.Unmarshal(raw, &pair); err != nil || len(pair) != 2 || json.Unmarshal(pair[1], &text) != nil {
		return 0, &answerError{200, "a sample does not read: " + excerpt(raw)}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, &answerError{200, "a sample is no number: " + excerpt([]byte(text))}
	}
	return v, nil
}

// now is the target's time.
func (p prometheus) now(ctx context.Context) (time.Time, error) {
	s, err := p.query(ctx, "time()")
	if err != nil {
		return time.Time{}, err
	}
	if len(s) != 1 || math.IsNaN(s[0].value) || s[0].value < 0 || s[0].value > 1e11 {
		return time.Time{}, &answerError{200, "its time() is no time"}
	}
	return time.UnixMilli(int64(s[0].value * 1000)).UTC(), nil
}

// isManyToMany reports whether a query failed since a join found several partners.
func isManyToMany(err error) bool {
	var f *queryFailure
	return errors.As(err, &f) && (contains(f.text, "many-to-many") || contains(f.text, "duplicate time series") || contains(f.text, "duplicate series") || contains(f.text, "multiple matches"))
}
