package federation

import (
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// plan is a query split in two: parts for the groups, and an expression over
// their answers for the engine here.
type plan struct {
	parts []*part
	expr  parser.Expr
}

// planner finds the largest expressions that groups can evaluate.
//
// Plain selectors are pushed as values at the instants the engine will look at,
// because staleness markers, which decide where a series ends, do not travel
// over the query API. Range selectors are fetched as raw samples: markers are no
// samples of theirs.
type planner struct {
	members        []*member
	stamped        map[string]bool
	assumeDisjoint bool
	plan           plan
	known          map[string]*part
	// keepSelectors counts the info() calls around an expression: info reads the
	// offset and @ of the selectors below it, so those must stay in sight. A query
	// that reads dropped names counts as one.
	keepSelectors int
	// root is the query itself, of which the result's names are final.
	root parser.Expr
	// matches counts the operators around an expression that see all labels of it.
	matches int
}

// newPlan splits the query for evaluation at the grid's instants.
func newPlan(language parser.Parser, members []*member, expr string, g grid, assumeDisjoint bool) (*plan, error) {
	tree, err := parseQuery(language, expr)
	if err != nil {
		return nil, &QueryError{Type: "bad_data", Err: err}
	}
	start, end := time.UnixMilli(g.start), time.UnixMilli(g.end)
	// The engine's own preparation resolves start(), end() and duration
	// expressions, which a group would take from the grid it is asked for.
	tree, err = promql.PreprocessExpr(tree, start, end, time.Duration(g.step)*time.Millisecond)
	if err != nil {
		return nil, &QueryError{Type: "bad_data", Err: err}
	}
	resolve(tree)
	if err := checkSubqueries(tree, g); err != nil {
		return nil, err
	}
	p := &planner{
		members:        members,
		stamped:        stampNames(members),
		assumeDisjoint: assumeDisjoint,
		known:          map[string]*part{},
	}
	p.root = unwrapped(tree)
	if readsNames(tree) {
		p.keepSelectors++
	}
	p.plan.expr = p.rewrite(tree, g, false)
	return &p.plan, nil
}

// resolve replaces what depends on the query's context by its value.
func resolve(e parser.Expr) {
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			n.OriginalOffsetExpr, n.StartOrEnd = nil, 0
		case *parser.MatrixSelector:
			n.RangeExpr = nil
		case *parser.SubqueryExpr:
			n.OriginalOffsetExpr, n.RangeExpr, n.StepExpr, n.StartOrEnd = nil, nil, nil, 0
			if n.Step == 0 {
				n.Step = subqueryStep
			}
		}
		return nil
	})
}

// rewrite returns what the engine here evaluates in place of e. Pinned
// expressions have the same value at all instants and are evaluated at the first.
func (p *planner) rewrite(e parser.Expr, g grid, pinned bool) parser.Expr {
	switch e := e.(type) {
	case *parser.VectorSelector:
		return p.fetchSelector(e, g, nil)
	case *parser.StepInvariantExpr:
		return p.rewrite(e.Expr, instant(g.start), true)
	case *parser.ParenExpr:
		e.Expr = p.rewrite(e.Expr, g, pinned)
		return e
	}
	if s, ok := p.local(e); ok && e.Type() == parser.ValueTypeVector && p.nameable(e) {
		return p.reference(e, &part{expr: e, grid: g, groups: s.groups, keep: s.keep, exclusive: !distinguished(s.groups, s.keep)}, g, pinned)
	}
	switch e := e.(type) {
	case *parser.UnaryExpr:
		e.Expr = p.rewrite(e.Expr, g, pinned)
	case *parser.BinaryExpr:
		if m := e.VectorMatching; m != nil && (!m.On || e.Op == parser.LOR) {
			p.matches++
			defer func() { p.matches-- }()
		}
		e.LHS, e.RHS = p.rewrite(e.LHS, g, pinned), p.rewrite(e.RHS, g, pinned)
	case *parser.AggregateExpr:
		if merged, ok := p.distribute(e, g, pinned); ok {
			return merged
		}
		e.Expr = p.rewrite(e.Expr, g, pinned)
		if e.Param != nil {
			e.Param = p.rewrite(e.Param, g, pinned)
		}
	case *parser.Call:
		return p.rewriteCall(e, g, pinned)
	case *parser.SubqueryExpr:
		e.Expr = p.rewrite(e.Expr, g.inside(e), false)
	case *parser.MatrixSelector:
		return p.fetchRange(e, g)
	}
	return e
}

