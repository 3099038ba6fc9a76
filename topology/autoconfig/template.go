package autoconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// templating expands texts of a profile for one cluster, as Sveltos does.
type templating struct {
	cluster map[string]any
	// resources are those of templateResourceRefs, by identifier; nil for an
	// optional one that does not exist.
	resources map[string]map[string]any
}

// expand expands a text. Where names it in errors.
func (t templating) expand(where, text string) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	parsed, err := template.New(where).Option("missingkey=error").Funcs(t.functions()).Parse(text)
	if err != nil {
		return "", templateError(where, text, err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, map[string]any{"Cluster": t.cluster}); err != nil {
		return "", templateError(where, text, err)
	}
	return out.String(), nil
}

func (t templating) functions() template.FuncMap {
	funcs := sprig.TxtFuncMap()
	// What a cluster gets depends on the objects and on nothing else.
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(funcs, name)
	}
	for name, f := range documentFunctions {
		funcs[name] = f
	}
	funcs["getResource"] = t.resource
	funcs["getField"] = t.field
	funcs["copy"] = t.copy
	return funcs
}

func (t templating) resource(id string) (map[string]any, error) {
	if id == "Cluster" {
		return t.cluster, nil
	}
	r, ok := t.resources[id]
	if !ok {
		known := "there are none"
		if len(t.resources) > 0 {
			known = "there are " + strings.Join(sortedKeys(t.resources), ", ")
		}
		return nil, fmt.Errorf("no resource has the identifier %q: %s: add it to templateResourceRefs", id, known)
	}
	return r, nil
}

func (t templating) field(id, path string) (any, error) {
	r, err := t.resource(id)
	if err != nil {
		return nil, err
	}
	var v any = r
	for _, part := range strings.Split(strings.TrimPrefix(path, "."), ".") {
		m, ok := v.(map[string]any)
		if ok {
			v, ok = m[part]
		}
		if !ok {
			return nil, fmt.Errorf("resource %s has no field %q (no %q)", id, path, part)
		}
	}
	return v, nil
}

// copy is the resource as a manifest that can be applied elsewhere.
func (t templating) copy(id string) (string, error) {
	r, err := t.resource(id)
	if err != nil || r == nil {
		return "", err
	}
	u := (&unstructured.Unstructured{Object: r}).DeepCopy()
	metadata := map[string]any{"name": u.GetName()}
	if ns := u.GetNamespace(); ns != "" {
		metadata["namespace"] = ns
	}
	for _, key := range []string{"labels", "annotations"} {
		if v, ok := dictionary(r, "metadata")[key]; ok {
			metadata[key] = v
		}
	}
	u.Object["metadata"] = metadata
	delete(u.Object, "status")
	out, err := yaml.Marshal(u.Object)
	return string(out), err
}

// documentFunctions are Helm's, by which values move between text and data.
var documentFunctions = template.FuncMap{
	"toYaml": func(v any) (string, error) {
		out, err := yaml.Marshal(v)
		return strings.TrimSuffix(string(out), "\n"), err
	},
	"fromYaml": func(s string) (map[string]any, error) {
		m := map[string]any{}
		err := yaml.Unmarshal([]byte(s), &m)
		return m, err
	},
	"fromYamlArray": func(s string) ([]any, error) {
		var l []any
		err := yaml.Unmarshal([]byte(s), &l)
		return l, err
	},
	"toJson": func(v any) (string, error) {
		out, err := json.Marshal(v)
		return string(out), err
	},
	"fromJson": func(s string) (map[string]any, error) {
		m := map[string]any{}
		err := json.Unmarshal([]byte(s), &m)
		return m, err
	},
}

// located finds where in the text a template failed.
var located = regexp.MustCompile(`^template: (?s:.*?):(\d+)(?::\d+)?: (?:executing "(?s:.*?)" at )?(?:<((?s:.*?))>: )?((?s:.*))$`)

// templateError says where an expansion failed without the parser's prefixes.
func templateError(where, text string, err error) error {
	m := located.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	why := m[3]
	var exec template.ExecError
	if errors.As(err, &exec) {
		if inner := errors.Unwrap(exec.Err); inner != nil {
			why = inner.Error()
		}
	}
	if m[2] != "" {
		why = "{{ " + m[2] + " }}: " + why
	}
	return fmt.Errorf("%s, line %s: %s", where, m[1], why)
}

// values expands a text of values and reads it.
func (t templating) values(where, text string) (map[string]any, error) {
	expanded, err := t.expand(where, text)
	if err != nil {
		return nil, err
	}
	return readValues(where, expanded)
}

func readValues(where, text string) (map[string]any, error) {
	m := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		return nil, fmt.Errorf("%s: %w: want a map of values", where, err)
	}
	return m, nil
}

// overlay lays values over others: maps are merged, all else is replaced. It
// changes neither.
func overlay(under, over map[string]any) map[string]any {
	out := make(map[string]any, len(under)+len(over))
	for k, v := range under {
		out[k] = v
	}
	for k, v := range over {
		a, aMap := out[k].(map[string]any)
		b, bMap := v.(map[string]any)
		if aMap && bMap {
			v = overlay(a, b)
		}
		out[k] = v
	}
	return out
}
