package traces

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// dependency counts the calls of one service by another.
type dependency struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount uint64 `json:"callCount"`
}

// passSpans is about how many spans a pass over the traces keeps in memory.
const passSpans = 250_000

// dependencies answers who called whom: the spans that ended in the lookback
// before endTs (both milliseconds, by default a day before now) whose parents
// are spans of other services. All spans of a trace are looked at together;
// when there are too many, the traces are divided by the first digits of their ids.
func (s *Store) dependencies(ctx context.Context, _ *http.Request, args url.Values) (any, int, error) {
	from, to, err := s.dependencyPeriod(args)
	if err != nil {
		return nil, 0, err
	}
	spans, err := s.countSpans(ctx, args, from, to)
	if err != nil {
		return nil, 0, err
	}
	digits := 0
	for n := spans; n > passSpans && digits < 3; n /= 16 {
		digits++
	}
	calls := make(map[[2]string]uint64)
	for pass := range 1 << (4 * digits) {
		filter := "*"
		if digits > 0 {
			filter = fmt.Sprintf("%s:=%q*", fieldTraceID, fmt.Sprintf("%0*x", digits, pass))
		}
		if err := s.addCalls(ctx, args, filter, from, to, calls); err != nil {
			return nil, 0, err
		}
	}
	links := make([]dependency, 0, len(calls))
	for pair, n := range calls {
		links = append(links, dependency{pair[0], pair[1], n})
	}
	slices.SortFunc(links, func(a, b dependency) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	return links, len(links), nil
}

func (s *Store) dependencyPeriod(args url.Values) (from, to int64, err error) {
	to, lookback := s.Now().UnixMilli(), (24 * time.Hour).Milliseconds()
	for name, value := range map[string]*int64{"endTs": &to, "lookback": &lookback} {
		if text := args.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 || n > math.MaxInt64/int64(time.Millisecond) {
				return 0, 0, fmt.Errorf("%s: %q is not a number of milliseconds", name, text)
			}
			*value = n
		}
	}
	return (to - lookback) * int64(time.Millisecond), to * int64(time.Millisecond), nil
}

func (s *Store) countSpans(ctx context.Context, args url.Values, from, to int64) (int, error) {
	q, err := s.query("* | stats count() n", args)
	if err != nil {
		return 0, err
	}
	q.AddTimeFilter(from, to)
	n := 0
	err = s.Run(ctx, q.Query, func(_ uint, block *logstorage.DataBlock) {
		if c := block.GetColumnByName("n"); c != nil && len(c.Values) == 1 {
			n, _ = strconv.Atoi(c.Values[0]) // a count
		}
	})
	return n, err
}

// call is a span whose parent may belong to another service.
type call struct {
	parent  uint64
	service int32
}

// callGraph collects the spans of a pass from concurrent workers. Spans are
// known by a hash of their trace and their own id.
type callGraph struct {
	mu       sync.Mutex
	seed     maphash.Seed
	services map[string]int32
	names    []string
	spans    map[uint64]int32 // to their service
	calls    []call
}

func (s *Store) addCalls(ctx context.Context, args url.Values, filter string, from, to int64, sum map[[2]string]uint64) error {
	q, err := s.query(fmt.Sprintf("%s | fields %s, %s, %s, %q", filter, fieldTraceID, fieldSpanID, fieldParentID, fieldService), args)
	if err != nil {
		return err
	}
	q.AddTimeFilter(from, to)
	g := callGraph{seed: maphash.MakeSeed(), services: make(map[string]int32), spans: make(map[uint64]int32)}
	if err := s.Run(ctx, q.Query, g.add); err != nil {
		return err
	}
	for _, c := range g.calls {
		if parent, ok := g.spans[c.parent]; ok && parent != c.service {
			sum[[2]string{g.names[parent], g.names[c.service]}]++
		}
	}
	return nil
}

func (g *callGraph) add(_ uint, block *logstorage.DataBlock) {
	traces, spans := block.GetColumnByName(fieldTraceID), block.GetColumnByName(fieldSpanID)
	parents, services := block.GetColumnByName(fieldParentID), block.GetColumnByName(fieldService)
	if traces == nil || spans == nil || services == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, trace := range traces.Values {
		service, ok := g.services[services.Values[i]]
		if !ok {
			service = int32(len(g.names))
			name := strings.Clone(services.Values[i])
			g.services[name] = service
			g.names = append(g.names, name)
		}
		g.spans[g.hash(trace, spans.Values[i])] = service
		if parents != nil && parents.Values[i] != "" {
			g.calls = append(g.calls, call{g.hash(trace, parents.Values[i]), service})
		}
	}
}

func (g *callGraph) hash(trace, span string) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	h.WriteString(trace)
	h.WriteString(span)
	return h.Sum64()
}
