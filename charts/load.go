package charts

import (
	"fmt"
	"sync"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
)

// parsed holds assembled charts by name@version. They are never handed out:
// Helm changes the charts it renders.
var parsed struct {
	sync.Mutex
	charts map[string]*chart.Chart
}

// Load returns a chart with its dependencies, in the version that its Chart.yaml
// has. The chart is the caller's to change; only file contents and schemas are shared and must not
// be written to.
func Load(name string) (*chart.Chart, error) { return LoadVersion(name, "") }

// LoadVersion returns a chart in the version that a semver constraint, such as
// 0.3.0 or 0.40.*, asks for. An empty constraint means that of Chart.yaml,
// which also wins when several fit.
func LoadVersion(name, constraint string) (*chart.Chart, error) {
	s, err := find(name)
	if err != nil {
		return nil, err
	}
	v, err := s.at(constraint)
	if err != nil {
		return nil, err
	}
	parsed.Lock()
	defer parsed.Unlock()
	c, err := assemble(s, v, nil)
	if err != nil {
		return nil, err
	}
	return clone(c), nil
}

// assemble returns the shared parsed chart; the lock is held. Parents are the
// charts being assembled, to tell a circle.
func assemble(s *source, v version, parents []string) (*chart.Chart, error) {
	key := s.name + "@" + v.Version
	if c, ok := parsed.charts[key]; ok {
		return c, nil
	}
	for _, p := range parents {
		if p == s.name {
			return nil, fmt.Errorf("chart %s depends on itself through %v", s.name, parents)
		}
	}
	files, err := s.filesAt(v)
	if err != nil {
		return nil, err
	}
	c, err := loader.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("chart %s: %w", s.name, err)
	}
	deps, err := s.dependencies()
	if err != nil {
		return nil, err
	}
	for _, d := range deps {
		sub, err := assemble(d.source, d.version, append(parents, s.name))
		if err != nil {
			return nil, err
		}
		// A copy of its own: a chart knows its parent.
		c.AddDependency(clone(sub))
	}
	if parsed.charts == nil {
		parsed.charts = map[string]*chart.Chart{}
	}
	parsed.charts[key] = c
	return c, nil
}

type dependency struct {
	source  *source
	version version
}

// dependencies resolves what Chart.yaml names, each chart once however many
// aliases it has.
func (s *source) dependencies() ([]dependency, error) {
	var deps []dependency
	seen := map[string]bool{}
	for _, d := range s.meta.Dependencies {
		sub, err := find(d.Name)
		if err != nil {
			return nil, fmt.Errorf("chart %s: dependency: %w", s.name, err)
		}
		v, err := sub.at(d.Version)
		if err != nil {
			return nil, fmt.Errorf("chart %s: dependency: %w", s.name, err)
		}
		if key := d.Name + "@" + v.Version; !seen[key] {
			seen[key] = true
			deps = append(deps, dependency{sub, v})
		}
	}
	return deps, nil
}

// clone copies what Helm writes to while it renders: metadata with the list of
// dependencies, values, and the tree of subcharts.
func clone(c *chart.Chart) *chart.Chart {
	out := &chart.Chart{
		Raw: append([]*chart.File(nil), c.Raw...), Templates: append([]*chart.File(nil), c.Templates...),
		Files: append([]*chart.File(nil), c.Files...), Schema: c.Schema, Lock: c.Lock,
	}
	if c.Metadata != nil {
		m := *c.Metadata
		m.Dependencies = make([]*chart.Dependency, len(c.Metadata.Dependencies))
		for i, d := range c.Metadata.Dependencies {
			copied := *d
			m.Dependencies[i] = &copied
		}
		if len(m.Dependencies) == 0 {
			m.Dependencies = nil
		}
		out.Metadata = &m
	}
	out.Values, _ = cloneValue(c.Values).(map[string]any)
	for _, d := range c.Dependencies() {
		out.AddDependency(clone(d))
	}
	return out
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = cloneValue(e)
		}
		return m
	case []any:
		s := make([]any, len(v))
		for i, e := range v {
			s[i] = cloneValue(e)
		}
		return s
	default:
		return v
	}
}
