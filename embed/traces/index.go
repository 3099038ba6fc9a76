package traces

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/cespare/xxhash/v2"

	"koflab/embed/logstore"
)

// The trace index says when a trace's spans are, so that a lookup by id reads
// a narrow time range instead of the whole retention. Each request adds a row
// per trace and day with the first start and the last end of its spans. It is
// stored with the spans, so what was acknowledged can be found at once.
const (
	indexStream  = "trace_id_idx_stream"
	indexTraceID = "trace_id_idx"
	indexStart   = "start_time"
	indexEnd     = "end_time"
	// indexStreams is over how many streams the index is spread.
	indexStreams = 1024
)

// period is the time from a first start to a last end, in Unix nanoseconds.
type period struct{ from, to int64 }

func (p *period) extend(from, to int64) {
	p.from, p.to = min(p.from, from), max(p.to, to)
}

// nowhere is the period that holds no time.
var nowhere = period{math.MaxInt64, math.MinInt64}

// index collects the periods of a request's traces. The days are apart so
// that index rows lie in the partition, and live as long, as their spans.
type index map[traceDay]*period

type traceDay struct {
	trace string
	day   int64
}

// add takes a span into account; the id is copied.
func (x index) add(traceID string, from, to int64) {
	key := traceDay{traceID, to / int64(24*time.Hour)}
	p := x[key]
	if p == nil {
		key.trace = strings.Clone(traceID)
		p = new(nowhere)
		x[key] = p // only now: assigning to a key that is there would replace the copy
	}
	p.extend(from, to)
}

func (x index) addTo(batch *logstore.Batch) {
	for key, p := range x {
		batch.AddIndex(p.to, []logstorage.Field{
			{Name: indexStream, Value: indexStreamOf(key.trace)},
			{Name: indexTraceID, Value: key.trace},
			{Name: indexStart, Value: strconv.FormatInt(p.from, 10)},
			{Name: indexEnd, Value: strconv.FormatInt(p.to, 10)},
		}, 1)
	}
}

func indexStreamOf(traceID string) string {
	return strconv.FormatUint(xxhash.Sum64String(traceID)%indexStreams, 10)
}

// locate returns the period that the spans of the traces are in. After a
// crash the index may lack rows of spans that survived, so there it is all time.
func (s *Store) locate(ctx context.Context, ids []string) (period, error) {
	if s.Crashed() {
		return period{math.MinInt64, math.MaxInt64}, nil
	}
	var streams, quoted []string
	for _, id := range ids {
		streams = append(streams, indexStreamOf(id))
		quoted = append(quoted, strconv.Quote(id))
	}
	slices.Sort(streams)
	query := fmt.Sprintf("{%s=~%q} %s:in(%s)", indexStream, strings.Join(slices.Compact(streams), "|"), indexTraceID, strings.Join(quoted, ","))
	q, err := s.NewQuery(query, nil)
	if err != nil {
		return nowhere, err
	}
	var mu sync.Mutex
	found := nowhere
	err = s.RunIndex(ctx, q.Query, func(_ uint, block *logstorage.DataBlock) {
		starts, ends := block.GetColumnByName(indexStart), block.GetColumnByName(indexEnd)
		if starts == nil || ends == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range starts.Values {
			from, err1 := strconv.ParseInt(starts.Values[i], 10, 64)
			to, err2 := strconv.ParseInt(ends.Values[i], 10, 64)
			if err1 == nil && err2 == nil {
				found.extend(from, to)
			}
		}
	})
	return found, err
}
