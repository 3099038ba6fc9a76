package traces

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"koflab/embed/logstore"
)

// jaegerFunc answers one path of Jaeger's API; args are those of URL and form.
type jaegerFunc func(ctx context.Context, r *http.Request, args url.Values) (data any, total int, err error)

// jaegerResponse is what Jaeger answers with on all paths.
type jaegerResponse struct {
	Data   any           `json:"data"`
	Total  int           `json:"total"`
	Limit  int           `json:"limit"`
	Offset int           `json:"offset"`
	Errors []jaegerError `json:"errors"`
}

type jaegerError struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

func (s *Store) jaeger(serve jaegerFunc) http.Handler {
	return s.Select(func(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
		data, total, err := serve(ctx, r, r.Form)
		if err != nil {
			return err
		}
		answer, err := json.Marshal(jaegerResponse{Data: data, Total: total})
		if err != nil {
			return logstore.Errorf(http.StatusInternalServerError, "encode answer: %w", err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
		return nil
	}, failJaeger)
}

func failJaeger(w http.ResponseWriter, err error) {
	status := logstore.StatusOf(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(jaegerResponse{Errors: []jaegerError{{Code: status, Msg: err.Error()}}})
}

// query parses LogsQL over the spans that the request may see. Of the
// arguments only the extra filters are LogsQL's; the others are Jaeger's.
func (s *Store) query(query string, args url.Values) (*logstore.Query, error) {
	filters := make(url.Values)
	for _, name := range []string{"extra_filters", "extra_stream_filters"} {
		filters[name] = args[name]
	}
	return s.NewQuery(query, filters)
}

// services answers the names of all services, in order.
func (s *Store) services(ctx context.Context, _ *http.Request, args url.Values) (any, int, error) {
	q, err := s.query("*", args)
	if err != nil {
		return nil, 0, err
	}
	names, err := s.streamValues(ctx, q, fieldService)
	return names, len(names), err
}

// operationNames answers the names of a service's operations, in order.
func (s *Store) operationNames(ctx context.Context, r *http.Request, args url.Values) (any, int, error) {
	q, err := s.query(streamFilter(r.PathValue("service"), ""), args)
	if err != nil {
		return nil, 0, err
	}
	names, err := s.streamValues(ctx, q, fieldName)
	return names, len(names), err
}

// streamValues returns the values of a field of the spans' streams, in order.
func (s *Store) streamValues(ctx context.Context, q *logstore.Query, field string) ([]string, error) {
	found, err := s.Values(ctx, q.Query, func(vl *logstorage.Storage, qctx *logstorage.QueryContext) ([]logstorage.ValueWithHits, error) {
		return vl.GetStreamFieldValues(qctx, field, 0)
	})
	if err != nil {
		return nil, err
	}
	values := make([]string, 0, len(found))
	for _, v := range found {
		values = append(values, v.Value)
	}
	slices.Sort(values)
	return values, nil
}

// operation is an operation with one of the kinds of its spans.
type operation struct {
	Name     string `json:"name"`
	SpanKind string `json:"spanKind"`
}

// operations answers a service's operations with the kinds of their spans,
// those of one spanKind if given.
func (s *Store) operations(ctx context.Context, _ *http.Request, args url.Values) (any, int, error) {
	service := args.Get("service")
	if service == "" {
		return nil, 0, errNoService
	}
	query := streamFilter(service, "")
	if kind := args.Get("spanKind"); kind != "" {
		query += " " + fieldKind + ":=" + strconv.Itoa(slices.Index(spanKinds, strings.ToLower(kind)))
	}
	q, err := s.query(query+" | uniq by ("+fieldName+", "+fieldKind+")", args)
	if err != nil {
		return nil, 0, err
	}
	var mu sync.Mutex
	found := []operation{}
	err = s.Run(ctx, q.Query, func(_ uint, block *logstorage.DataBlock) {
		names, kinds := block.GetColumnByName(fieldName), block.GetColumnByName(fieldKind)
		if names == nil || kinds == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for i, name := range names.Values {
			found = append(found, operation{strings.Clone(name), kindName(kinds.Values[i])})
		}
	})
	slices.SortFunc(found, func(a, b operation) int {
		return strings.Compare(a.Name+"\x00"+a.SpanKind, b.Name+"\x00"+b.SpanKind)
	})
	return found, len(found), err
}

// kindName returns Jaeger's name of a kind; "" when it has none.
func kindName(value string) string {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n >= len(spanKinds) {
		return ""
	}
	return spanKinds[n]
}

// streamFilter selects the spans of a service, and of one operation unless it is "".
func streamFilter(service, operation string) string {
	filter := "{" + strconv.Quote(fieldService) + "=" + strconv.Quote(service)
	if operation != "" {
		filter += "," + fieldName + "=" + strconv.Quote(operation)
	}
	return filter + "}"
}
