package traces

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// maxSpans bounds the spans of one answer.
const maxSpans = 200_000

// load returns the traces with the ids, in their order, as far as the request
// may see them.
func (s *Store) load(ctx context.Context, ids []string, args url.Values) ([]trace, error) {
	if len(ids) == 0 {
		return []trace{}, nil
	}
	p, err := s.locate(ctx, ids)
	if err != nil || p == nowhere {
		return []trace{}, err
	}
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = strconv.Quote(id)
	}
	q, err := s.query(fieldTraceID+":in("+strings.Join(quoted, ",")+")", args)
	if err != nil {
		return nil, err
	}
	q.AddTimeFilter(p.from, p.to)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	spans := make(map[string][]row)
	n := 0
	err = s.Run(ctx, q.Query, func(_ uint, block *logstorage.DataBlock) {
		mu.Lock()
		defer mu.Unlock()
		if n += block.RowsCount(); n > maxSpans {
			cancel(fmt.Errorf("the traces have more than %d spans; ask for fewer", maxSpans))
			return
		}
		for _, r := range readRows(block) {
			spans[r.span.TraceID] = append(spans[r.span.TraceID], r)
		}
	})
	if cause := context.Cause(ctx); n > maxSpans && cause != nil {
		return nil, cause
	}
	if err != nil {
		return nil, err
	}
	traces := make([]trace, 0, len(spans))
	for _, id := range ids {
		if rows := spans[id]; len(rows) > 0 {
			traces = append(traces, newTrace(id, rows))
			delete(spans, id)
		}
	}
	return traces, nil
}
