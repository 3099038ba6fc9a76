package check

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/protobuf/types/known/structpb"
)

func (e Expect) celWhy(r Result) string {
	if e.CEL == "" {
		return ""
	}
	c, err := compile(e.CEL)
	if err != nil {
		return "condition: " + err.Error()
	}
	expected := "expected " + oneLine(e.CEL)
	switch holds, err := c.holds(r); {
	case err != nil:
		return fmt.Sprintf("%s, which cannot be told: %s; observed %s", expected, err, r.Text)
	case !holds:
		return fmt.Sprintf("%s, observed %s%s", expected, r.Text, c.culprit(r))
	}
	return ""
}

// culprit names the part of a conjunction that does not hold, and for a comparison
// what is on its left; "" if that says no more than the condition itself.
func (c condition) culprit(r Result) string {
	variables := r.variables()
	for _, part := range conjuncts(c.ast.NativeRep().Expr()) {
		if held, err := c.evaluate(part, variables); err != nil || held.Value() == true {
			continue
		}
		text := ""
		if part.ID() != c.ast.NativeRep().Expr().ID() {
			text = "; not so: " + c.source(part)
		}
		if left, ok := compared(part); ok {
			if v, err := c.evaluate(left, variables); err == nil {
				text += fmt.Sprintf("; %s is %s", c.source(left), celText(v))
			}
		}
		return text
	}
	return ""
}

// conjuncts are the parts of a && b && c.
func conjuncts(e ast.Expr) []ast.Expr {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.LogicalAnd {
		return []ast.Expr{e}
	}
	var parts []ast.Expr
	for _, arg := range e.AsCall().Args() {
		parts = append(parts, conjuncts(arg)...)
	}
	return parts
}

// compared is the left side of a comparison, if there is something to say about it.
func compared(e ast.Expr) (ast.Expr, bool) {
	if e.Kind() != ast.CallKind {
		return nil, false
	}
	switch e.AsCall().FunctionName() {
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, operators.In:
		left := e.AsCall().Args()[0]
		return left, left.Kind() != ast.LiteralKind
	}
	return nil, false
}

// source writes a part of the condition as CEL.
func (c condition) source(e ast.Expr) string {
	text, err := cel.ExprToString(e, c.ast.NativeRep().SourceInfo())
	if err != nil {
		return "a part"
	}
	return oneLine(text)
}

// evaluate works out a part of the condition.
func (c condition) evaluate(e ast.Expr, variables map[string]any) (ref.Val, error) {
	env, err := celEnvironment()
	if err != nil {
		return nil, err
	}
	part, issues := env.Compile(c.source(e))
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	program, err := env.Program(part, cel.CostLimit(maxCELCost))
	if err != nil {
		return nil, err
	}
	out, _, err := program.Eval(variables)
	return out, err
}

var jsonValue = reflect.TypeFor[*structpb.Value]()

// celText writes a value as JSON, numbers as rows have them.
func celText(v ref.Val) string {
	if n, ok := v.Value().(float64); ok {
		return number(n)
	}
	native, err := v.ConvertToNative(jsonValue)
	if err == nil {
		if text, err := json.Marshal(native.(*structpb.Value).AsInterface()); err == nil {
			return clip(string(text), whyLimit/4)
		}
	}
	return clip(fmt.Sprint(v.Value()), whyLimit/4)
}
