package federation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/timeutil"
)

// LogsHandler returns VictoriaLogs' query API over all groups, as the
// multi-level vlselect of KOF's management cluster has it:
// /select/logsql/{query,hits,stats_query,stats_query_range,field_names,
// field_values,stream_field_names,stream_field_values,streams,stream_ids,tail}.
// The extra arguments and the coverage header are those of MetricsHandler; the
// explain record is in the header X-Koflab-Explain when asked for by explain=1.
//
// The process must have prepared the VictoriaMetrics libraries (embed/engine).
func (f *Federator) LogsHandler() http.Handler {
	mux := http.NewServeMux()
	api := func(name string, h func(context.Context, http.ResponseWriter, *http.Request, *session) error) {
		serve := func(w http.ResponseWriter, r *http.Request) { f.serveLogs(w, r, h) }
		mux.HandleFunc("GET /select/logsql/"+name, serve)
		mux.HandleFunc("POST /select/logsql/"+name, serve)
	}
	api("query", f.serveLogsQuery)
	api("hits", f.serveHits)
	api("stats_query", f.serveStatsQuery)
	api("stats_query_range", f.serveStatsQueryRange)
	for _, name := range []string{"field_names", "field_values", "stream_field_names", "stream_field_values", "streams", "stream_ids"} {
		api(name, f.serveValues(name))
	}
	mux.HandleFunc("GET /select/logsql/tail", f.serveTail)
	mux.HandleFunc("POST /select/logsql/tail", f.serveTail)
	return mux
}

// ExplainHeader carries the explain record as JSON where a body has no place for it.
const ExplainHeader = "X-Koflab-Explain"

func (f *Federator) serveLogs(w http.ResponseWriter, r *http.Request, h func(context.Context, http.ResponseWriter, *http.Request, *session) error) {
	var (
		s      *session
		buffer = &bufferedResponse{header: w.Header(), limit: f.options.MaxResponseBytes}
	)
	err := parseForm(w, r)
	if err == nil {
		s, err = f.newSession(logsSignal, ErrorMode(r.Form.Get("error_mode")))
	}
	explain := newExplain(r.Form.Get("query"), nil)
	if err == nil {
		ctx, cancel, derr := f.requestDeadline(r)
		if err = derr; err == nil {
			defer cancel()
			err = h(ctx, buffer, r, s)
		}
		explain = s.explain(r.Form.Get("query"))
	}
	setExplain(w.Header(), explain, r)
	if err != nil {
		err = asQueryError(r.Context(), err)
		status, _ := errorStatus(err)
		w.Header().Del("Content-Type")
		http.Error(w, err.Error(), status)
		return
	}
	if s.warned() {
		warnings, _ := s.annotations()
		for _, text := range warnings {
			w.Header().Add("Warning", `199 koflab `+strconv.Quote(text))
		}
	}
	_, _ = buffer.body.WriteTo(w) // the client is gone
}

func setExplain(h http.Header, e Explain, r *http.Request) {
	h.Set(CoverageHeader, e.coverageHeader())
	if on := r.Form.Get("explain"); on == "1" || on == "true" {
		if text, err := json.Marshal(e); err == nil {
			h.Set(ExplainHeader, string(text))
		}
	}
}

func (f *Federator) requestDeadline(r *http.Request) (context.Context, context.CancelFunc, error) {
	timeout, err := durationArg(r, "timeout")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := f.deadline(r.Context(), timeout)
	return ctx, cancel, nil
}

// bufferedResponse holds the body back until it is known who answered.
type bufferedResponse struct {
	header http.Header
	body   bytes.Buffer
	limit  int64
}

func (b *bufferedResponse) Header() http.Header { return b.header }
func (b *bufferedResponse) WriteHeader(int)     {}
func (b *bufferedResponse) Write(p []byte) (int, error) {
	if int64(b.body.Len()+len(p)) > b.limit {
		return 0, &QueryError{Type: "execution", Err: fmt.Errorf("the answer exceeds %d bytes: ask for less", b.limit)}
	}
	return b.body.Write(p)
}

