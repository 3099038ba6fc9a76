package check

import (
	"context"
	"errors"
	"fmt"
)

// Evaluate asks the check's question once. What the question itself came to,
// failures included, is in the Result; the error says that nobody could be asked:
// the context has ended, or the check is not valid.
func (c Check) Evaluate(ctx context.Context, env Env) (Result, error) {
	r := Result{Now: env.Now(), Start: env.Start()}
	var err error
	switch c.Kind() {
	case KindPromQL:
		err = c.evaluatePromQL(ctx, env, &r)
	case KindLogsQL:
		err = c.evaluateLogsQL(ctx, env, &r)
	case KindTraces:
		err = c.searchTraces(ctx, env, &r)
	case KindTrace:
		err = c.evaluateTrace(ctx, env, &r)
	case KindLedger:
		c.Ledger.evaluate(env, &r)
	case KindCoverage:
		err = c.evaluateCoverage(ctx, env, &r)
	case KindObjects:
		err = c.Objects.evaluate(ctx, env, &r)
	case KindHTTP:
		err = c.HTTP.evaluate(ctx, env, &r)
	case KindEvents:
		c.Events.evaluate(env, &r)
	case KindOracle:
		return r, c.Oracle.evaluate(ctx, env, &r)
	default:
		return r, errors.New("the check has no query")
	}
	if ctx.Err() != nil {
		return r, ctx.Err() // whatever the query has made of it
	}
	if err != nil {
		r.fail(err)
	}
	r.finish(env)
	return r, nil
}

// fail makes err the query's own error.
func (r *Result) fail(err error) { r.Error = err.Error() }

// finish makes the result the same for the same answer: loopback addresses,
// which differ from run to run, become names of the lab.
func (r *Result) finish(env Env) {
	names := &addresses{env: env}
	r.Error = names.replace(r.Error)
	for i, w := range r.Warnings {
		r.Warnings[i] = names.replace(w)
	}
	if r.Error != "" {
		r.Rows, r.Text = nil, clip("error: "+oneLine(r.Error), textLimit)
	}
	if r.Text == "" {
		r.Text = summary(r.Rows, "row", "rows")
	}
}

// summary is a Text of rows: each of them if they are few.
func summary(rows []Row, one, many string) string {
	switch len(rows) {
	case 0:
		return "no " + many
	case 1:
		return clip(rows[0].String(), textLimit)
	}
	head := count(len(rows), one, many) + ": "
	return head + list(rows, textLimit-len(head), Row.String)
}

// count writes a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
