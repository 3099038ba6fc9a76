package metrics

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"koflab/embed/metrics/vmselect"
)

// useVMSelect prepares vmselect once per store, at the first request for it.
func (s *Store) useVMSelect() error {
	s.vmselectOnce.Do(func() {
		s.vmselectErr = vmselect.Acquire(vmselect.Limits{MaxSeries: s.opts.MaxSeries, MaxSamples: s.opts.MaxSamples})
		s.vmselectUsed.Store(s.vmselectErr == nil)
	})
	return s.vmselectErr
}

// serveVMSelect has VictoriaMetrics' own vmselect answer. Times the client did
// not give are the lab clock's, since vmselect would take the machine's.
func (s *Store) serveVMSelect(w http.ResponseWriter, rd *request) error {
	if err := s.useVMSelect(); err != nil {
		return err
	}
	path := strings.TrimPrefix(rd.r.URL.Path, selectPrefix+"/prometheus")
	form := url.Values{}
	for name, values := range rd.r.Form {
		form[name] = values
	}
	form.Del("semantics")
	// With its cache vmselect also looks at data older than 30 s only; a lab's
	// reader sees what was acknowledged.
	form.Set("nocache", "1")
	now := s.opts.Clock.Now()
	given := func(name string) bool { return form.Get(name) != "" }
	set := func(name string, t time.Time) {
		if !given(name) {
			form.Set(name, strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64))
		}
	}
	switch {
	case path == "/api/v1/query":
		set("time", now)
	case path == "/api/v1/status/tsdb":
		if !given("date") {
			form.Set("date", now.UTC().Format(time.DateOnly))
		}
	default:
		// Without an end vmselect would take the machine's now, and five
		// minutes before the end as the start.
		set("end", now)
	}
	if path == "/api/v1/query_range" && !given("start") {
		set("start", now.Add(-lookbackDelta))
	}
	return vmselect.Serve(rd.r.Context(), w, s.vm, vmselect.Request{Path: path, Form: form})
}

// serveVMUI serves vmui, VictoriaMetrics' web interface. It finds its API from
// its own address: /select/0/vmui/ asks /select/0/prometheus.
func (s *Store) serveVMUI(w http.ResponseWriter, r *http.Request) {
	if err := s.gate.enter(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer s.gate.leave()
	if err := s.useVMSelect(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	vmselect.ServeUI(w, r, strings.TrimPrefix(r.URL.Path, selectPrefix))
}
