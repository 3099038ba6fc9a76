// Package traces is a region's trace store: it does the jobs of
// VictoriaTraces' vtinsert, vtselect and vtstorage, and of Jaeger's query
// service, inside the process. A span is a row of VictoriaLogs' storage with
// VictoriaTraces' field names.
package traces

import (
	"fmt"
	"net/http"

	"koflab/embed/logstore"
)

// Options configure a Store; see logstore.Options.
type Options = logstore.Options

// Stats are a store's counters, of spans; see logstore.Stats.
type Stats = logstore.Stats

// Store is an open trace store. Close, Crash and Stats are logstore.Store's.
type Store struct{ *logstore.Store }

// Open opens or creates the trace store in o.Dir.
func Open(o Options) (*Store, error) {
	s, err := logstore.Open(o)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return &Store{s}, nil
}

// InsertHandler serves OTLP/HTTP traces on vtinsert's path, on the standard
// one and on that of the Jaeger collector behind KOF v1.0's ingress.
func (s *Store) InsertHandler() http.Handler {
	mux := http.NewServeMux()
	otlp := s.otlpHandler()
	for _, path := range []string{"/insert/opentelemetry/v1/traces", "/v1/traces", "/collector/v1/traces"} {
		mux.Handle(path, otlp)
	}
	return mux
}

// SelectHandler serves Jaeger's query API on vtselect's paths and on Jaeger's
// own, and LogsQL over the spans. The extra_filters argument limits what any
// of them can see.
func (s *Store) SelectHandler() http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{"/select/jaeger/api", "/api"} {
		for path, serve := range map[string]jaegerFunc{
			"/services":                      s.services,
			"/services/{service}/operations": s.operationNames,
			"/operations":                    s.operations,
			"/traces":                        s.search,
			"/traces/{id}":                   s.traceByID,
			"/dependencies":                  s.dependencies,
		} {
			mux.Handle(prefix+path, s.jaeger(serve))
		}
		mux.HandleFunc(prefix+"/", func(w http.ResponseWriter, r *http.Request) {
			failJaeger(w, logstore.Errorf(http.StatusNotFound, "unknown path %s", r.URL.Path))
		})
	}
	mux.Handle("/select/logsql/query", s.Select(s.ServeRows, logstore.Fail))
	return mux
}
