package logstore

import (
	"context"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// Run runs a query over the rows of the store's users and calls write with
// blocks of rows, concurrently; a block is valid until write returns. The rows
// of every insert that was acknowledged before are seen. It fails when ctx
// ends before the query does.
func (s *Store) Run(ctx context.Context, q *logstorage.Query, write logstorage.WriteDataBlockFunc) error {
	return s.run(ctx, logstorage.TenantID{}, q, func(qctx *logstorage.QueryContext) error {
		return s.vl.RunQuery(qctx, write)
	})
}

// RunIndex is Run over the rows added with AddIndex.
func (s *Store) RunIndex(ctx context.Context, q *logstorage.Query, write logstorage.WriteDataBlockFunc) error {
	return s.run(ctx, indexTenant, q, func(qctx *logstorage.QueryContext) error {
		return s.vl.RunQuery(qctx, write)
	})
}

// Values runs one of the library's queries for names or values with their hits.
func (s *Store) Values(ctx context.Context, q *logstorage.Query, get func(*logstorage.Storage, *logstorage.QueryContext) ([]logstorage.ValueWithHits, error)) ([]logstorage.ValueWithHits, error) {
	var values []logstorage.ValueWithHits
	err := s.run(ctx, logstorage.TenantID{}, q, func(qctx *logstorage.QueryContext) (err error) {
		values, err = get(s.vl, qctx)
		return err
	})
	return values, err
}

func (s *Store) run(ctx context.Context, tenant logstorage.TenantID, q *logstorage.Query, do func(*logstorage.QueryContext) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.expireSoon()
	s.flush()
	ctx, cancel := s.bind(ctx)
	defer cancel()
	var stats logstorage.QueryStats
	err := do(logstorage.NewQueryContext(ctx, &stats, []logstorage.TenantID{tenant}, q, false, nil))
	switch {
	case ctx.Err() == nil:
		return err
	case s.ctx.Err() != nil:
		return ErrClosed
	}
	return ctx.Err() // what came so far is not the whole answer
}
