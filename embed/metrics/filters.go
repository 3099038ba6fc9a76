package metrics

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// tenantFilters reads the arguments with which vmauth confines a user to a
// tenant (kof-facts 2.6): extra_filters and extra_filters[] hold selectors,
// any of which may match; extra_label=name=value holds for all of them.
func tenantFilters(p parser.Parser, r *http.Request) ([][]*labels.Matcher, error) {
	var common []*labels.Matcher
	for _, arg := range r.Form["extra_label"] {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("argument extra_label=%q: want name=value", arg)
		}
		common = append(common, labels.MustNewMatcher(labels.MatchEqual, name, value))
	}
	var sets [][]*labels.Matcher
	for _, key := range []string{"extra_filters", "extra_filters[]"} {
		for _, arg := range r.Form[key] {
			set, err := p.ParseMetricSelector(arg)
			if err != nil {
				return nil, fmt.Errorf("argument %s=%q: %w", key, arg, err)
			}
			sets = append(sets, append(set, common...))
		}
	}
	if len(sets) == 0 && len(common) > 0 {
		sets = [][]*labels.Matcher{common}
	}
	return sets, nil
}
