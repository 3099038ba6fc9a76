package conform

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// traces speaks Jaeger's query API, where VictoriaTraces has it or at Jaeger's root.
type traces struct {
	*client
	prefix string // found with the first question
}

// jaegerPrefixes are where the API may be below the URL given.
var jaegerPrefixes = []string{"/select/jaeger/api", "/api"}

func (t *traces) ask(ctx context.Context, path string, args url.Values, into any) error {
	prefixes := jaegerPrefixes
	if t.prefix != "" {
		prefixes = []string{t.prefix}
	}
	var first error
	for _, p := range prefixes {
		body, err := t.get(ctx, p+path, args)
		var answer struct {
			Data json.RawMessage `json:"data"`
		}
		if err == nil {
			err = decode(body, &answer)
		}
		if err == nil {
			t.prefix = p
			if len(answer.Data) == 0 || string(answer.Data) == "null" {
				return nil
			}
			return decode(answer.Data, into)
		}
		if first == nil {
			first = err
		}
		if statusOf(err) == 0 {
			break // nobody is there to ask again
		}
	}
	return first
}

func (t *traces) services(ctx context.Context) ([]string, error) {
	var names []string
	return names, t.ask(ctx, "/services", nil, &names)
}

// found is one trace of a search.
type found struct {
	TraceID   string                 `json:"traceID"`
	Spans     []json.RawMessage      `json:"spans"`
	Processes map[string]spanProcess `json:"processes"`
}

type spanProcess struct {
	ServiceName string `json:"serviceName"`
	Tags        []struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	} `json:"tags"`
}

// tag is a text tag of a process.
func (p spanProcess) tag(key string) string {
	for _, t := range p.Tags {
		if s, ok := t.Value.(string); ok && t.Key == key {
			return s
		}
	}
	return ""
}

// recent searches traces of a service; tags is JSON, such as {"k8s.cluster.name":"c1"}.
func (t *traces) recent(ctx context.Context, service, tags string, from, to time.Time, limit int) ([]found, error) {
	args := url.Values{
		"service": {service}, "limit": {strconv.Itoa(limit)},
		"start": {strconv.FormatInt(from.UnixMicro(), 10)}, "end": {strconv.FormatInt(to.UnixMicro(), 10)},
	}
	if tags != "" {
		args.Set("tags", tags)
	}
	var out []found
	return out, t.ask(ctx, "/traces", args, &out)
}