func (p *planner) rewriteCall(e *parser.Call, g grid, pinned bool) parser.Expr {
	ofSample := e.Func.Name == "timestamp" || e.Func.Name == "start_timestamp"
	if ofSample {
		// Of a selector they tell the time of the sample, which only the group knows.
		if s, ok := unwrapped(e.Args[0]).(*parser.VectorSelector); ok {
			return p.fetchSelector(s, g, e)
		}
	}
	if e.Func.Name == "info" {
		p.keepSelectors++
		defer func() { p.keepSelectors-- }()
		// The second argument is a selector in form only: the engine reads its matchers.
		e.Args[0] = p.rewrite(e.Args[0], g, pinned)
		return e
	}
	for i, arg := range e.Args {
		e.Args[i] = p.rewrite(arg, g, pinned)
	}
	if ofSample {
		// What was rewritten must not pass for a selector.
		e.Args[0] = &parser.UnaryExpr{Op: parser.ADD, Expr: e.Args[0], StartPos: e.PosRange.Start}
	}
	return e
}

// fetchSelector asks for a selector's values, or those of a function of it, where
// the engine will look for them; offset and @ stay in the query here.
func (p *planner) fetchSelector(e *parser.VectorSelector, g grid, of *parser.Call) parser.Expr {
	bare := *e
	bare.OriginalOffset, bare.Timestamp = 0, nil
	var pushed parser.Expr = &bare
	named := of != nil && (p.keepSelectors > 0 || !p.nameable(of))
	if of != nil {
		pushed = &parser.Call{Func: of.Func, Args: parser.Expressions{&bare}}
	}
	if named {
		pushed = keepingNames(pushed)
	}
	local := markedSelector(e, p.push(&part{
		expr:   pushed,
		grid:   g.shifted(e.OriginalOffset, e.Timestamp),
		groups: narrowed(p.members, e.LabelMatchers),
		keep:   p.stamped,
	}))
	local.Anchored, local.Smoothed = false, false // the groups' values are smooth
	if named {
		return droppingNames(local)
	}
	return local
}

// fetchRange asks for the raw samples of all windows of a range selector at once.
func (p *planner) fetchRange(e *parser.MatrixSelector, g grid) parser.Expr {
	selector, ok := e.VectorSelector.(*parser.VectorSelector)
	if !ok || g.points() == 0 {
		return e
	}
	read := g.shifted(selector.OriginalOffset, selector.Timestamp)
	window := e.Range + time.Duration(read.last()-read.start)*time.Millisecond
	end := read.last()
	if selector.Anchored || selector.Smoothed {
		window += lookback // for the samples at the windows' left borders
	}
	if selector.Smoothed {
		window += lookback // and at their right ones
		end += lookback.Milliseconds()
	}
	bare := *selector
	bare.OriginalOffset, bare.Timestamp = 0, nil
	bare.Anchored, bare.Smoothed = false, false
	fetched := p.push(&part{
		expr:   &bare,
		grid:   instant(end),
		window: window,
		groups: narrowed(p.members, selector.LabelMatchers),
		keep:   p.stamped,
	})
	local := *e
	local.VectorSelector = markedSelector(selector, fetched)
	return &local
}

func markedSelector(e *parser.VectorSelector, fetched *part) *parser.VectorSelector {
	local := *e
	local.LabelMatchers = append(append([]*labels.Matcher{}, e.LabelMatchers...), fetched.marker())
	return &local
}

// push adds a part, or finds the same one asked for before.
func (p *planner) push(n *part) *part {
	n.expr = unwrapped(n.expr)
	key := n.key()
	if old := p.known[key]; old != nil {
		return old
	}
	n.name = strconv.Itoa(len(p.plan.parts))
	p.plan.parts = append(p.plan.parts, n)
	p.known[key] = n
	return n
}

func unwrapped(e parser.Expr) parser.Expr {
	for {
		switch inner := e.(type) {
		case *parser.ParenExpr:
			e = inner.Expr
		case *parser.StepInvariantExpr:
			e = inner.Expr
		default:
			return e
		}
	}
}

// reference pushes a whole expression and returns what stands for it here.
func (p *planner) reference(e parser.Expr, n *part, g grid, pinned bool) parser.Expr {
	s := &parser.VectorSelector{LabelMatchers: []*labels.Matcher{p.push(n).marker()}, PosRange: e.PositionRange()}
	if pinned {
		at := g.start
		s.Timestamp = &at
	}
	return &parser.ParenExpr{Expr: s, PosRange: s.PosRange}
}
