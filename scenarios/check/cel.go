package check

import (
	"errors"
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"k8s.io/apiserver/pkg/cel/library"
)

const (
	// maxCELBytes bounds a condition's text, maxCELCost what it may take to evaluate:
	// enough for some comparisons of each of 100 000 rows.
	maxCELBytes = 16 << 10
	maxCELCost  = 2_000_000
)

// celEnvironment has what conditions may use: the variables of an answer, and
// beside CEL's own functions those on strings and the ones that Kubernetes adds
// for lists (such as sum), regular expressions and quantities.
var celEnvironment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("rows", cel.ListType(cel.MapType(cel.StringType, cel.DynType))),
		cel.Variable("value", cel.DynType), // so that it may be compared with 6 as well as 6.0
		cel.Variable("values", cel.ListType(cel.DynType)),
		cel.Variable("count", cel.IntType),
		cel.Variable("status", cel.IntType),
		cel.Variable("error", cel.StringType),
		cel.Variable("warnings", cel.ListType(cel.StringType)),
		cel.Variable("body", cel.DynType),
		cel.Variable("now", cel.TimestampType),
		cel.Variable("start", cel.TimestampType),
		cel.CrossTypeNumericComparisons(true),
		cel.EnableMacroCallTracking(), // so that failures can show parts with macros
		cel.ParserExpressionSizeLimit(maxCELBytes),
		ext.Strings(),
		library.Lists(), library.Regex(), library.Quantity(),
	)
})

// condition is a compiled CEL expression.
type condition struct {
	ast     *cel.Ast
	program cel.Program
}

// compile checks an expression against the variables; it must yield true or false.
func compile(expr string) (condition, error) {
	if len(expr) > maxCELBytes {
		return condition{}, fmt.Errorf("the condition has %d bytes, at most %d are taken", len(expr), maxCELBytes)
	}
	env, err := celEnvironment()
	if err != nil {
		return condition{}, err
	}
	ast, issues := env.Compile(expr)
	if err := issues.Err(); err != nil {
		if list := issues.Errors(); len(list) > 0 {
			err = errors.New(oneLine(list[0].Message))
			if at := list[0].Location; at.Line() > 0 {
				err = fmt.Errorf("%d:%d: %w", at.Line(), at.Column()+1, err)
			}
		}
		return condition{}, err
	}
	if out := ast.OutputType(); out.Kind() != types.BoolKind && out.Kind() != types.DynKind {
		return condition{}, fmt.Errorf("the condition yields %s, it must yield true or false", out)
	}
	program, err := env.Program(ast, cel.CostLimit(maxCELCost))
	return condition{ast, program}, err
}

// holds evaluates the condition on a result.
func (c condition) holds(r Result) (bool, error) {
	out, _, err := c.program.Eval(r.variables())
	if err != nil {
		return false, errors.New(oneLine(err.Error()))
	}
	truth, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("the condition yields %v, it must yield true or false", out.Value())
	}
	return truth, nil
}

// variables are the values of the declared variables.
func (r Result) variables() map[string]any {
	rows, values := make([]any, 0, len(r.Rows)), make([]any, 0, len(r.Rows))
	for _, row := range r.Rows {
		rows = append(rows, row.celValue())
		values = append(values, row.Value)
	}
	value := any(types.NewErr("value is that of the only row, and there are %d", len(r.Rows)))
	if len(r.Rows) == 1 {
		value = r.Rows[0].Value
	}
	warnings := r.Warnings
	if warnings == nil {
		warnings = []string{}
	}
	return map[string]any{
		"rows": rows, "value": value, "values": values, "count": len(r.Rows), "status": r.Status, "error": r.Error,
		"warnings": warnings, "body": r.Body, "now": r.Now, "start": r.Start,
	}
}

// celValue is a row as conditions see it: labels, value, values with time and
// value, time and fields.
func (r Row) celValue() map[string]any {
	points := make([]any, len(r.Values))
	for i, p := range r.Values {
		points[i] = map[string]any{"time": p.Time, "value": p.Value}
	}
	labels, fields := r.Labels, r.Fields
	if labels == nil {
		labels = map[string]string{}
	}
	if fields == nil {
		fields = map[string]any{}
	}
	return map[string]any{"labels": labels, "value": r.Value, "values": points, "time": r.Time, "fields": fields}
}
