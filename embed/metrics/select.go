package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/prometheus/model/labels"
)

// selectPrefix is where KOF's vmselect answers; AccountID is always 0 (kof-facts 2.2).
const selectPrefix = "/select/0"

// maxQueryBodyBytes of a POSTed form; vmselect takes queries of 16 KiB.
const maxQueryBodyBytes = 1 << 20

// SelectHandler serves vmselect's paths: Prometheus' API under
// /select/0/prometheus and vmui under /select/0/vmui/. The argument semantics
// chooses who evaluates: SemanticsPrometheus or SemanticsKOF. The arguments
// extra_filters, extra_filters[] and extra_label confine every answer to the
// series they match.
func (s *Store) SelectHandler() http.Handler {
	const api = selectPrefix + "/prometheus/api/v1"
	mux := http.NewServeMux()
	for path, e := range map[string]endpoint{ // who evaluates makes a difference
		"/query":               serveQuery,
		"/query_range":         serveQueryRange,
		"/series":              serveSeries,
		"/labels":              serveLabels,
		"/label/{name}/values": serveLabelValues,
		"/status/tsdb":         serveTSDBStatus,
	} {
		s.handle(mux, api+path, e, true)
	}
	for path, e := range map[string]endpoint{
		"/metadata":         serveMetadata,
		"/query_exemplars":  serveExemplars,
		"/format_query":     serveFormatQuery,
		"/status/buildinfo": serveBuildInfo,
	} {
		s.handle(mux, api+path, e, false)
	}
	for _, path := range []string{"/export", "/export/csv", "/export/native"} {
		s.handle(mux, api+path, nil, true)
	}
	s.handle(mux, selectPrefix+"/prometheus/federate", nil, true)
	mux.HandleFunc("GET "+selectPrefix+"/vmui/", s.serveVMUI)
	mux.HandleFunc(selectPrefix+"/", func(w http.ResponseWriter, r *http.Request) {
		respondError(w, &apiError{"not_found", http.StatusNotFound, fmt.Errorf("%s is not served here", r.URL.Path)})
	})
	return mux
}

// request is one read request: the store, confined to what the caller may see.
type request struct {
	*Store
	view filtered
	params
	done []func() // run when the answer is encoded
}

func (rd *request) onDone(f func()) { rd.done = append(rd.done, f) }

func (rd *request) finish() {
	for _, f := range rd.done {
		f()
	}
}

// endpoint answers a read with Prometheus' semantics.
type endpoint func(*request) (answer, *apiError)

// handle serves e for GET and POST. With kof, a request may ask for KOF's
// semantics; a nil e is served by vmselect alone.
func (s *Store) handle(mux *http.ServeMux, path string, e endpoint, kof bool) {
	h := func(w http.ResponseWriter, r *http.Request) {
		if err := s.gate.enter(); err != nil {
			respondError(w, classify(err))
			return
		}
		defer s.gate.leave()
		ctx, cancel := s.context(r)
		defer cancel()
		rd, semantics, apiErr := s.open(w, r.WithContext(ctx))
		if apiErr != nil {
			respondError(w, apiErr)
			return
		}
		defer rd.finish()
		if kof && (semantics == SemanticsKOF || e == nil) {
			s.flush()
			if err := s.serveVMSelect(w, rd); err != nil {
				respondError(w, classify(err))
			}
			return
		}
		a, apiErr := e(rd)
		if apiErr == nil {
			apiErr = rd.err
		}
		if apiErr != nil {
			respondError(w, apiErr)
			return
		}
		respond(w, a)
	}
	mux.HandleFunc("GET "+path, h)
	mux.HandleFunc("POST "+path, h)
}

// context of a request ends when the client goes away or the store closes.
func (s *Store) context(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(s.ctx, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// open parses the arguments that all endpoints share.
func (s *Store) open(w http.ResponseWriter, r *http.Request) (*request, string, *apiError) {
	r.Body = http.MaxBytesReader(w, r.Body, maxQueryBodyBytes)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, "", &apiError{"bad_data", http.StatusRequestEntityTooLarge, fmt.Errorf("the form is larger than %d MiB", maxQueryBodyBytes>>20)}
		}
		return nil, "", badData(fmt.Errorf("error parsing form values: %w", err))
	}
	semantics := r.Form.Get("semantics")
	switch semantics {
	case "":
		semantics = s.opts.Semantics
	case SemanticsPrometheus, SemanticsKOF:
	default:
		return nil, "", badData(fmt.Errorf("invalid parameter \"semantics\": %q: want %q or %q", semantics, SemanticsPrometheus, SemanticsKOF))
	}
	sets, err := tenantFilters(s.parser, r)
	if err != nil {
		return nil, "", badData(err)
	}
	return &request{Store: s, view: filtered{s, sets}, params: params{r: r}}, semantics, nil
}

// matchers joins the request's selectors with the view's sets, for data that
// is not read through a querier.
func (rd *request) matchers(sets [][]*labels.Matcher) [][]*labels.Matcher {
	if len(rd.view.sets) == 0 {
		return sets
	}
	var joined [][]*labels.Matcher
	for _, a := range sets {
		for _, b := range rd.view.sets {
			joined = append(joined, append(append([]*labels.Matcher(nil), a...), b...))
		}
	}
	return joined
}
