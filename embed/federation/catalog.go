package federation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// catalog is a request about what series exist rather than about their values.
type catalog struct {
	federator *Federator
	session   *session
	selectors [][]*labels.Matcher // match[]: series of any of them
	form      url.Values          // what goes to the groups besides match[]
	limit     int
}

func (f *Federator) newCatalog(r *http.Request, needsMatch bool) (*catalog, error) {
	s, err := f.newSession(metricsSignal, ErrorMode(r.Form.Get("error_mode")))
	if err != nil {
		return nil, err
	}
	c := &catalog{federator: f, session: s, form: url.Values{}}
	if c.limit, err = limitArg(r, "limit"); err != nil {
		return nil, err
	}
	for _, name := range []string{"start", "end"} {
		t, err := timeArg(r, name)
		if err != nil {
			return nil, err
		}
		if !t.IsZero() {
			c.form.Set(name, seconds(t.UnixMilli()))
		}
	}
	for _, name := range []string{"semantics", "metric", "limit_per_metric"} {
		if v := r.Form.Get(name); v != "" {
			c.form.Set(name, v)
		}
	}
	for _, text := range r.Form["match[]"] {
		ms, err := f.parser.ParseMetricSelector(text)
		if err != nil {
			return nil, badData("invalid parameter \"match[]\": %w", err)
		}
		c.selectors = append(c.selectors, ms)
	}
	if needsMatch && len(c.selectors) == 0 {
		return nil, badData("no match[] parameter provided")
	}
	return c, nil
}

// formFor returns the arguments for one group; not ok when none of the selectors
// can match there.
func (c *catalog) formFor(m *member) (url.Values, bool) {
	form := maps.Clone(c.form)
	stamped := func(name string) bool { _, ok := m.Labels[name]; return ok }
	for _, ms := range c.selectors {
		if len(narrowed([]*member{m}, ms)) == 0 {
			continue
		}
		own := parser.VectorSelector{LabelMatchers: withoutMatchers(ms, stamped)}
		form.Add("match[]", own.String())
	}
	return form, len(c.selectors) == 0 || form.Has("match[]")
}

// gather asks every group that may match, at the path that the call has there,
// and hands each answer's data to merge, one at a time.
func gather[T any](ctx context.Context, c *catalog, endpoint func(*member) (path, call string), merge func(*member, T)) error {
	ctx, cancel := c.federator.deadline(ctx, 0)
	defer cancel()
	forms := map[*member]url.Values{}
	var members []*member
	for _, m := range c.session.members {
		if form, ok := c.formFor(m); ok {
			forms[m] = form
			members = append(members, m)
		}
	}
	replies, err := collect(ctx, c.session, members, func(ctx context.Context, a *asked) (T, error) {
		path, call := endpoint(a.member)
		form := forms[a.member]
		a.push(strings.TrimSpace(call + " " + strings.Join(form["match[]"], " ")))
		return fetchData[T](ctx, a, request{path: path, form: form, call: call}, c.federator.options.MaxResponseBytes, c.session)
	})
	if err != nil {
		return asQueryError(ctx, err)
	}
	for _, r := range replies {
		merge(r.member, r.data)
	}
	return nil
}

// fetchData reads a whole answer of the API and returns its data.
func fetchData[T any](ctx context.Context, a *asked, q request, limit int64, s *session) (T, error) {
	var reply struct {
		Status   string   `json:"status"`
		Data     T        `json:"data"`
		Warnings []string `json:"warnings"`
	}
	if err := fetchJSON(ctx, a, q, limit, &reply); err != nil {
		return reply.Data, err
	}
	if reply.Status != "success" {
		return reply.Data, fmt.Errorf("unreadable answer: status %q instead of success", reply.Status)
	}
	s.note(reply.Warnings, nil)
	return reply.Data, nil
}

// everywhere is an endpoint that is the same for all groups.
func everywhere(path, call string) func(*member) (string, string) {
	return func(*member) (string, string) { return path, call }
}