// newLogsQuery reads query, start, end and time as VictoriaLogs does: end is
// exclusive, and relative times count from time, else end, else now.
func (f *Federator) newLogsQuery(r *http.Request, s *session) (*logsQuery, error) {
	now := f.options.Clock.Now().UnixNano()
	bound := map[string]int64{}
	for _, name := range []string{"start", "end", "time"} {
		if text := r.Form.Get(name); text != "" {
			t, err := timeutil.ParseTimeAt(text, now)
			if err != nil {
				return nil, badData("%s: %q is not a time: %w", name, text, err)
			}
			if name != "start" && t > math.MinInt64 {
				t--
			}
			bound[name] = t
		}
	}
	at := now
	start, hasStart := bound["start"]
	end, hasEnd := bound["end"]
	if hasEnd {
		at = end
	}
	if t, ok := bound["time"]; ok {
		at = t
	}
	q, err := logstorage.ParseQueryAtTimestamp(r.Form.Get("query"), at)
	if err != nil {
		return nil, badData("query: %w", err)
	}
	if hasStart || hasEnd {
		if !hasStart {
			start = math.MinInt64
		}
		if !hasEnd {
			end = math.MaxInt64
		}
		q.AddTimeFilter(start, end)
	}
	l := &logsQuery{federator: f, session: s, query: q, forwarded: url.Values{}}
	for _, name := range []string{"extra_filters", "extra_stream_filters", "hidden_fields_filters"} {
		if values := r.Form[name]; len(values) > 0 {
			l.forwarded[name] = values
		}
	}
	return l, nil
}

// serveLogsQuery answers rows as JSON lines; with limit, the latest ones.
func (f *Federator) serveLogsQuery(ctx context.Context, w http.ResponseWriter, r *http.Request, s *session) error {
	l, err := f.newLogsQuery(r, s)
	if err != nil {
		return err
	}
	limit, err := limitArg(r, "limit")
	if err != nil {
		return err
	}
	offset, err := limitArg(r, "offset")
	if err != nil {
		return err
	}
	if limit > 0 {
		if l.query.CanReturnLastNResults() {
			l.query.AddPipeSortByTimeDesc()
		}
		l.query.AddPipeOffsetLimit(uint64(offset), uint64(limit))
	}
	var failed error
	err = l.run(ctx, func(_ uint, block *logstorage.DataBlock) {
		if failed == nil {
			_, failed = w.Write(appendRows(nil, block))
		}
	})
	w.Header().Set("Content-Type", "application/stream+json")
	return errors.Join(err, failed)
}

// appendRows writes a block as JSON lines, leaving out fields without a value.
func appendRows(dst []byte, block *logstorage.DataBlock) []byte {
	fields := make([]logstorage.Field, 0, len(block.Columns))
	for i := range block.RowsCount() {
		fields = fields[:0]
		for _, c := range block.Columns {
			if c.Values[i] != "" {
				fields = append(fields, logstorage.Field{Name: c.Name, Value: c.Values[i]})
			}
		}
		if len(fields) > 0 {
			dst = append(logstorage.MarshalFieldsToJSON(dst, fields), '\n')
		}
	}
	return dst
}

// valuesAnswer is the answer of the endpoints that list names or values.
type valuesAnswer struct {
	Values []valueHits `json:"values"`
}

type valueHits struct {
	Value string `json:"value"`
	Hits  uint64 `json:"hits"`
}

// serveValues sums the hits of names or values over the groups, as vlselect does.
func (f *Federator) serveValues(name string) func(context.Context, http.ResponseWriter, *http.Request, *session) error {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request, s *session) error {
		limit, err := limitArg(r, "limit")
		if err != nil {
			return err
		}
		form := maps.Clone(r.Form)
		for _, own := range []string{"error_mode", "explain", "timeout"} {
			form.Del(own)
		}
		replies, err := collect(ctx, s, s.members, func(ctx context.Context, a *asked) ([]logstorage.ValueWithHits, error) {
			a.push(name + " " + form.Get("query"))
			var reply valuesAnswer
			q := request{signal: logsSignal, path: "/select/logsql/" + name, form: form, call: name}
			if err := fetchJSON(ctx, a, q, f.options.MaxResponseBytes, &reply); err != nil {
				return nil, err
			}
			list := make([]logstorage.ValueWithHits, len(reply.Values))
			for i, v := range reply.Values {
				list[i] = logstorage.ValueWithHits{Value: v.Value, Hits: v.Hits}
			}
			return list, nil
		})
		if err != nil {
			return err
		}
		lists := make([][]logstorage.ValueWithHits, len(replies))
		for i, r := range replies {
			lists[i] = r.data
		}
		// Hits are unknown where a limit cut a group's list: VictoriaLogs says 0 then.
		merged := logstorage.MergeValuesWithHits(lists, uint64(limit), true)
		reply := valuesAnswer{Values: make([]valueHits, len(merged))}
		for i, v := range merged {
			reply.Values[i] = valueHits{v.Value, v.Hits}
		}
		return writeBuffered(w, reply)
	}
}

func writeBuffered(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// stepArg is the step of hits and stats_query_range, a day by default.
func stepArg(r *http.Request) (time.Duration, error) {
	text := r.Form.Get("step")
	if text == "" {
		return 24 * time.Hour, nil
	}
	step, err := timeutil.ParseDuration(text)
	if err != nil || step <= 0 {
		return 0, badData("step: %q is not a duration above zero", text)
	}
	return step, nil
}

func (s *session) warned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.warnings) > 0
}
