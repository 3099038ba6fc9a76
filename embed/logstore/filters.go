package logstore

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

func (q *Query) addExtraFilters() error {
	filtered := false
	for name, parse := range map[string]func(string) (*logstorage.Filter, error){
		"extra_filters":        parseExtraFilter,
		"extra_stream_filters": parseExtraStreamFilter,
	} {
		for _, value := range q.args[name] {
			if value == "" {
				continue
			}
			f, err := parse(value)
			if err != nil {
				return fmt.Errorf("%s [%s]: %w", name, value, err)
			}
			q.AddExtraFilters(f)
			filtered = true
		}
	}
	if filtered && hasStreamContext(q.String()) {
		return Errorf(http.StatusBadRequest, "the stream_context pipe reads rows around a match without the extra filters, so it is refused with them")
	}
	return nil
}

// hasStreamContext reports whether a query in its canonical form has the
// stream_context pipe, be it in a subquery.
func hasStreamContext(query string) bool {
	for len(query) > 0 {
		i := strings.IndexAny(query, "\"'`|")
		if i < 0 {
			return false
		}
		query = query[i:]
		if query[0] != '|' {
			quoted, err := strconv.QuotedPrefix(query)
			if err != nil {
				quoted = query[:1]
			}
			query = query[len(quoted):]
			continue
		}
		query = strings.TrimLeft(query[1:], " ")
		if strings.HasPrefix(query, "stream_context") {
			return true
		}
	}
	return false
}

// parseExtraFilter parses LogsQL, or a JSON object of field names and values.
func parseExtraFilter(s string) (*logstorage.Filter, error) {
	byField, ok := parseFilterObject(s)
	if !ok {
		return logstorage.ParseFilter(s)
	}
	var filters []string
	for _, name := range sortedKeys(byField) {
		var values []string
		for _, v := range byField[name] {
			values = append(values, strconv.Quote(v))
		}
		filters = append(filters, fmt.Sprintf("%q:in(%s)", name, strings.Join(values, ",")))
	}
	return logstorage.ParseFilter(strings.Join(filters, " "))
}

// parseExtraStreamFilter is parseExtraFilter for the labels of streams.
func parseExtraStreamFilter(s string) (*logstorage.Filter, error) {
	byLabel, ok := parseFilterObject(s)
	if !ok {
		return logstorage.ParseFilter(s)
	}
	var filters []string
	for _, name := range sortedKeys(byLabel) {
		var values []string
		for _, v := range byLabel[name] {
			values = append(values, regexp.QuoteMeta(v))
		}
		filters = append(filters, fmt.Sprintf("%q=~%q", name, strings.Join(values, "|")))
	}
	return logstorage.ParseFilter("{" + strings.Join(filters, ",") + "}")
}

// parseFilterObject parses {"name":"value","other":["this","or that"]}.
func parseFilterObject(s string) (map[string][]string, bool) {
	var raw map[string]any
	if !strings.HasPrefix(s, `{"`) || json.Unmarshal([]byte(s), &raw) != nil {
		return nil, false
	}
	filters := make(map[string][]string, len(raw))
	for name, value := range raw {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			text, ok := v.(string)
			if !ok {
				return nil, false
			}
			filters[name] = append(filters[name], text)
		}
		if len(list) == 0 {
			return nil, false
		}
	}
	return filters, true
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
