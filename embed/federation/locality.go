package federation

import (
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

// perSeries are the functions whose result for a series depends on that series
// alone, so that a group can evaluate them.
var perSeries = map[string]bool{
	"abs": true, "acos": true, "acosh": true, "asin": true, "asinh": true, "atan": true, "atanh": true,
	"avg_over_time": true, "ceil": true, "changes": true, "clamp": true, "clamp_max": true, "clamp_min": true,
	"cos": true, "cosh": true, "count_over_time": true, "day_of_month": true, "day_of_week": true,
	"day_of_year": true, "days_in_month": true, "deg": true, "delta": true, "deriv": true,
	"double_exponential_smoothing": true, "exp": true, "first_over_time": true, "floor": true,
	"histogram_quantile": true, "hour": true, "idelta": true, "increase": true, "irate": true,
	"label_join": true, "label_replace": true, "last_over_time": true, "ln": true, "log10": true, "log2": true,
	"mad_over_time": true, "max_over_time": true, "min_over_time": true, "minute": true, "month": true,
	"predict_linear": true, "present_over_time": true, "quantile_over_time": true, "rad": true, "rate": true,
	"resets": true, "round": true, "sgn": true, "sin": true, "sinh": true, "sqrt": true, "stddev_over_time": true,
	"stdvar_over_time": true, "sum_over_time": true, "tan": true, "tanh": true, "timestamp": true,
	"ts_of_first_over_time": true, "ts_of_last_over_time": true, "ts_of_max_over_time": true,
	"ts_of_min_over_time": true, "year": true,
}

// combining are those of them that may bring series together, which is sound
// only where group labels keep the groups apart.
var combining = map[string]bool{"histogram_quantile": true, "label_join": true, "label_replace": true}

// scope says what is known of an expression that every group can evaluate on its
// own so that the union of the answers is the expression's value.
type scope struct {
	groups []*member
	// keep are the group labels that the result carries.
	keep map[string]bool
}

// local returns the scope of e, if it has one.
func (p *planner) local(e parser.Expr) (scope, bool) {
	if p.keepSelectors > 0 {
		return scope{}, false
	}
	switch e := e.(type) {
	case *parser.VectorSelector:
		s := scope{narrowed(p.members, e.LabelMatchers), p.stamped}
		return s, p.disjoint(s)
	case *parser.MatrixSelector:
		return p.local(e.VectorSelector)
	case *parser.SubqueryExpr:
		return p.local(e.Expr)
	case *parser.StepInvariantExpr:
		return p.local(e.Expr)
	case *parser.ParenExpr:
		return p.local(e.Expr)
	case *parser.UnaryExpr:
		return p.local(e.Expr)
	case *parser.Call:
		return p.localCall(e)
	case *parser.AggregateExpr:
		return p.localAggregate(e)
	case *parser.BinaryExpr:
		return p.localBinary(e)
	}
	return scope{}, false
}

// disjoint reports whether no series of the scope is in two groups.
func (p *planner) disjoint(s scope) bool { return p.assumeDisjoint || distinguished(s.groups, s.keep) }

func (p *planner) localCall(e *parser.Call) (scope, bool) {
	if !perSeries[e.Func.Name] {
		return scope{}, false
	}
	var (
		s     scope
		found int
	)
	for _, arg := range e.Args {
		if constant(arg) {
			if text, ok := arg.(*parser.StringLiteral); ok && p.stamped[text.Val] {
				return scope{}, false // label_replace and label_join that touch a group label
			}
			continue
		}
		own, ok := p.local(arg)
		if !ok {
			return scope{}, false
		}
		s, found = own, found+1
	}
	return s, found == 1 && (!combining[e.Func.Name] || distinguished(s.groups, s.keep))
}

// localAggregate: an aggregation is complete within each group when it keeps
// the groups apart.
func (p *planner) localAggregate(e *parser.AggregateExpr) (scope, bool) {
	if e.Op == parser.LIMITK || e.Op == parser.LIMIT_RATIO || !p.constantParam(e) {
		return scope{}, false // what these choose depends on the order and labels of all series
	}
	s, ok := p.local(e.Expr)
	if !ok {
		return scope{}, false
	}
	s.keep = grouped(s.keep, e)
	return s, distinguished(s.groups, s.keep)
}

// constantParam reports whether the groups can know an aggregation's parameter.
func (p *planner) constantParam(e *parser.AggregateExpr) bool {
	if e.Param == nil {
		return true
	}
	text, isText := e.Param.(*parser.StringLiteral)
	return constant(e.Param) && !(isText && p.stamped[text.Val])
}

// grouped returns the labels of keep that remain after the aggregation's grouping.
func grouped(keep map[string]bool, e *parser.AggregateExpr) map[string]bool {
	rest := map[string]bool{}
	for name := range keep {
		if slices.Contains(e.Grouping, name) != e.Without {
			rest[name] = true
		}
	}
	return rest
}

func (p *planner) localBinary(e *parser.BinaryExpr) (scope, bool) {
	l, lok := p.local(e.LHS)
	r, rok := p.local(e.RHS)
	switch {
	case lok && constant(e.RHS):
		return l, true
	case rok && constant(e.LHS):
		return r, true
	case !lok || !rok || !slices.Equal(l.groups, r.groups):
		return scope{}, false
	}
	// Series match within their own group when the labels matched on tell the
	// groups apart.
	for name := range p.stamped {
		listed := slices.Contains(e.VectorMatching.MatchingLabels, name)
		if listed != e.VectorMatching.On || slices.Contains(e.VectorMatching.Include, name) || !l.keep[name] || !r.keep[name] {
			return scope{}, false
		}
	}
	return l, distinguished(l.groups, p.stamped)
}

// constant reports whether e is a scalar or string that depends on no series.
func constant(e parser.Expr) bool {
	if e.Type() != parser.ValueTypeScalar && e.Type() != parser.ValueTypeString {
		return false
	}
	return len(selectors(e)) == 0
}

func selectors(e parser.Expr) []*parser.VectorSelector {
	var found []*parser.VectorSelector
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			found = append(found, s)
		}
		return nil
	})
	return found
}
