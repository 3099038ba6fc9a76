// Package logs is a region's log store: it does the jobs of VictoriaLogs'
// vlinsert, vlselect and vlstorage inside the process, on the same storage
// library, with the same paths, arguments and JSON.
package logs

import (
	"fmt"
	"net/http"

	"koflab/embed/logstore"
)

// Options configure a Store; see logstore.Options.
type Options = logstore.Options

// Stats are a store's counters; see logstore.Stats.
type Stats = logstore.Stats

// Store is an open log store. Close, Crash and Stats are logstore.Store's.
type Store struct{ *logstore.Store }

// Open opens or creates the log store in o.Dir.
func Open(o Options) (*Store, error) {
	s, err := logstore.Open(o)
	if err != nil {
		return nil, fmt.Errorf("logs: %w", err)
	}
	return &Store{s}, nil
}

// InsertHandler serves vlinsert's paths: OTLP/HTTP logs and JSON lines.
func (s *Store) InsertHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/insert/opentelemetry/v1/logs", s.otlpHandler())
	mux.HandleFunc("/insert/jsonline", s.insertJSONLines)
	return mux
}

// SelectHandler serves vlselect's LogsQL paths with GET and POST. The
// extra_filters argument limits what any of them can see.
func (s *Store) SelectHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/select/logsql/query", s.Select(s.ServeRows, logstore.Fail))
	mux.Handle("/select/logsql/hits", s.Select(s.hits, logstore.Fail))
	mux.Handle("/select/logsql/facets", s.Select(s.facets, logstore.Fail))
	mux.Handle("/select/logsql/stats_query", s.Select(s.statsQuery, failPrometheus))
	mux.Handle("/select/logsql/stats_query_range", s.Select(s.statsQueryRange, failPrometheus))
	for name, get := range valueQueries {
		mux.Handle("/select/logsql/"+name, s.Select(s.values(get), logstore.Fail))
	}
	mux.HandleFunc("/select/logsql/tail", s.tail)
	return mux
}
