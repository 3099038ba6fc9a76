package autoconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// rule is one alerting rule as promxy takes it.
type rule struct {
	Alert         string            `json:"alert"`
	Expr          string            `json:"expr"`
	For           string            `json:"for,omitempty"`
	KeepFiringFor string            `json:"keep_firing_for,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// alerts are rules by group and name. As with kof-operator a name stands once
// in a group: the last of several wins.
type alerts map[string]map[string]rule

// patches change rules, by group and name. What a patch leaves out stays.
type patches map[string]map[string]rule

func (p rule) over(r rule) rule {
	r.Expr, r.For, r.KeepFiringFor = or(p.Expr, r.Expr), or(p.For, r.For), or(p.KeepFiringFor, r.KeepFiringFor)
	r.Labels, r.Annotations = merged(r.Labels, p.Labels), merged(r.Annotations, p.Annotations)
	return r
}

func merged(under, over map[string]string) map[string]string {
	if len(under)+len(over) == 0 {
		return nil
	}
	out := maps.Clone(under)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, over)
	return out
}

// readAlerts collects the alerting rules of PrometheusRules, which must come in
// a fixed order. Intervals of groups and keep_firing_for get lost, as with
// kof-operator: promxy knows neither.
func readAlerts(all []*unstructured.Unstructured) alerts {
	out := alerts{}
	eachGroup(all, func(group string, rules []any) {
		for _, item := range rules {
			m, ok := item.(map[string]any)
			name := str(m, "alert")
			if !ok || name == "" {
				continue
			}
			out.set(group, name, rule{
				Alert: name, Expr: text(m["expr"]), For: str(m, "for"),
				Labels: texts(m["labels"]), Annotations: texts(m["annotations"]),
			})
		}
	})
	return out
}

func (a alerts) set(group, name string, r rule) {
	if a[group] == nil {
		a[group] = map[string]rule{}
	}
	a[group][name] = r
}

func eachGroup(all []*unstructured.Unstructured, f func(group string, rules []any)) {
	for _, u := range all {
		for _, g := range list(u.Object, "spec", "groups") {
			m, _ := g.(map[string]any)
			if name := str(m, "name"); name != "" {
				f(name, list(m, "rules"))
			}
		}
	}
}

// text is a scalar as text: an expression may be a bare number.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func texts(v any) map[string]string {
	m, _ := v.(map[string]any)
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = text(v)
	}
	return out
}

// readPatches reads a ConfigMap of patches: a key per group, YAML of patches by
// alert. What cannot be read is left out and told.
func readPatches(cm *unstructured.Unstructured) (patches, []string) {
	out, problems := patches{}, []string(nil)
	data := textData(cm)
	for _, group := range sortedKeys(data) {
		var rules map[string]rule
		if err := yaml.UnmarshalStrict([]byte(data[group]), &rules); err != nil {
			problems = append(problems, fmt.Sprintf("key %s: %v: want a map of alert names to expr, for, labels and annotations", group, err))
			continue
		}
		for name, r := range rules {
			if r.KeepFiringFor != "" {
				problems = append(problems, fmt.Sprintf("key %s, alert %s: promxy refuses rules with keep_firing_for: remove it", group, name))
				r.KeepFiringFor = ""
				rules[name] = r
			}
		}
		out[group] = rules
	}
	return out, problems
}

// ruleFiles are promxy's rule files: one per group with the default rules, and
// one per cluster and group with the rules that the cluster has different. The
// default rule goes on to hold for that cluster unless its own patch excludes
// it, in KOF too.
func ruleFiles(base alerts, defaults patches, clusters map[string]patches) (map[string]string, []string) {
	files, problems := map[string]string{}, []string(nil)
	all := alerts{}
	for group, rules := range base {
		all[group] = maps.Clone(rules)
	}
	for group, rules := range defaults {
		for name, p := range rules {
			r := p.over(all[group][name])
			r.Alert = name
			all.set(group, name, r)
		}
	}
	for _, group := range sortedKeys(all) {
		problems = append(problems, writeGroup(files, fileName(group), group, all[group], "default")...)
	}
	for _, cluster := range sortedKeys(clusters) {
		for _, group := range sortedKeys(clusters[cluster]) {
			own := map[string]rule{}
			for name, p := range clusters[cluster][group] {
				r := p.over(all[group][name])
				r.Alert = name
				own[name] = r
			}
			file := fileName("__" + cluster + "__" + group)
			problems = append(problems, writeGroup(files, file, "__"+cluster+"__"+group, own, "cluster "+cluster)...)
		}
	}
	return files, problems
}

// writeGroup writes one file, with the rules sorted by name and the group's name
// on each alert. A rule without an expression would keep promxy from loading
// any.
func writeGroup(files map[string]string, file, group string, rules map[string]rule, of string) []string {
	var problems []string
	var sorted []rule
	alertgroup := group
	if i := strings.LastIndex(group, "__"); i > 0 {
		alertgroup = group[i+2:]
	}
	for _, name := range sortedKeys(rules) {
		r := rules[name]
		if r.Expr == "" {
			problems = append(problems, fmt.Sprintf("alert %s of group %s (%s) has no expr: it patches a rule that does not exist", name, alertgroup, of))
			continue
		}
		r.Labels = merged(r.Labels, map[string]string{"alertgroup": alertgroup})
		sorted = append(sorted, r)
	}
	if len(sorted) == 0 {
		return problems
	}
	out, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": group, "rules": sorted}}})
	if err != nil {
		return append(problems, err.Error())
	}
	files[file] = string(out)
	return problems
}

// fileName makes a key that a ConfigMap takes.
func fileName(group string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r) {
			return r
		}
		return '-'
	}, group) + ".yaml"
}

// recordGroup is a group of recording rules.
type recordGroup struct {
	Name     string `json:"name"`
	Interval string `json:"interval,omitempty"`
	Rules    []any  `json:"rules"`
}

// recordRules are the recording rules of a region: those of PrometheusRules,
// groups replaced or added by the default ConfigMap and then by the region's.
func recordRules(all []*unstructured.Unstructured, overrides ...*unstructured.Unstructured) ([]recordGroup, []string) {
	groups, problems := map[string]*recordGroup{}, []string(nil)
	eachGroup(all, func(name string, rules []any) {
		for _, item := range rules {
			m, _ := item.(map[string]any)
			if str(m, "record") == "" {
				continue
			}
			if groups[name] == nil {
				groups[name] = &recordGroup{Name: name}
			}
			groups[name].Rules = append(groups[name].Rules, item)
		}
	})
	for _, cm := range overrides {
		if cm == nil {
			continue
		}
		data := textData(cm)
		for _, name := range sortedKeys(data) {
			var rules []any
			if err := yaml.Unmarshal([]byte(data[name]), &rules); err != nil {
				problems = append(problems, fmt.Sprintf("ConfigMap %s, key %s: %v: want a list of recording rules", cm.GetName(), name, err))
				continue
			}
			// Names of recording rules are not unique, so a group is replaced as a whole.
			groups[name] = &recordGroup{Name: name, Rules: rules}
		}
	}
	var out []recordGroup
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		if len(groups[name].Rules) > 0 {
			out = append(out, *groups[name])
		}
	}
	return out, problems
}

// recordValues is how kof-storage takes a region's recording rules.
func recordValues(groups []recordGroup) (string, error) {
	if groups == nil {
		groups = []recordGroup{}
	}
	out, err := yaml.Marshal(map[string]any{"vmrules": map[string]any{"groups": groups}})
	return string(out), err
}
