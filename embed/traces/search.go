package traces

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"koflab/embed/logstore"
)

const (
	defaultLimit    = 100            // traces of a search, Jaeger's default
	maxLimit        = 1500           // as many as Jaeger's UI offers
	defaultLookback = 48 * time.Hour // of a search without a start
)

var (
	errNoService = errors.New("parameter 'service' is required")
	errNotFound  = logstore.Errorf(http.StatusNotFound, "trace not found")
)

// search answers the traces with the ids given by traceID, or the newest that
// have a span which matches all other arguments.
func (s *Store) search(ctx context.Context, _ *http.Request, args url.Values) (any, int, error) {
	ids := args["traceID"]
	var err error
	if len(ids) > 0 {
		if len(ids) > maxLimit {
			return nil, 0, fmt.Errorf("traceID: more than %d ids", maxLimit)
		}
		ids = slices.Clone(ids)
		for i, id := range ids {
			if ids[i], err = parseTraceID(id); err != nil {
				return nil, 0, err
			}
		}
	} else if ids, err = s.matching(ctx, args); err != nil {
		return nil, 0, err
	}
	traces, err := s.load(ctx, ids, args)
	return traces, len(traces), err
}

// traceByID answers one trace.
func (s *Store) traceByID(ctx context.Context, r *http.Request, args url.Values) (any, int, error) {
	id, err := parseTraceID(r.PathValue("id"))
	if err != nil {
		return nil, 0, err
	}
	traces, err := s.load(ctx, []string{id}, args)
	if err == nil && len(traces) == 0 {
		err = errNotFound
	}
	return traces, len(traces), err
}

// parseTraceID completes an id whose leading zeros were left out.
func parseTraceID(id string) (string, error) {
	if id == "" || len(id) > 32 || strings.Trim(id, "0123456789abcdefABCDEF") != "" {
		return "", fmt.Errorf("%q is not a trace id: it has up to 32 hexadecimal digits", id)
	}
	return strings.Repeat("0", 32-len(id)) + strings.ToLower(id), nil
}

// matching returns the ids of the traces that a search asks for, newest first.
func (s *Store) matching(ctx context.Context, args url.Values) ([]string, error) {
	query, limit, err := s.searchQuery(args)
	if err != nil {
		return nil, err
	}
	query += fmt.Sprintf(" | stats by (%s) max(%s) start | sort by (start desc, %s) limit %d", fieldTraceID, fieldStart, fieldTraceID, limit)
	q, err := s.query(query, args)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var ids []string
	err = s.Run(ctx, q.Query, func(_ uint, block *logstorage.DataBlock) {
		if column := block.GetColumnByName(fieldTraceID); column != nil {
			mu.Lock()
			defer mu.Unlock()
			for _, id := range column.Values {
				ids = append(ids, strings.Clone(id))
			}
		}
	})
	return ids, err
}

// searchQuery translates Jaeger's search arguments: service, operation, start
// and end in Unix microseconds, lookback, minDuration, maxDuration, tags as a
// JSON object, tag as key:value, and limit.
func (s *Store) searchQuery(args url.Values) (query string, limit int, err error) {
	service := args.Get("service")
	if service == "" {
		return "", 0, errNoService
	}
	limit, err = logstore.IntArg(args, "limit")
	if err != nil {
		return "", 0, err
	}
	if limit == 0 {
		limit = defaultLimit
	}
	if limit > maxLimit {
		return "", 0, fmt.Errorf("limit: at most %d traces can be asked for", maxLimit)
	}
	from, to, err := s.searchPeriod(args)
	if err != nil {
		return "", 0, err
	}
	filters := []string{
		// The row's time is the span's end, which is not before its start.
		"_time:>=" + time.Unix(0, from).UTC().Format(time.RFC3339Nano),
		streamFilter(service, args.Get("operation")),
		fmt.Sprintf("%s:range[%d,%d]", fieldStart, from, to),
	}
	for name, operator := range map[string]string{"minDuration": ">=", "maxDuration": "<="} {
		if value := args.Get(name); value != "" {
			d, err := time.ParseDuration(value)
			if err != nil {
				return "", 0, fmt.Errorf("%s: %q is not a duration such as 1.5s or 100ms", name, value)
			}
			filters = append(filters, fmt.Sprintf("%s:%s%d", fieldDuration, operator, d))
		}
	}
	tags, err := searchTags(args)
	if err != nil {
		return "", 0, err
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		filters = append(filters, tagFilter(key, tags[key]))
	}
	return strings.Join(filters, " "), limit, nil
}

