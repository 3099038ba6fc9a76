package logs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"koflab/embed/logstore"
)

// valueQuery finds names or values with the number of rows they occur in.
// field is the field argument, limit 0 for no limit.
type valueQuery struct {
	needsField bool
	get        func(s *logstorage.Storage, q *logstorage.QueryContext, field string, limit uint64) ([]logstorage.ValueWithHits, error)
}

// valueQueries are the paths under /select/logsql/ that answer with values and hits.
var valueQueries = map[string]valueQuery{
	"field_names": {false, func(s *logstorage.Storage, q *logstorage.QueryContext, _ string, _ uint64) ([]logstorage.ValueWithHits, error) {
		return s.GetFieldNames(q)
	}},
	"field_values": {true, (*logstorage.Storage).GetFieldValues},
	"streams": {false, func(s *logstorage.Storage, q *logstorage.QueryContext, _ string, limit uint64) ([]logstorage.ValueWithHits, error) {
		return s.GetStreams(q, limit)
	}},
	"stream_ids": {false, func(s *logstorage.Storage, q *logstorage.QueryContext, _ string, limit uint64) ([]logstorage.ValueWithHits, error) {
		return s.GetStreamIDs(q, limit)
	}},
	"stream_field_names": {false, func(s *logstorage.Storage, q *logstorage.QueryContext, _ string, _ uint64) ([]logstorage.ValueWithHits, error) {
		return s.GetStreamFieldNames(q)
	}},
	"stream_field_values": {true, (*logstorage.Storage).GetStreamFieldValues},
}

// valueHits is a value with the number of rows it occurs in.
type valueHits struct {
	Value string `json:"value"`
	Hits  uint64 `json:"hits"`
}

func (s *Store) values(vq valueQuery) func(context.Context, http.ResponseWriter, *http.Request) error {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
		q, err := s.ParseQuery(w, r)
		if err != nil {
			return err
		}
		field := q.Arg("field")
		if vq.needsField && field == "" {
			return errors.New("field: missing argument")
		}
		limit, err := q.Int("limit")
		if err != nil {
			return err
		}
		found, err := s.Values(ctx, q.Query, func(vl *logstorage.Storage, qctx *logstorage.QueryContext) ([]logstorage.ValueWithHits, error) {
			return vq.get(vl, qctx, field, uint64(limit))
		})
		if err != nil {
			return err
		}
		answer := struct {
			Values []valueHits `json:"values"`
		}{make([]valueHits, 0, len(found))}
		for _, v := range found {
			answer.Values = append(answer.Values, valueHits{v.Value, v.Hits})
		}
		return respond(w, answer)
	}
}

// respond answers with JSON.
func respond(w http.ResponseWriter, answer any) error {
	data, err := json.Marshal(answer)
	if err != nil {
		return logstore.Errorf(http.StatusInternalServerError, "encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
	return nil
}
