package federation

import (
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

// answer is a response of the metrics API.
type answer struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
	Explain   *Explain `json:"explain,omitempty"`
}

// MetricsHandler returns promxy's HTTP API: Prometheus' query API over all
// groups, by GET and POST, and /metrics. Extra arguments are error_mode (fail,
// downgrade, ignore), semantics (passed to the groups) and explain=1, which adds
// the explain record. The header X-Koflab-Coverage is always set.
func (f *Federator) MetricsHandler() http.Handler {
	mux := http.NewServeMux()
	api := func(path string, h func(*http.Request) (answer, Explain, error)) {
		serve := func(w http.ResponseWriter, r *http.Request) { serveAPI(w, r, h) }
		mux.HandleFunc("GET /api/v1/"+path, serve)
		mux.HandleFunc("POST /api/v1/"+path, serve)
	}
	api("query", f.serveQuery(false))
	api("query_range", f.serveQuery(true))
	api("series", f.serveSeries)
	api("labels", f.serveLabels)
	api("label/{name}/values", f.serveLabelValues)
	api("metadata", f.serveMetadata)
	api("format_query", f.serveFormat)
	api("status/buildinfo", serveBuildInfo)
	mux.Handle("GET /metrics", f.metrics.handler())
	for _, path := range []string{"/-/healthy", "/-/ready"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("OK\n")) // the client is gone
		})
	}
	return mux
}

func serveAPI(w http.ResponseWriter, r *http.Request, h func(*http.Request) (answer, Explain, error)) {
	var (
		a Explain
		b answer
	)
	err := parseForm(w, r)
	if err == nil {
		b, a, err = h(r)
	}
	status := http.StatusOK
	if err == nil {
		b.Status = "success"
	} else {
		var kind string
		status, kind = errorStatus(err)
		b = answer{Status: "error", ErrorType: kind, Error: err.Error(), Data: b.Data}
	}
	if a.Groups == nil {
		a = newExplain(r.Form.Get("query"), nil)
	}
	if on := r.Form.Get("explain"); on == "1" || on == "true" {
		b.Explain = &a
	}
	w.Header().Set(CoverageHeader, a.coverageHeader())
	writeJSON(w, status, b)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client is gone
}

// errorStatus returns the HTTP status and errorType that Prometheus uses.
func errorStatus(err error) (int, string) {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge, "bad_data"
	}
	qe, ok := errors.AsType[*QueryError](err)
	if !ok {
		return http.StatusInternalServerError, "internal"
	}
	switch qe.Type {
	case "bad_data":
		return http.StatusBadRequest, qe.Type
	case "timeout", "unavailable":
		return http.StatusServiceUnavailable, qe.Type
	case "canceled":
		return 499, qe.Type // as Prometheus: the client closed the request
	}
	return http.StatusUnprocessableEntity, "execution"
}

func (f *Federator) serveQuery(isRange bool) func(*http.Request) (answer, Explain, error) {
	return func(r *http.Request) (answer, Explain, error) {
		q, err := queryRequest(r, isRange)
		if err != nil {
			return answer{}, Explain{}, err
		}
		resp, err := f.Query(r.Context(), q)
		if err != nil {
			return answer{}, resp.Explain, err
		}
		return answer{Data: resp.Data, Warnings: resp.Warnings, Infos: resp.Infos}, resp.Explain, nil
	}
}

func (f *Federator) serveFormat(r *http.Request) (answer, Explain, error) {
	e, err := parseQuery(f.parser, r.Form.Get("query"))
	if err != nil {
		return answer{}, Explain{}, badData("invalid parameter \"query\": %w", err)
	}
	return answer{Data: parser.Prettify(e)}, Explain{}, nil
}

// prometheusVersion is of the engine linked in; go.mod pins it.
const prometheusVersion = "3.15.0"

func serveBuildInfo(*http.Request) (answer, Explain, error) {
	return answer{Data: map[string]string{
		"application": "koflab", "version": prometheusVersion, "goVersion": runtime.Version(),
		"revision": "", "branch": "", "buildUser": "", "buildDate": "",
	}}, Explain{}, nil
}

// limited truncates a list with the warning Prometheus gives.
func limited[T any](list []T, limit int, s *session) []T {
	if limit > 0 && len(list) > limit {
		s.note([]string{"results truncated due to limit"}, nil)
		return slices.Clip(list[:limit])
	}
	return list
}
