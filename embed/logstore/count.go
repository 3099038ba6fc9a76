package logstore

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// Stored is Stats().Stored alone, cheap enough to ask for after every request.
func (s *Store) Stored() int64 {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	return s.counts.stored
}

// CountRows counts the rows within the retention, without index rows.
func (s *Store) CountRows(ctx context.Context) (int64, error) {
	q, err := s.NewQuery("* | stats count() n", nil)
	if err != nil {
		return 0, err
	}
	var n atomic.Int64
	var failure atomic.Pointer[error]
	err = s.Run(ctx, q.Query, func(_ uint, block *logstorage.DataBlock) {
		for _, c := range block.Columns {
			for _, v := range c.Values {
				rows, err := strconv.ParseInt(v, 10, 64)
				if err != nil {
					failure.Store(&err)
				}
				n.Add(rows)
			}
		}
	})
	if err == nil && failure.Load() != nil {
		err = fmt.Errorf("count rows: %w", *failure.Load())
	}
	return n.Load(), err
}
