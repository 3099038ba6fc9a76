package charts

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/yaml"
)

// The all: prefix keeps templates whose names begin with an underscore.
//
//go:embed all:base all:cert-manager all:cert-manager-istio-csr all:cluster-api-visualizer
//go:embed all:demo-shop all:external-dns all:gateway all:grafana-operator all:ingress-nginx
//go:embed all:istiod all:jaeger-operator all:kcm all:kgst all:kof-child all:kof-collectors
//go:embed all:kof-istio all:kof-mothership all:kof-operators all:kof-regional all:kof-storage
//go:embed all:kube-state-metrics all:opencost all:opentelemetry-operator
//go:embed all:prometheus-node-exporter all:prometheus-operator-crds all:sveltos-dashboard
//go:embed all:victoria-logs-single all:victoria-metrics-operator
var tree embed.FS

// versionsFile lists further versions of a chart; it is koflab's own and no part
// of the chart.
const versionsFile = "versions.yaml"

// source is one chart's directory: its files without dependencies.
type source struct {
	name  string
	meta  *chart.Metadata
	files []*loader.BufferedFile
	// others are versions with the same files but for Chart.yaml.
	others []version
}

type version struct {
	Version    string `json:"version"`
	AppVersion string `json:"appVersion"`
}

// sources reads all directories once; nothing is parsed but each Chart.yaml.
var sources = sync.OnceValues(func() (map[string]*source, error) {
	dirs, err := tree.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("charts: read the embedded tree: %w", err)
	}
	all := make(map[string]*source, len(dirs))
	for _, d := range dirs {
		s, err := readSource(d.Name())
		if err != nil {
			return nil, fmt.Errorf("charts: %s: %w", d.Name(), err)
		}
		all[s.name] = s
	}
	return all, nil
})

func readSource(dir string) (*source, error) {
	s := &source{name: dir}
	err := fs.WalkDir(tree, dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := tree.ReadFile(file)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(file, dir+"/")
		switch name {
		case ".helmignore": // for helm on these directories; what it hides is not embedded as part of the chart
			return nil
		case versionsFile:
			return yaml.UnmarshalStrict(data, &s.others)
		case "Chart.yaml":
			s.meta = new(chart.Metadata)
			if err := yaml.UnmarshalStrict(data, s.meta); err != nil {
				return fmt.Errorf("Chart.yaml: %w", err)
			}
		}
		s.files = append(s.files, &loader.BufferedFile{Name: name, Data: data})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.meta == nil {
		return nil, fmt.Errorf("%s is missing", path.Join(dir, "Chart.yaml"))
	}
	return s, nil
}

// at returns the version of the chart that a semver constraint asks for, that of
// Chart.yaml when several fit or the constraint is empty.
func (s *source) at(constraint string) (version, error) {
	have := append([]version{{s.meta.Version, s.meta.AppVersion}}, s.others...)
	if constraint == "" {
		return have[0], nil
	}
	c, err := semver.NewConstraint(constraint)
	if err != nil {
		return version{}, fmt.Errorf("chart %s: version %q: %w", s.name, constraint, err)
	}
	names := make([]string, len(have))
	for i, v := range have {
		names[i] = v.Version
		sv, err := semver.NewVersion(v.Version)
		if err != nil {
			return version{}, fmt.Errorf("chart %s: version %q: %w", s.name, v.Version, err)
		}
		if c.Check(sv) {
			return v, nil
		}
	}
	return version{}, fmt.Errorf("chart %s: no version %s here, only %s", s.name, constraint, strings.Join(names, ", "))
}

// filesAt returns the chart's files at a version. The slice and its elements are
// the caller's, the bytes are shared.
func (s *source) filesAt(v version) ([]*loader.BufferedFile, error) {
	files := make([]*loader.BufferedFile, len(s.files))
	for i, f := range s.files {
		c := *f
		if f.Name == "Chart.yaml" && v.Version != s.meta.Version {
			data, err := chartFileAt(f.Data, v)
			if err != nil {
				return nil, fmt.Errorf("chart %s at %s: %w", s.name, v.Version, err)
			}
			c.Data = data
		}
		files[i] = &c
	}
	return files, nil
}

// chartFileAt rewrites the two version lines and keeps everything else as it is.
func chartFileAt(data []byte, v version) ([]byte, error) {
	lines := strings.Split(string(bytes.TrimRight(data, "\n")), "\n")
	set := func(key, value string) error {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, key+":") })
		if i < 0 {
			return fmt.Errorf("Chart.yaml has no line %q", key)
		}
		lines[i] = fmt.Sprintf("%s: %q", key, value)
		return nil
	}
	if err := set("version", v.Version); err != nil {
		return nil, err
	}
	if err := set("appVersion", v.AppVersion); err != nil {
		return nil, err
	}
	return []byte(strings.Join(lines, "\n") + "\n"), nil
}

// find returns a chart's directory, or an error that says which there are.
func find(name string) (*source, error) {
	all, err := sources()
	if err != nil {
		return nil, err
	}
	s, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("no chart %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return s, nil
}

// Names returns all charts by name, sorted, those that are only parts of others
// included.
func Names() []string {
	all, err := sources()
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
