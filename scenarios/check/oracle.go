package check

import (
	"context"
	"fmt"
	"strings"

	"koflab/topology/lab/control"
)

// evaluate has a row for each signal of each cluster, with the number of records
// that are wrong as value; how they are wrong is in the fields. The body has the
// same counts summed up, and signals, those of each row.
func (o *Oracle) evaluate(ctx context.Context, env Env, r *Result) error {
	verdict, err := env.Oracle(ctx, o.Clusters, o.Signals)
	if err != nil {
		return fmt.Errorf("oracle: %w", err)
	}
	var sum control.OracleSignal
	signals := []any{}
	for _, s := range verdict.Signals {
		labels := map[string]string{"cluster": s.Cluster, "region": s.Region, "signal": s.Signal}
		r.Rows = append(r.Rows, Row{Labels: labels, Value: float64(s.Mistakes()), Fields: signalCounts(s)})
		signal := signalCounts(s)
		for name, value := range labels {
			signal[name] = value
		}
		signals = append(signals, signal)
		sum.Expected += s.Expected
		sum.Stored += s.Stored
		sum.Missing += s.Missing
		sum.Unexpected += s.Unexpected
		sum.Duplicated += s.Duplicated
		sum.Altered += s.Altered
		sum.Examples = append(sum.Examples, s.Examples...)
	}
	order(r.Rows)
	body := signalCounts(sum)
	body["signals"] = signals
	r.Body = body
	r.Text = clip(fmt.Sprintf("%d records expected, %d stored: %s", sum.Expected, sum.Stored, mistakes(sum)), textLimit)
	switch {
	case verdict.OK():
	case sum.Mistakes() == 0:
		r.refuted = "the oracle had nothing to compare: no record must be stored yet"
	default:
		r.refuted = explanation(verdict, r.Text, sum.Examples)
	}
	return nil
}

func signalCounts(s control.OracleSignal) map[string]any {
	return map[string]any{
		"expected": s.Expected, "stored": s.Stored, "missing": s.Missing, "unexpected": s.Unexpected,
		"duplicated": s.Duplicated, "altered": s.Altered, "examples": append([]string{}, s.Examples...),
	}
}

// mistakes counts what is wrong.
func mistakes(s control.OracleSignal) string {
	var parts []string
	for _, c := range []struct {
		n    int64
		what string
	}{{s.Missing, "missing"}, {s.Unexpected, "unexpected"}, {s.Duplicated, "duplicated"}, {s.Altered, "altered"}} {
		if c.n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return orElse(strings.Join(parts, ", "), "all as they must be")
}

// explanation says where records are wrong, and names some.
func explanation(v control.OracleVerdict, text string, examples []string) string {
	var where []string
	for _, s := range v.Signals {
		if s.Mistakes() != 0 {
			where = append(where, fmt.Sprintf("%s of %s at %s %s", s.Signal, s.Cluster, s.Region, mistakes(s)))
		}
	}
	text += "; " + list(where, whyLimit/4, strings.Clone)
	if len(examples) > 0 {
		text += "; for example " + list(examples, whyLimit/2, oneLine)
	}
	return text
}
