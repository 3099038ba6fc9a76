package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"koflab/embed/logstore"
)

const (
	// tailOverlap is how long, in real time, rows may take from their time to
	// the store and still be seen by a tail.
	tailOverlap = 5 * time.Second
	// maxTailRows bounds the rows that a tail looks at in one turn.
	maxTailRows = 100_000
	// minRefresh bounds how often a tail looks.
	minRefresh = 100 * time.Millisecond
)

// tail streams matching rows as they are stored, until the client leaves.
// refresh_interval (1 s by default, real time) says how often it looks,
// start_offset (5 s) how much of the past it begins with, and offset (0) by
// how much it lags behind the lab's clock.
func (s *Store) tail(w http.ResponseWriter, r *http.Request) {
	err := s.Tail(w, r, func(ctx context.Context) error { return s.serveTail(ctx, w, r) })
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, logstore.ErrClosed) {
		logstore.Fail(w, err)
	}
}

func (s *Store) serveTail(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	q, err := s.ParseQuery(w, r)
	if err != nil {
		return err
	}
	if !q.CanLiveTail() {
		return fmt.Errorf("query [%s] can't be tailed: its pipes need all rows first", q)
	}
	refresh, err := q.Duration("refresh_interval", time.Second)
	if err != nil {
		return err
	}
	back, err := q.Duration("start_offset", 5*time.Second)
	if err != nil {
		return err
	}
	lag, err := q.Duration("offset", 0)
	if err != nil {
		return err
	}
	out := http.NewResponseController(w)
	// Collectors take real time to deliver; in an accelerated lab that is more of its time.
	overlap := int64(float64(tailOverlap) * s.Speed())
	ticker := time.NewTicker(max(refresh, minRefresh))
	defer ticker.Stop()
	t := tailer{start: s.Now().Add(-lag - back).UnixNano(), seed: maphash.MakeSeed()}
	for started := false; ; started = true {
		end := s.Now().Add(-lag).UnixNano()
		lines, err := t.look(ctx, s, q.CloneWithTimeFilter(end, t.start, end))
		switch {
		case err == nil:
		case started:
			return endTail(err)
		default:
			return err
		}
		if !started {
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		if _, err := w.Write(lines); err != nil {
			return nil
		}
		if err := out.Flush(); err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			t.start = max(t.start, end-overlap)
		}
	}
}

// endTail breaks the stream off, unless the client ended it.
func endTail(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, logstore.ErrClosed) {
		return nil
	}
	panic(http.ErrAbortHandler) // the server's way to break an answer off
}

// tailer finds the rows of overlapping windows that were not in the window
// before. Equal rows are told apart by their number.
type tailer struct {
	start int64
	seen  map[uint64]int // rows of the window before, by hash
	seed  maphash.Seed

	mu   sync.Mutex
	rows []tailRow
	err  error
}

type tailRow struct {
	at   int64
	line []byte
}

// look returns the lines of the window's rows that are new.
func (t *tailer) look(ctx context.Context, s *Store, window *logstorage.Query) ([]byte, error) {
	t.rows = t.rows[:0]
	if err := s.Run(ctx, window, t.add); err != nil {
		return nil, err
	}
	if t.err != nil {
		return nil, t.err
	}
	return t.fresh(), nil
}

func (t *tailer) add(_ uint, block *logstorage.DataBlock) {
	t.mu.Lock()
	defer t.mu.Unlock()
	times, ok := block.GetTimestamps(nil)
	switch {
	case !ok:
		t.err = errors.New("the query drops _time, which a tail needs")
	case len(t.rows)+len(times) > maxTailRows:
		t.err = fmt.Errorf("more than %d rows at once", maxTailRows)
	}
	if t.err != nil {
		return
	}
	for row, at := range times {
		t.rows = append(t.rows, tailRow{at, logstore.AppendRow(nil, block, row)})
	}
}

// fresh returns the new rows in the order of their time.
func (t *tailer) fresh() []byte {
	slices.SortFunc(t.rows, func(a, b tailRow) int { return cmp.Compare(a.at, b.at) })
	seen := make(map[uint64]int, len(t.rows))
	var lines []byte
	for _, row := range t.rows {
		key := maphash.Bytes(t.seed, row.line)
		if seen[key]++; seen[key] > t.seen[key] {
			lines = append(lines, row.line...)
		}
	}
	t.seen = seen
	return lines
}
