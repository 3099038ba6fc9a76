package federation

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	// partLabel marks the selectors that stand for what the groups answered. It is
	// matched by regexp so that absent() does not take it for a label of its result.
	partLabel = "__koflab_part__"
	// groupLabel keeps partial aggregates of different groups apart until merged.
	groupLabel = "__koflab_group__"
)

// part is what a group is asked to evaluate.
type part struct {
	// expr is in terms of the federation: group labels are still in it.
	expr parser.Expr
	grid grid
	// window makes expr a plain selector whose raw samples in the left-open
	// window before grid.start are wanted; 0 asks for values at the grid's instants.
	window time.Duration
	// groups are those that can hold matching series.
	groups []*member
	// keep are the group labels that are stamped on the result.
	keep map[string]bool
	// partial results are to be aggregated over the groups.
	partial bool
	// exclusive results of two groups must not be of one series: it would be an
	// error in a single store too.
	exclusive bool
	// name is how the rest of the query refers to the part.
	name string
}

func (p *part) key() string {
	return fmt.Sprint(p.expr.String(), p.grid, p.window, p.keep, p.partial)
}

func (p *part) marker() *labels.Matcher {
	return labels.MustNewMatcher(labels.MatchRegexp, partLabel, p.name)
}

// marked returns the part of which the matchers select the result.
func marked(parts []*part, matchers []*labels.Matcher) *part {
	for _, m := range matchers {
		if m.Name == partLabel {
			if i, err := strconv.Atoi(m.Value); err == nil && i >= 0 && i < len(parts) {
				return parts[i]
			}
		}
	}
	return nil
}

// textFor is the part as sent to a group that knows nothing of group labels:
// matchers on them hold already and are taken out, groupings by them are put
// back when the answer is stamped.
func (p *part) textFor(language parser.Parser, m *member) (string, error) {
	if len(m.Labels) == 0 {
		return p.expr.String(), nil
	}
	own, err := language.ParseExpr(p.expr.String()) // a copy to change
	if err != nil {
		return "", err
	}
	stamped := func(name string) bool { _, ok := m.Labels[name]; return ok }
	parser.Inspect(own, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			n.LabelMatchers = withoutMatchers(n.LabelMatchers, stamped)
		case *parser.AggregateExpr:
			if !n.Without {
				n.Grouping = slices.DeleteFunc(n.Grouping, stamped)
			}
		case *parser.BinaryExpr:
			if n.VectorMatching != nil && n.VectorMatching.On {
				n.VectorMatching.MatchingLabels = slices.DeleteFunc(n.VectorMatching.MatchingLabels, stamped)
			}
		}
		return nil
	})
	return own.String(), nil
}

// withoutMatchers drops the matchers on stamped labels. A selector that has only
// such matchers selects everything the group has.
func withoutMatchers(ms []*labels.Matcher, stamped func(string) bool) []*labels.Matcher {
	kept := make([]*labels.Matcher, 0, len(ms)+1)
	selective := false
	for _, m := range ms {
		if !stamped(m.Name) {
			kept = append(kept, m)
			selective = selective || !m.Matches("")
		}
	}
	if !selective {
		kept = append(kept, labels.MustNewMatcher(labels.MatchNotEqual, model.MetricNameLabel, ""))
	}
	return kept
}

// narrowed returns the members whose group labels satisfy the matchers.
func narrowed(members []*member, ms []*labels.Matcher) []*member {
	return slices.DeleteFunc(slices.Clone(members), func(m *member) bool {
		return slices.ContainsFunc(ms, func(matcher *labels.Matcher) bool {
			value, stamped := m.Labels[matcher.Name]
			return stamped && !matcher.Matches(value)
		})
	})
}