func (c *catalog) answer(data any, err error, expr string) (answer, Explain, error) {
	warnings, _ := c.session.annotations()
	return answer{Data: data, Warnings: warnings}, c.session.explain(expr), err
}

// serveSeries lists the series of all groups, group labels stamped.
func (f *Federator) serveSeries(r *http.Request) (answer, Explain, error) {
	c, err := f.newCatalog(r, true)
	if err != nil {
		return answer{}, Explain{}, err
	}
	if c.limit > 0 {
		c.form.Set("limit", strconv.Itoa(c.limit+1)) // one more tells that there are more
	}
	found := map[string]labels.Labels{}
	err = gather(r.Context(), c, everywhere("/api/v1/series", "series"), func(m *member, list []map[string]string) {
		for _, l := range list {
			maps.Copy(l, m.Labels)
			ls := labels.FromMap(l)
			found[ls.String()] = ls
		}
	})
	list := slices.SortedFunc(maps.Values(found), labels.Compare)
	return c.answer(nonNil(limited(list, c.limit, c.session)), err, "series")
}

// serveLabels lists the label names of all groups and those stamped.
func (f *Federator) serveLabels(r *http.Request) (answer, Explain, error) {
	c, err := f.newCatalog(r, false)
	if err != nil {
		return answer{}, Explain{}, err
	}
	names := map[string]bool{}
	err = gather(r.Context(), c, everywhere("/api/v1/labels", "label_names"), func(m *member, list []string) {
		addAll(names, list)
		if len(list) > 0 {
			addAll(names, slices.Collect(maps.Keys(m.Labels)))
		}
	})
	return c.answer(nonNil(limited(sortedKeys(names), c.limit, c.session)), err, "labels")
}

// serveLabelValues lists the values of a label. A group that stamps the label has
// that one value, if it has a series at all.
func (f *Federator) serveLabelValues(r *http.Request) (answer, Explain, error) {
	c, err := f.newCatalog(r, false)
	if err != nil {
		return answer{}, Explain{}, err
	}
	name := r.PathValue("name")
	values := map[string]bool{}
	endpoint := func(m *member) (string, string) {
		if _, stamps := m.Labels[name]; stamps {
			return "/api/v1/labels", "label_names"
		}
		return "/api/v1/label/" + url.PathEscape(name) + "/values", "label_values"
	}
	err = gather(r.Context(), c, endpoint, func(m *member, list []string) {
		if value, stamps := m.Labels[name]; stamps && len(list) > 0 {
			values[value] = true
		} else if !stamps {
			addAll(values, list)
		}
	})
	return c.answer(nonNil(limited(sortedKeys(values), c.limit, c.session)), err, "label_values "+name)
}

// metadatum is what one exporter says of a metric.
type metadatum struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// serveMetadata unites what the groups know of metrics.
func (f *Federator) serveMetadata(r *http.Request) (answer, Explain, error) {
	c, err := f.newCatalog(r, false)
	if err != nil {
		return answer{}, Explain{}, err
	}
	merged := map[string][]metadatum{}
	err = gather(r.Context(), c, everywhere("/api/v1/metadata", "metadata"), func(_ *member, byName map[string][]metadatum) {
		for name, list := range byName {
			merged[name] = append(merged[name], list...)
		}
	})
	perMetric, perr := limitArg(r, "limit_per_metric")
	for i, name := range slices.Sorted(maps.Keys(merged)) {
		if c.limit > 0 && i >= c.limit {
			delete(merged, name)
			continue
		}
		list := merged[name]
		slices.SortFunc(list, func(a, b metadatum) int {
			return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Help, b.Help), cmp.Compare(a.Unit, b.Unit))
		})
		list = slices.Compact(list)
		if perMetric > 0 && len(list) > perMetric {
			list = list[:perMetric]
		}
		merged[name] = list
	}
	return c.answer(merged, errors.Join(err, perr), "metadata")
}

func addAll(set map[string]bool, list []string) {
	for _, v := range list {
		set[v] = true
	}
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// nonNil makes an empty list [] in JSON rather than null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
