package metrics

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	// maxQueryBytes is twice vmselect's default of -search.maxQueryLen: a
	// federation takes queries of that length and makes them longer.
	maxQueryBytes = 32 << 10
	// maxSubquerySteps is what a year takes at a step of 16 s. For each step of a
	// subquery the engine allocates its counters before it evaluates the first.
	maxSubquerySteps = 2_000_000
	// subqueryStep is the step of subqueries without one: Prometheus' default
	// evaluation interval.
	subqueryStep = time.Minute
)

// boundedParser refuses texts that are too long: the time it takes to prepare
// nested expressions grows with the square of their depth.
type boundedParser struct{ parser.Parser }

func (p boundedParser) ParseExpr(expr string) (parser.Expr, error) {
	if len(expr) > maxQueryBytes {
		return nil, fmt.Errorf("the query has %d bytes, at most %d are taken", len(expr), maxQueryBytes)
	}
	return p.Parser.ParseExpr(expr)
}

// checkSubqueries refuses a query whose subqueries have too many steps. One that
// cannot be parsed it leaves to the engine to refuse.
func (s *Store) checkSubqueries(expr string, start, end time.Time, step time.Duration) error {
	tree, err := s.parser.ParseExpr(expr)
	if err == nil {
		tree, err = promql.PreprocessExpr(tree, start, end, step)
	}
	if err != nil {
		return nil //nolint:nilerr // the engine says it in its own words
	}
	var tooMany error
	parser.Inspect(tree, func(n parser.Node, path []parser.Node) error {
		q, ok := n.(*parser.SubqueryExpr)
		if !ok {
			return nil
		}
		seconds := end.Sub(start).Seconds() + q.Range.Seconds()
		for _, outer := range path {
			if o, ok := outer.(*parser.SubqueryExpr); ok {
				seconds += o.Range.Seconds()
			}
		}
		each := q.Step
		if each == 0 {
			each = subqueryStep
		}
		if steps := seconds / each.Seconds(); steps > maxSubquerySteps {
			tooMany = fmt.Errorf("subquery %s has %.0f steps, at most %s are evaluated: lengthen its step or shorten what it covers", q, steps, thousands(maxSubquerySteps))
		}
		return nil
	})
	return tooMany
}
