package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// explain is the record of what a query asked of whom, as the federation writes it.
type explain struct {
	Groups []struct {
		Name     string   `json:"name"`
		Pushed   []string `json:"pushed"`
		Answered bool     `json:"answered"`
		Error    string   `json:"error"`
		Series   int      `json:"series"`
		Samples  int      `json:"samples"`
	} `json:"groups"`
	Coverage float64 `json:"coverage"`
}

// evaluateCoverage has a row for each region that the query needed, with value 1
// where it answered and 0 where not. The body has coverage, expected, answered and
// missing, the names of who did not answer. A query that failed has a record too,
// and its error is looked at only when none is there.
func (c Check) evaluateCoverage(ctx context.Context, env Env, r *Result) error {
	answer, err := env.Query(ctx, c.request(c.Coverage, r.Now))
	if err != nil {
		return err
	}
	r.Warnings = append(r.Warnings, answer.Warnings...)
	if len(answer.Explain) == 0 {
		return errors.Join(errors.New("the answer has no explain record"), queryFailure(answer))
	}
	var e explain
	if err := json.Unmarshal(answer.Explain, &e); err != nil {
		return fmt.Errorf("read the explain record: %w", err)
	}
	names := &addresses{env: env}
	missing := []any{}
	for _, g := range e.Groups {
		row := Row{Labels: map[string]string{"region": g.Name}, Value: 1, Fields: map[string]any{
			"pushed": g.Pushed, "series": g.Series, "samples": g.Samples, "error": names.replace(g.Error),
		}}
		if !g.Answered {
			row.Value = 0
			missing = append(missing, g.Name)
		}
		r.Rows = append(r.Rows, row)
	}
	order(r.Rows)
	answered := len(e.Groups) - len(missing)
	r.Body = map[string]any{
		"coverage": e.Coverage, "expected": len(e.Groups), "answered": answered, "missing": missing, "error": names.replace(answer.Error),
	}
	r.Text = fmt.Sprintf("%d of %s answered", answered, count(len(e.Groups), "region", "regions"))
	if len(missing) > 0 {
		absent := make([]string, 0, len(missing))
		for _, row := range r.Rows {
			if row.Value == 0 {
				absent = append(absent, row.Labels["region"])
			}
		}
		r.Text += ", not " + list(absent, textLimit-len(r.Text)-6, strings.Clone)
	}
	return nil
}