// searchPeriod returns the range of span starts that a search asks for.
func (s *Store) searchPeriod(args url.Values) (from, to int64, err error) {
	micros := func(name string, otherwise time.Time) (time.Time, error) {
		value := args.Get(name)
		if value == "" {
			return otherwise, nil
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return otherwise, fmt.Errorf("%s: %q is not a time in microseconds", name, value)
		}
		return time.UnixMicro(min(n, maxMicros)), nil
	}
	end, err := micros("end", s.Now())
	if err != nil {
		return 0, 0, err
	}
	lookback := defaultLookback
	if value := args.Get("lookback"); value != "" && value != "custom" {
		if lookback, err = parseLookback(value); err != nil {
			return 0, 0, err
		}
	}
	start, err := micros("start", end.Add(-lookback))
	if err != nil {
		return 0, 0, err
	}
	if start.After(end) {
		return 0, 0, errors.New("start is after end")
	}
	return max(start.UnixNano(), 0), end.UnixNano(), nil
}

// maxMicros keeps times within what nanoseconds can hold.
const maxMicros = 9_000_000_000_000_000

// parseLookback parses a duration as Jaeger's UI writes it: 1h, 2d, 1w.
func parseLookback(value string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(value, suffix); ok {
			if n, err := strconv.ParseUint(digits, 10, 12); err == nil {
				return time.Duration(n) * unit, nil
			}
		}
	}
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("lookback: %q is not a duration such as 1h or 2d", value)
	}
	return d, nil
}

// searchTags reads the tags that a span must have.
func searchTags(args url.Values) (map[string]string, error) {
	tags := make(map[string]string)
	for _, tag := range args["tag"] {
		key, value, ok := strings.Cut(tag, ":")
		if !ok || key == "" {
			return nil, fmt.Errorf("tag: %q is not key:value", tag)
		}
		tags[key] = value
	}
	for _, object := range args["tags"] {
		if object == "" {
			continue
		}
		var values map[string]any
		d := json.NewDecoder(strings.NewReader(object))
		d.UseNumber()
		if err := d.Decode(&values); err != nil {
			return nil, fmt.Errorf("tags: %q is not a JSON object of strings: %w", object, err)
		}
		for key, value := range values {
			switch value.(type) {
			case string, json.Number, bool:
				tags[key] = fmt.Sprint(value)
			default:
				return nil, fmt.Errorf("tags: the value of %q must be a string", key)
			}
		}
	}
	return tags, nil
}

// tagFilter selects the spans that Jaeger would show with a tag, be it an
// attribute of the span or of its resource, or made from the span's own fields.
func tagFilter(key, value string) string {
	isField := func(field, value string) string { return strconv.Quote(field) + ":=" + strconv.Quote(value) }
	anyOf := func(filters ...string) string { return "(" + strings.Join(filters, " or ") + ")" }
	attributes := anyOf(isField(prefixSpan+key, value), isField(prefixResource+key, value), isField(prefixScope+key, value))
	lower := strings.ToLower(value)
	switch key {
	case "error":
		failed := isField(fieldStatusCode, statusError)
		if lower == "true" {
			return anyOf(failed, attributes)
		}
		return anyOf("!"+failed, attributes)
	case "span.kind":
		return isField(fieldKind, strconv.Itoa(slices.Index(spanKinds, lower)))
	case "otel.status_code":
		code, ok := map[string]string{"ok": statusOK, "error": statusError, "unset": statusUnset}[lower]
		if !ok {
			code = lower
		}
		return isField(fieldStatusCode, code)
	case "otel.status_description":
		return isField(fieldStatusMessage, value)
	case "otel.scope.name", "otel.library.name":
		return isField(fieldScopeName, value)
	case "otel.scope.version", "otel.library.version":
		return isField(fieldScopeVersion, value)
	case "w3c.tracestate":
		return isField(fieldTraceState, value)
	}
	return attributes
}
