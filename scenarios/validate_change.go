package scenarios

import (
	"slices"

	"koflab/topology"
	"koflab/topology/document"
)

func (v *validation) change(path string, c *Change) {
	if v.f.Found(path) {
		v.lab = v.afterMistake(c)
		return
	}
	at := document.Join(path, c.Kind())
	switch {
	case c.Apply != nil:
		v.apply(at, c.Apply)
	case c.Patch != nil:
		v.object(at, c.Patch.ObjectRef)
		if len(c.Patch.Patch) == 0 {
			v.f.Add(document.Join(at, "patch"), "the patch changes nothing, give the fields to change")
		}
	case c.Delete != nil:
		v.object(at, *c.Delete)
	case c.Scale != nil:
		v.object(at, c.Scale.ObjectRef)
	case c.AddChild != nil:
		v.extend(at, nil, []topology.Child{*c.AddChild})
	case c.AddRegion != nil:
		v.extend(at, []topology.Region{*c.AddRegion}, nil)
	case c.Upgrade != nil:
		v.upgrade(at, c.Upgrade)
	default:
		v.remove(at, c.Remove)
	}
}

// afterMistake is the lab after a change that has problems: unknown if it was to
// have other clusters.
func (v *validation) afterMistake(c *Change) *topology.Lab {
	if c.AddChild != nil || c.AddRegion != nil || c.Remove != "" {
		v.clusters, v.regions = nil, nil
		return nil
	}
	return v.lab
}

func (v *validation) object(at string, o ObjectRef) {
	v.cluster(document.Join(at, "cluster"), o.Cluster)
}

// apply wants what a server needs to know which object it is.
func (v *validation) apply(at string, a *Apply) {
	v.cluster(document.Join(at, "cluster"), a.Cluster)
	manifest := document.Join(at, "manifest")
	for _, name := range []string{"apiVersion", "kind"} {
		if text, ok := a.Manifest[name].(string); !ok || text == "" {
			v.f.Add(document.Join(manifest, name), "the manifest has no %s, add it as text", name)
		}
	}
	metadata, _ := a.Manifest["metadata"].(map[string]any)
	if name, ok := metadata["name"].(string); !ok || name == "" {
		v.f.Add(document.Join(manifest, "metadata.name"), "the manifest has no metadata.name, add it as text")
	}
}

func (v *validation) upgrade(at string, u *Upgrade) {
	if len(u.Values) == 0 && u.Version == "" {
		v.f.Add(document.Join(at, "values"), "no values are set, give those that change, or a version")
	}
	if !v.cluster(document.Join(at, "cluster"), u.Cluster) {
		return
	}
	if charts := v.charts(u.Cluster); !slices.Contains(charts, u.Release) {
		v.f.Add(document.Join(at, "release"), "%s has no release %q, %s", u.Cluster, document.Clip(u.Release), document.OrOneOf(u.Release, charts))
	}
}

func (v *validation) send(path string, s *Send) {
	field := func(name string) string { return document.Join(path, name) }
	if len(s.Logs)+len(s.Traces)+len(s.Metrics) == 0 {
		v.f.Add(path, "nothing is sent, give logs, traces or metrics")
	}
	if s.As != "" && s.Via != ViaGateway {
		v.f.Add(field("as"), "collectors ask nobody who they are, remove as or add via: gateway")
	}
	if s.As != "" && s.As != "admin" && s.As != "none" {
		v.cluster(field("as"), s.As)
	}
	if v.cluster(field("to"), s.To) {
		c, _ := v.lab.Cluster(s.To)
		switch {
		case s.Via == ViaGateway && !stores(v.lab, c):
			v.f.Add(field("to"), "%s stores nothing and so has no gateway, %s", s.To, document.OrOneOf(s.To, v.regions))
		case s.Via != ViaGateway && v.unresolved(s.To):
			v.f.Add(field("to"), "telemetry of %s is stored nowhere, so it has no collector, choose another cluster", s.To)
		}
	}
	for i := range s.Traces {
		v.spans(document.Join(document.Item(field("traces"), i), "spans"), s.Traces[i].Spans)
	}
	for i := range s.Metrics {
		at := document.Join(document.Item(field("metrics"), i), "labels")
		for _, name := range []string{"__name__", ""} {
			if _, ok := s.Metrics[i].Labels[name]; ok {
				v.f.Add(document.Join(at, name), "%q is no name for a label, give the metric's name as name:", name)
			}
		}
	}
}

// spans wants names that tell spans apart, and parents before their children.
func (v *validation) spans(path string, spans []Span) {
	var names []string
	for i, s := range spans {
		at := document.Item(path, i)
		switch {
		case slices.Contains(names, s.Name):
			v.f.Add(document.Join(at, "name"), "two spans of this trace are called %q, rename one", document.Clip(s.Name))
			continue
		case i == 0 && s.Parent != "":
			v.f.Add(document.Join(at, "parent"), "the first span is the root and has no parent, remove it")
		case s.Parent != "" && !slices.Contains(names, s.Parent):
			v.f.Add(document.Join(at, "parent"), "there is no span %q before this one, %s", document.Clip(s.Parent), document.OrOneOf(s.Parent, names))
		}
		names = append(names, s.Name)
	}
}
