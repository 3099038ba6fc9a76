package federation

import (
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/schema"
)

// The engine removes the names that functions drop when the query ends: until
// then they tell series apart. A group that evaluates a part removes them when
// the part ends, which may be too early.

// namesKept are the functions in perSeries that do not drop names.
var namesKept = map[string]bool{"first_over_time": true, "label_join": true, "label_replace": true, "last_over_time": true}

// nameable reports whether the groups may evaluate e within the query: either e
// is the query, or it does not matter that the names it drops do not travel.
func (p *planner) nameable(e parser.Expr) bool {
	if e == p.root || !dropsNames(e) {
		return true
	}
	name, ok := oneName(e)
	// A union brings together series that only their names may tell apart, and
	// types and units, which are dropped with the names, are matched on.
	return ok && (name == "" || p.matches == 0)
}

// keepingNames makes a group answer e with the names that it drops.
func keepingNames(e parser.Expr) parser.Expr {
	name, all := &parser.StringLiteral{Val: model.MetricNameLabel}, &parser.StringLiteral{Val: "(.*)"}
	return &parser.Call{Func: parser.Functions["label_replace"], Args: parser.Expressions{e, name, &parser.StringLiteral{Val: "$1"}, name, all}}
}

// droppingNames is e with its names to be removed.
func droppingNames(e parser.Expr) parser.Expr {
	return &parser.BinaryExpr{Op: parser.MUL, LHS: e, RHS: &parser.NumberLiteral{Val: 1}}
}

// dropsNames reports whether series of e may have names that are to be removed.
func dropsNames(e parser.Expr) bool {
	switch e := unwrapped(e).(type) {
	case *parser.SubqueryExpr:
		return dropsNames(e.Expr)
	case *parser.UnaryExpr:
		return e.Op == parser.SUB || dropsNames(e.Expr)
	case *parser.Call:
		return !namesKept[e.Func.Name] || slices.ContainsFunc(e.Args, dropsNames)
	case *parser.AggregateExpr:
		return dropsNames(e.Expr) && (chooses(e) || groupsByName(e))
	case *parser.BinaryExpr:
		return e.ReturnBool || e.VectorMatching == nil && !e.Op.IsComparisonOperator() ||
			!arithmetic(e) && (dropsNames(e.LHS) || dropsNames(e.RHS))
	}
	return false
}

// oneName returns the name, kept or to be removed, that all series of e have, ""
// when they have none. It reports false when they may have several.
func oneName(e parser.Expr) (string, bool) {
	switch e := unwrapped(e).(type) {
	case *parser.VectorSelector:
		for _, m := range e.LabelMatchers {
			if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
				return m.Value, true
			}
		}
	case *parser.MatrixSelector:
		return oneName(e.VectorSelector)
	case *parser.SubqueryExpr:
		return oneName(e.Expr)
	case *parser.UnaryExpr:
		return oneName(e.Expr)
	case *parser.Call:
		for _, arg := range e.Args {
			if !constant(arg) {
				return oneName(arg)
			}
		}
	case *parser.AggregateExpr:
		if chooses(e) {
			return oneName(e.Expr)
		}
		return "", !groupsByName(e)
	case *parser.BinaryExpr:
		return oneNameOfBinary(e)
	}
	return "", false
}

func oneNameOfBinary(e *parser.BinaryExpr) (string, bool) {
	if arithmetic(e) {
		return "", true // between vectors it leaves no names
	}
	if e.VectorMatching == nil {
		if constant(e.LHS) {
			return oneName(e.RHS)
		}
		return oneName(e.LHS)
	}
	l, lok := oneName(e.LHS)
	r, rok := oneName(e.RHS)
	fills := e.VectorMatching.FillValues
	switch {
	case e.Op == parser.LOR, fills.LHS != nil, fills.RHS != nil: // series of both sides, or of neither's name
		return "", lok && rok && l == "" && r == ""
	case e.VectorMatching.Card == parser.CardOneToMany:
		return r, rok
	}
	return l, lok
}

// arithmetic reports whether e computes new values from two vectors.
func arithmetic(e *parser.BinaryExpr) bool {
	return e.VectorMatching != nil && !e.Op.IsComparisonOperator() && !e.Op.IsSetOperator()
}

// chooses reports whether an aggregation's result is some of its series.
func chooses(e *parser.AggregateExpr) bool {
	return slices.Contains([]parser.ItemType{parser.TOPK, parser.BOTTOMK, parser.LIMITK, parser.LIMIT_RATIO}, e.Op)
}

func groupsByName(e *parser.AggregateExpr) bool {
	return !e.Without && slices.ContainsFunc(e.Grouping, schema.IsMetadataLabel)
}

// readsNames reports whether the query looks at names it may have dropped. It
// does not tell where: such a query is evaluated here.
func readsNames(tree parser.Expr) bool {
	read, dropped := false, false
	parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.AggregateExpr:
			read = read || groupsByName(n) || n.Op == parser.LIMIT_RATIO // which hashes all labels
		case *parser.BinaryExpr:
			if m := n.VectorMatching; m != nil {
				read = read || m.On && slices.ContainsFunc(m.MatchingLabels, schema.IsMetadataLabel) ||
					slices.ContainsFunc(m.Include, schema.IsMetadataLabel)
			}
		case *parser.StringLiteral:
			read = read || schema.IsMetadataLabel(n.Val)
		}
		if e, ok := n.(parser.Expr); ok && e.Type() == parser.ValueTypeVector {
			dropped = dropped || dropsNames(e)
		}
		return nil
	})
	return read && dropped
}
