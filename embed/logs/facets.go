package logs

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// facet is a field with its most frequent values.
type facet struct {
	Field  string       `json:"field_name"`
	Values []facetValue `json:"values"`
}

type facetValue struct {
	Value string `json:"field_value"`
	Hits  uint64 `json:"hits"`
}

// facets answers the most frequent values of each field of the matching rows.
func (s *Store) facets(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	q, err := s.ParseQuery(w, r)
	if err != nil {
		return err
	}
	var limits [3]int
	for i, name := range []string{"limit", "max_values_per_field", "max_value_len"} {
		if limits[i], err = q.Int(name); err != nil {
			return err
		}
	}
	keepConstant, _ := strconv.ParseBool(q.Arg("keep_const_fields"))
	q.DropAllPipes()
	q.AddFacetsPipe(limits[0], limits[1], limits[2], keepConstant)

	var mu sync.Mutex
	byField := make(map[string][]facetValue)
	err = s.Run(ctx, q.Query, func(_ uint, block *logstorage.DataBlock) {
		names, values, hits := block.GetColumnByName("field_name"), block.GetColumnByName("field_value"), block.GetColumnByName("hits")
		if names == nil || values == nil || hits == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for i, name := range names.Values {
			n, _ := strconv.ParseUint(hits.Values[i], 10, 64)
			name = strings.Clone(name)
			byField[name] = append(byField[name], facetValue{strings.Clone(values.Values[i]), n})
		}
	})
	if err != nil {
		return err
	}
	answer := struct {
		Facets []facet `json:"facets"`
	}{make([]facet, 0, len(byField))}
	for _, name := range slices.Sorted(maps.Keys(byField)) {
		values := byField[name]
		slices.SortFunc(values, func(a, b facetValue) int {
			return cmp.Or(cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.Value, b.Value))
		})
		answer.Facets = append(answer.Facets, facet{name, values})
	}
	return respond(w, answer)
}
