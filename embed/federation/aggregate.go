package federation

import (
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// mergedBy tells how partial results of an aggregation are aggregated over the
// groups.
var mergedBy = map[parser.ItemType]parser.ItemType{
	parser.SUM:          parser.SUM,
	parser.COUNT:        parser.SUM,
	parser.MIN:          parser.MIN,
	parser.MAX:          parser.MAX,
	parser.GROUP:        parser.GROUP,
	parser.TOPK:         parser.TOPK,
	parser.BOTTOMK:      parser.BOTTOMK,
	parser.COUNT_VALUES: parser.SUM,
}

// distribute pushes an aggregation that can be made from the groups' own ones:
// only partial results travel.
func (p *planner) distribute(e *parser.AggregateExpr, g grid, pinned bool) (parser.Expr, bool) {
	s, ok := p.local(e.Expr)
	if !ok || !p.constantParam(e) || chooses(e) && !p.nameable(e.Expr) {
		return nil, false
	}
	if e.Op == parser.AVG {
		if slices.Contains(e.Grouping, model.MetricNameLabel) {
			return nil, false // the division would drop the name that it groups by
		}
		// The mean is that of all series, not of the groups' means.
		sum, count := *e, *e
		sum.Op, count.Op = parser.SUM, parser.COUNT
		return &parser.ParenExpr{Expr: &parser.BinaryExpr{
			Op:             parser.DIV,
			LHS:            p.partial(&sum, s, g, pinned),
			RHS:            p.partial(&count, s, g, pinned),
			VectorMatching: &parser.VectorMatching{Card: parser.CardOneToOne},
		}}, true
	}
	if _, ok := mergedBy[e.Op]; !ok {
		return nil, false
	}
	return p.partial(e, s, g, pinned), true
}

// partial pushes the aggregation e and returns the one over its partial results.
func (p *planner) partial(e *parser.AggregateExpr, s scope, g grid, pinned bool) parser.Expr {
	pushed := &part{expr: e, grid: g, groups: s.groups, keep: grouped(s.keep, e), partial: true}
	if chooses(e) {
		// The chosen series keep all their labels, which tell the groups apart.
		pushed.keep, pushed.partial = s.keep, false
	}
	merged := *e
	merged.Op = mergedBy[e.Op]
	merged.Grouping = slices.Clone(e.Grouping)
	switch {
	case chooses(e):
	case e.Without:
		merged.Grouping = append(merged.Grouping, groupLabel)
	case e.Op == parser.COUNT_VALUES:
		merged.Grouping = append(merged.Grouping, e.Param.(*parser.StringLiteral).Val)
	}
	if e.Op == parser.COUNT_VALUES {
		merged.Param = nil
	}
	merged.Expr = p.reference(e.Expr, pushed, g, pinned)
	return &merged
}
