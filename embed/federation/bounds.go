package federation

import "github.com/prometheus/prometheus/promql/parser"

const (
	// maxQueryBytes of a query as it is asked is vmselect's default of
	// -search.maxQueryLen. What is pushed to a region may be longer.
	maxQueryBytes = 16 << 10
	// maxSubquerySteps is what a year takes at a step of 16 s. For each step of a
	// subquery the engine allocates its counters before it evaluates the first.
	maxSubquerySteps = 2_000_000
)

// parseQuery refuses texts that are too long: the time it takes to prepare
// nested expressions grows with the square of their depth.
func parseQuery(language parser.Parser, expr string) (parser.Expr, error) {
	if len(expr) > maxQueryBytes {
		return nil, badData("the query has %d bytes, at most %d are taken", len(expr), maxQueryBytes)
	}
	return language.ParseExpr(expr)
}

// checkSubqueries refuses a resolved query whose subqueries have too many steps
// over the grid.
func checkSubqueries(tree parser.Expr, g grid) error {
	var tooMany error
	parser.Inspect(tree, func(n parser.Node, path []parser.Node) error {
		q, ok := n.(*parser.SubqueryExpr)
		if !ok {
			return nil
		}
		seconds := float64(g.end-g.start)/1000 + q.Range.Seconds()
		for _, outer := range path {
			if o, ok := outer.(*parser.SubqueryExpr); ok {
				seconds += o.Range.Seconds()
			}
		}
		if steps := seconds / q.Step.Seconds(); steps > maxSubquerySteps {
			tooMany = badData("subquery %s has %.0f steps, at most %d are evaluated: lengthen its step or shorten what it covers", q, steps, maxSubquerySteps)
		}
		return nil
	})
	return tooMany
}
