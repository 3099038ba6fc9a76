package federation

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

const jaegerAPI = "/select/jaeger/api"

// defaultTraces is how many traces a search returns that asks for no number:
// Jaeger's own default. maxTraces bounds what it may ask for.
const (
	defaultTraces = 20
	maxTraces     = 1500
)

// jaegerAnswer is a response of Jaeger's query API.
type jaegerAnswer[T any] struct {
	Data   T             `json:"data"`
	Total  int           `json:"total"`
	Limit  int           `json:"limit"`
	Offset int           `json:"offset"`
	Errors []jaegerError `json:"errors"`
}

type jaegerError struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

// TracesHandler returns Jaeger's query API over all groups, as the multi-level
// vtselect of KOF's management cluster has it, under /select/jaeger/api and, as
// Jaeger itself, under /api: services, services/NAME/operations, operations,
// traces, traces/ID, dependencies. The extra arguments and headers are those of
// LogsHandler.
func (f *Federator) TracesHandler() http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{jaegerAPI, "/api"} {
		api := func(path string, h func(*tracesQuery) (any, error)) {
			mux.HandleFunc("GET "+prefix+path, func(w http.ResponseWriter, r *http.Request) {
				f.serveTraces(w, r, strings.TrimPrefix(r.URL.EscapedPath(), prefix), h)
			})
		}
		api("/services", (*tracesQuery).names)
		api("/services/{service}/operations", (*tracesQuery).names)
		api("/operations", (*tracesQuery).operations)
		api("/traces", (*tracesQuery).search)
		api("/traces/{id}", (*tracesQuery).trace)
		api("/dependencies", (*tracesQuery).dependencies)
	}
	return mux
}

// tracesQuery is a request over all groups.
type tracesQuery struct {
	federator *Federator
	session   *session
	ctx       context.Context
	request   *http.Request
	path      string // below the API's prefix
	form      url.Values
}

// errNoTrace: every group that answered has no such trace.
var errNoTrace = errors.New("trace not found")

func (f *Federator) serveTraces(w http.ResponseWriter, r *http.Request, path string, h func(*tracesQuery) (any, error)) {
	q := &tracesQuery{federator: f, request: r, path: path}
	err := parseForm(w, r)
	if err == nil {
		q.session, err = f.newSession(tracesSignal, ErrorMode(r.Form.Get("error_mode")))
	}
	explain := newExplain(path, nil)
	var data any
	if err == nil {
		q.form = maps.Clone(r.Form)
		for _, own := range []string{"error_mode", "explain", "timeout"} {
			q.form.Del(own)
		}
		ctx, cancel, derr := f.requestDeadline(r)
		if err = derr; err == nil {
			defer cancel()
			q.ctx = ctx
			data, err = h(q)
		}
		explain = q.session.explain(path)
	}
	setExplain(w.Header(), explain, r)
	if err != nil {
		status := http.StatusNotFound
		if !errors.Is(err, errNoTrace) {
			err = asQueryError(r.Context(), err)
			status, _ = errorStatus(err)
		}
		writeJSON(w, status, jaegerAnswer[any]{Errors: []jaegerError{{status, err.Error()}}})
		return
	}
	writeJSON(w, http.StatusOK, data)
}

// gatherTraces asks all groups; a group that says 404 has nothing.
func gatherTraces[T any](q *tracesQuery, members []*member, path string, form url.Values) ([]reply[T], error) {
	return collect(q.ctx, q.session, members, func(ctx context.Context, a *asked) (T, error) {
		a.push(path)
		return fetchTraces[T](ctx, q, a, path, form)
	})
}

func fetchTraces[T any](ctx context.Context, q *tracesQuery, a *asked, path string, form url.Values) (T, error) {
	var answer jaegerAnswer[T]
	call, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	err := fetchJSON(ctx, a, request{signal: tracesSignal, path: jaegerAPI + path, form: form, get: true, call: call}, q.federator.options.MaxResponseBytes, &answer)
	if failed, ok := errors.AsType[*statusError](err); ok && failed.status == http.StatusNotFound {
		err = nil
	}
	return answer.Data, err
}

func listAnswer[T any](list []T, limit int) jaegerAnswer[[]T] {
	return jaegerAnswer[[]T]{Data: nonNil(list), Total: len(list), Limit: limit}
}

// names answers services and the operations of one: the union.
func (q *tracesQuery) names() (any, error) {
	replies, err := gatherTraces[[]string](q, q.session.members, q.path, q.form)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, r := range replies {
		addAll(names, r.data)
	}
	return listAnswer(sortedKeys(names), 0), nil
}

type operation struct {
	Name     string `json:"name"`
	SpanKind string `json:"spanKind"`
}

func (q *tracesQuery) operations() (any, error) {
	replies, err := gatherTraces[[]operation](q, q.session.members, q.path, q.form)
	if err != nil {
		return nil, err
	}
	union := map[operation]bool{}
	for _, r := range replies {
		for _, o := range r.data {
			union[o] = true
		}
	}
	return listAnswer(slices.SortedFunc(maps.Keys(union), func(a, b operation) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.SpanKind, b.SpanKind))
	}), 0), nil
}

type dependency struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount uint64 `json:"callCount"`
}

// dependencies sums the calls between services.
func (q *tracesQuery) dependencies() (any, error) {
	replies, err := gatherTraces[[]dependency](q, q.session.members, q.path, q.form)
	if err != nil {
		return nil, err
	}
	calls := map[dependency]uint64{}
	for _, r := range replies {
		for _, d := range r.data {
			calls[dependency{Parent: d.Parent, Child: d.Child}] += d.CallCount
		}
	}
	list := make([]dependency, 0, len(calls))
	for d, n := range calls {
		list = append(list, dependency{d.Parent, d.Child, n})
	}
	slices.SortFunc(list, func(a, b dependency) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	return listAnswer(list, 0), nil
}

// trace answers one trace, joined from all groups that have spans of it.
func (q *tracesQuery) trace() (any, error) {
	replies, err := gatherTraces[[]trace](q, q.session.members, q.path, q.form)
	if err != nil {
		return nil, err
	}
	joined := joinTraces(replies)
	if len(joined) == 0 {
		return nil, errNoTrace
	}
	return listAnswer(joined, 0), nil
}

// search answers the latest traces that match in any group, each one whole: the
// groups that did not find it are asked for their spans of it.
func (q *tracesQuery) search() (any, error) {
	limit, err := limitArg(q.request, "limit")
	if err != nil {
		return nil, err
	}
	limit = min(orDefault(limit, defaultTraces), maxTraces)
	replies, err := gatherTraces[[]trace](q, q.session.members, q.path, q.form)
	if err != nil {
		return nil, err
	}
	found := joinTraces(replies)
	slices.SortFunc(found, func(a, b trace) int {
		return cmp.Or(cmp.Compare(b.start(), a.start()), cmp.Compare(a.ID, b.ID))
	})
	found = found[:min(limit, len(found))]
	if found, err = q.complete(found, replies); err != nil {
		return nil, err
	}
	return listAnswer(found, limit), nil
}

// complete adds to each trace the spans of the groups that did not find it.
func (q *tracesQuery) complete(found []trace, replies []reply[[]trace]) ([]trace, error) {
	more, err := collect(q.ctx, q.session, answering(replies), func(ctx context.Context, a *asked) ([]trace, error) {
		var absent []trace
		for _, r := range replies {
			if r.member == a.member {
				absent = without(found, r.data)
			}
		}
		lists := make([][]trace, len(absent))
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(q.federator.options.GroupConcurrency)
		for i, t := range absent {
			path := "/traces/" + url.PathEscape(t.ID)
			a.push(path)
			g.Go(func() (err error) {
				lists[i], err = fetchTraces[[]trace](ctx, q, a, path, nil)
				return err
			})
		}
		err := g.Wait()
		return slices.Concat(lists...), err
	})
	if err != nil {
		return nil, err
	}
	// found first: its order stays.
	return joinTraces(append([]reply[[]trace]{{data: found}}, more...)), nil
}

func answering[T any](replies []reply[T]) []*member {
	members := make([]*member, len(replies))
	for i, r := range replies {
		members[i] = r.member
	}
	return members
}

// without returns the traces whose ids are not in the other list.
func without(list, other []trace) []trace {
	return slices.DeleteFunc(slices.Clone(list), func(t trace) bool {
		return slices.ContainsFunc(other, func(o trace) bool { return o.ID == t.ID })
	})
}
